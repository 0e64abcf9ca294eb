"""The JSON of tasks and formats: camelCase names, and nothing that the client has no use for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from typing import Annotated, Any
from urllib.parse import quote
from weakref import WeakKeyDictionary

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from soundmill.model.edits import CHOICES, EDIT_RANGES
from soundmill.model.formats import TargetFormat
from soundmill.model.tasks import FileFacts, TaskStatus, TaskView
from soundmill.model.text import is_storable

LARGEST_NUMBER = (1 << 63) - 1
"""Of a database's column: what is larger names nothing."""

STORAGE_KEY = "^[0-9a-f]{32}$"
"""A pattern: of keys in the storage."""


class Shape(BaseModel):
    """A JSON object with camelCase names."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, from_attributes=True)


def storable(text: str) -> str:
    """``text`` itself. Raises ``ValueError`` for what can't be kept."""
    if not is_storable(text):
        # Of a plain ValueError pydantic makes a “Value error, …”, which is nothing for people.
        raise PydanticCustomError("unstorable", "This has characters that are none.")
    return text


Text = Annotated[str, AfterValidator(storable)]
"""What a client may call something."""


class LoudnessOut(Shape):
    """After EBU R 128: ``integrated`` in LUFS, ``range`` in LU, ``truePeak`` in dBTP."""

    integrated: float
    range: float
    true_peak: float


class HoleOut(Shape):
    """Where a damaged source lost sound: ``at`` and ``lost`` in seconds; ``filled`` when silence stands in its place."""

    at: float
    lost: float | None
    filled: bool


class SoundOut(Shape):
    """A stored file and, once decoded, its sound: ``duration`` in seconds, ``sampleRate`` in Hz, ``bitRate`` in bit/s.

    ``damage`` is what a source that was salvaged lost.
    """

    size: int
    sha256: str
    duration: float | None = None
    codec: str | None = None
    container: str | None = None
    sample_rate: int | None = None
    channels: int | None = None
    bit_rate: int | None = None
    bit_depth: int | None = None
    tags: dict[str, str] = Field(default_factory=dict)  # a plain {} would be copied deeply for each
    has_cover: bool = False
    chapter_count: int = 0
    loudness: LoudnessOut | None = None
    damage: list[HoleOut] = []


class MadeOut(Shape):
    """With what a result was made: versions by the names of programs, and what the encoder was told. It can be repeated with both and the task's options."""

    versions: dict[str, str]
    settings: dict[str, Any]


class ResultOut(SoundOut):
    """A result, with where to download it; ``madeBy`` is ``null`` where an early version made it and didn't note that."""

    url: str
    made_by: MadeOut | None = None


class JoinedOut(SoundOut):
    """One of several joined sources; ``fileName`` is where it can be downloaded, below ``/api/files/``."""

    file_name: str


class ErrorOut(Shape):
    """Why a task failed: a stable code, and a sentence."""

    code: str
    message: str


class TaskOut(Shape):
    """A task: ``progress`` from 0 to 1, ``attempts`` so far, ``notCarried`` what the new format can't hold.

    Where several sources were joined ``sources`` are all of them, in their order, and ``source`` is the first; else it is ``null``.
    """

    id: int
    file_name: str
    source_format: str
    new_format: str
    result_name: str
    time_stamp: datetime
    status: TaskStatus
    progress: float
    options: dict[str, Any]
    source: SoundOut
    sources: list[JoinedOut] | None
    result: ResultOut | None
    not_carried: list[str]
    attempts: int
    error: ErrorOut | None
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None


class BitRatesOut(Shape):
    """In bits per second."""

    minimum: int
    maximum: int
    default: int


class QualityOut(Shape):
    """A codec's own scale, from ``worst`` to ``best``."""

    worst: float
    best: float
    default: float | None
    meaning: str


class EditOut(Shape):
    """An option that every format takes: a number from ``minimum`` to ``maximum`` in ``unit``."""

    minimum: float
    maximum: float
    unit: str
    meaning: str
    is_whole: bool


class ChoiceOut(Shape):
    """An option that every format takes: one of ``values``, the first unless another is said."""

    values: list[str]
    meaning: str


class FormatOut(Shape):
    """A target format and its options; an empty ``sampleRates`` means any. ``edits`` and ``choices`` are by their options' names."""

    name: str
    title: str
    extension: str
    mime_type: str
    codec: str
    container: str
    lossless: bool
    maximum_channels: int
    bit_rates: BitRatesOut | None
    quality: QualityOut | None
    sample_rates: list[int]
    bit_depths: list[int]
    presets: list[float]
    bit_rate_modes: list[str]
    edits: dict[str, EditOut] = Field(
        default_factory=lambda: {name: EditOut.model_validate(each) for name, each in EDIT_RANGES.items()}
    )
    choices: dict[str, ChoiceOut] = Field(
        default_factory=lambda: {name: ChoiceOut.model_validate(each) for name, each in CHOICES.items()}
    )


def task_out(task: TaskView, keep: timedelta | None) -> TaskOut:
    """A task as its owner reads it; ``keep`` is how long it stays after its end."""
    result = None
    if task.result is not None:
        url = f"/api/files/{quote(task.result.name, safe='')}"
        made_by = (task.result_sound or {}).get("made_by")
        result = ResultOut(**_sound(task.result, task.result_sound), url=url, made_by=made_by)
    # The error of a try that will be repeated would only frighten: it is told when the task is over.
    error = None
    if task.status is TaskStatus.FAILED and task.error_code:
        error = ErrorOut(code=task.error_code, message=task.error_message or "")
    return TaskOut(
        id=task.id,
        file_name=task.file_name,
        source_format=task.source_format,
        new_format=task.new_format,
        result_name=task.result_name,
        time_stamp=task.created_at,
        status=task.status,
        progress=round(task.progress, 4),
        options=task.options,
        source=SoundOut(**_sound(task.source, task.source_sound)),
        sources=[JoinedOut(**_sound(each.file, each.sound), file_name=each.file.name) for each in task.joined] or None,
        result=result,
        not_carried=list(task.not_carried),
        attempts=task.attempts,
        error=error,
        started_at=task.started_at,
        finished_at=task.finished_at,
        expires_at=task.finished_at + keep if task.finished_at and keep else None,
    )


def task_json(task: TaskView, keep: timedelta | None) -> bytes:
    """As JSON: of most tasks it is made once, and then asked for again and again. It is forgotten with the view that it was made of."""
    known = _known(keep)
    if (made := known.get(task)) is None:
        made = known[task] = task_out(task, keep).model_dump_json(by_alias=True).encode()
    return made


@cache
def _known(keep: timedelta | None) -> WeakKeyDictionary[TaskView, bytes]:
    return WeakKeyDictionary()


def tasks_json(tasks: Iterable[TaskView], keep: timedelta | None) -> bytes:
    """A list of them."""
    return b"[%b]" % b",".join(task_json(task, keep) for task in tasks)


def format_out(target: TargetFormat) -> FormatOut:
    """A target format."""
    return FormatOut.model_validate(target)


def _sound(file: FileFacts, sound: dict[str, Any] | None) -> dict[str, Any]:
    known = {name: value for name, value in (sound or {}).items() if name in SoundOut.model_fields}
    return {**known, "size": file.size, "sha256": file.sha256}
