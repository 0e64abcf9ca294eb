"""``/api/docs``: the OpenAPI document as a page for people, without scripts and with nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from apiflask import APIFlask
from flask import current_app, render_template

_CODE = re.compile("``?([^`]+)``?")
_REFERENCE = "#/components/schemas/"

type Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a sentence: ``plain``, ``code``, or a ``link`` to the shape of that name."""

    text: str
    look: str = "plain"


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a member of an object."""

    name: str
    kind: list[Piece]
    is_required: bool
    text: list[Piece]


@dataclass(frozen=True, slots=True)
class Operation:
    """What may be asked of one address, and what is answered."""

    method: str
    path: str
    needs_token: bool
    summary: list[Piece]
    text: list[Piece]
    parameters: list[Field]
    bodies: list[tuple[str, list[Piece], list[Field]]]
    answers: list[tuple[str, str, list[Piece]]]


def reference() -> str:
    """The page."""
    spec = cast(dict[str, Any], cast(APIFlask, current_app).spec)
    operations = [
        (each["tags"][0], _operation(path, method, each))
        for path, methods in sorted(spec["paths"].items())
        for method, each in methods.items()
    ]
    chapters = {tag["name"]: [each for of, each in operations if of == tag["name"]] for tag in spec["tags"]}
    shapes = [
        (name, prose(shape.get("description", "")), kind(shape), _members(shape))
        for name, shape in sorted(spec["components"]["schemas"].items())
    ]
    return render_template("reference.html", info=spec["info"], chapters=chapters, shapes=shapes)


def prose(text: str) -> list[Piece]:
    """A description, in which code stands between backticks."""
    return [Piece(part, "code" if place % 2 else "plain") for place, part in enumerate(_CODE.split(text)) if part]


def kind(schema: Schema) -> list[Piece]:
    """What a value of this schema is, in some words."""
    if "$ref" in schema:
        return [Piece(schema["$ref"].removeprefix(_REFERENCE), "link")]
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return list(_between([Piece(" or ")], map(kind, choices)))
    if "const" in schema:
        return [Piece(str(schema["const"]), "code")]
    if "enum" in schema:
        return list(_between([Piece(", ")], ([Piece(str(each), "code")] for each in schema["enum"])))
    if schema.get("type") == "array":
        return [Piece("list of "), *kind(schema.get("items", {}))]
    words = [str(schema.get("type", "anything")), f"({schema['format']})" if "format" in schema else ""]
    words += [f"{word} {schema[key]:,}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in schema]
    return [Piece(" ".join(filter(None, words)))]


def _operation(path: str, method: str, given: dict[str, Any]) -> Operation:
    bodies = given.get("requestBody", {}).get("content", {})
    return Operation(
        method.upper(),
        path,
        bool(given.get("security")),
        prose(given.get("summary", "")),
        prose(given.get("description", "")),
        [_field(each["name"], each["schema"], each) for each in given.get("parameters", [])],
        [(media, kind(body["schema"]), _members(body["schema"])) for media, body in bodies.items()],
        [(status, answer["description"], _answered(answer)) for status, answer in sorted(given["responses"].items())],
    )


def _answered(answer: dict[str, Any]) -> list[Piece]:
    kinds = (
        [Piece(media, "code"), Piece(": "), *kind(each["schema"])] for media, each in answer.get("content", {}).items()
    )
    return list(_between([Piece("; ")], kinds))


def _members(schema: Schema) -> list[Field]:
    required = set(schema.get("required", ()))
    return [
        _field(name, each, {"required": name in required, "description": each.get("description", "")})
        for name, each in schema.get("properties", {}).items()
    ]


def _field(name: str, schema: Schema, about: dict[str, Any]) -> Field:
    default = schema.get("default")
    text = prose(about.get("description", ""))
    if default is not None:
        text += [Piece(" By default "), Piece(str(default), "code"), Piece(".")]
    return Field(name, kind(schema), bool(about.get("required")), text)


def _between(separator: list[Piece], groups: Iterable[list[Piece]]) -> Iterator[Piece]:
    for place, group in enumerate(groups):
        yield from separator if place else []
        yield from group
