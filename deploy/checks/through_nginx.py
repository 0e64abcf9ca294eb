"""Drive ``deploy/nginx.conf`` with the machine's own nginx before ``soundmill serve``, both on loopback ports. Prints what it tried.

Usage: ``.venv/bin/python deploy/checks/through_nginx.py NGINX [--syntax | --fleet]``. ``--syntax`` stops after ``nginx -t``. ``--fleet`` has two
APIs, a worker without a database setting and a janitor behind it, with the private PostgreSQL and Redis of the tests (``PYTHONPATH=.``).
"""

# ruff: noqa: INP001, T201 - a script that talks to whoever runs it
from __future__ import annotations

import http.client
import json
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_TEMPLATE = _ROOT / "deploy" / "nginx.conf"
_PROGRAM = str(Path(sys.executable).parent / "soundmill")
_PATIENCE_SECONDS = 60
_PASSWORD = "only for this check 7431"  # noqa: S105 - of an account that lives for a minute
_BOUNDARY = "the-boundary-of-this-check"
_SOUND_BYTES = 50 << 20
_API_THREADS = 4

_REFUSED = (
    ("GET", "/metrics"),
    ("GET", "/health/queue"),
    ("GET", "/health/queue/"),
    ("GET", "/health//queue"),
    ("GET", "/health/%71ueue"),
    ("POST", "/api/board/claim"),
    ("POST", "/api//board/claim"),
    ("POST", "/api/%62oard/claim"),
    ("POST", "/api%2Fboard/claim"),
    ("POST", "/api/formats/../board/claim"),
    *(("POST", f"/api/tasks/1/{word}") for word in ("claim", "progress", "processed", "failed", "released")),
    *(("POST", f"/api/tasks/1/seats/{word}") for word in ("open", "taken", "give", "close")),
    *(("POST", f"/api/board/seats/{word}") for word in ("take", "next", "answer", "leave")),
    ("POST", "/api/tasks/1/processed/"),
    ("POST", "/api/tasks/1/processed?attempt=1"),
    ("POST", "/api/tasks/1/%70rocessed"),
    ("POST", "/api/tasks/%D9%A1/processed"),  # an Arabic digit one, which a router may take for a number
    ("POST", "/api/tasks/1//processed"),
)
_REACHED = (
    ("GET", "/"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/api/formats"),
    ("GET", "/api/openapi.json"),
)


def main() -> None:
    """Everything, in order; the first thing that is not so ends it with status 1."""
    nginx, *options = sys.argv[1:]
    public, internal, *apis = _free_ports(4 if "--fleet" in options else 3)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        configuration = _rendered(home, public, internal, apis)
        said = subprocess.run([nginx, "-t", "-c", configuration], capture_output=True, text=True, check=False)
        _expect(said.returncode == 0, f"nginx -t: {said.stderr.strip()}")
        if "--syntax" in options:
            return
        with ExitStack() as running:
            running.enter_context(_running([nginx, "-c", str(configuration), "-g", "daemon off;"], home / "nginx.out"))
            _until(
                lambda: _tells(public, "GET", "/api/files/a.mp3", 503, "unreachable"),
                "nginx answers for an API that is away",
            )
            first = running.enter_context(_fleet(home, apis, internal) if len(apis) > 1 else _service(home, apis[0]))
            _until(lambda: _ask(public, "GET", "/health/ready")[0] == 200, "nginx answers")
            _tells_as_the_service_does(public)
            _refuses(public, internal)
            _believes_only_its_neighbour(public)
            _endures_those_who_stand_still(public)
            token = _token(public)
            _uploads(public, home, token)
            if len(apis) > 1:
                _loses_one_api(public, first, token)


def _refuses(public: int, internal: int) -> None:
    for method, path in _REFUSED:
        status, kind, _ = _ask(public, method, path)
        # nginx's own answer is HTML; the API's would be application/problem+json.
        _expect(
            (status, kind) == (404, "text/html"), f"{method} {path} from outside is refused by nginx: {status} {kind}"
        )
    for method, path in _REACHED:
        status, kind, _ = _ask(public, method, path)
        _expect(status == 200, f"{method} {path} from outside is answered: {status}")
    for path in ("/api/board/claim", "/api/tasks/1/processed"):
        status, kind, _ = _ask(internal, "POST", path)
        found = (status, kind)
        _expect(found == (401, "application/problem+json"), f"POST {path} reaches the API by the inner port: {found}")
    print(f"{len(_REFUSED)} ways to the inner routes are refused from outside; the inner port lets them through")


def _tells_as_the_service_does(public: int) -> None:
    large = {"Content-Length": str(18 << 20), "Content-Type": "application/json"}
    _expect(
        _tells(public, "POST", "/api/auth/login", 413, "too_large", large),
        "what is too large for nginx is told in JSON",
    )
    print("nginx's own errors look as the service's do")


def _tells(public: int, method: str, path: str, status: int, code: str, headers: dict[str, str] | None = None) -> bool:
    said, kind, text = _ask(public, method, path, headers=headers)
    if (said, kind) != (status, "application/problem+json"):
        return False
    problem = json.loads(text)
    return (problem["status"], problem["code"]) == (status, code)


def _believes_only_its_neighbour(public: int) -> None:
    """A client's own X-Forwarded-… must not become the address or the scheme that the API sees."""
    body = {"username": "nobody", "password": _PASSWORD}
    statuses = []
    for number in range(12):
        headers = {"X-Forwarded-For": f"203.0.113.{number}", "Content-Type": "application/json"}
        statuses.append(_ask(public, "POST", "/api/auth/login", json.dumps(body).encode(), headers)[0])
    _expect(429 in statuses, f"log-ins with invented addresses are counted as one client's: {statuses}")
    print("an invented X-Forwarded-For changes nothing")


def _endures_those_who_stand_still(public: int) -> None:
    """Many more than the API has threads send half a body, and then nothing."""
    head = (
        "POST /api/auth/login HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    with ExitStack() as waiting:
        for _ in range(10 * _API_THREADS):
            connection = waiting.enter_context(socket.create_connection(("127.0.0.1", public)))
            connection.sendall(head.encode())
        for _ in range(10):
            status, _, _ = _ask(public, "GET", "/api/formats")
            _expect(status == 200, f"others are answered meanwhile: {status}")
    print(f"{10 * _API_THREADS} who never finish their log-in keep nobody waiting")


def _uploads(public: int, home: Path, token: str) -> None:
    sound = _wave_file()
    head = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="newFormat"\r\n\r\nflac\r\n'
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="fileName"; filename="long.wav"\r\n'
        "Content-Type: audio/wav\r\n\r\n"
    ).encode()
    body = head + sound + f"\r\n--{_BOUNDARY}--\r\n".encode()
    half = len(body) // 2
    connection = http.client.HTTPConnection("127.0.0.1", public, timeout=_PATIENCE_SECONDS)
    connection.putrequest("POST", "/api/tasks")
    connection.putheader("Authorization", f"Bearer {token}")
    connection.putheader("Content-Type", f"multipart/form-data; boundary={_BOUNDARY}")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders()
    connection.send(body[:half])
    # Were the request buffered in nginx, the service would see nothing before its last byte.
    _until(
        lambda: _bytes_below(home / "data" / "incoming") > half // 2, "half an upload is on the service's disk already"
    )
    connection.send(body[half:])
    answer = connection.getresponse()
    task = json.loads(answer.read())
    _expect(answer.status == 202, f"an upload of {len(sound) >> 20} MiB is accepted: {answer.status} {task}")

    headers = {"Authorization": f"Bearer {token}"}
    status, _, text = _ask(public, "GET", f"/api/tasks/{task['id']}/wait?timeout=60", headers=headers)
    done = json.loads(text)
    _expect((status, done["status"]) == (200, "processed"), f"its task becomes processed: {status} {done}")
    status, _, back = _ask(public, "GET", "/api/files/long.wav", headers=headers)
    _expect(back == sound, f"its source comes back byte for byte: {status}, {len(back)} bytes")
    print(f"{len(sound) >> 20} MiB went in as a stream, were converted, and came back the same")


def _loses_one_api(public: int, first: subprocess.Popen[bytes], token: str) -> None:
    """As in a rolling restart: SIGTERM, and nobody who asks may notice."""
    headers = {"Authorization": f"Bearer {token}"}
    statuses = [_ask(public, "GET", "/api/tasks", headers=headers)[0] for _ in range(10)]
    first.terminate()
    while first.poll() is None:
        statuses.append(_ask(public, "GET", "/api/tasks", headers=headers)[0])
    statuses += [_ask(public, "GET", "/api/tasks", headers=headers)[0] for _ in range(10)]
    _expect(set(statuses) == {200}, f"every request is answered while an API stops: {statuses}")
    print(f"{len(statuses)} requests were answered while one of two APIs stopped")


def _rendered(home: Path, public: int, internal: int, apis: list[int]) -> Path:
    """nginx's whole configuration with the template in it; every variable of the template has to be known here."""
    values = {
        "SOUNDMILL_LISTEN": f"127.0.0.1:{public}",
        "SOUNDMILL_INTERNAL_PORT": str(internal),
        "SOUNDMILL_API": "soundmill-api",
        "SOUNDMILL_RESOLVER": "127.0.0.1",
        "SOUNDMILL_FORWARDED_PROTO": "$scheme",
        "SOUNDMILL_BODY_LIMIT": "11g",
    }
    site = re.sub(r"\$\{(SOUNDMILL_\w+)\}", lambda found: values[found[1]], _TEMPLATE.read_text())
    # Port 1 is dead: its share has to go to the others.
    servers = " ".join(f"server 127.0.0.1:{port};" for port in (*apis, 1))
    (home / "nginx.conf").write_text(
        f"pid {home}/nginx.pid;\nerror_log {home}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n"
        + "".join(f"{kind}_temp_path {home}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        + f"upstream soundmill-api {{ {servers} }}\n{site}\n}}\n"
    )
    return home / "nginx.conf"


