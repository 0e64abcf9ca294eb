"""Frames on their way through FFmpeg's filters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
from av.audio.frame import AudioFrame
from av.filter import Graph

from soundmill.engine.pcm.silence import Form

type Filter = tuple[str, str]
"""FFmpeg's name of it, and its arguments."""

# One exception a pull that finds nothing: pulling after every frame costs more than converting it.
_FRAMES_A_PULL = 32


class FilterChain:
    """Filters one behind the other, for frames of one form. What comes out has times as the filters give them."""

    def __init__(self, form: Form, filters: Iterable[Filter], frame_samples: int = 0) -> None:
        """``frame_samples`` is how many samples each frame that comes out must have (the last may be shorter); 0 for any."""
        self.form = form
        rate, layout, sample_format = form
        self._time_base = Fraction(1, rate)
        graph = Graph()
        graph.threads = 1
        self._entry = graph.add_abuffer(
            sample_rate=rate, format=sample_format, layout=layout, time_base=self._time_base
        )
        self._exit = graph.add("abuffersink")
        graph.link_nodes(self._entry, *(graph.add(name, arguments) for name, arguments in filters), self._exit)
        graph.configure()
        if frame_samples:
            graph.set_audio_frame_size(frame_samples)
        self._graph = graph
        self._pushed = 0
        self.sample_count = 0
        """Samples a channel that went in."""

    def push(self, frame: AudioFrame) -> bool:
        """Take a frame, which loses its time; True when it is time to pull."""
        frame.pts = None
        frame.time_base = self._time_base
        self._entry.push(frame)
        self.sample_count += frame.samples
        self._pushed += 1
        return self._pushed % _FRAMES_A_PULL == 0

    def end(self) -> None:
        """No more frames will come."""
        self._entry.push(None)

    def pull(self) -> Iterator[AudioFrame]:
        """Every frame that is ready."""
        while True:
            try:
                frame = self._exit.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            if isinstance(frame, AudioFrame):
                yield frame
