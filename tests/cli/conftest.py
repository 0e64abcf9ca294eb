"""What tests of commands share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A command that is called in this process has its logs written to a stream that ends with the call."""
    yield
    structlog.reset_defaults()
