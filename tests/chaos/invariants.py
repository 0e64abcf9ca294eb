"""What must hold after any fault."""

from __future__ import annotations

import hashlib
import subprocess
from collections import Counter
from contextlib import suppress
from typing import Any

import httpx
from sqlalchemy import create_engine, text

from tests.chaos.cluster import Cluster
from tests.chaos.faults import engines
from tests.chaos.load import FINAL, Acknowledged, Heard, Load
from tests.waiting import until

INVARIANTS = ("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8")
_SETTLE_SECONDS = 150
# The samples aren't trimmed by every decoder: a WMA frame is 46 ms, an AAC frame 23 ms.
_TOLERANCE_SECONDS = 0.15


def settle(load: Load) -> dict[int, dict[str, Any]]:
    """The user's tasks once all are final (I2)."""
    load.wait_for_uploads()

    def final() -> dict[int, dict[str, Any]] | None:
        try:
            tasks = load.observe()
        except httpx.HTTPError:
            return None  # an API is just being started again
        return tasks if all(task["status"] in FINAL for task in tasks.values()) else None

    try:
        return until(final, seconds=_SETTLE_SECONDS)
    except AssertionError:
        tasks = load.tasks()
        waiting = {task_id: task["status"] for task_id, task in tasks.items() if task["status"] not in FINAL}
        load.violations.append(f"I2: not final: {waiting}")
        return tasks


def check(cluster: Cluster, load: Load, tasks: dict[int, dict[str, Any]]) -> list[str]:
    """Every violation, each beginning with its invariant; ``tasks`` are those of :func:`settle`. The cluster is stopped on the way."""
    found = load.violations
    found += _check_events(cluster, load, tasks)
    load.finish()
    if len(load.acknowledged) != load.uploads:
        found.append(f"I1: {len(load.acknowledged)} of {load.uploads} uploads were acknowledged")
    if not load.downloads_checked:
        found.append("I3: no download was checked under load")
    cluster.wait_until_ready()
    for upload in load.acknowledged:
        for task_id in upload.task_ids:
            found += _check_task(load, tasks.get(task_id), task_id, upload)
    expected = {task_id for upload in load.acknowledged for task_id in upload.task_ids}
    if extra := tasks.keys() - expected:
        found.append(f"I1: tasks that nobody was told of: {sorted(extra)}")
    found += [
        f"I2: task {task['id']} failed without a reason"
        for task in tasks.values()
        if task["status"] == "failed" and not (task["error"] or {}).get("message")
    ]
    found += _check_storage(cluster)
    found += _check_figures(cluster)
    load.observe()
    found += _check_judge(cluster)
    try:
        cluster.stop()
    except subprocess.TimeoutExpired as error:
        found.append(f"I6: doesn't stop: {error}")
    try:
        until(lambda: not cluster.strays(), seconds=10)
    except AssertionError:
        found.append(f"I6: left behind: {[(each.pid, each.cmdline()) for each in cluster.strays()]}")
    return found


def _check_judge(cluster: Cluster) -> list[str]:
    """I6 sees engines too: they are given few variables."""
    there = [each for part in cluster.workers for each in engines(part)]
    seen = cluster.strays()
    unseen = [each.pid for each in there if each not in seen and each.is_running()]
    return [f"?? engines that I6 can't see: {unseen}"] if unseen else []


def _check_task(load: Load, task: dict[str, Any] | None, task_id: int, upload: Acknowledged) -> list[str]:
    if task is None:
        return [f"I1: task {task_id} was acknowledged and isn't there"]
    found = []
    names = [each["fileName"] for each in task["sources"] or [task]]
    if [hashlib.sha256(load.download(each).content).hexdigest() for each in names] != upload.sha256s:
        found.append(f"I1: task {task_id}: the source isn't what was acknowledged")
    if task["status"] == "processed":
        if upload.seconds is None:
            found.append(f"I4: task {task_id}: a result of no sound")
        else:
            found += _check_result(load, task, upload.seconds)
    elif upload.seconds is not None or (task["error"] or {}).get("code") != "unsupported_input":
        # No fault takes as long as storages are waited for, nor costs a task all of its tries.
        found.append(f"I2: task {task_id} is {task['status']}: {task['error']}")
    return found


def _check_result(load: Load, task: dict[str, Any], seconds: float) -> list[str]:
    result = load.download(task["resultName"])
    if hashlib.sha256(result.content).hexdigest() != task["result"]["sha256"]:
        return [f"I4: task {task['id']}: the result isn't what the row says"]
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", "pipe:0", "-f", "s16le", "-ac", "1", "-ar", "8000", "-"]
    if task["newFormat"] == "m4a":  # its index may lie at the end, where a pipe can't seek to
        command[command.index("pipe:0")] = "cache:pipe:0"
    ran = subprocess.run(command, input=result.content, capture_output=True, check=False)
    heard = len(ran.stdout) / 2 / 8000
    if ran.returncode or abs(heard - seconds) > _TOLERANCE_SECONDS:
        return [f"I4: task {task['id']} ({task['newFormat']}): {heard} s of {seconds} s: {ran.stderr[:200]!r}"]
    return []


def _check_storage(cluster: Cluster) -> list[str]:
    """I5 and I6, as soon as the janitor has had its time."""
    engine = create_engine(cluster.postgres.url)

    def rows() -> set[str]:
        with engine.connect() as connection:
            return set(connection.execute(text("SELECT key FROM files WHERE key IS NOT NULL")).scalars())

    try:
        until(lambda: cluster.files.stored() == rows(), seconds=60)
        until(lambda: not cluster.files.leftovers(), seconds=60)
    except AssertionError:
        files, known = cluster.files.stored(), rows()
        found = [f"I5: files without a row: {files - known}"] if files - known else []
        found += [f"I5: rows without a file: {known - files}"] if known - files else []
        left = cluster.files.leftovers()
        return found + ([f"I6: left behind: {left}"] if left else [])
    finally:
        engine.dispose()
    return []


def _check_events(cluster: Cluster, load: Load, tasks: dict[int, dict[str, Any]]) -> list[str]:
    """I7, in the rows and at a client that listened through it all."""
    with cluster.queries() as query:
        rows = query("SELECT id, task_id, status FROM events ORDER BY id").all()
    told = [Heard(row.id, row.task_id, row.status) for row in rows if row.task_id in tasks]
    found = []
    count = Counter(each.task_id for each in told)
    if not_one := {task_id: count[task_id] for task_id in tasks if count[task_id] != 1}:
        found.append(f"I7: tasks without exactly one event: {not_one}")
    if untrue := [each for each in told if tasks[each.task_id]["status"] != each.status]:
        found.append(f"I7: events that aren't true: {untrue}")
    with suppress(AssertionError):
        until(lambda: load.heard == told, seconds=20)
    if load.heard != told:
        found.append(f"I7: told {told}, heard {load.heard}")
    return found


_FIGURES = """
    SELECT id, used_bytes, counted FROM (
        SELECT id, used_bytes,
               (SELECT COALESCE(SUM(size), 0) FROM files WHERE account_id = accounts.id AND key IS NOT NULL) AS counted
        FROM accounts
    ) AS figures
    WHERE used_bytes <> counted
"""


def _check_figures(cluster: Cluster) -> list[str]:
    """I8: what each account is said to use is what its files take."""
    with cluster.queries() as query:
        wrong = [tuple(each) for each in query(_FIGURES).all()]
    return [f"I8: accounts whose figure isn't the sum of their files: {wrong}"] if wrong else []
