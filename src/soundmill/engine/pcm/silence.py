"""Frames in which nothing is heard."""

from __future__ import annotations

from fractions import Fraction

from av.audio.frame import AudioFrame

from soundmill.engine.pcm.planes import buffers

type Form = tuple[int, str, str]
"""Sample rate in hertz, and FFmpeg's names of a channel layout and a sample format."""


def form_of(frame: AudioFrame) -> Form:
    """That of ``frame``."""
    return frame.sample_rate, frame.layout.name, frame.format.name


def silence(form: Form, samples: int) -> AudioFrame:
    """A frame of so many samples a channel."""
    rate, layout, sample_format = form
    frame = AudioFrame(sample_format, layout, samples)
    middle = b"\x80" if sample_format.startswith("u8") else b"\0"
    for plane in buffers(frame):
        plane.update(middle * plane.buffer_size)
    frame.sample_rate = rate
    frame.time_base = Fraction(1, rate)  # as a decoder's frames have: who borrows a frame puts back what it had
    return frame
