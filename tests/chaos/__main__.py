"""``make chaos``: the whole matrix of faults and invariants, as a table. ``make chaos ARGS="Redis"`` runs those with that in their name."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

from tests.chaos.faults import FAULTS, Fault
from tests.chaos.invariants import INVARIANTS
from tests.chaos.scenario import Outcome, run_fault

# Most of a fault's time is waiting: for leases, for sweeps, for what is away.
_FLEETS_AT_A_TIME = 2


def main(wanted: list[str]) -> int:
    """Gives the exit status: 1 when something didn't hold."""
    print(f"{'fault':<40} {'uploads':>7} {'tasks':>5} {'refused':>7} {'s':>4}  {'  '.join(INVARIANTS)}", flush=True)
    chosen = [each for each in FAULTS if not wanted or any(word.lower() in each.name.lower() for word in wanted)]
    broken = tasks = 0
    with ThreadPoolExecutor(_FLEETS_AT_A_TIME) as pool:
        for outcome in pool.map(_outcome, chosen):
            broken += bool(outcome.violations)
            tasks += outcome.tasks
            _show(outcome)
    print(
        f"{len(chosen)} faults, {tasks} tasks. {f'{broken} faults broke something.' if broken else 'All hold.'}",
        flush=True,
    )
    return 1 if broken else 0


def _outcome(fault: Fault) -> Outcome:
    try:
        return run_fault(fault)
    except Exception as error:  # noqa: BLE001 - the others are run all the same
        return Outcome(fault.name, 0, 0, 0, 0, (f"?? {type(error).__name__}: {error}",))


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
