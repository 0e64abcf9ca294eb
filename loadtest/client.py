"""Somebody who uploads: an account, a body for ``ab``, and what became of the tasks."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from tests.sounds import music, write

BOUNDARY = "soundmill-load-test"
FINAL = frozenset({"processed", "failed", "cancelled"})
FILE_SECONDS = 28.4
"""16 bits, stereo, 44.1 kHz: 5.0 MB."""
_PAGE = 1000
# Loading certificates takes 20 ms of processor time: made anew for each question, the figures would show it.
TLS = httpx.create_ssl_context()


@dataclass(frozen=True, slots=True)
class Client:
    """An account of a running service."""

    url: str
    token: str

    @classmethod
    def signed_up(cls, url: str) -> Client:
        """A new account. Raises ``httpx.HTTPError``."""
        name, password = f"load-{secrets.token_hex(6)}", secrets.token_urlsafe(16)
        form = {"username": name, "email": f"{name}@example.org", "password1": password, "password2": password}
        httpx.post(f"{url}/api/auth/signup", data=form, timeout=60).raise_for_status()
        answer = httpx.post(f"{url}/api/auth/login", data={"username": name, "password": password}, timeout=60)
        return cls(url, answer.raise_for_status().json()["token"])

    @contextmanager
    def connection(self) -> Iterator[httpx.Client]:
        """For several requests."""
        headers = {"Authorization": f"Bearer {self.token}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=120, verify=TLS) as client:
            yield client

    def tasks(self, after: int = 0) -> list[dict[str, Any]]:
        """All of the account's tasks behind that id."""
        found: list[dict[str, Any]] = []
        with self.connection() as client:
            while True:
                page = client.get("/api/tasks", params={"max": _PAGE, "after": after}).raise_for_status().json()
                found += page
                if len(page) < _PAGE:
                    return found
                after = page[-1]["id"]

    def is_busy(self, after: int = 0) -> bool:
        """True while one behind that id isn't final yet."""
        with self.connection() as client:
            pages = (
                client.get("/api/tasks", params={"max": 1, "after": after, "status": status}).raise_for_status()
                for status in ("uploaded", "processing")
            )
            return any(page.json() for page in pages)

    def newest(self) -> int:
        """The id of its last task; 0 when it has none."""
        with self.connection() as client:
            page = client.get("/api/tasks", params={"max": 1, "order": 1}).raise_for_status().json()
        return int(page[0]["id"]) if page else 0

    def delete_after(self, task_id: int) -> None:
        """All of its tasks behind that id: the disk isn't ours alone."""
        doomed = self.tasks(task_id)
        with self.connection() as client:
            for task in doomed:
                client.delete(f"/api/tasks/{task['id']}").raise_for_status()


def seconds_to_the_end(task: dict[str, Any]) -> float:
    """From the request to the result, by the service's clock."""
    return (datetime.fromisoformat(task["finishedAt"]) - datetime.fromisoformat(task["timeStamp"])).total_seconds()


def sound_file(directory: Path, seconds: float = FILE_SECONDS) -> Path:
    """Music, as WAV."""
    return write(directory / f"load-{seconds:g}.wav", music(seconds))


def multipart(sound: Path, new_format: str) -> Path:
    """The body of an upload (RFC 7578), for ``ab -p``."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="newFormat"\r\n\r\n{new_format}\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="fileName"; filename="{sound.name}"\r\n'
        "Content-Type: audio/wav\r\n\r\n"
    )
    body = sound.with_suffix(".multipart")
    body.write_bytes(head.encode() + sound.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode())
    return body
