"""The task board over HTTP: the worker's routes of the API."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import structlog

from soundmill.adapters.board.client import WorkerClient
from soundmill.logs import Seldom
from soundmill.model.conversion import Failure
from soundmill.model.errors import InvalidOptions, StaleAttempt, UnknownFormat, Unreachable
from soundmill.model.formats import target_format
from soundmill.model.options import accepted_options
from soundmill.model.sound import ConversionReport
from soundmill.model.tasks import TOO_NEW, Assignment, Attempt, NamedKey
from soundmill.service.ports import StoredFile

PATIENCE = timedelta(minutes=5)
"""How long a final word is repeated: a restart of the API, or of its database, takes less."""

_TROUBLE_SECONDS = 10.0

_log = structlog.get_logger()


class HttpBoard:
    """See :class:`soundmill.service.ports.Board`. Must not cross a fork.

    ``patience`` is how long a claim and a final word are repeated while the API doesn't answer; then ``Unreachable`` is raised. An
    unanswered progress is given up at once, for another follows: the lease lasts longer than the pause between them. A claim is given up, too,
    once this worker ``is_stopping``.
    Raises what :meth:`WorkerClient.said` does, too.
    """

    def __init__(
        self,
        client: WorkerClient,
        *,
        patience: timedelta = PATIENCE,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._client = client
        self._is_stopping = is_stopping
        self._patience = patience
        self._troubles = Seldom(_TROUBLE_SECONDS)

    def claim(self, owner: str, task_id: int | None = None) -> Assignment | None:
        """See the port."""
        # By this name the API knows a repeated claim, and gives the same task instead of a second one.
        claimant = f"{owner}#{uuid.uuid4().hex}"
        path = "/api/board/claim" if task_id is None else f"/api/tasks/{task_id}/claim"
        try:
            body = {"owner": claimant, "storage": self._client.storage}
            given = self._client.said(path, body, self._patience, is_in_vain=self._is_stopping)
        except StaleAttempt:  # 409: that task isn't due
            return None
        if given is None:
            return None
        try:
            return _assignment(given)
        except (InvalidOptions, UnknownFormat) as error:
            # Kept, it would end as a lost worker's; others wait for rings of their own.
            _log.warning("a task for newer workers is put back", task=given["taskId"], detail=error.message)
            with suppress(StaleAttempt):
                self.failed(Attempt(given["taskId"], given["attempt"]), TOO_NEW)
            return None

    def progress(self, attempt: Attempt, fraction: float) -> None:
        """See the port."""
        try:
            self._tell(attempt, "progress", {"progress": fraction}, patience=timedelta(0))
        except Unreachable as error:
            event = "progress not told"  # two or three times a second, for as long as the API is away
            if self._troubles.may_tell(event):
                _log.warning(event, task=attempt.task_id, attempt=attempt.number, detail=error.detail_for_log)

    def processed(self, attempt: Attempt, result: StoredFile, report: ConversionReport) -> None:
        """See the port."""
        stored = {"key": result.key, "size": result.size, "sha256": result.sha256}
        self._tell(attempt, "processed", {"result": stored, "report": report.as_dict()})

    def failed(self, attempt: Attempt, failure: Failure) -> None:
        """See the port."""
        self._tell(
            attempt,
            "failed",
            {"code": failure.code, "message": failure.message, "retryable": failure.retryable},
        )

    def release(self, attempt: Attempt) -> None:
        """See the port."""
        self._tell(attempt, "released", {})

    def _tell(self, attempt: Attempt, word: str, said: dict[str, Any], patience: timedelta | None = None) -> None:
        path = f"/api/tasks/{attempt.task_id}/{word}"
        self._client.said(path, {"attempt": attempt.number, **said}, self._patience if patience is None else patience)


def _assignment(given: dict[str, Any]) -> Assignment:
    target = target_format(given["newFormat"])
    return Assignment(
        Attempt(given["taskId"], given["attempt"]),
        _sources(given),
        target.name,
        accepted_options(target, given["options"]),
        given.get("sourceFormat", ""),  # an API of the version before doesn't say
        given.get("traceparent"),
        str(given.get("account", "")),
    )


def _sources(given: dict[str, Any]) -> tuple[NamedKey, ...]:
    # An API of the version before knows of one.
    told = given.get("sources") or [{"key": given["sourceKey"], "name": ""}]
    return tuple(NamedKey(each["key"], each["name"]) for each in told)
