"""A worker's requests to the API, with the worker secret."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import httpx
import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from soundmill import __version__
from soundmill.model.errors import ConfigurationError, Refused, StaleAttempt, Unreachable

_TIMEOUT = httpx.Timeout(20, connect=5)
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 5.0

# 404: an API of the version before, or a proxy that is just being set up.
_PASSING = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})

_log = structlog.get_logger()


class WorkerClient:
    """Must not cross a fork. ``storage`` is the identity of the storage that this worker sees; ``headers`` gives those that a request has besides."""

    def __init__(
        self,
        api_url: str,
        secret: str,
        *,
        storage: str | None = None,
        headers: Callable[[], dict[str, str]] = dict,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.storage = storage
        self._headers = headers
        self._client = httpx.Client(
            base_url=api_url,
            headers={"Authorization": f"Bearer {secret}", "User-Agent": f"soundmill/{__version__}"},
            timeout=_TIMEOUT,
            transport=transport,
            trust_env=False,  # a proxy for the Internet is none for our own API
        )

    def said(
        self, path: str, body: dict[str, Any], patience: timedelta, *, is_in_vain: Callable[[], bool] = lambda: False
    ) -> Any:
        """The answer's JSON, or ``None`` for an empty one.

        Asks again for as long as ``patience`` while the API doesn't answer, or until it ``is_in_vain``; then raises ``Unreachable``. Raises ``StaleAttempt`` for
        409, ``ConfigurationError`` when the API refuses the secret or has another storage, ``Refused`` when it will never take this.
        """
        has_lasted = stop_after_delay(patience)
        repeating = Retrying(
            retry=retry_if_exception_type(Unreachable),
            wait=wait_exponential_jitter(multiplier=_FIRST_PAUSE_SECONDS, max=_LONGEST_PAUSE_SECONDS),
            stop=lambda state: has_lasted(state) or is_in_vain(),
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


def _unreachable(detail: str) -> Unreachable:
    return Unreachable("The API doesn't answer.", detail_for_log=detail)


def _log_repetition(path: str, state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    detail = getattr(error, "detail_for_log", "")
    _log.warning("the API doesn't answer, asking again", path=path, tries=state.attempt_number, detail=detail)
