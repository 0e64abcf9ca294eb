"""The fleet on hosts of its own: each part in a network namespace, with its own address."""

from __future__ import annotations

import os

import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.hosts import namespaces
from tests.chaos.scenario import run_fault


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "name", ["nothing", "SIGKILL of a worker", "PostgreSQL restarted", "workers cut off from the API"]
)
def test_parts_with_addresses_of_their_own(name: str) -> None:
    assert os.getuid() == 0, "Network namespaces need root: run it as root."
    fault = next(each for each in FAULTS if each.name == name)
    with namespaces() as hosts:
        assert run_fault(fault, hosts=hosts).violations == ()
