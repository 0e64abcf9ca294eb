"""What kind of file is this? Told by its bytes, never by its name.

FFmpeg's own guess is not used: with it a text that names other files (HLS, DASH, ffconcat) is a "container" and makes FFmpeg open
those. Here a file is one of the kinds below or it is refused, and FFmpeg is told which.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from soundmill.engine.codecs.framing import first_of_a_row
from soundmill.engine.codecs.gsm import is_gsm_stream
from soundmill.engine.codecs.mpeg import is_adts_stream, is_mpeg_audio_stream
from soundmill.model.conversion import ConversionError, FailureCode

_HEAD_BYTES = 64 * 1024
MOV, MATROSKA = "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"
"""FFmpeg's names of what has several."""
_ASF_GUID = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_W64_GUID = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_TS_SYNC, _TS_PACKET_BYTES = b"G", 188
_TIMED_TS_PACKET_BYTES = 192  # as cameras and Blu-ray discs write it: a time of four bytes before each packet
_LATER_TS_PACKETS = 16  # behind the rest of one: the more places are looked at, the more must tell
_LONGEST_ADTS_BYTES = 8191
_MOST_ID3_TAGS = 4
ID3_HEADER_BYTES = 10

# (offset, bytes, FFmpeg's demuxer): the magic numbers of each format's specification.
_MAGIC = (
    (0, b"fLaC", "flac"),
    (0, b"OggS", "ogg"),
    (0, b"RF64", "wav"),
    (0, b"BW64", "wav"),
    (0, _W64_GUID, "w64"),
    (0, _ASF_GUID, "asf"),
    (0, b"\x1a\x45\xdf\xa3", MATROSKA),
    (0, b"caff", "caf"),
    (0, b".snd", "au"),
    (0, b"wvpk", "wv"),
    (0, b"TTA1", "tta"),
    (0, b"tBaK", "tak"),
    (0, b"MAC ", "ape"),
    (0, b"MPCK", "mpc8"),
    (0, b"MP+", "mpc"),
    (0, b"#!AMR", "amr"),
    (0, b"Creative Voice File", "voc"),
    (0, b"DSD ", "dsf"),
    (0, b"FRM8", "iff"),
    (0, b"FLV\x01", "flv"),
    (0, b"\x0b\x77", "ac3"),
    (0, b"\x7f\xfe\x80\x01", "dts"),
    (0, b"\x00\x00\x01\xba", "mpeg"),
    (4, b"\xf8\x72\x6f\xba", "truehd"),
    (4, b"\xf8\x72\x6f\xbb", "mlp"),
    (4, b"ftyp", MOV),
    (4, b"moov", MOV),
    (4, b"mdat", MOV),
    (4, b"wide", MOV),
    (4, b"skip", MOV),
    (4, b"free", MOV),
)
# MP3 is found behind junk, and so it would be in an archive that holds it as it is: several as one sound, without their tags.
_ARCHIVES = ((0, b"PK\x03\x04"), (0, b"Rar!\x1a\x07"), (0, b"7z\xbc\xaf\x27\x1c"), (257, b"ustar"))
_RIFF_KINDS = {b"WAVE": "wav", b"AVI ": "avi"}
_FORM_KINDS = {b"AIFF": "aiff", b"AIFC": "aiff", b"8SVX": "iff"}

DEMUXERS = frozenset(
    {each[2] for each in _MAGIC} | {"wav", "avi", "aiff", "iff", "mp3", "aac", "eac3", "mpegts", "gsm", "loas"}
)
"""FFmpeg's names of every kind that :func:`sniff` knows."""


