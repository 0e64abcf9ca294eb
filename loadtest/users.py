"""Mixed users, for Locust: they upload, wait, look through their lists, download, change their minds, and send what is no sound.

Each checks what it gets; what isn't right is a failure in Locust's sense. Not imported: Locust reads it as its own program, which
changes Python's sockets.
"""

from __future__ import annotations

import hashlib
import os
import random
import secrets
from pathlib import Path
from typing import Any

from locust import HttpUser, between, task

_CLIPS = [Path(each).read_bytes() for each in os.environ["SOUNDMILL_LOAD_CLIPS"].split(os.pathsep)]
_FORMATS = ("mp3", "ogg", "flac", "opus", "m4a", "wav", "aac", "wma")
_FINAL = {"processed", "failed", "cancelled"}
_MOST_KEPT = 20


class Person(HttpUser):
    """Somebody with an account of their own."""

    wait_time = between(0.2, 1.5)

    def on_start(self) -> None:
        """Sign up and in."""
        name, password = f"soak-{secrets.token_hex(6)}", secrets.token_urlsafe(16)
        form = {"username": name, "email": f"{name}@example.org", "password1": password, "password2": password}
        self.client.post("/api/auth/signup", data=form)
        token = self.client.post("/api/auth/login", data={"username": name, "password": password}).json()["token"]
        self.client.headers["Authorization"] = f"Bearer {token}"
        self.kept: list[int] = []

    @task(10)
    def convert_and_download(self) -> None:
        """The usual: what comes back must be what the task says it is."""
        upload = {"fileName": ("clip.wav", random.choice(_CLIPS))}  # noqa: S311 - a load, no secret
        form = {"newFormat": random.choice(_FORMATS)}  # noqa: S311
        made = self.client.post("/api/tasks", data=form, files=upload)
        if made.status_code != 202:
            return
        ended = self._wait(made.json()["id"])
        self.kept.append(ended["id"])
        if ended["status"] == "processed":
            self._download(ended)
        else:
            self._complain("conversion", f"{ended['status']}: {ended['error']}")

    @task(4)
    def look_through_the_list(self) -> None:
        """The newest."""
        self.client.get("/api/tasks?max=20&order=1", name="/api/tasks?max=20")

    @task(2)
    def convert_anew(self) -> None:
        """Another format of what is there."""
        if self.kept:
            path = f"/api/tasks/{random.choice(self.kept)}"  # noqa: S311
            self.client.put(path, json={"newFormat": random.choice(_FORMATS)}, name="/api/tasks/[id]")  # noqa: S311

    @task(2)
    def change_ones_mind(self) -> None:
        """Upload and cancel at once: it is cancelled, or was quicker."""
        made = self.client.post("/api/tasks", data={"newFormat": "flac"}, files={"fileName": ("clip.wav", _CLIPS[0])})
        path = f"/api/tasks/{made.json()['id']}/cancel"
        with self.client.post(path, name="/api/tasks/[id]/cancel", catch_response=True) as answer:
            if answer.status_code in (202, 409):
                answer.success()
        self.kept.append(made.json()["id"])

    @task(1)
    def send_what_is_no_sound(self) -> None:
        """It must fail with a reason."""
        made = self.client.post(
            "/api/tasks", data={"newFormat": "mp3"}, files={"fileName": ("a.mp3", b"no sound" * 999)}
        )
        ended = self._wait(made.json()["id"])
        if ended["status"] != "failed" or not ended["error"]:
            self._complain("no sound", f"{ended['status']}: {ended['error']}")
        self.kept.append(ended["id"])

    @task(3)
    def tidy_up(self) -> None:
        """The oldest goes once there are many."""
        while len(self.kept) > _MOST_KEPT:
            self.client.delete(f"/api/tasks/{self.kept.pop(0)}", name="/api/tasks/[id]")

    def _wait(self, task_id: int) -> dict[str, Any]:
        while True:
            seen: dict[str, Any] = self.client.get(f"/api/tasks/{task_id}/wait", name="/api/tasks/[id]/wait").json()
            if seen["status"] in _FINAL:
                return seen

    def _download(self, ended: dict[str, Any]) -> None:
        with self.client.get(ended["result"]["url"], name="/api/files/[name]", catch_response=True) as answer:
            if hashlib.sha256(answer.content).hexdigest() != ended["result"]["sha256"]:
                answer.failure("these aren't the result's bytes")

    def _complain(self, name: str, what: str) -> None:
        self.environment.events.request.fire(
            request_type="CHECK",
            name=name,
            response_time=0,
            response_length=0,
            exception=AssertionError(what),
            context={},
        )
