"""Facts travel as JSON between the engine, workers and the database."""

from __future__ import annotations

import json
from dataclasses import replace

from soundmill.model.sound import ConversionReport, Hole, Loudness
from tests.builders import FACTS, REPORT


def test_a_report_comes_back_from_json_as_it_was() -> None:
    unmeasured = replace(REPORT, source=replace(FACTS, loudness=None))
    for report in (REPORT, unmeasured):
        assert ConversionReport.from_dict(json.loads(json.dumps(report.as_dict()))) == report


def test_facts_of_an_older_version_have_no_loudness() -> None:
    older = {name: value for name, value in FACTS.as_dict().items() if name != "loudness"}
    assert type(FACTS).from_dict({**older, "from the future": 1}) == replace(FACTS, loudness=None)


def test_what_only_a_newer_worker_tells_of_loudness_and_damage_is_left_out() -> None:
    known = replace(FACTS, loudness=Loudness(-16.0, 5.0, -1.0), damage=(Hole(1.5, 0.5, filled=True),))
    newer = json.loads(json.dumps(known.as_dict()))
    for each in (newer["loudness"], *newer["damage"]):
        each["from the future"] = 1
    assert type(FACTS).from_dict(newer) == known
