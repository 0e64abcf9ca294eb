"""Several files into one, without a service."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from soundmill.cli.batch import Done, Order, identities, sentence_of, trouble_with
from soundmill.cli.work import work_directory
from soundmill.engine import Job, Mill
from soundmill.model.errors import SoundmillError
from soundmill.model.names import joined


def join_files(
    files: Sequence[Path], order: Order, open_mill: Callable[[], Mill], on_progress: Callable[[Path, float], None]
) -> Generator[Done]:
    """One result beside the first file, unless ``order`` names a directory; or what was wrong."""
    yield _refused(files) or _joined(files, order, open_mill, on_progress)


def _refused(files: Sequence[Path]) -> Done | None:
    for each in files:
        try:
            trouble = trouble_with(each)
        except OSError as error:
            trouble = sentence_of(error)
        if trouble:
            return Done(each, trouble=trouble)
    return None


def _joined(
    files: Sequence[Path], order: Order, open_mill: Callable[[], Mill], on_progress: Callable[[Path, float], None]
) -> Done:
    first = files[0]
    if len(files) == 1:
        return Done(first, trouble="This is the only file: there is nothing to join it with.")
    result = order.result_of(first.with_name(joined(first.name)))

    def tick(fraction: float) -> bool:
        on_progress(first, fraction)
        return True

    try:
        if trouble := order.trouble_with(result, identities(files)):
            return Done(first, trouble=trouble)
        with work_directory(result.parent) as directory, open_mill() as mill:
            source, *following = (each.resolve() for each in files)
            job = Job(
                source,
                directory,
                order.target,
                order.options,
                order.limits,
                following=tuple(following),
                names=tuple(each.name for each in files),
            )
            made = mill.convert(job, tick)
            order.publish(made.path, result)
    except SoundmillError as error:
        return Done(first, trouble=error.message)
    except OSError as error:
        return Done(first, trouble=sentence_of(error))
    return Done(first, result, made.report)
