"""What dead processes counted, in one file instead of one each: every scrape reads them all, and a worker that crashes again and again leaves many."""

from __future__ import annotations

import fcntl
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog
from prometheus_client.mmap_dict import MmapedDict

_KINDS = ("counter", "histogram")
_FEW = 8
_HEAD_BYTES = 4096  # the file's own head, and a page to spare
_NOBODY = 0

_log = structlog.get_logger()


@contextmanager
def being_read(directory: Path, is_dead: Callable[[int], bool]) -> Iterator[None]:
    """Meanwhile nobody merges the files in ``directory``. Before, those of the dead are merged where they are many."""
    try:
        lock = os.open(directory / "merging", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:  # a full disk; then nobody else merges either
        _log.warning("figures of dead processes aren't merged", detail=str(error))
        yield
        return
    try:
        with suppress(BlockingIOError):  # another one reads, or merges
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for kind in _KINDS:
                _merge(directory, kind, is_dead)
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield
    finally:
        os.close(lock)


def _merge(directory: Path, kind: str, is_dead: Callable[[int], bool]) -> None:
    """Whoever is killed amid of it leaves all counted once: what is to be removed is written down before the sums take its place."""
    merged, new, doomed = directory / f"{kind}_{_NOBODY}.db", directory / f"{kind}.new", directory / f"{kind}.doomed"
    if doomed.exists():
        _take_over(merged, new, doomed)
    dead = [path for path in directory.glob(f"{kind}_*.db") if path != merged and is_dead(_process(path))]
    if len(dead) < _FEW:
        return
    new.unlink(missing_ok=True)
    try:
        _write_sums(new, [*dead, *([merged] if merged.exists() else [])])
        draft = directory / f"{kind}.draft"
        draft.write_text(json.dumps([path.name for path in dead]))
    except OSError as error:
        new.unlink(missing_ok=True)
        _log.warning("figures of dead processes stay where they are", detail=str(error))
        return
    draft.replace(doomed)
    _take_over(merged, new, doomed)


def _take_over(merged: Path, new: Path, doomed: Path) -> None:
    if new.exists():
        new.replace(merged)
    for name in json.loads(doomed.read_text()):
        (doomed.parent / name).unlink(missing_ok=True)
    doomed.unlink()


def _process(path: Path) -> int:
    return int(path.stem.rpartition("_")[2])


def _write_sums(new: Path, files: Sequence[Path]) -> None:
    """Raises ``OSError`` where there is no room: what is mapped must be there before it is written to."""
    sums: Counter[str] = Counter()
    for path in files:
        for key, value, _, _ in MmapedDict.read_all_values_from_file(path):  # type: ignore[no-untyped-call]
            sums[key] += value
    size = sum(len(key.encode()) + 40 for key in sums) + _HEAD_BYTES
    with new.open("xb") as file:
        os.posix_fallocate(file.fileno(), 0, size)
    written = MmapedDict(new)  # type: ignore[no-untyped-call]
    for key, value in sums.items():
        written.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    written.close()  # type: ignore[no-untyped-call]
