"""The routes of workers that help each other: seats beside long conversions. Losing any of it costs time, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from apiflask import APIBlueprint
from flask import Response, jsonify, make_response
from pydantic import Field

from soundmill.api.board import WordIn, from_a_worker, refuse_strange_storage
from soundmill.api.services import services
from soundmill.api.shapes import LARGEST_NUMBER, STORAGE_KEY, Shape
from soundmill.model.tasks import Attempt
from soundmill.service.ports import Seat

seats = APIBlueprint("seats", __name__, url_prefix="/api", tag="Workers")

_PRINTABLE = r"^[\x20-\x7e]+$"


class OpenIn(WordIn):
    """Of which versions the engine is."""

    build: str = Field(max_length=255, pattern=_PRINTABLE)


class GiveIn(WordIn):
    """A piece for a seat, by its key in the storage."""

    seat: int = Field(ge=1, le=LARGEST_NUMBER)
    work: str = Field(pattern=STORAGE_KEY)


class HelperIn(Shape):
    """Who helps."""

    helper: str = Field(max_length=255, pattern=_PRINTABLE)


class TakeIn(HelperIn):
    """With which versions, and the storage that it sees."""

    build: str = Field(max_length=255, pattern=_PRINTABLE)
    storage: str | None = None


class AnswerIn(HelperIn):
    """What became of a piece, by its key in the storage."""

    seat: int = Field(ge=1, le=LARGEST_NUMBER)
    work: str = Field(pattern=STORAGE_KEY)
    answer: str = Field(pattern=STORAGE_KEY)


@seats.post("/tasks/<id:task_id>/seats/open")
@seats.doc(
    summary="This conversion has pieces for others",
    responses={200: "they are called", 409: "it is no longer the task's"},
)
@from_a_worker
@seats.input(OpenIn, arg_name="given")
def open_seats(task_id: int, given: OpenIn) -> Response:
    """May be said again while too few come."""
    services().seats.open(Attempt(task_id, given.attempt), given.build)
    return jsonify(status="noted")


@seats.post("/tasks/<id:task_id>/seats/taken")
@seats.doc(summary="Who helps, and what they answered", responses={200: "the seats"})
@from_a_worker
@seats.input(WordIn, arg_name="given")
def taken_seats(task_id: int, given: WordIn) -> Response:
    """Those who were heard of lately."""
    return _told(services().seats.taken(Attempt(task_id, given.attempt)))


@seats.post("/tasks/<id:task_id>/seats/give")
@seats.doc(summary="Give a piece to a seat", responses={200: "it is theirs", 409: "nobody sits there any more"})
@from_a_worker
@seats.input(GiveIn, arg_name="given")
def give_piece(task_id: int, given: GiveIn) -> Response:
    """Which has none, or has answered."""
    services().seats.give(Attempt(task_id, given.attempt), given.seat, given.work)
    return jsonify(status="noted")


@seats.post("/tasks/<id:task_id>/seats/close")
@seats.doc(summary="There are no more pieces", responses={200: "the seats, as they were"})
@from_a_worker
@seats.input(WordIn, arg_name="given")
def close_seats(task_id: int, given: WordIn) -> Response:
    """Whoever sits there may go."""
    return _told(services().seats.close(Attempt(task_id, given.attempt)))


@seats.post("/board/seats/take")
@seats.doc(
    summary="Sit down beside a conversion that needs help",
    responses={200: "whether there was one", 412: "another storage"},
)
@from_a_worker
@seats.input(TakeIn, arg_name="given")
def take_seats(given: TakeIn) -> Response:
    """The one with the fewest helpers; none while tasks wait."""
    refuse_strange_storage(given.storage)
    return jsonify(taken=services().seats.take(given.helper, given.build))


@seats.post("/board/seats/next")
@seats.doc(
    summary="What to encode next", responses={200: "a piece", 204: "nothing yet", 409: "go: it is over, or tasks wait"}
)
@from_a_worker
@seats.input(HelperIn, arg_name="given")
def next_piece(given: HelperIn) -> Response:
    """What was given longest ago."""
    found = services().seats.next_work(given.helper)
    return make_response("", 204) if found is None else jsonify(id=found.id, work=found.work)


@seats.post("/board/seats/answer")
@seats.doc(summary="A piece is encoded", responses={200: "noted", 409: "nobody waits for it any more"})
@from_a_worker
@seats.input(AnswerIn, arg_name="given")
def answer_piece(given: AnswerIn) -> Response:
    """By the key of what became of it."""
    services().seats.answer(given.helper, Seat(given.seat, given.work), given.answer)
    return jsonify(status="noted")


@seats.post("/board/seats/leave")
@seats.doc(summary="Help no more", responses={200: "noted"})
@from_a_worker
@seats.input(HelperIn, arg_name="given")
def leave_seats(given: HelperIn) -> Response:
    """Its seats are gone."""
    services().seats.leave(given.helper)
    return jsonify(status="noted")


def _told(found: Sequence[Seat]) -> Response:
    return jsonify(seats=[{"id": each.id, "work": each.work, "answer": each.answer} for each in found])
