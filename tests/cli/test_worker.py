"""A worker of several machines that is set up wrong, or whose API is away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.waiting import until

SECRET = "a secret of workers, long enough for one"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"SOUNDMILL_WORKER_SECRET": ""}, "SOUNDMILL_WORKER_SECRET"),
        ({"SOUNDMILL_API_URL": "127.0.0.1:5000"}, "SOUNDMILL_API_URL"),
        ({"SOUNDMILL_API_URL": "http://127.0.0.1:599999"}, "SOUNDMILL_API_URL"),
        ({"SOUNDMILL_API_URL": ""}, "SOUNDMILL_API_URL"),
    ],
)
@pytest.mark.timeout(60)
def test_what_is_set_wrong_is_told_at_the_start(wrong: dict[str, str], named: str, tmp_path: Path) -> None:
    """And not by each of its processes, again and again."""
    (tmp_path / "storage-id").write_text("0" * 32)
    environment = {
        **os.environ,
        "SOUNDMILL_DATA_DIR": str(tmp_path),
        "SOUNDMILL_API_URL": "http://127.0.0.1:5000",
        "SOUNDMILL_BROKER_URL": "redis://127.0.0.1:1/0",
        "SOUNDMILL_WORKER_SECRET": SECRET,
        **wrong,
    }
    command = [sys.executable, "-m", "soundmill", "worker"]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert told.returncode == 2  # whoever supervises it need not start it again
    assert named in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.timeout(120)
def test_a_worker_that_waits_for_the_api_stops_when_it_is_told_to(tmp_path: Path) -> None:
    (tmp_path / "storage-id").write_text("0" * 32)
    environment = {
        **os.environ,
        "SOUNDMILL_DATA_DIR": str(tmp_path),
        "SOUNDMILL_API_URL": f"http://127.0.0.1:{free_port()}",
        "SOUNDMILL_WORKER_SECRET": SECRET,
    }
    log = tmp_path / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "soundmill", "worker"], env=environment, stdout=stream, stderr=stream
        )
    try:
        until(lambda: "asking again" in log.read_text())
        process.send_signal(signal.SIGTERM)
        # Supervisors kill after half a minute; it would ask for five.
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