@contextmanager
def _service(home: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    settings = {"SOUNDMILL_DATA_DIR": str(home / "data"), "SOUNDMILL_PROXY_HOPS": "1", "SOUNDMILL_WORKERS": "1"}
    settings["SOUNDMILL_API_THREADS"] = str(_API_THREADS)
    settings["SOUNDMILL_WORKER_SECRET"] = "of workers " * 4
    with _soundmill(home, "serve", settings, "--host", "127.0.0.1", "--port", str(port)) as service:
        _until(lambda: _ask(port, "GET", "/health/ready")[0] == 200, "the service answers")
        yield service


@contextmanager
def _fleet(home: Path, ports: list[int], internal: int) -> Iterator[subprocess.Popen[bytes]]:
    """Gives the first API. Each role has the settings that compose.yaml gives it, and no others."""
    from tests.servers import PostgresServer, RedisServer

    (redis_port,) = _free_ports(1)
    with tempfile.TemporaryDirectory(prefix="soundmill-", dir="/tmp") as folder, ExitStack() as running:
        database, broker = PostgresServer(Path(folder)), RedisServer(Path(folder), ("127.0.0.1", redis_port))
        for server in (database, broker):
            running.callback(server.kill)
            server.start()
        for name, value in {
            "SECRET": "of accounts " * 4,
            "WORKER_SECRET": "of workers " * 4,
            "DATABASE_URL": database.url,
            "BROKER_URL": broker.url,
            "LIMITS_STORAGE": broker.url.replace("/0", "/1"),
        }.items():
            (home / name).write_text(f"{value}\n")
        common = {"SOUNDMILL_DATA_DIR": str(home / "data")}

        def given(*names: str) -> dict[str, str]:
            return {**common, **{f"SOUNDMILL_{name}_FILE": str(home / name) for name in names}}

        stateful = given("DATABASE_URL", "BROKER_URL")
        migration = {"SOUNDMILL_DATABASE_URL_FILE": stateful["SOUNDMILL_DATABASE_URL_FILE"]}
        subprocess.run(
            [_PROGRAM, "db", "upgrade"], env=_environment(migration), cwd=home, check=True, capture_output=True
        )
        apis = []
        for port in ports:
            settings = {**stateful, **given("SECRET", "WORKER_SECRET", "LIMITS_STORAGE"), "SOUNDMILL_PROXY_HOPS": "1"}
            settings["SOUNDMILL_API_THREADS"] = str(_API_THREADS)
            apis.append(
                running.enter_context(_soundmill(home, "api", settings, "--host", "127.0.0.1", "--port", str(port)))
            )
        settings = {**given("WORKER_SECRET", "BROKER_URL"), "SOUNDMILL_API_URL": f"http://127.0.0.1:{internal}"}
        running.enter_context(_soundmill(home, "worker", {**settings, "SOUNDMILL_WORKERS": "1"}))
        running.enter_context(_soundmill(home, "janitor", stateful))
        for port in ports:
            _until(lambda port=port: _ask(port, "GET", "/health/ready")[0] == 200, f"the API on {port} answers")  # type: ignore[misc]
        yield apis[0]


def _environment(settings: dict[str, str]) -> dict[str, str]:
    """Nothing of whoever runs the check gets to the service."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith("SOUNDMILL_")}, **settings}


@contextmanager
def _soundmill(home: Path, command: str, settings: dict[str, str], *more: str) -> Iterator[subprocess.Popen[bytes]]:
    out = home / f"{command} {' '.join(more[-1:])}.out"
    with _running([_PROGRAM, command, *more], out, _environment(settings), home) as process:
        yield process


@contextmanager
def _running(
    command: list[str], out: Path, environment: dict[str, str] | None = None, where: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    with out.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=where)
    try:
        yield process
    except BaseException:
        print(out.read_text()[-2000:], file=sys.stderr)
        raise
    finally:
        process.terminate()
        process.wait(_PATIENCE_SECONDS)


def _token(public: int) -> str:
    sign_up = {"username": "ada", "email": "ada@example.org", "password1": _PASSWORD, "password2": _PASSWORD}
    headers = {"Content-Type": "application/json"}
    status, _, text = _ask(public, "POST", "/api/auth/signup", json.dumps(sign_up).encode(), headers)
    _expect(status == 201, f"signing up works: {status} {text!r}")
    log_in = {"username": "ada", "password": _PASSWORD}
    _, _, text = _ask(public, "POST", "/api/auth/login", json.dumps(log_in).encode(), headers)
    return str(json.loads(text)["token"])


def _ask(
    port: int, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, str, bytes]:
    """Status, media type and body; status 0 when nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS + 10)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, (answer.getheader("Content-Type") or "").split(";")[0], answer.read()
    except ConnectionError:
        return 0, "", b""
    finally:
        connection.close()


def _until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        _expect(time.monotonic() < end, f"{what}, within {_PATIENCE_SECONDS} s")
        time.sleep(0.1)


def _expect(so: bool, what: str) -> None:
    if not so:
        print(f"not so: {what}", file=sys.stderr)
        sys.exit(1)


def _bytes_below(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file()) if folder.is_dir() else 0


def _wave_file() -> bytes:
    """PCM, 16 bit, stereo, 44.1 kHz: a saw that rises and falls, so that it is a sound and not silence."""
    period = struct.pack("<400h", *(each for step in range(-100, 100) for each in (step * 50, step * -50)))
    sound = period * (_SOUND_BYTES // len(period))
    form = struct.pack("<HHIIHH", 1, 2, 44100, 176400, 4, 16)
    body = b"WAVE" + b"fmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(sound)) + sound
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _free_ports(count: int) -> list[int]:
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in taken]
    for each in taken:
        each.close()
    return ports


if __name__ == "__main__":
    main()
