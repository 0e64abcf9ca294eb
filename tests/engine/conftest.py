"""One warm mill for all tests of a process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from soundmill.engine import Converted, Job, Limits, Mill
from soundmill.model.formats import FORMATS
from soundmill.model.options import ConversionOptions

type Convert = Callable[..., Converted]


@pytest.fixture(scope="session")
def mill() -> Iterator[Mill]:
    with Mill() as made:
        yield made


@pytest.fixture
def convert(mill: Mill, tmp_path: Path) -> Convert:
    """``convert(source, "mp3", bit_rate=…)`` in a confined process."""
    made = 0

    def run(source: Path, to: str, limits: Limits | None = None, **options: float) -> Converted:
        nonlocal made
        made += 1
        directory = tmp_path / f"job {made}"
        directory.mkdir()
        job = Job(source, directory, FORMATS[to], ConversionOptions(**options), limits or Limits())  # type: ignore[arg-type]
        return mill.convert(job, lambda fraction: True)

    return run
