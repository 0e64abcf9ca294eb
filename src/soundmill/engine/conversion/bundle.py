"""One sound into several files, each verified as a single result is, and together in one ZIP."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from av.audio.frame import AudioFrame

from soundmill.engine.conversion.divide import Part
from soundmill.engine.conversion.verify import Expected, Verified
from soundmill.engine.pcm.planes import cut
from soundmill.engine.plan import Plan
from soundmill.engine.shaping.reshape import Reshaper
from soundmill.engine.tags.about import missing
from soundmill.engine.writing.encode import Encoder
from soundmill.model.conversion import ConversionError, FailureCode
from soundmill.model.sound import SoundFacts

# The same pieces make the same archive.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)

type OpenEncoder = Callable[[Path, Part], Encoder]
"""Of the file of a piece."""
type Expect = Callable[[int, Encoder], Expected]
"""Of a file into which so many samples a channel went by an encoder that is done."""


@dataclass(frozen=True, slots=True)
class WrittenPart:
    """The file of a piece, and what is known of it."""

    part: Part
    path: Path
    expected: Expected


class PartsEncoder:
    """Implements :class:`soundmill.engine.writing.encode.Encoder`: each frame goes into the piece, or the pieces, that it belongs to."""

    frame_samples = 0
    listener = sum = None

    def __init__(
        self, directory: Path, plan: Plan, parts: Iterable[Part], open_encoder: OpenEncoder, expect: Expect
    ) -> None:
        """Pieces of which no sample comes aren't made. Each has an encoder of its own; only one of them is there at a time: it may take megabytes."""
        self._directory = directory
        self._plan = plan
        self._open_encoder = open_encoder
        self._expect = expect
        self._waiting = list(parts)
        self._open: _OpenPart | None = None
        self._position = 0
        self.written: list[WrittenPart] = []

    def encode(self, frame: AudioFrame) -> None:
        """See :class:`~soundmill.engine.writing.encode.Encoder`."""
        begin, taken = self._position, 0
        self._position += frame.samples
        while taken < frame.samples:
            part = self._part_at(begin + taken)
            rest = frame.samples - taken
            most = rest if part.end is None else min(rest, part.end - begin - taken)
            self._opened(part).add(frame if most == frame.samples else cut(frame, taken, taken + most))
            taken += most

    def finish(self) -> None:
        """See :class:`~soundmill.engine.writing.encode.Encoder`."""
        self._close()

    def abandon(self) -> None:
        """See :class:`~soundmill.engine.writing.encode.Encoder`."""
        if self._open is not None:
            self._open.encoder.abandon()

    def _part_at(self, sample: int) -> Part:
        while (end := self._waiting[0].end) is not None and sample >= end:
            self._close()
            self._waiting.pop(0)
        return self._waiting[0]

    def _opened(self, part: Part) -> _OpenPart:
        if self._open is None:
            path = self._directory / f"part {len(self.written)}"
            self._open = _OpenPart(part, path, self._open_encoder(path, part), self._plan)
        return self._open

    def _close(self) -> None:
        if self._open is not None:
            self._open.finish()
            self.written.append(self._open.written(self._expect))
            self._open = None


class _OpenPart:
    """A piece that is being encoded. What comes is in the encoder's form, and only needs frames of its size."""

    def __init__(self, part: Part, path: Path, encoder: Encoder, plan: Plan) -> None:
        self.part, self.path, self.encoder = part, path, encoder
        self._reshaper = Reshaper(replace(plan, dither=False, channel_order=()), encoder.frame_samples)

    def written(self, expect: Expect) -> WrittenPart:
        return WrittenPart(self.part, self.path, expect(self._reshaper.sample_count, self.encoder))

    def add(self, frame: AudioFrame) -> None:
        for ready in self._reshaper.feed(frame):
            self.encoder.encode(ready)

    def finish(self) -> None:
        for ready in self._reshaper.flush():
            self.encoder.encode(ready)
        self.encoder.finish()


def bundle(
    path: Path, written: Iterable[WrittenPart], verify: Callable[[WrittenPart], Verified]
) -> tuple[SoundFacts, tuple[str, ...]]:
    """Verify each piece and put it into the ZIP at ``path``, which is read again. Gives facts of all together, and what was lost.

    Raises what ``verify`` does.
    """
    facts: list[SoundFacts] = []
    lost: dict[str, None] = {}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for each in written:
            part, file, found = each.part, each.path, verify(each)
            facts.append(found.facts)
            lost |= dict.fromkeys(missing(part.about, found.about))
            with file.open("rb") as data, archive.open(_entry(part, file), "w") as entry:
                shutil.copyfileobj(data, entry, 1 << 20)
            file.unlink()
    with zipfile.ZipFile(path) as archive:
        if (broken := archive.testzip()) is not None:
            raise ConversionError(
                FailureCode.VERIFICATION_FAILED,
                "The result was not what it should be, so it was thrown away.",
                retryable=True,
                detail_for_log=f"{broken} in the ZIP has another checksum",
            )
    return _summed(path, facts), tuple(lost)


def _entry(part: Part, file: Path) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(part.name, _ZIP_TIME)
    entry.external_attr = 0o644 << 16
    entry.file_size = file.stat().st_size
    return entry


def _summed(path: Path, facts: list[SoundFacts]) -> SoundFacts:
    sample_count = sum(each.sample_count for each in facts)
    seconds = sample_count / facts[0].sample_rate  # of many pieces, what their durations were rounded by would add up
    return replace(
        facts[0],
        container="zip",
        duration=round(seconds, 6),
        sample_count=sample_count,
        bit_rate=round(path.stat().st_size * 8 / seconds) if seconds else None,
        tags={},
        chapter_count=len(facts),
    )


def without_tail(plan: Plan) -> Plan:
    """For the whole: each piece gets its own silence behind it."""
    return replace(plan, silent_tail=0)
