"""What deploy/ says of the program agrees with the program. The rest of deploy/ is checked by ``make check-deploy``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from soundmill.api import create_application
from soundmill.app import App, load_settings
from soundmill.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
# Not the program's: of compose.yaml itself, of the image's build, and of nginx's template.
OTHERS = {
    "IMAGE",
    "VERSION",
    "PUBLISH",
    "PROMETHEUS_PORT",
    "GRAFANA_PORT",
    "UID",
    "LISTEN",
    "INTERNAL_PORT",
    "API",
    "RESOLVER",
    "FORWARDED_PROTO",
    "BODY_LIMIT",
}
# Where the settings of one role are, from the first text to the second.
SETTINGS_OF_WORKERS = {
    "compose.yaml": ("\n  worker:\n", "\n  janitor:\n"),
    "systemd/soundmill-worker.service": ("[Service]", "[Install]"),
    "systemd/worker.env": ("#", "SOUNDMILL_WORKERS=0"),
    "helm/soundmill/templates/worker.yaml": ("kind: Deployment", "kind: ScaledObject"),
    "gcp/startup/soundmill.sh.tftpl": ("cat >/etc/soundmill/worker.env", "%{ endif ~}"),
}

SETTINGS_OF_JANITORS = {
    "compose.yaml": ("\n  janitor:\n", "\n  redis:\n"),
    "systemd/soundmill-janitor.service": ("[Service]", "[Install]"),
    "helm/soundmill/templates/janitor.yaml": ("containers:", "volumes:"),
    "gcp/identities.tf": ("\n    janitor = ", "\n    broker "),
}


@pytest.fixture
def fleet_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    monkeypatch.chdir(tmp_path)
    wired = App(load_settings(data_dir=tmp_path / "data", worker_secret="of workers " * 4))
    yield create_application(wired)
    wired.database.dispose()


def test_every_setting_of_the_deployments_is_one_of_the_program() -> None:
    found = {
        name.removesuffix("_FILE")
        for path in DEPLOY.rglob("*")
        if path.is_file() and "secrets" not in path.parts and "checks" not in path.parts and path.name != ".env"
        for name in re.findall(r"\bSOUNDMILL_([A-Z_]*[A-Z])\b", path.read_text())
    }
    assert found - OTHERS <= {name.upper() for name in Settings.model_fields}
    assert {"WORKER_SECRET", "API_URL", "LIMITS_STORAGE", "PROXY_HOPS"} <= found


@pytest.mark.parametrize("name", SETTINGS_OF_WORKERS)
def test_workers_are_given_no_database_and_no_secret_of_accounts(name: str) -> None:
    given = _between(name, *SETTINGS_OF_WORKERS[name])
    assert "SOUNDMILL_" in given
    assert not re.search(r"DATABASE|SOUNDMILL_SECRET|database-url|LoadCredential=secret", given)


@pytest.mark.parametrize("name", SETTINGS_OF_JANITORS)
def test_janitors_are_given_no_secret_of_accounts_and_none_of_workers(name: str) -> None:
    given = _between(name, *SETTINGS_OF_JANITORS[name])
    assert "database-url" in given
    assert not re.search(r'SOUNDMILL_(WORKER_)?SECRET|worker-secret|LoadCredential=secret|"secret"|\bsecret\]', given)


def test_nginx_refuses_from_outside_what_only_the_fleet_may_call_and_nothing_else(fleet_api: Flask) -> None:
    patterns = [
        re.compile(found)
        for found in re.findall(r'^    "~(\^\[0-9\].*)" 1;$', (DEPLOY / "nginx.conf").read_text(), re.MULTILINE)
    ]
    refused: set[str] = set()
    passed: set[str] = set()
    for rule in fleet_api.url_map.iter_rules():
        path = re.sub(r"<[^>]+>", "1", rule.rule)
        is_refused = any(pattern.search(f"8080 {path}") for pattern in patterns)
        (refused if is_refused else passed).add(rule.endpoint)
    inner = {
        each for each in refused | passed if each.startswith(("board.", "seats.", "metrics.")) or each == "health.queue"
    }
    assert refused == inner
    assert len(inner) >= 8
    assert {"tasks.submit", "tasks.wait", "health.ready"} <= passed


def test_grace_periods_outlast_the_drain() -> None:
    drain_seconds = Settings.model_fields["drain_seconds"].default
    compose = re.search(r"stop_grace_period: (\d+)s", (DEPLOY / "compose.yaml").read_text())
    units = [
        re.search(r"^TimeoutStopSec=(\d+)$", path.read_text(), re.MULTILINE)
        for path in (DEPLOY / "systemd").glob("*.service")
    ]
    assert len(units) == 4
    for found in (compose, *units):
        assert found
        assert int(found[1]) >= drain_seconds + 5


def _between(name: str, begin: str, end: str) -> str:
    """Of a file of ``deploy/``, from the first text to the second."""
    text = (DEPLOY / name).read_text()
    part = text[text.index(begin) :]
    return part[: part.index(end) + len(end)]
