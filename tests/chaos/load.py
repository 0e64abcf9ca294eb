"""A seeded load that remembers what was acknowledged, and watches what clients see meanwhile."""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.cluster import Cluster
from tests.sounds import ffmpeg, music, write

FINAL = {"processed", "failed", "cancelled"}
_PASSWORD = "correct horse battery staple"
_TARGETS = ("mp3", "ogg", "flac", "opus", "m4a", "wav", "wma")


@dataclass(frozen=True, slots=True)
class Sample:
    """A file to upload: ``seconds`` of sound, or none at all."""

    name: str
    content: bytes
    seconds: float | None


def samples(directory: Path) -> tuple[Sample, ...]:
    """Short ones, one that takes a while, and one that is no sound."""
    short, long = directory / "short.wav", directory / "long.wav"
    write(short, music(2))
    write(long, music(60))
    made = [Sample("short.wav", short.read_bytes(), 2), Sample("long.wav", long.read_bytes(), 60)]
    for name in ("a.flac", "b.mp3", "c.ogg"):
        path = directory / name
        ffmpeg("-i", short, "-ac", "2", "-strict", "-2", path)
        made.append(Sample(name, path.read_bytes(), 2))
    made.append(Sample("text.mp3", b"This is no sound.\n" * 1000, None))
    return tuple(made)


@dataclass(slots=True)
class Acknowledged:
    """An upload that was answered with 202."""

    task_ids: list[int]
    sha256s: list[str]
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Upload:
    """What one request sends: a file, or several to be joined, and the formats that are wanted."""

    samples: tuple[Sample, ...]
    targets: list[str]

    def acknowledged(self, task_ids: list[int]) -> Acknowledged:
        """Once the tasks are known."""
        sha256s = [hashlib.sha256(each.content).hexdigest() for each in self.samples]
        lengths = [each.seconds for each in self.samples if each.seconds is not None]
        return Acknowledged(task_ids, sha256s, sum(lengths) if len(lengths) == len(self.samples) else None)


@dataclass(frozen=True, slots=True)
class Heard:
    """A task's end, as an event told it."""

    event_id: int
    task_id: int
    status: str