def sniff(stream: BinaryIO) -> str:
    """FFmpeg's name of the demuxer for a seekable file, read from its start.

    Raises ``ConversionError`` with ``EMPTY_INPUT`` or ``UNSUPPORTED_INPUT``.
    """
    start = sound_start(stream)
    stream.seek(start)
    head = stream.read(_HEAD_BYTES)
    if not head and not start:
        raise ConversionError(FailureCode.EMPTY_INPUT, "The file is empty.")
    kind = _by_magic(head)
    if kind is None and any(head.startswith(magic, offset) for offset, magic in _ARCHIVES):
        raise ConversionError(
            FailureCode.UNSUPPORTED_INPUT, "This is an archive: unpack it, and convert the files that it holds."
        )
    kind = kind or _by_structure(head)
    if kind is None:
        raise ConversionError(
            FailureCode.UNSUPPORTED_INPUT, "This is not a kind of audio or video file that soundmill reads."
        )
    return kind


def sound_start(stream: BinaryIO) -> int:
    """Where the sound begins behind ID3v2 tags."""
    start = 0
    for _ in range(_MOST_ID3_TAGS):
        stream.seek(start)
        size = id3_bytes(stream.read(ID3_HEADER_BYTES))
        if not size:
            break
        start += size
    return start


def id3_bytes(header: bytes) -> int:
    """The length of the ID3v2 tag that begins with ``header`` (id3.org, ID3v2.4 section 3.1: sizes have 7 bits a byte); 0 for none."""
    if len(header) < ID3_HEADER_BYTES or header[:3] != b"ID3" or any(byte & 0x80 for byte in header[6:]):
        return 0
    size = header[6] << 21 | header[7] << 14 | header[8] << 7 | header[9]
    footer = ID3_HEADER_BYTES if header[5] & 0x10 else 0
    return ID3_HEADER_BYTES + size + footer


def _by_magic(head: bytes) -> str | None:
    if head[:4] == b"RIFF":
        return _RIFF_KINDS.get(head[8:12])
    if head[:4] == b"FORM":
        return _FORM_KINDS.get(head[8:12])
    kind = next((kind for offset, magic, kind in _MAGIC if head.startswith(magic, offset)), None)
    if kind == "ac3" and len(head) > 5 and head[5] >> 3 > 10:  # bsid: ETSI TS 102 366, annex E
        return "eac3"
    return kind


def _by_structure(head: bytes) -> str | None:
    """Formats without a magic number: a single sync word proves nothing, several frames in a row do."""
    if _holds_transport_stream(head):
        return "mpegts"
    if is_gsm_stream(head):
        return "gsm"
    if is_adts_stream(head):
        return "aac"
    if first_of_a_row(head, "loas") == 0:
        return "loas"
    if is_mpeg_audio_stream(head):
        return "mp3"
    return _by_later_structure(head)


def _by_later_structure(head: bytes) -> str | None:
    """What was cut out of something longer and begins inside a frame."""
    for kind in ("ac3", "dts", "loas"):
        at = first_of_a_row(head, kind)
        if at is not None:
            return _by_magic(head[at:]) if kind == "ac3" else kind
    if any(is_adts_stream(head, at) for at in _places(head, b"\xff", _LONGEST_ADTS_BYTES)):
        return "aac"
    return None


def _places(head: bytes, sync: bytes, end: int) -> Iterator[int]:
    at = head.find(sync, 0, end)
    while at >= 0:
        yield at
        at = head.find(sync, at + 1, end)


def _holds_transport_stream(head: bytes) -> bool:
    """Also behind the rest of a packet. To be asked first: several frames of silence in a row stand in one packet."""
    if _is_transport_stream(head, 0, _TS_PACKET_BYTES) or _is_transport_stream(head, 4, _TIMED_TS_PACKET_BYTES):
        return True
    return any(
        _is_transport_stream(head, at, size, _LATER_TS_PACKETS)
        for size in (_TS_PACKET_BYTES, _TIMED_TS_PACKET_BYTES)
        for at in _places(head, _TS_SYNC, size)
    )


def _is_transport_stream(head: bytes, first: int, packet_bytes: int, count: int = 4) -> bool:
    return all(head[at : at + 1] == _TS_SYNC for at in range(first, first + count * packet_bytes, packet_bytes))
