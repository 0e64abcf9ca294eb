"""The result of a sound that was encoded in pieces: a file that takes their packets in order."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from av.packet import Packet
from av.stream import Stream

from soundmill.engine.codecs.flac import StreamInfo
from soundmill.engine.codecs.packets import Packets
from soundmill.engine.plan import Plan
from soundmill.engine.tags.about import About
from soundmill.engine.tags.vorbis_comments import write_comments
from soundmill.engine.writing.encode import add_encoded_sound
from soundmill.engine.writing.mux import Muxer
from soundmill.engine.writing.vorbis import WRITE_SAMPLES
from soundmill.engine.writing.vorbis_packets import template


class StitchedFile:
    """Open for packets until :meth:`finish`; ``frame_samples`` is how many samples the encoder takes at a time."""

    def __init__(self, path: Path, plan: Plan, about: About) -> None:
        self._path, self._plan, self._about = path, plan, about
        self._is_vorbis = plan.encoder == "libsndfile"
        if self._is_vorbis:
            with template(plan) as stream:
                bare = replace(about, tags={}, pictures=(), chapters=())
                self._muxer = Muxer(path, plan, bare, lambda container: container.add_stream_from_template(stream))
            self.frame_samples = WRITE_SAMPLES
        else:
            self._muxer = Muxer(path, plan, about, lambda container: add_encoded_sound(container, plan))
            self.frame_samples = self._muxer.stream.codec_context.frame_size
        self._stream_info = StreamInfo(plan.raw_bits or 16) if plan.encoder == "flac" else None
        self._end_pts = 0
        self._time_base = Fraction(1, plan.sample_rate)

    @property
    def extradata(self) -> bytes:
        """What the encoder says to decoders before its first packet."""
        return self._muxer.stream.codec_context.extradata or b""

    def add_sound(self, pcm: memoryview, samples: int) -> None:
        """What the packets will hold, in its order, too: some formats say something about the whole of it."""
        if self._stream_info:
            self._stream_info.add_sound(pcm, samples)

    def add(self, packets: Packets) -> None:
        """The packets that follow."""
        if self._stream_info:
            self._stream_info.add_frames(packets.sizes)
        self._end_pts = packets.end_pts
        for each in packets.for_ffmpeg():
            self._mux(each)

    def finish(self) -> None:
        """Write what is left and close the file."""
        if self._stream_info:
            self._muxer.tell(self._stream_info.finished(self.extradata), self._end_pts, self._time_base)
        self._muxer.finish()
        if self._is_vorbis:
            write_comments(self._path, self._about)

    def abandon(self) -> None:
        """Close the file as it is; it is worth nothing."""
        self._muxer.abandon()

    def _mux(self, packet: Packet[Stream]) -> None:
        packet.stream = self._muxer.stream
        packet.time_base = self._time_base
        self._muxer.add(packet)
