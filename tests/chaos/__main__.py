"""``make chaos``: the whole matrix of faults and invariants, as a table. ``make chaos ARGS="Redis"`` runs those with that in their name."""

from __future__ import annotations

import sys

from tests.chaos.bucket_faults import BUCKET_FAULTS
from tests.chaos.faults import FAULTS
from tests.chaos.invariants import INVARIANTS
from tests.chaos.scenario import Outcome, run_fault


def main(wanted: list[str]) -> int:
    """Gives the exit status: 1 when something didn't hold."""
    print(f"{'fault':<40} {'uploads':>7} {'tasks':>5} {'refused':>7} {'s':>4}  {'  '.join(INVARIANTS)}", flush=True)
    broken = 0
    for fault in (*FAULTS, *BUCKET_FAULTS):
        if wanted and not any(each.lower() in fault.name.lower() for each in wanted):
            continue
        try:
            outcome = run_fault(fault)
        except Exception as error:  # noqa: BLE001 - the others are run all the same
            outcome = Outcome(fault.name, 0, 0, 0, 0, (f"?? {type(error).__name__}: {error}",))
        broken += bool(outcome.violations)
        _show(outcome)
    print("All hold." if not broken else f"{broken} faults broke something.", flush=True)
    return 1 if broken else 0


def _show(outcome: Outcome) -> None:
    marks = ["no" if any(each.startswith(name) for each in outcome.violations) else "ok" for name in INVARIANTS]
    print(
        f"{outcome.fault:<40} {outcome.uploads:>7} {outcome.tasks:>5} {outcome.refused:>7} {outcome.seconds:>4.0f}  {'  '.join(marks)}",
        flush=True,
    )
    for violation in outcome.violations:
        print(f"    {violation}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
