"""Bytes that are likely to break a parser, for hypothesis to put together."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

FUZZED = settings(max_examples=100, derandomize=True)

OGG_HEADS = [b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ", b"fishead\0"]

BYTES = st.binary(max_size=400)
# What is likely to break something: the edges of every width.
EDGES = [0, 1, 2, 7, 8, 16, 23, 24, 127, 128, 255, 0x7FFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF]
EDGES += [(1 << 56) - 2, (1 << 56) - 1, 1 << 56, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]


def numbers(most: int) -> st.SearchStrategy[int]:
    return st.sampled_from([each for each in EDGES if each <= most] + [most]) | st.integers(0, most)


def joined(parts: st.SearchStrategy[bytes], most: int = 6) -> st.SearchStrategy[bytes]:
    return st.lists(parts, max_size=most).map(b"".join)
