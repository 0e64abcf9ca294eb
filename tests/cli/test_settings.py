"""``soundmill settings``, and the page that it makes."""

from __future__ import annotations

from pathlib import Path

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
