"""Where the sound of Ogg Vorbis begins and ends: granule positions tell it to the sample, and FFmpeg only heeds some of them."""

from __future__ import annotations

from dataclasses import dataclass

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.context import Flags2
from av.packet import Packet

from soundmill.engine.pcm.planes import cut

_MOST_PACKETS_A_PAGE = 255  # RFC 3533, section 6: so many lacing values


@dataclass(frozen=True, slots=True)
class Mark:
    """What a page tells: with so many ``packets`` since the headers the sound has come to the sample ``granule``."""

    packets: int
    granule: int
    is_end: bool


@dataclass(slots=True)
class Marks:
    """Those of a stream that matter: its first page of sound, the last one, and the one before that."""

    first: Mark | None = None
    before_last: Mark | None = None
    last: Mark | None = None

    def add(self, mark: Mark) -> None:
        """That of the next page."""
        self.first = self.first or mark
        self.before_last, self.last = self.last, mark


class Trimmed:
    """A decoder for the packets of one stream, without what its ``marks`` say isn't to be heard.

    As libvorbis does it (Vorbis I, appendix A.2): a first page that tells of fewer samples than it holds begins inside them, the last
    one of a stream ends inside them; if that is the same page, it ends.
    """

    def __init__(self, stream: AudioStream, marks: Marks) -> None:
        """``stream`` has decoded nothing yet."""
        stream.codec_context.flags2 |= Flags2.skip_manual
        self._marks = marks
        self._packets = 0
        self._samples = self._samples_before_last = 0
        self._held: list[AudioFrame] = []
        first = marks.first
        self._begin = first if first is not None and first.packets <= _MOST_PACKETS_A_PAGE else None
        before = marks.before_last
        self._middle = (
            range(first.packets, before.packets - 1) if first is not None and before is not None else range(0)
        )

    def decode(self, packet: Packet[AudioStream]) -> list[AudioFrame]:
        """Frames that are ready; near the end all but the last one, until the packet comes that says that there are no more.

        Raises ``av.FFmpegError``.
        """
        if self._packets in self._middle and not self._held and packet.size:
            return self._whole(packet)
        self._packets += bool(packet.size)
        frames = packet.decode()
        if self._packets == 1:
            frames = []  # the first block overlaps with nothing
        self._held += frames
        self._samples += sum([each.samples for each in frames])
        before = self._marks.before_last
        if before is not None and self._packets == before.packets:
            self._samples_before_last = self._samples
        if self._begin is not None and self._packets == self._begin.packets:
            self._cut_begin(self._begin)
        if not packet.size:
            self._cut_end()
        elif self._begin is not None:
            return []
        is_end_near = bool(packet.size) and self._packets not in self._middle
        return self._taken(1 if is_end_near else 0)

    def _whole(self, packet: Packet[AudioStream]) -> list[AudioFrame]:
        """Nothing is cut between the first page and the last one: that is most of a stream, and shall cost nothing more."""
        self._packets += 1
        frames = packet.decode()
        for frame in frames:
            self._samples += frame.samples
        return frames

    def _cut_begin(self, mark: Mark) -> None:
        surplus = 0 if mark.is_end else self._samples - mark.granule
        while self._held and surplus > 0:
            frame = self._held.pop(0)
            if frame.samples > surplus:
                self._held.insert(0, cut(frame, surplus, frame.samples))
            surplus -= frame.samples
        self._begin = None

    def _cut_end(self) -> None:
        last, before = self._marks.last, self._marks.before_last
        if last is None or not last.is_end or not self._held:
            return
        frame = self._held.pop()
        reached = (before.granule if before else 0) + self._samples - self._samples_before_last
        left = frame.samples - max(0, reached - last.granule)
        if left > 0:
            self._held.append(cut(frame, 0, left))

    def _taken(self, kept: int) -> list[AudioFrame]:
        ready, self._held = self._held, self._held[len(self._held) - kept :]
        del ready[len(ready) - kept :]
        return ready
