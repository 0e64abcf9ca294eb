"""``soundmill serve`` as a person meets it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.request import urlopen

import httpx
import psutil
import pytest

from soundmill import __version__
from soundmill.cli.listening import checked_endpoint, held_endpoint
from soundmill.cli.serve import child_specs
from soundmill.cli.welcome import address, answers_ready, how_to_try
from soundmill.engine import cores
from soundmill.model.errors import ConfigurationError
from tests.processes import below, runs
from tests.waiting import is_alive, until

SOUNDMILL = (sys.executable, "-m", "soundmill")


def run(*arguments: str, directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SOUNDMILL, *arguments],
        cwd=directory,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_version_is_told(tmp_path: Path) -> None:
    assert run("--version", directory=tmp_path).stdout == f"soundmill {__version__}\n"


@pytest.mark.parametrize("command", ["serve", "api", "worker", "janitor"])
def test_every_command_has_help(command: str, tmp_path: Path) -> None:
    told = run(command, "--help", directory=tmp_path)
    assert told.returncode == 0
    assert "--data-dir" in told.stdout


@pytest.mark.parametrize("command", ["serve", "api"])
def test_a_taken_port_is_one_clear_line_and_nothing_is_started(command: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        told = run(command, "--port", str(port), directory=tmp_path)
    assert told.returncode == 2
    assert told.stderr == (
        f"soundmill: Can't listen on 127.0.0.1 port {port}: Address already in use. Choose another with --host and --port.\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_port_is_kept_while_nothing_listens_and_shared_with_the_api_alone() -> None:
    with held_endpoint("localhost", 0) as (digits, port):
        assert ip_address(digits).is_loopback
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((digits, port), timeout=60)
        with pytest.raises(OSError, match="in use"):
            socket.create_server((digits, port), family=_family(digits))
        with pytest.raises(ConfigurationError, match="in use"), held_endpoint("localhost", port):
            pass
        assert checked_endpoint("localhost", port) == (digits, port)
        with (
            socket.create_server((digits, port), family=_family(digits), reuse_port=True) as api,
            socket.create_connection((digits, port), timeout=60) as client,
        ):
            accepted, where = api.accept()
            accepted.close()
            assert where == client.getsockname()


def test_a_port_that_another_api_listens_on_is_not_shared_but_that_of_a_killed_one_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port {port}: Address already in use"):
            checked_endpoint("127.0.0.1", port, patience=timedelta(0))
        with ThreadPoolExecutor(1) as pool:
            successor = pool.submit(checked_endpoint, "127.0.0.1", port, patience=timedelta(minutes=1))
            for _ in range(2):  # the one above asked, too
                other.accept()[0].close()
            other.close()
            assert successor.result(timeout=60) == ("127.0.0.1", port)


def _family(digits: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ip_address(digits).version == 6 else socket.AF_INET


def test_a_directory_that_cannot_be_used_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = run("serve", "--port", "0", "--data-dir", "file/data", directory=tmp_path)
    assert told.returncode == 2
    assert told.stderr.startswith(f"soundmill: Can't make the data directory {tmp_path}/file/data")
    assert told.stderr.count("\n") == 1


def test_a_damaged_database_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "soundmill.db").write_bytes(b"no database" * 1000)
    told = run("serve", "--port", "0", directory=tmp_path)
    assert told.returncode == 2
    assert told.stderr == "soundmill: The database is damaged: restore it from a backup.\n"


@pytest.mark.parametrize("command", ["worker", "janitor"])
def test_who_waits_for_a_storage_that_nobody_made_says_where_it_looks(command: str, tmp_path: Path) -> None:
    mistyped = tmp_path / "dta"
    started = [*SOUNDMILL, command, "--data-dir", str(mistyped)]
    with subprocess.Popen(started, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        told = process.stderr.readline()
        process.kill()
    assert "waiting for the storage" in told
    assert f"storage={mistyped} " in told
    assert f"database=sqlite:///{mistyped / 'soundmill.db'}" in told
    assert not mistyped.exists()


def test_a_wrong_setting_is_one_clear_line_that_names_it(tmp_path: Path) -> None:
    told = run("serve", directory=tmp_path, SOUNDMILL_PORT="99999999")
    assert told.returncode == 2
    assert re.fullmatch(r"soundmill: .*SOUNDMILL_PORT.*\n", told.stderr)


def test_a_flag_beats_the_environment_and_that_beats_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SOUNDMILL_DATA_DIR=/proc/file\nSOUNDMILL_HOST=from.file.invalid\n")
    assert "from.file.invalid" in run("serve", directory=tmp_path).stderr
    assert "from.env.invalid" in run("serve", directory=tmp_path, SOUNDMILL_HOST="from.env.invalid").stderr
    by_flag = run("serve", "--host", "flag.invalid", directory=tmp_path, SOUNDMILL_HOST="from.env.invalid")
    assert "flag.invalid" in by_flag.stderr


def test_one_machine_runs_an_api_its_workers_and_a_janitor() -> None:
    specs = child_specs("127.0.0.1", 5000, 2, Path("data"))
    assert [spec.name for spec in specs] == ["api", "worker 1", "worker 2", "janitor"]
    assert [spec.stops_first for spec in specs] == [True, False, False, False]
    assert {spec.environment["SOUNDMILL_DATA_DIR"] for spec in specs} == {str(Path("data").absolute())}
    assert cores() >= 1


def test_the_address_of_all_interfaces_is_one_that_a_browser_takes() -> None:
    assert address("0.0.0.0", 80) == "http://127.0.0.1:80"  # noqa: S104
    assert address("::", 80) == "http://[::1]:80"
    assert "http://127.0.0.1:5000/api/auth/signup" in how_to_try("127.0.0.1", 5000)


def test_nobody_there_is_not_ready() -> None:
    assert not answers_ready("127.0.0.1", 9)


class Service:
    """A running ``soundmill serve``."""

    def __init__(self, directory: Path, **environment: str) -> None:
        self.output = directory / "output"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*SOUNDMILL, "serve", "--host", "localhost", "--port", "0", "--workers", "1", "--data-dir", "data"],
                cwd=directory,
                env={**os.environ, **environment},
                stdout=output,
                stderr=output,
            )
        try:
            self.site = until(self._told_address, seconds=60)
        except AssertionError:
            self.process.kill()
            self.process.wait()
            raise
        self.family = psutil.Process(self.process.pid).children(recursive=True)

    def _told_address(self) -> str | None:
        assert self.process.poll() is None, self.output.read_text()
        found = re.search(r"ready: (\S+)", self.output.read_text())
        return found and found[1]

    def member(self, *words: str) -> psutil.Process:
        return next(each for each in self.family if list(words) == each.cmdline()[3 : 3 + len(words)])

    def is_gone(self) -> bool:
        return not any(is_alive(each.pid) for each in self.family)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path)
    yield made
    made.process.kill()
    made.process.wait()
    until(made.is_gone)


def test_the_service_answers_and_a_stop_is_clean(service: Service, tmp_path: Path) -> None:
    with urlopen(f"{service.site}/health/ready") as answer:
        assert json.load(answer) == {"status": "ok"}
    made = [path for path in (tmp_path / "data").rglob("*") if not path.is_symlink()]
    assert {path.name for path in made} >= {"soundmill.db", "secret", "files"}
    assert [path for path in made if path.stat().st_mode & 0o077] == []  # nobody else may look
    service.process.terminate()
    assert service.process.wait(30) == 0
    until(service.is_gone)


@pytest.mark.parametrize("command", [("serve", "--workers", "1"), ("api",), ("db", "upgrade")])
def test_a_database_of_a_newer_version_is_told_as_all_else_is(command: tuple[str, ...], tmp_path: Path) -> None:
    made = run("db", "upgrade", directory=tmp_path, SOUNDMILL_DATA_DIR="data")
    assert made.returncode == 0, made.stderr
    with closing(sqlite3.connect(tmp_path / "data" / "soundmill.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = 'newer'")
    (tmp_path / "data" / "storage-id").write_text("0" * 32)  # another database's: whatever is started ends at once
    told = run(*command, directory=tmp_path, SOUNDMILL_DATA_DIR="data", SOUNDMILL_PORT="0", SOUNDMILL_LOG_FORMAT="json")
    assert json.loads(told.stderr.splitlines()[0])["event"] == "the database was migrated by a newer version"
    assert "up to date" not in told.stdout + told.stderr


def test_a_database_that_was_made_for_all_to_read_is_closed_to_others(tmp_path: Path) -> None:
    def upgrade() -> None:
        assert run("db", "upgrade", directory=tmp_path, SOUNDMILL_DATA_DIR="data").returncode == 0

    upgrade()
    database = tmp_path / "data" / "soundmill.db"
    modes = [path.stat().st_mode & 0o777 for path in (database.parent, database)]
    assert modes == [0o700, 0o600]
    database.chmod(0o644)  # as early versions made it
    upgrade()
    assert database.stat().st_mode & 0o777 == 0o640


def test_a_flag_beats_what_is_wrong_in_the_environment_in_every_process(tmp_path: Path) -> None:
    made = Service(tmp_path, SOUNDMILL_HOST="from.env.invalid", SOUNDMILL_PORT="none", SOUNDMILL_WORKERS="none")
    try:
        made.process.terminate()
        assert made.process.wait(30) == 0, made.output.read_text()
        assert "Traceback" not in made.output.read_text()
    finally:
        made.process.kill()
        made.process.wait()
    until(made.is_gone)


def signed_up(service: Service) -> str:
    """Somebody's token."""
    password = "correct horse battery"
    form = {"username": "ann", "email": "ann@example.org", "password1": password, "password2": password}
    httpx.post(f"{service.site}/api/auth/signup", data=form, timeout=60).raise_for_status()
    answer = httpx.post(f"{service.site}/api/auth/login", data={"username": "ann", "password": password}, timeout=60)
    return str(answer.json()["token"])


