"""The routes of tasks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from apiflask import APIBlueprint
from flask import Response, make_response, request, url_for
from pydantic import ConfigDict, Field
from werkzeug.datastructures import MultiDict

from soundmill.api.authentication import signed_in, with_token
from soundmill.api.idempotency import idempotency_key
from soundmill.api.multipart import FIELDS_LIMIT_BYTES, received_form
from soundmill.api.services import services
from soundmill.api.shapes import LARGEST_NUMBER, Shape, TaskOut, task_json, task_out, tasks_json
from soundmill.model.errors import FieldError, InvalidRequest, NotFound, TooLarge, UnknownFormat
from soundmill.model.formats import TargetFormat, target_format
from soundmill.model.options import parse_options
from soundmill.model.tasks import TaskStatus, TaskView
from soundmill.service.delivery import MOST_SOURCES
from soundmill.service.ports import Account, Order, PageRequest, Token
from soundmill.service.tasks import is_of

tasks = APIBlueprint("tasks", __name__, url_prefix="/api/tasks", tag="Tasks")

_DEFAULT_PAGE, _LARGEST_PAGE = 100, 1000
_LONGEST_WAIT_SECONDS = 60
_FILE_FIELD = "fileName"
_FORMAT_FIELD = "newFormat"


class PageIn(Shape):
    """``max`` tasks at most, ``order`` 0 by rising id or 1 by falling, beyond the id ``after``, of one ``status``."""

    max: int = Field(_DEFAULT_PAGE, ge=0)
    order: int = Field(0, ge=0, le=1)
    after: int | None = Field(None, ge=0, le=LARGEST_NUMBER)
    status: TaskStatus | None = None


class ChangeIn(Shape):
    """Another target format, with its options: in ``options``, or as further fields."""

    model_config = ConfigDict(extra="allow")

    new_format: str
    options: dict[str, Any] = Field(default_factory=dict)


class WaitIn(Shape):
    """How many seconds to wait at the most."""

    timeout: float = Field(30, ge=0, le=_LONGEST_WAIT_SECONDS)


@tasks.post("")
@tasks.output(TaskOut, 202)
@tasks.doc(
    summary="Upload a file and have it converted",
    description="multipart/form-data: `fileName` is the file; `newFormat`, once or several times; options as further fields. "
    "With several formats the answer is `{tasks: […]}`. With an `Idempotency-Key` header it may be sent again safely. "
    f"With `join=true`, `fileName` comes 2 to {MOST_SOURCES} times: the files become one result, in the order sent, with a chapter for each.",
    responses=[400, 401, 413, 422, 429, 503, 507],
)
@signed_in
def submit(account: Account) -> Response:
    """Accepted means: the bytes and the tasks are safe."""
    needed = services()
    key = idempotency_key()
    # What was accepted before is answered again; only where there is a limit does it matter.
    is_repeated = key is not None and needed.quota.limit_bytes is not None and needed.keys.knows(account.id, key)
    if not is_repeated:
        # Before the body is sent, too: nobody likes to hear it after two gigabytes. The form around the file has some bytes itself.
        needed.quota.refuse_overflow(account.used_bytes, max(0, (request.content_length or 0) - FIELDS_LIMIT_BYTES))
    most = needed.settings.upload_limit
    size_limit = needed.quota.largest_upload(account.used_bytes, most, is_repeated=is_repeated)
    try:
        return _submitted(account, key, size_limit)
    except TooLarge:
        if size_limit < most:
            needed.quota.refuse_overflow(account.used_bytes, size_limit + 1)
        raise


def _submitted(account: Account, key: str | None, size_limit: int) -> Response:
    needed = services()
    delivery = needed.tasks.receive(size_limit, request.content_length or 0)
    with received_form(delivery, _FILE_FIELD, size_limit) as fields:
        targets = fields.poplist(_FORMAT_FIELD)
        _refuse_repeated(fields)
        orders = _orders(targets, fields.to_dict())
        accepted = needed.tasks.submit(account.id, delivery, orders, key)
    if is_of(accepted, delivery):
        needed.traffic.uploaded(sum(each.size for each in accepted[0].source_files))
    return _accepted(accepted, several=len(orders) > 1)


@tasks.get("")
@tasks.output(TaskOut)
@tasks.doc(
    summary="One's own tasks",
    description="The next page's address is in the `Link` header (RFC 8288). Who asks with `If-None-Match` is given the list's `ETag`, "
    "or 304 while that is the one it names.",
)
@with_token
@tasks.input(PageIn, location="query", arg_name="given")
def list_tasks(token: Token, given: PageIn) -> Response:
    """A page of tasks."""
    needed = services()
    size = min(given.max, _LARGEST_PAGE)
    page = PageRequest(size, bool(given.order), given.after, given.status)
    found = needed.tasks.page(token.account_id, page, token.id)
    if not found:
        needed.accounts.holder(token)  # raises: nothing is what a revoked token sees, too
    answer = _as_sent(tasks_json(found, needed.keep))
    if "If-None-Match" in request.headers:  # for nobody else: it is a tenth of a list's time
        answer.set_etag(hashlib.sha256(answer.get_data()).hexdigest())
        answer.make_conditional(request)
    if found and len(found) == size:
        status = f"&status={given.status}" if given.status else ""
        following = f"max={given.max}&order={given.order}{status}&after={found[-1].id}"
        answer.headers["Link"] = f'<{request.path}?{following}>; rel="next"'
    return answer


@tasks.get("/<id:task_id>")
@tasks.output(TaskOut)
@tasks.doc(summary="One task", responses=[404])
@with_token
def show(task_id: int, token: Token) -> Response:
    """The task."""
    needed = services()
    try:
        task = needed.tasks.get(token.account_id, task_id, token.id)
    except NotFound:
        needed.accounts.holder(token)  # raises for a revoked token
        raise
    return _as_sent(task_json(task, needed.keep))


@tasks.put("/<id:task_id>")
@tasks.output(TaskOut)
@tasks.doc(summary="Convert anew into another format", responses=[400, 404])
@signed_in
@tasks.input(ChangeIn, location="json_or_form", arg_name="given")
def change(task_id: int, account: Account, given: ChangeIn) -> TaskOut:
    """The old result is deleted; a running conversion is stopped."""
    _refuse_repeated(request.form)
    target = _target(given.new_format)
    order = Order(target, parse_options(target, {**(given.model_extra or {}), **given.options}))
    return _shown(services().tasks.convert_anew(account.id, task_id, order))


@tasks.delete("/<id:task_id>")
@tasks.output({}, 204)
@tasks.doc(
    summary="Delete a task, its result, and its source when no other task uses it",
    responses=[404],
)
@signed_in
def remove(task_id: int, account: Account) -> str:
    """Gone."""
    services().tasks.remove(account.id, task_id)
    return ""


@tasks.post("/<id:task_id>/retry")
@tasks.output(TaskOut, 202)
@tasks.doc(summary="Try a failed or cancelled task again", responses=[404, 409])
@signed_in
def retry(task_id: int, account: Account) -> TaskOut:
    """Waiting again."""
    return _shown(services().tasks.retry(account.id, task_id, idempotency_key()))


@tasks.post("/<id:task_id>/cancel")
@tasks.output(TaskOut, 202)
@tasks.doc(summary="Cancel a waiting or running task", responses=[404, 409])
@signed_in
def cancel(task_id: int, account: Account) -> TaskOut:
    """Stopped."""
    return _shown(services().tasks.cancel(account.id, task_id, idempotency_key()))


@tasks.get("/<id:task_id>/wait")
@tasks.output(TaskOut)
@tasks.doc(summary="Wait until the task is final", responses=[404])
@signed_in
@tasks.input(WaitIn, location="query", arg_name="given")
def wait(task_id: int, account: Account, given: WaitIn) -> TaskOut:
    """The task as soon as it is final, or as it is when the time is over."""
    needed = services()
    task = needed.tasks.get(account.id, task_id)
    if not task.status.is_final:
        with needed.traffic.held("wait"):
            needed.watcher.wait(task_id, timedelta(seconds=given.timeout))
        task = needed.tasks.get(account.id, task_id)
    return _shown(task)


def _refuse_repeated(fields: MultiDict[str, str]) -> None:
    """Raises ``InvalidRequest`` where one comes twice: nobody knows which was meant."""
    twice = tuple(FieldError(name, "This comes more than once.") for name, values in fields.lists() if len(values) > 1)
    if twice:
        raise InvalidRequest(f"Send each option once: {', '.join(each.field for each in twice)}.", twice)


def _orders(names: Iterable[str], options: Mapping[str, Any]) -> tuple[Order, ...]:
    targets = [_target(name) for name in names]
    if not targets:
        message = f"Say the format that you want in “{_FORMAT_FIELD}”."
        raise InvalidRequest(message, (FieldError(_FORMAT_FIELD, message),))
    return tuple(Order(target, parse_options(target, options)) for target in targets)


def _target(name: str) -> TargetFormat:
    """Raises ``UnknownFormat``."""
    try:
        return target_format(name)
    except UnknownFormat as error:
        raise UnknownFormat(error.message, (FieldError(_FORMAT_FIELD, error.message),)) from error


def _accepted(accepted: list[TaskView], *, several: bool) -> Response:
    shown = [_json(task) for task in accepted]
    if not several:
        location = url_for("tasks.show", task_id=accepted[0].id)
        return make_response(shown[0], 202, {"Location": location})
    return make_response(
        {"tasks": shown},
        202,
        {"Location": url_for("tasks.list_tasks", after=accepted[0].id - 1)},
    )


def _as_sent(json: bytes) -> Response:
    return Response(json, mimetype="application/json")


def _shown(task: TaskView) -> TaskOut:
    return task_out(task, services().keep)


def _json(task: TaskView) -> dict[str, Any]:
    return _shown(task).model_dump(mode="json", by_alias=True)
