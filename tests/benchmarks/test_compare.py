"""What got slower is told from noise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.compare import Verdict, compare
from benchmarks.part import Ratio
from benchmarks.record import Record, read_record, write_record


def record(*ratios: Ratio) -> Record:
    return Record("2026-11-01", "2 cores", (0.1, 0.2, 0.3), {each.name: each for each in ratios})


def verdict(before: tuple[float, ...], now: tuple[float, ...], *, more_is_better: bool = True) -> Verdict:
    (found,) = compare(record(Ratio("r", before, more_is_better)), record(Ratio("r", now, more_is_better)))
    return found.verdict


def test_the_same_figures_are_as_before() -> None:
    assert verdict((1.0, 1.1, 1.2), (1.0, 1.1, 1.2)) is Verdict.SAME


def test_a_clear_loss_of_steady_rounds_is_slower_and_a_clear_gain_faster() -> None:
    assert verdict((2.0, 2.02, 2.04), (1.6, 1.61, 1.62)) is Verdict.SLOWER
    assert verdict((2.0, 2.02, 2.04), (2.5, 2.51, 2.52)) is Verdict.FASTER


def test_where_less_is_better_growing_is_slower() -> None:
    assert verdict((1.0, 1.0, 1.01), (1.4, 1.41, 1.42), more_is_better=False) is Verdict.SLOWER
    assert verdict((1.0, 1.0, 1.01), (0.7, 0.71, 0.72), more_is_better=False) is Verdict.FASTER


def test_the_same_loss_says_nothing_where_the_rounds_differ_as_much() -> None:
    assert verdict((1.6, 2.0, 2.4), (1.3, 1.6, 2.0)) is Verdict.SAME


def test_a_loss_within_what_two_runs_of_the_same_code_differ_by_says_nothing() -> None:
    assert verdict((2.0, 2.0, 2.0), (1.85, 1.85, 1.85)) is Verdict.SAME


def test_of_a_single_round_the_spread_is_unknown_and_taken_as_large() -> None:
    assert verdict((2.0,), (1.6,)) is Verdict.SAME
    assert verdict((2.0,), (1.2,)) is Verdict.SLOWER


def test_a_ratio_that_only_one_run_has_is_named_and_is_not_slower() -> None:
    known, added = Ratio("known", (1.0,), more_is_better=True), Ratio("added", (1.0,), more_is_better=True)
    assert [each.verdict for each in compare(record(known), record(added))] == [Verdict.MISSING, Verdict.NEW]


def test_the_worst_change_comes_first() -> None:
    before = [Ratio(name, (1.0,) * 3, more_is_better=True) for name in ("a", "b", "c")]
    now = [Ratio(name, (value,) * 3, more_is_better=True) for name, value in (("a", 1.0), ("b", 0.5), ("c", 0.7))]
    assert [each.name for each in compare(record(*before), record(*now))] == ["b", "c", "a"]


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    kept = record(Ratio("uploads, “ö”", (1.5, 1.25), more_is_better=True), Ratio("m", (0.1,), more_is_better=False))
    write_record(tmp_path / "figures.json", kept)
    assert read_record(tmp_path / "figures.json") == kept


def test_without_a_baseline_the_command_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="make bench"):
        main(["--compare", "--baseline", str(tmp_path / "none.json")])


@pytest.mark.parametrize(("now", "status"), [((1.0, 1.0, 1.0), 0), ((0.5, 0.5, 0.5), 1)])
def test_the_command_fails_exactly_when_something_got_slower(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], now: tuple[float, ...], status: int
) -> None:
    for name, values in (("before", (1.0, 1.0, 1.0)), ("now", now)):
        write_record(tmp_path / f"{name}.json", record(Ratio("songs", values, more_is_better=True)))
    arguments = ["--compare", "--baseline", str(tmp_path / "before.json"), "--figures", str(tmp_path / "now.json")]
    assert main(arguments) == status
    told = capsys.readouterr().out
    assert ("| songs | 1.00 (1.00 to 1.00) | 0.50 (0.50 to 0.50) | ×0.50 | ±10% | **slower** |" in told) == bool(status)
    assert ("Nothing got slower" in told) != bool(status)


def test_figures_alone_are_refused_before_anything_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--figures", "now.json"])
    assert "--compare" in capsys.readouterr().err


def test_a_long_run_is_not_compared_with_a_short_one(tmp_path: Path) -> None:
    short, long = tmp_path / "short.json", tmp_path / "long.json"
    ratio = Ratio("r", (1.0, 1.0, 1.0), more_is_better=True)
    write_record(short, record(ratio))
    write_record(long, replace(record(ratio), is_long=True))
    assert read_record(long).is_long
    with pytest.raises(SystemExit, match="--long"):
        main(["--compare", "--baseline", str(short), "--figures", str(long)])
    with pytest.raises(SystemExit, match="--long"):
        main(["--compare", "--baseline", str(short), "--long"])
