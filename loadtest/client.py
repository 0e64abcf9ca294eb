"""Somebody who uploads: an account, a body for ``ab``, and what became of the tasks."""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.sounds import music, write

BOUNDARY = "soundmill-load-test"
FILE_SECONDS = 28.4
"""16 bits, stereo, 44.1 kHz: 5.0 MB."""


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

    def statuses(self) -> Counter[str]:
        """How many of the account's tasks have which status."""
        found: Counter[str] = Counter()
        after = 0
        while True:
            query = {"max": 1000, "after": after}
            headers = {"Authorization": f"Bearer {self.token}"}
            page = (
                httpx.get(f"{self.url}/api/tasks", params=query, headers=headers, timeout=60).raise_for_status().json()
            )
            found.update(task["status"] for task in page)
            if len(page) < 1000:
                return found
            after = page[-1]["id"]


def sound_file(directory: Path) -> Path:
    """5 MB of music."""
    return write(directory / "load.wav", music(FILE_SECONDS))


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
