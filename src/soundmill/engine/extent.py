"""How many bytes a file says it has. One that has fewer was cut off, whatever its decoder makes of the rest."""

from __future__ import annotations

from typing import BinaryIO

_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_HEAD_BYTES = 1 << 20
_ASF_BROADCAST = 1
_MP4_BOXES = frozenset({b"ftyp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"udta", b"meta"})
_MOST_BOXES = 100_000


def declared_bytes(kind: str, file: BinaryIO) -> int | None:
    """The length in bytes that a file declares, if it does; it stands where its container begins.

    ``kind`` is what :func:`soundmill.engine.sniff.sniff` calls it.
    """
    start = file.tell()
    if kind == "asf":
        size = _asf_bytes(file.read(_ASF_HEAD_BYTES))
        return None if size is None else start + size
    return _mp4_bytes(file, start) if kind.startswith("mov") else None


def _asf_bytes(head: bytes) -> int | None:
    """ASF specification, section 3.2: the file properties object; in a broadcast its sizes mean nothing."""
    at = head.find(_ASF_FILE_PROPERTIES)
    flags = head[at + 88 : at + 92]
    if at < 0 or len(flags) < 4 or flags[0] & _ASF_BROADCAST:
        return None
    return int.from_bytes(head[at + 40 : at + 48], "little")


def _mp4_bytes(file: BinaryIO, start: int) -> int:
    """ISO/IEC 14496-12, section 4.2: the end of the last box; size 0 means "to the end of the file"."""
    for _ in range(_MOST_BOXES):
        file.seek(start)
        head = file.read(16)
        size = int.from_bytes(head[:4])
        if size == 1:
            size = int.from_bytes(head[8:])
        if head[4:8] not in _MP4_BOXES or size < 8:
            break
        start += size
    return start
