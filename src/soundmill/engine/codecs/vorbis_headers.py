"""The three headers of Vorbis (Vorbis I, section 4.2), as FFmpeg keeps them before the first packet."""

from __future__ import annotations

# FFmpeg's extradata: one less than how many headers there are, the sizes of all but the last as lacing values, and the headers.
_TWO_SIZES = 2
_LONGEST_LACING = 255


def without_comments(extradata: bytes) -> bytes:
    """What packets are decoded by: identification and setup. All of it where these aren't three headers."""
    if extradata[:1] != bytes([_TWO_SIZES]):
        return extradata
    sizes, at = [], 1
    for _ in range(_TWO_SIZES):
        begin = at
        while extradata[at : at + 1] == bytes([_LONGEST_LACING]):
            at += 1
        at += 1
        sizes.append(sum(extradata[begin:at]))
    identification, comments = sizes
    return extradata[at : at + identification] + extradata[at + identification + comments :]
