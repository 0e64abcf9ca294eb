"""What FFmpeg has no place for in MP4: covers, lyrics, several values of one tag, and whatever iTunes has no name for."""

from __future__ import annotations

from pathlib import Path

from mutagen.mp4 import MP4, MP4Cover, MP4FreeForm

from soundmill.engine.tags.about import About
from soundmill.engine.tags.names import ATOMS, ATOMS_OF_FFMPEG, ATOMS_OF_NUMBERS, FREE_ATOM, free_name
from soundmill.engine.tags.verbatim import MP4 as VERBATIM

_COVERS = {"mjpeg": MP4Cover.FORMAT_JPEG, "png": MP4Cover.FORMAT_PNG}
_NUMBERS = {"track": "trkn", "disc": "disk"}
_MOST = 0xFFFF  # numbers have 16 bits
_MOST_DIGITS = 100  # Python refuses to read thousands


def write_atoms(path: Path, about: About) -> None:
    """Add them to the finished MP4 file at ``path``."""
    atoms: dict[str, list[object]] = {}
    verbatim = [each for each in about.verbatim if each.family == VERBATIM]
    as_it_stood = {each.name for each in verbatim if each.is_said(about.tags)}
    for name in about.tags:
        if name not in as_it_stood:
            atoms |= _atom(name, about)
    for each in verbatim:
        atoms |= each.content
    covers = [MP4Cover(each.data, _COVERS[each.codec]) for each in about.pictures if each.codec in _COVERS]
    if covers:
        atoms["covr"] = [*covers]
    if atoms:
        song = MP4(path)
        song.update(atoms)
        song.save()


def _atom(name: str, about: About) -> dict[str, list[object]]:
    text, values = about.tags[name], about.values(name)
    if name in _NUMBERS:
        number, total = text.strip(), about.tags.get(f"{name}total", "").strip()
        return {_NUMBERS[name]: [(int(number), int(total))]} if _is_number(number) and _is_number(total) else {}
    if name in ATOMS_OF_FFMPEG and len(values) == 1:
        return {}
    if name in ATOMS:
        return {ATOMS[name]: list(values)}
    if name in ATOMS_OF_NUMBERS and len(values) == 1:
        atom, most = ATOMS_OF_NUMBERS[name]
        if _is_number(text.strip(), most):
            return {atom: [int(text)]}
    if name == "podcast" and text.strip() == "1":
        return {"pcst": True}  # type: ignore[dict-item]  # the only atom without a list
    return {FREE_ATOM + _as_latin(free_name(name)): [MP4FreeForm(each.encode()) for each in values]}


def _as_latin(name: str) -> str:
    """Names of free texts are UTF-8; mutagen takes them for Latin-1, reading and writing."""
    return name.encode().decode("latin-1")


def _is_number(text: str, most: int = _MOST) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text) <= most
