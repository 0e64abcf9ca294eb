"""``python -m tests.engine.hear FILE [PACKETS CHECKSUM]…``: decode by a crew, which must be forked where there is one thread."""

from __future__ import annotations

import sys
from pathlib import Path

from soundmill.engine.job import Limits
from soundmill.engine.parallel.crew import Crew
from soundmill.engine.parallel.hearing import Print, hear
from soundmill.engine.reading.source import open_source
from soundmill.engine.serving.server import _load_everything
from soundmill.model.conversion import ConversionError


def main(path: str, *numbers: str) -> None:
    """Print how many samples were heard, or what was wrong."""
    _load_everything()
    crew = Crew.fork(2, Limits())
    values = [int(each) for each in numbers]
    prints = [Print(*pair) for pair in zip(values[::2], values[1::2], strict=True)]
    try:
        with open_source(Path(path)) as source:
            sys.stdout.write(f"{hear(source, crew, prints).sample_count}")
    except ConversionError as error:
        sys.stdout.write(f"{error.message} {error.detail_for_log}")


if __name__ == "__main__":
    main(*sys.argv[1:])