def test_an_upload_that_is_under_way_at_a_stop_is_accepted(service: Service) -> None:
    headers = {"Authorization": f"Bearer {signed_up(service)}"}

    def slowly() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="fileName"; filename="a.wav"\r\n\r\nRIFF'
        janitor = service.member("janitor")
        service.process.terminate()
        until(lambda: not is_alive(janitor.pid), seconds=60)  # the others have stopped
        yield b'\r\n--b\r\nContent-Disposition: form-data; name="newFormat"\r\n\r\nmp3\r\n--b--\r\n'

    of_form = {**headers, "Content-Type": "multipart/form-data; boundary=b"}
    answer = httpx.post(f"{service.site}/api/tasks", headers=of_form, content=slowly(), timeout=60)
    assert answer.status_code == 202, answer.text
    assert service.process.wait(60) == 0


def test_a_stop_while_the_server_still_loads_is_heard(tmp_path: Path) -> None:
    environment = {**os.environ, "SOUNDMILL_DRAIN_SECONDS": "600"}
    with subprocess.Popen([*SOUNDMILL, "api", "--port", "0"], cwd=tmp_path, env=environment) as api:
        loading = until(lambda: below(psutil.Process(api.pid)), seconds=60)
        try:
            api.terminate()
            assert api.wait(100) == 0
        finally:
            for each in (psutil.Process(api.pid), *loading) if api.poll() is None else ():
                each.kill()


