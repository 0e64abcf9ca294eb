"""Is the service ready, and how can one try it?"""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException


def answers_ready(host: str, port: int) -> bool:
    """True when ``GET /health/ready`` gives 200 within a second."""
    connection = HTTPConnection(_reachable(host), port, timeout=1)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def address(host: str, port: int) -> str:
    """The service's address, as a browser takes it."""
    reachable = _reachable(host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def how_to_try(host: str, port: int) -> str:
    """What is printed when the service is ready: commands that can be pasted into a shell."""
    site = address(host, port)
    return f"""
soundmill is ready: {site}

Try it in a browser, or in a shell beside a file song.wav:

  PASSWORD=$(head -c 12 /dev/urandom | base64)
  curl -sS {site}/api/auth/signup -d username=ada -d email=ada@example.org --data-urlencode "password1=$PASSWORD" --data-urlencode "password2=$PASSWORD"
  TOKEN=$(curl -sS {site}/api/auth/login -d username=ada --data-urlencode "password=$PASSWORD" | sed 's/.*"token": *"\\([^"]*\\)".*/\\1/')
  TASK=$(curl -sS {site}/api/tasks -H "Authorization: Bearer $TOKEN" -F fileName=@song.wav -F newFormat=mp3 | sed 's/.*"id": *\\([0-9]*\\).*/\\1/')
  curl -sS "{site}/api/tasks/$TASK/wait?timeout=60" -H "Authorization: Bearer $TOKEN"
  curl -sS {site}/api/files/song.mp3 -H "Authorization: Bearer $TOKEN" -o song.mp3

Ctrl-C stops it."""


def _reachable(host: str) -> str:
    """An address to connect to: “all addresses” is none."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared, not bound
