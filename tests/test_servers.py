"""The private servers of the tests."""

from __future__ import annotations

import subprocess
import sys
import tempfile

import pytest

from tests.waiting import is_alive, until

_RUN = """
import sys, time
from pathlib import Path
from tests.ports import free_port
from tests.servers import PostgresServer, RedisServer

directory = Path(sys.argv[1])
server = {made}
server.start()
print(server.process.pid, flush=True)
time.sleep(1000)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only its kernel ends a process with another")
@pytest.mark.parametrize("made", ["PostgresServer(directory)", "RedisServer(directory, ('127.0.0.1', free_port()))"])
def test_a_server_ends_with_a_run_of_tests_that_is_killed(made: str) -> None:
    command = [sys.executable, "-c", _RUN.format(made=made)]
    with tempfile.TemporaryDirectory(prefix="soundmill-left-", dir="/tmp") as directory:
        with subprocess.Popen([*command, directory], stdout=subprocess.PIPE, text=True) as run:
            assert run.stdout is not None
            server = int(run.stdout.readline())
            assert is_alive(server)
            run.kill()
        until(lambda: not is_alive(server))
