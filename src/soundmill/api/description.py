"""What the OpenAPI document says that APIFlask can't know: bodies that are streams, lists, and errors as problems (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from soundmill.api.shapes import FormatOut, TaskOut
from soundmill.model.options import OPTION_NAMES
from soundmill.service.delivery import MOST_SOURCES

_LISTS = {("/api/tasks", "get"): TaskOut, ("/api/formats", "get"): FormatOut}
_OTHER_TYPES = {
    "/api/events": "text/event-stream",
    "/api/files/{filename}": "application/octet-stream",
    "/api/tasks/{task_id}/waveform.png": "image/png",
    "/metrics": "text/plain",
}
_TELLS_ITS_OWN_TROUBLES = "/health/ready"
_TEXT, _BINARY = {"type": "string"}, {"type": "string", "format": "binary"}
_READINESS = {
    "type": "object",
    "required": ["status"],
    "properties": {
        "status": {"enum": ["ok", "degraded", "unavailable"]},
        "troubles": {
            "type": "object",
            "additionalProperties": _TEXT,
            "description": "What is wrong, by what it is about.",
        },
    },
}
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": {**_TEXT, "description": "A sentence for people."},
        "code": {**_TEXT, "description": "Which error it is, for programs."},
        "errors": {
            "type": "array",
            "description": "The fields that are wrong, where it is about fields.",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": _TEXT, "message": _TEXT},
            },
        },
    },
}


def describe(spec: Any) -> Any:
    """``spec`` with it."""
    schemas, paths = spec["components"]["schemas"], spec["paths"]
    for needless in ("HTTPError", "ValidationError"):
        schemas.pop(needless, None)
    schemas["Problem"] = _PROBLEM
    # One of each blueprint; OpenAPI 3.1 wants each name once (section 4.8.1).
    spec["tags"] = [{"name": name} for name in dict.fromkeys(each["name"] for each in spec["tags"])]
    problem = {"application/problem+json": {"schema": _reference("Problem")}}
    for path, operations in paths.items():
        for operation in operations.values():
            responses = operation["responses"]
            for status, response in responses.items():
                if int(status) >= HTTPStatus.BAD_REQUEST and path != _TELLS_ITS_OWN_TROUBLES:
                    response["content"] = problem
                elif path in _OTHER_TYPES:
                    response["content"] = {_OTHER_TYPES[path]: {"schema": _BINARY}}
            if "requestBody" in operation:
                operation["requestBody"]["required"] = True
            responses["default"] = {"description": "Any other error", "content": problem}
    for status in ("200", "503"):
        _answers(paths[_TELLS_ITS_OWN_TROUBLES]["get"], status, _READINESS)
    for (path, method), shape in _LISTS.items():
        _answers(paths[path][method], "200", _list_of(shape.__name__))
    submit = paths["/api/tasks"]["post"]
    several = {"type": "object", "required": ["tasks"], "properties": {"tasks": _list_of(TaskOut.__name__)}}
    _answers(submit, "202", {"oneOf": [_reference(TaskOut.__name__), several]})
    submit["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": _upload()}}}
    return spec


def _answers(operation: dict[str, Any], status: str, schema: dict[str, Any]) -> None:
    operation["responses"][status]["content"] = {"application/json": {"schema": schema}}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _list_of(name: str) -> dict[str, Any]:
    return {"type": "array", "items": _reference(name)}


def _upload() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["fileName", "newFormat"],
        "properties": {
            "fileName": {
                "oneOf": [_BINARY, {"type": "array", "items": _BINARY, "minItems": 2, "maxItems": MOST_SOURCES}],
                "description": "One file, or with `join` several.",
            },
            "newFormat": {"type": "array", "items": _TEXT},
            **dict.fromkeys(OPTION_NAMES, _TEXT),
        },
    }
