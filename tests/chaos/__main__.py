"""``make chaos``: the whole matrix of faults and invariants, as a table.

``make chaos ARGS="Redis"`` runs those with that in their name; ``make chaos ARGS=--help`` tells the rest.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial

from tests.chaos.bucket_faults import BUCKET_FAULTS
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.hosts import namespaces
from tests.chaos.invariants import INVARIANTS
from tests.chaos.scenario import UPLOADS, Outcome, run_fault

# Most of a fault's time is waiting: for leases, for sweeps, for what is away.
_FLEETS_AT_A_TIME = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Gives the exit status: 1 when something didn't hold."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    given = _parser().parse_args(arguments)
    chosen = _chosen(given.words)
    if given.namespaces:
        chosen = [each for each in chosen if not each.needs_proxies]
    print(f"{'fault':<40} {'uploads':>7} {'tasks':>5} {'refused':>7} {'s':>4}  {'  '.join(INVARIANTS)}", flush=True)
    outcome_of = partial(_outcome, in_namespaces=given.namespaces, uploads=given.uploads)
    broken = tasks = 0
    with ThreadPoolExecutor(_FLEETS_AT_A_TIME) as pool:
        for outcome in pool.map(outcome_of, chosen):
            broken += bool(outcome.violations)
            tasks += outcome.tasks
            _show(outcome)
    print(
        f"{len(chosen)} faults, {tasks} tasks. {f'{broken} faults broke something.' if broken else 'All hold.'}",
        flush=True,
    )
    return 1 if broken else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Break a fleet in every way and check that nothing is lost.")
    parser.add_argument("words", nargs="*", type=str.lower, help="run the faults with one of these in their name")
    parser.add_argument(
        "--namespaces", action="store_true", help="each part in a network namespace, at its own address"
    )
    parser.add_argument("--uploads", type=int, default=UPLOADS, help="how many files are uploaded to each fleet")
    return parser


def _chosen(words: Sequence[str]) -> list[Fault]:
    faults = [*FAULTS, *BUCKET_FAULTS]
    for word in words:
        if not any(word in each.name.lower() for each in faults):
            names = "".join(f"\n  {each.name}" for each in faults)
            raise SystemExit(f"chaos: no fault has “{word}” in its name. There are:{names}")
    return [each for each in faults if not words or any(word in each.name.lower() for word in words)]


def _outcome(fault: Fault, *, in_namespaces: bool, uploads: int) -> Outcome:
    try:
        with namespaces() if in_namespaces else nullcontext() as hosts:
            return run_fault(fault, hosts=hosts, uploads=uploads)
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
    sys.exit(main())
