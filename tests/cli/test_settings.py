"""``soundmill settings``, and the page that it makes."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from soundmill.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_of_settings_is_what_the_program_says() -> None:
    shown = CliRunner().invoke(main, ["settings", "--markdown"])
    assert shown.exit_code == 0
    assert PAGE.read_text() == shown.stdout, "run: .venv/bin/soundmill settings --markdown > docs/settings.md"


def test_every_setting_says_what_it_means() -> None:
    lines = CliRunner().invoke(main, ["settings"]).stdout.splitlines()
    names, meanings = lines[::2], lines[1::2]
    assert all("=" in name for name in names)
    assert all(meaning.strip().endswith(".") for meaning in meanings)


@pytest.mark.parametrize("command", ["api", "worker", "janitor", "serve"])
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("SOUNDMILL_BROKER_URL", "ftp://redis:6379"),
        ("SOUNDMILL_BROKER_URL", "redis.internal:6379"),
        ("SOUNDMILL_BROKER_URL", "valkey://redis.internal/0"),
        ("SOUNDMILL_API_URL", "api.internal"),
    ],
)
def test_an_address_that_is_none_is_told_in_a_line(command: str, setting: str, value: str, tmp_path: Path) -> None:
    environment = {"SOUNDMILL_DATA_DIR": str(tmp_path), setting: value}
    ended = CliRunner().invoke(main, [command], env=environment)
    assert ended.exit_code == 2
    assert len(ended.stderr.splitlines()) == 1
    assert f"{setting}: " in ended.stderr
