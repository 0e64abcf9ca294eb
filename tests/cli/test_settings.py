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


def test_a_file_may_hold_a_setting_also_where_dotenv_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    named = tmp_path / "named"
    named.write_text("ftp://named\n")
    Path(".env").write_text(f"SOUNDMILL_API_URL_FILE={named}\nSOUNDMILL_DATA_DIR={tmp_path}\n")
    ended = CliRunner().invoke(main, ["janitor"])
    assert (ended.exit_code, "SOUNDMILL_API_URL: " in ended.stderr) == (2, True)
    Path(".env").write_text(f"SOUNDMILL_SECRET_FILE={tmp_path / 'gone'}\n")
    assert "SOUNDMILL_SECRET_FILE" in CliRunner().invoke(main, ["janitor"]).stderr


@pytest.mark.parametrize(
    "setting",
    [
        {"SOUNDMILL_BROKER_URL": "redis://127.0.0.1:1/0"},
        {"REDIS_INSTANCE_IP": "127.0.0.1"},
        {"SOUNDMILL_API_URL": "http://127.0.0.1:1"},
        {"API_INSTANCE_IP": "127.0.0.1"},
    ],
)
def test_one_machine_is_not_started_with_what_several_share(setting: dict[str, str], tmp_path: Path) -> None:
    ended = CliRunner().invoke(main, ["serve", "--data-dir", str(tmp_path / "data")], env=setting)
    assert ended.exit_code == 2
    assert next(iter(setting)) in ended.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("secret", ["", "short"])
def test_a_secret_that_is_damaged_is_never_worked_with(secret: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(secret)
    ended = CliRunner().invoke(main, ["serve", "--port", "0", "--data-dir", str(tmp_path)])
    assert (ended.exit_code, "is damaged" in ended.stderr) == (2, True)


@pytest.mark.parametrize("command", ["api", "worker", "janitor", "serve"])
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("SOUNDMILL_BROKER_URL", "ftp://redis:6379"),
        ("SOUNDMILL_BROKER_URL", "redis.internal:6379"),
        ("SOUNDMILL_BROKER_URL", "valkey://redis.internal/0"),
        ("SOUNDMILL_API_URL", "api.internal"),
        ("SOUNDMILL_LOGIN_LIMIT", "ten"),
        ("SOUNDMILL_LOGIN_LIMIT_WIDE", ""),
        ("SOUNDMILL_LIMITS_STORAGE", "127.0.0.1:6379"),
        ("SOUNDMILL_LIMITS_STORAGE", "disk://"),
        ("SOUNDMILL_LEASE", "inf"),
        ("SOUNDMILL_CONVERSION_HOURS", "1e20"),
        ("SOUNDMILL_CONVERSION_MEMORY", "99999999999999999999"),
        ("SOUNDMILL_STORAGE_URL", "bucket"),
        ("SOUNDMILL_LOG_LEVEL", "loud"),
        ("SOUNDMILL_DATA_DIR", ""),
    ],
)
def test_a_value_that_is_none_is_told_in_a_line(command: str, setting: str, value: str, tmp_path: Path) -> None:
    environment = {"SOUNDMILL_DATA_DIR": str(tmp_path), setting: value}
    ended = CliRunner().invoke(main, [command], env=environment)
    assert ended.exit_code == 2
    assert len(ended.stderr.splitlines()) == 1
    assert f"{setting}: " in ended.stderr
    assert "Value error" not in ended.stderr


@pytest.mark.parametrize("command", [["janitor"], ["db", "upgrade"], ["convert", "song.wav", "--to", "mp3"]])
def test_a_dotenv_that_is_no_text_is_told_in_a_line(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (named := tmp_path / ".env").write_bytes(b"\xff\xfe")
    ended = CliRunner().invoke(main, command)
    assert (ended.exit_code, ended.stderr) == (2, f"soundmill: Can't read {named}: it is no text in UTF-8.\n")


@pytest.mark.parametrize("command", ["api", "worker", "janitor", "serve"])
@pytest.mark.parametrize(("given", "told"), [("", "It is empty."), (__file__, "is a file"), ("d" * 300, "too long")])
def test_what_names_no_directory_is_refused(command: str, given: str, told: str) -> None:
    ended = CliRunner().invoke(main, [command, "--data-dir", given])
    assert (ended.exit_code, told in " ".join(ended.stderr.replace("│", " ").split())) == (2, True)


@pytest.mark.parametrize("value", ["30 per 2 hours", "5/second"])
def test_rates_are_read_as_people_write_them(value: str) -> None:
    ended = CliRunner().invoke(main, ["janitor"], env={"SOUNDMILL_LOGIN_LIMIT": value, "SOUNDMILL_PORT": "none"})
    assert "LOGIN_LIMIT" not in ended.stderr


def test_the_database_can_lie_on_another_disk_than_the_files(tmp_path: Path) -> None:
    chosen = tmp_path / "elsewhere.db"
    env = {"SOUNDMILL_DATABASE_URL": f"sqlite:///{chosen}", "SOUNDMILL_DATA_DIR": str(tmp_path / "data")}
    ended = CliRunner().invoke(main, ["db", "upgrade"], env=env)
    assert ended.exit_code == 0, ended.stderr
    assert chosen.stat().st_mode & 0o077 == 0
    assert not (tmp_path / "data" / "soundmill.db").exists()