@dataclass
class Load:
    """One user's client: uploads, and looks on. Everything it saw is kept for the check.

    Each upload has an idempotency key, and is sent again until it is acknowledged; with ``twice``, to both APIs at once.
    """

    cluster: Cluster
    seed: int
    uploads: int
    twice: bool = False
    acknowledged: list[Acknowledged] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    refused: int = 0
    downloads_checked: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - a load, no secret
        self._final: dict[int, str] = {}
        self.heard: list[Heard] = []
        self._observing = threading.Lock()
        self._stop = threading.Event()
        self.headers: dict[str, str] = {}
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Sign up, then upload and watch in the background."""
        with signed_in(self.cluster.api_urls[0], f"user{self.seed}") as user:
            self.headers = {"Authorization": user.headers["Authorization"]}
        chosen = samples(self.cluster.directory)
        # Each kind at least once, then some that are joined, the rest by chance.
        kinds = [*((each,) for each in chosen), chosen[2:5]]
        plan = [*kinds, *((each,) for each in self._random.choices(chosen, k=max(0, self.uploads - len(kinds))))]
        uploads = [
            Upload(each, self._random.sample(_TARGETS, self._random.choice((1, 1, 2)))) for each in plan[: self.uploads]
        ]
        self._threads = [
            threading.Thread(target=self._upload_all, args=(uploads,), name="uploads"),
            threading.Thread(target=self._look_on, name="downloads"),
            threading.Thread(target=self._listen, name="events"),
        ]
        for thread in self._threads:
            thread.start()

    def wait_for_uploads(self) -> None:
        """Until each was acknowledged, however often it took."""
        self._threads[0].join(180)
        if self._threads[0].is_alive():
            self.violations.append("I2: uploads aren't accepted any more")

    def finish(self) -> None:
        """Stop looking on."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def tasks(self) -> dict[int, dict[str, Any]]:
        """All of the user's tasks, as an API says."""
        found: dict[int, dict[str, Any]] = {}
        after = 0
        while True:
            answer = self._get("/api/tasks", max=200, after=after).raise_for_status().json()
            found |= {task["id"]: task for task in answer}
            if len(answer) < 200:
                return found
            after = max(found)

    def download(self, name: str) -> httpx.Response:
        """A file, whole."""
        return self._get(f"/api/files/{httpx.URL(path='/' + name).raw_path.decode()[1:]}")

    def observe(self) -> dict[int, dict[str, Any]]:
        """The tasks, compared with what was seen before. I8: what is final stays as it is."""
        with self._observing:  # answers are compared in the order in which they were asked for
            tasks = self.tasks()
            for task_id, task in tasks.items():
                before = self._final.get(task_id)
                if before is not None and before != task["status"]:
                    self.violations.append(f"I8: task {task_id} was {before} and is {task['status']}")
                if task["status"] in FINAL:
                    self._final[task_id] = task["status"]
            return tasks

    def _get(self, path: str, **query: Any) -> httpx.Response:
        url = self._random.choice(self.cluster.api_urls)
        return httpx.get(url + path, params=query or None, headers=self.headers, timeout=30)

    def _upload_all(self, uploads: list[Upload]) -> None:
        for number, upload in enumerate(uploads):
            while not self._stop.is_set() and not self._upload(f"upload {number}", upload):
                self.refused += 1
                time.sleep(0.2)
            time.sleep(0.1)

    def _upload(self, key: str, upload: Upload) -> bool:
        urls = self.cluster.api_urls
        chosen = urls if self.twice else [self._random.choice(urls)]
        with ThreadPoolExecutor(len(chosen)) as pool:
            answers = list(pool.map(lambda url: self._upload_to(url, key, upload), chosen))
        accepted = [ids for ids in answers if ids]
        if not accepted:
            return False
        if any(ids != accepted[0] for ids in accepted):
            self.violations.append(f"I1: one key made {accepted}")
        self.acknowledged.append(upload.acknowledged(accepted[0]))
        return True

    def _upload_to(self, url: str, key: str, upload: Upload) -> list[int]:
        data = {"newFormat": upload.targets, "join": ["true"] if len(upload.samples) > 1 else []}
        try:
            answer = httpx.post(
                f"{url}/api/tasks",
                headers={**self.headers, "Idempotency-Key": key},
                files=[("fileName", (each.name, each.content)) for each in upload.samples],
                data=data,
                timeout=40,
            )
        except httpx.HTTPError:
            return []
        if answer.status_code != 202:
            return []
        given = answer.json()
        return [task["id"] for task in given.get("tasks", [given])]

    def _look_on(self) -> None:
        while not self._stop.is_set():
            try:
                done = [task for task in self.observe().values() if task["status"] == "processed"]
                if done:
                    self._check_download(self._random.choice(done))
            except (httpx.HTTPError, ValueError):
                pass  # broken off: the client knows that it got nothing whole
            time.sleep(0.1)

    def _listen(self) -> None:
        last_id = "0"
        while not self._stop.is_set():
            url = self._random.choice(self.cluster.api_urls) + "/api/events"
            headers = {**self.headers, "Last-Event-ID": last_id}
            try:
                with httpx.stream("GET", url, headers=headers, timeout=httpx.Timeout(5, read=1)) as answer:
                    answer.raise_for_status()
                    for event_id, task in _events(answer.iter_lines()):
                        self.heard.append(Heard(event_id, task["id"], task["status"]))
                        last_id = str(event_id)
            except httpx.ReadTimeout:
                pass  # a silence to look around in
            except httpx.HTTPError:
                time.sleep(0.1)  # broken off, or refused: it goes on behind what was heard last

    def _check_download(self, task: dict[str, Any]) -> None:
        answer = self.download(task["resultName"])
        if answer.status_code != 200:
            return
        self.downloads_checked += 1
        if hashlib.sha256(answer.content).hexdigest() != task["result"]["sha256"]:
            self.violations.append(f"I3: task {task['id']}: a download of {len(answer.content)} bytes isn't the result")


@contextmanager
def signed_in(url: str, name: str) -> Iterator[httpx.Client]:
    """A new account's client, with its token."""
    with httpx.Client(base_url=url, timeout=40) as client:
        form = {"username": name, "email": f"{name}@example.org", "password1": _PASSWORD, "password2": _PASSWORD}
        client.post("/api/auth/signup", data=form).raise_for_status()
        answer = client.post("/api/auth/login", data={"username": name, "password": _PASSWORD}).raise_for_status()
        client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        yield client


def _events(lines: Iterator[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Those with an id, as a client reads them: what was broken off before its empty line doesn't count."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
            continue
        if {"id", "event"} <= fields.keys():
            yield int(fields["id"]), json.loads(fields["data"])
        fields = {}
