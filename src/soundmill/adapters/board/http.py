"""The task board over HTTP: the worker's routes of the API, with the worker secret."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import httpx
import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from soundmill import __version__
from soundmill.model.conversion import Failure
from soundmill.model.errors import ConfigurationError, Refused, StaleAttempt, Unreachable
from soundmill.model.formats import target_format
from soundmill.model.options import parse_options
from soundmill.model.sound import ConversionReport
from soundmill.model.tasks import Assignment, Attempt, NamedKey
from soundmill.service.ports import StoredFile

PATIENCE = timedelta(minutes=5)
"""How long a final word is repeated: a restart of the API, or of its database, takes less."""

_TIMEOUT = httpx.Timeout(20, connect=5)
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 5.0

# 404: an API of the version before, or a proxy that is just being set up.
_PASSING = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})

_log = structlog.get_logger()


class HttpBoard:
    """See :class:`soundmill.service.ports.Board`. Must not cross a fork.

    ``patience`` is how long a claim and a final word are repeated while the API doesn't answer; then ``Unreachable`` is raised. An
    unanswered progress is given up at once, for another follows: the lease lasts longer than the pause between them.
    ``storage`` is the identity of the storage that this worker sees; ``headers`` gives those that a request has besides.
    Raises ``ConfigurationError`` when the API refuses the secret or has another storage, ``Refused`` when it will never take what it was told.
    """

    def __init__(
        self,
        api_url: str,
        secret: str,
        *,
        storage: str | None = None,
        headers: Callable[[], dict[str, str]] = dict,
        patience: timedelta = PATIENCE,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._storage = storage
        self._headers = headers
        self._patience = patience
        self._client = httpx.Client(
            base_url=api_url,
            headers={"Authorization": f"Bearer {secret}", "User-Agent": f"soundmill/{__version__}"},
            timeout=_TIMEOUT,
            transport=transport,
            trust_env=False,  # a proxy for the Internet is none for our own API
        )

    def claim(self, owner: str, task_id: int | None = None) -> Assignment | None:
        """See the port."""
        # By this name the API knows a repeated claim, and gives the same task instead of a second one.
        claimant = f"{owner}#{uuid.uuid4().hex}"
        path = "/api/board/claim" if task_id is None else f"/api/tasks/{task_id}/claim"
        try:
            given = self._said(path, {"owner": claimant, "storage": self._storage})
        except StaleAttempt:  # 409: that task isn't due
            return None
        if given is None:
            return None
        target = target_format(given["newFormat"])
        return Assignment(
            Attempt(given["taskId"], given["attempt"]),
            _sources(given),
            target.name,
            parse_options(target, given["options"]),
            given.get("sourceFormat", ""),  # an API of the version before doesn't say
            given.get("traceparent"),
        )

    def progress(self, attempt: Attempt, fraction: float) -> None:
        """See the port."""
        try:
            self._tell(attempt, "progress", {"progress": fraction}, patience=timedelta(0))
        except Unreachable as error:
            _log.warning("progress not told", task=attempt.task_id, attempt=attempt.number, detail=error.detail_for_log)

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

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _tell(self, attempt: Attempt, word: str, said: dict[str, Any], patience: timedelta | None = None) -> None:
        self._said(f"/api/tasks/{attempt.task_id}/{word}", {"attempt": attempt.number, **said}, patience)

    def _said(self, path: str, body: dict[str, Any], patience: timedelta | None = None) -> Any:
        """The answer's JSON, or ``None`` for an empty one."""
        limit = self._patience if patience is None else patience
        repeating = Retrying(
            retry=retry_if_exception_type(Unreachable),
            wait=wait_exponential_jitter(multiplier=_FIRST_PAUSE_SECONDS, max=_LONGEST_PAUSE_SECONDS),
            stop=stop_after_delay(limit),
            before_sleep=lambda state: _log_repetition(path, state),
            reraise=True,
        )
        return repeating(self._said_once, path, body)

    def _said_once(self, path: str, body: dict[str, Any]) -> Any:
        try:
            answer = self._client.post(path, json=body, headers=self._headers())
        except httpx.TransportError as error:
            raise _unreachable(f"{type(error).__name__}: {error}") from error
        if answer.is_success:
            return answer.json() if answer.content else None
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            raise ConfigurationError(
                "The API refuses this worker: SOUNDMILL_WORKER_SECRET must be the same there and here."
            )
        if answer.status_code == HTTPStatus.PRECONDITION_FAILED:
            raise ConfigurationError(
                "The API works with another storage: SOUNDMILL_STORAGE_URL must be the same there and here, or without it the directory SOUNDMILL_DATA_DIR."
            )
        if answer.status_code == HTTPStatus.CONFLICT:
            raise StaleAttempt(answer.json()["detail"])
        detail = f"{answer.status_code} for {path}: {answer.text[:200]}"
        if answer.is_client_error and answer.status_code not in _PASSING:
            raise Refused("The API refuses this.", detail_for_log=detail)
        raise _unreachable(detail)


def _sources(given: dict[str, Any]) -> tuple[NamedKey, ...]:
    # An API of the version before knows of one.
    told = given.get("sources") or [{"key": given["sourceKey"], "name": ""}]
    return tuple(NamedKey(each["key"], each["name"]) for each in told)


def _unreachable(detail: str) -> Unreachable:
    return Unreachable("The API doesn't answer.", detail_for_log=detail)


def _log_repetition(path: str, state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    detail = getattr(error, "detail_for_log", "")
    _log.warning("the API doesn't answer, asking again", path=path, tries=state.attempt_number, detail=detail)