def test_who_listens_to_events_is_let_go_at_a_stop(service: Service) -> None:
    headers = {"Authorization": f"Bearer {signed_up(service)}"}
    with httpx.stream("GET", f"{service.site}/api/events", headers=headers, timeout=60) as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("retry:")
        service.process.terminate()
        assert list(lines)[-1] == ""  # ended whole: a connection that is cut off raises
    assert service.process.wait(30) == 0


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Service]:
    """With one thread, which a client that stands still may hold for some seconds."""
    made = Service(tmp_path, SOUNDMILL_API_THREADS="1", SOUNDMILL_API_PATIENCE="3")
    yield made
    made.process.kill()
    made.process.wait()
    until(made.is_gone)


def connected(service: Service, request: str) -> socket.socket:
    url = httpx.URL(service.site)
    connection = socket.create_connection((url.host, url.port), timeout=60)
    connection.sendall(request.replace("\n", "\r\n").encode())
    return connection


def test_who_stops_sending_holds_a_thread_for_a_while_only(impatient: Service) -> None:
    request = "POST /api/auth/login HTTP/1.1\nHost: a\nContent-Type: application/json\nContent-Length: 90\n\n{"
    with connected(impatient, request) as connection:
        assert connection.recv(1) == b""
    assert httpx.get(f"{impatient.site}/health/ready", timeout=60).status_code == 200


