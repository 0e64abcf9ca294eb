"""The short part of ``make chaos``: a few faults of each kind."""

from __future__ import annotations

import pytest

from tests.chaos.bucket_faults import BUCKET_FAULTS
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.scenario import run_fault

SHORT = (
    "SIGKILL of the APIs",
    "Redis FLUSHALL",
    "after_publish:kill",
)
_BY_NAME = {each.name: each for each in FAULTS}
# None of them stalls an API: what is left behind may be swept sooner.
SOONER = {"SOUNDMILL_ORPHAN_AGE": "8"}


@pytest.mark.timeout(400)
@pytest.mark.parametrize("fault", [_BY_NAME[name] for name in SHORT], ids=lambda fault: fault.name)
def test_nothing_is_lost(fault: Fault) -> None:
    outcome = run_fault(fault, seed=7, settings=SOONER)
    assert outcome.violations == ()
    assert outcome.uploads == 12


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("fault", BUCKET_FAULTS, ids=lambda fault: fault.name)
def test_nothing_is_lost_in_a_bucket(fault: Fault) -> None:
    assert run_fault(fault, seed=7).violations == ()
