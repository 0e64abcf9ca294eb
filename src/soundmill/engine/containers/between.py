"""Tags between the frames of an MP3 file: what several files in one have. FFmpeg takes them for damaged frames."""

from __future__ import annotations

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet

from soundmill.engine.codecs.mpeg import mpeg_header
from soundmill.engine.containers.sniff import ID3_HEADER_BYTES, id3_bytes

_ID3V1 = b"TAG"
_ID3V1_BYTES = 128


class Untagged:
    """A decoder for the packets of one stream, in which a tag is no sound."""

    def __init__(self) -> None:
        self._tag_end = 0

    def decode(self, packet: Packet[AudioStream]) -> list[AudioFrame]:
        """Nothing of a tag; its picture's bytes may look like frames. Raises ``av.FFmpegError``."""
        if packet.pos is None:
            return packet.decode()
        if packet.pos < self._tag_end:
            return self._decoded_behind_tag(packet, packet.pos)
        try:
            frames = packet.decode()
        except av.InvalidDataError:
            if not self._begins_tag(packet, packet.pos):
                raise
            return self._decoded_behind_tag(packet, packet.pos)
        if not frames and self._begins_tag(packet, packet.pos):
            return self._decoded_behind_tag(packet, packet.pos)
        return frames

    def _begins_tag(self, packet: Packet[AudioStream], at: int) -> bool:
        data = bytes(packet)
        begin = _ID3V1_BYTES if data.startswith(_ID3V1) else 0
        size = begin + id3_bytes(data[begin : begin + ID3_HEADER_BYTES])
        if size:
            self._tag_end = at + size
        return size > 0

    def _decoded_behind_tag(self, packet: Packet[AudioStream], at: int) -> list[AudioFrame]:
        """FFmpeg leaves the next frame in one packet with the end of a tag before it."""
        data = bytes(packet)[self._tag_end - at :]
        if mpeg_header(data) is None:
            return []
        rest = Packet(data)
        rest.pts, rest.dts, rest.time_base = packet.pts, packet.dts, packet.time_base
        return packet.stream.codec_context.decode(rest)
