"""Check the names in ``deploy/gcp`` where Terraform itself can't, for want of the provider: variables, locals, references, arguments.

Usage: ``python terraform_names.py [TYPES]``. ``TYPES`` is the ``lib`` folder of the npm package @cdktf/provider-google, whose type declarations are
made from the provider's schema: with it, each argument must exist and each required one must be given.
"""

# ruff: noqa: INP001, T201 - a script that talks to whoever runs it
from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcl2

_FOLDER = Path(__file__).parents[1] / "gcp"
# Terraform's own, in every resource.
_META = {
    "count",
    "for_each",
    "depends_on",
    "lifecycle",
    "provider",
    "__is_block__",
    "__comments__",
    "__inline_comments__",
}
_FIELD = re.compile(r"^    readonly (\w+)(\??): (.+)$", re.MULTILINE)


def main() -> None:
    """Print what is wrong and end with status 1, or print how much was checked."""
    texts = {path: path.read_text() for path in sorted(_FOLDER.glob("*.tf"))}
    parsed = [hcl2.loads(text) for text in texts.values()]
    code = "\n".join(re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE) for text in texts.values())
    wrong = [*_wrong_names("var", _labels(parsed, "variable"), code), *_wrong_names("local", _locals(parsed), code)]
    resources = [
        (_bare(kind), _bare(name), body)
        for document in parsed
        for each in document.get("resource", [])
        for kind, named in each.items()
        for name, body in named.items()
    ]
    wrong += _wrong_references(resources, code)
    checked = ""
    if len(sys.argv) > 1:
        wrong += [each for resource in resources for each in _wrong_arguments(Path(sys.argv[1]), *resource)]
        checked = ", each argument against the provider's declarations"
    print(f"{len(resources)} resources{checked}")
    for each in wrong:
        print(each)
    sys.exit(bool(wrong))


def _bare(label: str) -> str:
    return label.strip('"')


def _labels(parsed: list[dict[str, Any]], block: str) -> set[str]:
    return {_bare(name) for document in parsed for each in document.get(block, []) for name in each}


def _locals(parsed: list[dict[str, Any]]) -> set[str]:
    return {name for document in parsed for each in document.get("locals", []) for name in each} - _META


def _wrong_names(prefix: str, declared: set[str], code: str) -> Iterator[str]:
    used = set(re.findall(rf"\b{prefix}\.(\w+)", code))
    yield from (f"{prefix}.{name} is used and not declared" for name in sorted(used - declared))
    yield from (f"{prefix}.{name} is declared and not used" for name in sorted(declared - used))


def _wrong_references(resources: list[tuple[str, str, Any]], code: str) -> Iterator[str]:
    declared = {(kind, name) for kind, name, _ in resources}
    for kind, name in sorted(set(re.findall(r"\b((?:google|random)_\w+)\.(\w+)", code)) - declared):
        yield f"{kind}.{name} is referred to and not there"


def _wrong_arguments(types: Path, kind: str, name: str, body: dict[str, Any]) -> Iterator[str]:
    if not kind.startswith("google_"):
        return
    where = types / kind.removeprefix("google_").replace("_", "-") / "index.d.ts"
    if not where.exists():
        yield f"{kind}: the provider has no such resource"
        return
    interfaces = {
        found[1]: {field[1]: (not field[2], field[3]) for field in _FIELD.finditer(found[2])}
        for found in re.finditer(
            r"^export interface (\w+)(?: extends [\w.]+)? \{\n(.*?)^\}", where.read_text(), re.MULTILINE | re.DOTALL
        )
    }
    top = next(
        each for each in interfaces if each.endswith("Config") and each.lower() == f"{_camel(kind)[6:]}config".lower()
    )
    yield from _wrong_block(f"{kind}.{name}", interfaces, top, body)


def _wrong_block(where: str, interfaces: dict[str, Any], interface: str, body: dict[str, Any]) -> Iterator[str]:
    fields = interfaces[interface]
    given = {name: value for name, value in body.items() if name not in _META}
    by_camel = {_camel(name): name for name in given}
    yield from (f"{where}: no argument {by_camel[each]}" for each in by_camel if each not in fields)
    yield from (f"{where}: lacks {each}" for each, (required, _) in fields.items() if required and each not in by_camel)
    for each, name in by_camel.items():
        inner = re.split(r"\W", fields[each][1])[0] if each in fields else ""
        blocks = [value for value in given[name] if isinstance(value, dict)] if isinstance(given[name], list) else []
        if inner in interfaces:
            for block in blocks:
                yield from _wrong_block(f"{where}.{name}", interfaces, inner, block)


def _camel(snake: str) -> str:
    first, *others = snake.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in others)


if __name__ == "__main__":
    main()
