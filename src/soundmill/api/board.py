"""The routes of workers: the task board over HTTP. Each is idempotent, and fenced by the attempt."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

from apiflask import APIBlueprint, HTTPTokenAuth
from flask import Response, jsonify, make_response, request
from pydantic import BeforeValidator, Field, TypeAdapter

from soundmill.api.services import services
from soundmill.api.shapes import LARGEST_NUMBER, STORAGE_KEY, Shape
from soundmill.model.conversion import LONGEST_MESSAGE, Failure, FailureCode
from soundmill.model.errors import InvalidRequest, NotAuthenticated, StaleAttempt, WrongStorage
from soundmill.model.sound import ConversionReport, SoundFacts
from soundmill.model.tasks import Assignment, Attempt
from soundmill.service.ports import StoredFile

board = APIBlueprint("board", __name__, url_prefix="/api", tag="Workers")

_worker_secret = HTTPTokenAuth(
    scheme="Bearer", security_scheme_name="workerSecret", description="The worker secret, not a token."
)
_LARGEST_WORD_BYTES = 16 << 20
# What JSON's readers hold exactly; an account's files together still fit into its row.
_LARGEST_FILE_BYTES = 1 << 53
_SHOWN: TypeAdapter[Any] = TypeAdapter(tuple[list[SoundFacts], list[str], dict[str, str]])
_OWNER_PATTERN = r"^[\x21-\x7e]+$"


class ClaimIn(Shape):
    """Who claims, and the identity of the storage that it sees. The same claimant gets the same task again while it holds it."""

    owner: str = Field(min_length=1, max_length=128, pattern=_OWNER_PATTERN)
    storage: str | None = None


class WordIn(Shape):
    """What every word of a worker carries."""

    attempt: int = Field(ge=1, le=LARGEST_NUMBER)


class ProgressIn(WordIn):
    """From 0 to 1."""

    progress: float = Field(ge=0, le=1)


class StoredIn(Shape):
    """A published result."""

    key: str = Field(pattern=STORAGE_KEY)
    size: int = Field(gt=0, le=_LARGEST_FILE_BYTES)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class ProcessedIn(WordIn):
    """A verified and published result, with what was found in source and result."""

    result: StoredIn
    report: dict[str, Any]


def _known_code(code: object) -> object:
    # Refused, a newer worker's word would never be heard, and its task would end as a lost worker's.
    return FailureCode.INTERNAL if isinstance(code, str) and code not in FailureCode else code


class FailedIn(WordIn):
    """Why there is no result."""

    code: Annotated[FailureCode, BeforeValidator(_known_code)]
    message: str = Field(min_length=1, max_length=LONGEST_MESSAGE)
    retryable: bool = False


def from_a_worker(view: Callable[..., Any]) -> Callable[..., Any]:
    """Without the worker secret the view isn't called and nothing changes."""

    @wraps(view)
    def checked(*arguments: Any, **named: Any) -> Any:
        secret = services().settings.worker_secret.get_secret_value()
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        # An API without a secret has no workers that speak HTTP: nobody may.
        if not (secret and scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), secret.encode())):
            raise NotAuthenticated("This is for workers, with the worker secret.")
        request.max_content_length = _LARGEST_WORD_BYTES
        return view(*arguments, **named)

    vars(checked)["_spec"] = {**vars(view).get("_spec", {}), "auth": _worker_secret, "roles": []}
    return checked


@board.post("/board/claim")
@board.doc(
    summary="Take the next due task", responses={200: "the assignment", 204: "nothing is due", 412: "another storage"}
)
@from_a_worker
@board.input(ClaimIn, arg_name="given")
def claim_next(given: ClaimIn) -> Response:
    """The fair queue decides which."""
    refuse_strange_storage(given.storage)
    assignment = services().board.claim(given.owner)
    return make_response("", 204) if assignment is None else jsonify(_assignment(assignment))


@board.post("/tasks/<id:task_id>/claim")
@board.doc(summary="Take this task", responses={200: "the assignment", 409: "it isn't due", 412: "another storage"})
@from_a_worker
@board.input(ClaimIn, arg_name="given")
def claim(task_id: int, given: ClaimIn) -> Response:
    """If it is due."""
    refuse_strange_storage(given.storage)
    assignment = services().board.claim(given.owner, task_id)
    if assignment is None:
        raise StaleAttempt(f"Task {task_id} isn't due.")
    return jsonify(_assignment(assignment))


@board.post("/tasks/<id:task_id>/progress")
@board.doc(summary="Renew the lease", responses={200: "go on", 409: "stop: the task is somebody else's, or nobody's"})
@from_a_worker
@board.input(ProgressIn, arg_name="given")
def progress(task_id: int, given: ProgressIn) -> Response:
    """Go on, or 409."""
    services().board.progress(Attempt(task_id, given.attempt), given.progress)
    return jsonify(goOn=True)


@board.post("/tasks/<id:task_id>/processed")
@board.doc(summary="The result is verified and published", responses={200: "it is the task's", 409: "it isn't wanted"})
@from_a_worker
@board.input(ProcessedIn, arg_name="given")
def processed(task_id: int, given: ProcessedIn) -> Response:
    """The task is over."""
    stored = StoredFile(given.result.key, given.result.size, given.result.sha256)
    services().board.processed(Attempt(task_id, given.attempt), stored, _report(given.report))
    return jsonify(status="processed")


@board.post("/tasks/<id:task_id>/failed")
@board.doc(summary="The attempt ended without a result", responses={200: "noted", 409: "nobody wants to know"})
@from_a_worker
@board.input(FailedIn, arg_name="given")
def failed(task_id: int, given: FailedIn) -> Response:
    """Due again, or failed for good."""
    failure = Failure(given.code, given.message, given.retryable)
    services().board.failed(Attempt(task_id, given.attempt), failure)
    return jsonify(status="noted")


@board.post("/tasks/<id:task_id>/released")
@board.doc(summary="Give the task back undone", responses={200: "due again", 409: "it wasn't yours any more"})
@from_a_worker
@board.input(WordIn, arg_name="given")
def released(task_id: int, given: WordIn) -> Response:
    """Due at once, and the attempt doesn't count."""
    services().board.release(Attempt(task_id, given.attempt))
    return jsonify(status="noted")


def refuse_strange_storage(identity: str | None) -> None:
    """Raises ``WrongStorage`` for a worker that sees another; ``None`` where it doesn't say."""
    if identity is not None and identity != services().storage_identity:
        raise WrongStorage("This worker sees another storage.")


def _report(given: dict[str, Any]) -> ConversionReport:
    """With nothing in it that couldn't be shown: one such row would keep its owner from seeing any."""
    try:
        report = ConversionReport.from_dict(given)
        facts = [each.as_dict() for each in (report.source, report.result, *report.sources)]
        _SHOWN.validate_python((facts, list(report.not_carried), dict(report.versions)))
        json.dumps(given, allow_nan=False, ensure_ascii=False).encode()  # no NaN, and no half of a surrogate pair
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidRequest("This is no report of a conversion.") from error
    return report


def _assignment(assignment: Assignment) -> dict[str, Any]:
    return {
        "taskId": assignment.attempt.task_id,
        "attempt": assignment.attempt.number,
        "sources": [{"key": each.key, "name": each.name} for each in assignment.sources],
        "sourceKey": assignment.sources[0].key,  # all that a worker of the version before knows of: it refuses “join”
        "sourceFormat": assignment.source_format,
        "newFormat": assignment.new_format,
        "options": assignment.options.as_dict(),
        "traceparent": assignment.traceparent,
        "account": assignment.account,
    }
