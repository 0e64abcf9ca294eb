"""What a task's source and result look like: numbers, and a picture. Both were measured when they were converted."""

from __future__ import annotations

import hashlib
from typing import Literal

from apiflask import APIBlueprint
from flask import Response, make_response, request
from pydantic import Field

from soundmill.api.authentication import signed_in
from soundmill.api.drawing import png
from soundmill.api.services import services
from soundmill.api.shapes import Shape
from soundmill.model.errors import NotFound
from soundmill.model.waveform import Waveform
from soundmill.service.ports import Account

waveforms = APIBlueprint("waveforms", __name__, url_prefix="/api/tasks", tag="Tasks")

_LARGEST_WIDTH, _LARGEST_HEIGHT = 4096, 1024


class WaveformIn(Shape):
    """Which file's: the ``result``'s or the ``source``'s."""

    of: Literal["source", "result"] = "result"


class PictureIn(WaveformIn):
    """``width`` and ``height`` in pixels, ``colour`` as ``rrggbb`` in hexadecimal."""

    width: int = Field(1800, ge=16, le=_LARGEST_WIDTH)
    height: int = Field(140, ge=16, le=_LARGEST_HEIGHT)
    colour: str = Field("2563eb", pattern="^[0-9a-fA-F]{6}$")


@waveforms.get("/<id:task_id>/waveform.json")
@waveforms.doc(
    summary="The waveform as numbers",
    description="As audiowaveform writes them: `data` has the lowest and the highest sample of each of `length` columns of "
    "`samples_per_pixel` samples, −128 to 127. Over all channels, so `channels` is 1.",
    responses={200: "the peaks", 404: "no such task, or it has no waveform yet"},
)
@signed_in
@waveforms.input(WaveformIn, location="query", arg_name="given")
def peaks(task_id: int, account: Account, given: WaveformIn) -> Response:
    """Lowest and highest, column by column."""
    found = _found(account, task_id, given)
    body = {
        "version": 2,
        "channels": 1,
        "sample_rate": found.sample_rate,
        "samples_per_pixel": found.samples_per_column,
        "bits": 8,
        "length": found.columns,
        "data": found.values(),
    }
    return _validated(make_response(body), found)


@waveforms.get("/<id:task_id>/waveform.png")
@waveforms.doc(
    summary="The waveform as a picture on a transparent ground",
    responses={200: "a PNG", 404: "no such task, or it has no waveform yet"},
)
@signed_in
@waveforms.input(PictureIn, location="query", arg_name="given")
def picture(task_id: int, account: Account, given: PictureIn) -> Response:
    """One bar a pixel."""
    found = _found(account, task_id, given)
    red, green, blue = bytes.fromhex(given.colour)
    drawn = png(found, given.width, given.height, (red, green, blue))
    return _validated(Response(drawn, mimetype="image/png"), found)


def _found(account: Account, task_id: int, given: WaveformIn) -> Waveform:
    both = services().waveforms.of_task(account.id, task_id)
    found = both.source if given.of == "source" else both.result
    if found is None:
        raise NotFound(
            f"The {given.of} of this task has no waveform. It is measured when the task is processed; there is none of the sources of a join, nor of a "
            "sound that changes its sample rate, channels or sample format on the way."
        )
    return found


def _validated(answer: Response, waveform: Waveform) -> Response:
    """The same peaks at the same address are the same answer."""
    seen = waveform.sample_rate.to_bytes(4) + waveform.samples_per_column.to_bytes(8) + waveform.peaks
    answer.set_etag(hashlib.sha256(seen).hexdigest())
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.make_conditional(request)
    return answer
