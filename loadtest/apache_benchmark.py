"""``ab``, run and read."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of ``ab``: times in seconds, of whole requests."""

    concurrency: int
    requests: int
    errors: int
    per_second: float
    mean: float
    percentiles: dict[int, float]
    command: str

    @property
    def error_share(self) -> float:
        """From 0 to 1."""
        return self.errors / self.requests if self.requests else 1.0


def post(url: str, body: Path, content_type: str, token: str, *, requests: int, concurrency: int) -> Measured:
    """POST the same body again and again. Raises ``RuntimeError`` when ``ab`` gives up."""
    sent = ["-p", str(body), "-T", content_type]
    return _run([*sent, "-H", f"Authorization: Bearer {token}"], url, requests, concurrency)


def put(url: str, body: Path, *, requests: int, concurrency: int) -> Measured:
    """PUT the same body again and again. Raises ``RuntimeError`` when ``ab`` gives up."""
    return _run(["-u", str(body)], url, requests, concurrency)


def get(url: str, token: str, *, requests: int, concurrency: int) -> Measured:
    """GET the same address again and again. Raises ``RuntimeError`` when ``ab`` gives up."""
    return _run(["-H", f"Authorization: Bearer {token}"], url, requests, concurrency)


def _run(arguments: list[str], url: str, requests: int, concurrency: int) -> Measured:
    # -l: answers differ in length (ids, times), which isn't an error; -r: go on after a broken connection; -s: seconds to wait.
    command = ["ab", "-q", "-l", "-r", "-s", "120", "-n", str(requests), "-c", str(concurrency), *arguments, url]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"ab: {ran.stderr.strip()}")
    return _read(ran.stdout, concurrency, _as_typed(command))


def _read(told: str, concurrency: int, command: str) -> Measured:
    percentiles = {int(share): int(ms) / 1000 for share, ms in re.findall(r"^ +(\d+)% +(\d+)", told, re.MULTILINE)}
    return Measured(
        concurrency,
        requests=int(_figure(told, "Complete requests")),
        errors=int(_figure(told, "Failed requests") + _figure(told, "Non-2xx responses")),
        per_second=_figure(told, "Requests per second"),
        mean=_figure(told, "Time per request") / 1000,
        percentiles=percentiles,
        command=command,
    )


def _figure(told: str, name: str) -> float:
    found = re.search(rf"^{name}: +([\d.]+)", told, re.MULTILINE)
    return float(found[1]) if found else 0.0


def _as_typed(command: list[str]) -> str:
    """Without the token, and with the body's file by its name only."""
    return " ".join(
        "'Authorization: Bearer …'"
        if each.startswith("Authorization")
        else Path(each).name
        if each.startswith("/")
        else each
        for each in command
    )