def test_who_takes_nothing_of_an_answer_holds_a_thread_for_a_while_only(impatient: Service) -> None:
    token = signed_up(impatient)
    headers = {"Authorization": f"Bearer {token}"}
    sent = {"fileName": ("large.wav", bytes(16 << 20))}  # more than the kernel keeps for who doesn't take it
    uploaded = httpx.post(
        f"{impatient.site}/api/tasks", data={"newFormat": "mp3"}, files=sent, headers=headers, timeout=60
    )
    assert uploaded.status_code == 202
    request = f"GET /api/files/large.wav HTTP/1.1\nHost: a\nAuthorization: Bearer {token}\n\n"
    with connected(impatient, request) as connection:
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
        until(lambda: is_ready(impatient), seconds=60)


def test_who_waits_for_what_is_to_come_may_stay(impatient: Service) -> None:
    headers = {"Authorization": f"Bearer {signed_up(impatient)}"}
    with httpx.stream("GET", f"{impatient.site}/api/events", headers=headers, timeout=60) as stream:
        assert ": nothing new" in stream.iter_lines()  # after five seconds


def is_ready(service: Service) -> bool:
    try:
        return httpx.get(f"{service.site}/health/ready", timeout=60).status_code == 200
    except httpx.TransportError:  # it waited for the thread for as long
        return False


def listening(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that take connections."""

    def listens(process: psutil.Process) -> bool:
        try:
            return any(connection.status == psutil.CONN_LISTEN for connection in process.net_connections("tcp"))
        except psutil.NoSuchProcess:
            return False

    return [process for process in processes if listens(process)]


def test_an_api_of_two_processes_replaces_one_that_dies_and_stops_clean(tmp_path: Path) -> None:
    service = Service(tmp_path, SOUNDMILL_API_PROCESSES="2")
    try:
        api = service.member("api")
        # Each has a socket of its own: ready is said when the first listens.
        one, other = until(lambda: pair if len(pair := listening(api.children())) == 2 else None)
        one.kill()
        both = until(lambda: pair if len(pair := listening(api.children())) == 2 and one not in pair else None)
        assert other in both
        for _ in range(8):  # a new connection each: some come to either
            assert httpx.get(f"{service.site}/health/ready", timeout=60).is_success
        service.family += both
        service.process.terminate()
        assert service.process.wait(30) == 0
        until(service.is_gone)
    finally:
        service.process.kill()
        service.process.wait()
        until(service.is_gone)


def test_the_printed_commands_take_a_song_through_the_service(service: Service, tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "song.wav"), "wb") as song:
        song.setparams((2, 2, 44_100, 0, "NONE", "not compressed"))
        song.writeframes(bytes(4 * 44_100 * 10))
    told_when_ready = service.output.read_text().partition("soundmill is ready")[2]
    lines = [line.strip() for line in told_when_ready.splitlines() if line.startswith("  ")]
    script = "\n".join(["set -eu", *lines])
    told = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert '"status":"processed"' in told.stdout.replace(" ", ""), told.stdout
    codec = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", "song.mp3"]
    assert subprocess.run(codec, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip() == "mp3"
    # The API tells what its worker, another process, has done.
    counted = 'soundmill_conversions_total{outcome="processed",source="wav",target="mp3"} 1.0'
    assert counted in httpx.get(f"{service.site}/metrics", timeout=60).text.splitlines()


@pytest.mark.parametrize("killed", ["supervisor", "api", "worker", "janitor"])
def test_nobody_is_left_of_what_was_killed(service: Service, killed: str) -> None:
    if killed == "supervisor":
        service.process.send_signal(signal.SIGKILL)
        until(service.is_gone)
        return
    victim = service.member(killed)
    its_own = below(victim)
    victim.kill()
    until(lambda: not any(is_alive(each.pid) for each in its_own))
    again = rf"{killed}( \d+)? was killed by SIGKILL; starting it again"
    until(lambda: re.search(again, service.output.read_text()))
    until(
        lambda: [each for each in below(psutil.Process(service.process.pid)) if each != victim and runs(each, killed)]
    )
    until(lambda: is_ready(service))
