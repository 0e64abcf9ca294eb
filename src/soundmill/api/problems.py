"""Every error as ``application/problem+json`` (RFC 9457), decided in this one place."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from apiflask import APIFlask, HTTPError
from flask import Response, json
from werkzeug.datastructures import Headers

from soundmill.api.services import services
from soundmill.model import errors

_log = structlog.get_logger()

_KEPT_HEADERS = frozenset({"allow", "retry-after", "www-authenticate", "content-range", "location"})

_STATUSES: dict[type[errors.SoundmillError], HTTPStatus] = {
    errors.InvalidRequest: HTTPStatus.BAD_REQUEST,
    errors.InvalidOptions: HTTPStatus.BAD_REQUEST,
    errors.UnknownFormat: HTTPStatus.BAD_REQUEST,
    errors.NotAuthenticated: HTTPStatus.UNAUTHORIZED,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.AlreadyTaken: HTTPStatus.CONFLICT,
    errors.WrongState: HTTPStatus.CONFLICT,
    errors.StaleAttempt: HTTPStatus.CONFLICT,
    errors.WrongStorage: HTTPStatus.PRECONDITION_FAILED,
    errors.KeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.NoRoom: HTTPStatus.INSUFFICIENT_STORAGE,
    errors.StorageError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.TryLater: HTTPStatus.TOO_MANY_REQUESTS,
    errors.OverQuota: HTTPStatus.TOO_MANY_REQUESTS,
    errors.QueueFull: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.Busy: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.Unreachable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DatabaseDamaged: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DatabaseFull: HTTPStatus.INSUFFICIENT_STORAGE,
}

# What Python says of these is for programmers, and of 400 the wrong thing (“bad request syntax or unsupported method”).
_SENTENCES = {
    HTTPStatus.BAD_REQUEST: "The body can't be read as what its Content-Type says.",
    HTTPStatus.NOT_FOUND: "There is nothing at this address.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address doesn't take this method.",
    HTTPStatus.PRECONDITION_FAILED: "The file has changed.",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: "The file has no such range.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "This address doesn't take this Content-Type.",
}


def install(app: APIFlask) -> None:
    """Answer every error of ``app`` with a problem."""
    app.register_error_handler(errors.SoundmillError, _of_ours)
    app.register_error_handler(Exception, _of_a_defect)
    app.error_processor(_of_http)


def problem(
    status: HTTPStatus,
    code: str,
    detail: str,
    fields: tuple[errors.FieldError, ...] = (),
    **headers: str,
) -> Response:
    """A problem document; ``errors`` lists the wrong fields."""
    body: dict[str, Any] = {
        "type": f"urn:soundmill:error:{code}",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        "code": code,
    }
    if fields:
        body["errors"] = [{"field": each.field, "message": each.message} for each in fields]
    answer = Response(json.dumps(body), status.value, content_type="application/problem+json")
    answer.headers.update(headers)
    return answer


def _of_ours(error: errors.SoundmillError) -> Response:
    status = _STATUSES.get(type(error))
    if status is None:
        _log.error("unexpected error", exc_info=error, detail=error.detail_for_log)
        return _internal()
    services().traffic.refused(error.code)
    headers = {}
    if isinstance(error, errors.Unreachable | errors.StorageError):
        _log.error("not served", detail=error.for_log)
        headers["Retry-After"] = "5"
    if isinstance(error, errors.NoRoom):
        _log.warning("nothing accepted: the storage is full", detail=error.detail_for_log)
    if isinstance(error, errors.TryLater):
        headers["Retry-After"] = str(max(1, round(error.retry_after.total_seconds())))
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return problem(status, error.code, error.message, getattr(error, "fields", ()), **headers)


def _of_http(error: HTTPError) -> Response:
    """What Flask, Werkzeug or a schema refused."""
    status = HTTPStatus(error.status_code)
    fields = tuple(
        errors.FieldError(field, " ".join(messages))
        for by_field in (error.detail or {}).values()
        for field, messages in by_field.items()
    )
    detail = (
        "Some fields are missing or wrong." if fields else _SENTENCES.get(status, status.description or status.phrase)
    )
    code = "invalid_request" if fields else status.name.lower()
    services().traffic.refused(code)
    headers = {name: value for name, value in Headers(error.headers).items() if name.lower() in _KEPT_HEADERS}
    return problem(status, code, detail, fields, **headers)


def _of_a_defect(error: Exception) -> Response:
    if isinstance(error, RecursionError):
        return problem(HTTPStatus.BAD_REQUEST, "invalid_request", "This is nested too deeply.")
    _log.error("unhandled error", exc_info=error)
    return _internal()


def _internal() -> Response:
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal",
        "Something went wrong on our side. Nothing that was accepted is lost.",
    )
