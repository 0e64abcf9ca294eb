"""A conversion before the first: what Python and FFmpeg prepare at a first use is there when the server forks, and not done in each process anew."""

from __future__ import annotations

import wave
from contextlib import closing, suppress

from soundmill.engine.conversion.convert import convert
from soundmill.engine.job import Job
from soundmill.engine.serving.rooms import Rooms
from soundmill.model.conversion import ConversionError
from soundmill.model.formats import FORMATS

# Decoders of these compute tables when the first is opened, half a millisecond each.
_TARGETS = ("mp3", "m4a")
_RATE, _SAMPLES = 44_100, 2048
_CHANNELS = _SAMPLE_BYTES = 2


def rehearse() -> None:
    """Convert a moment of silence to and fro, which takes 15 ms, and up to a millisecond and a half off each conversion.

    In a directory for temporary files; where that can't be, conversions are right without it.
    """
    with suppress(OSError, ConversionError), closing(Rooms()) as rooms:
        directory = rooms.new()
        silence = directory / "silence.wav"
        with wave.open(str(silence), "wb") as file:
            file.setparams((_CHANNELS, _SAMPLE_BYTES, _RATE, 0, "NONE", ""))
            file.writeframes(bytes(_SAMPLES * _CHANNELS * _SAMPLE_BYTES))
        for target in _TARGETS:
            there = Job(silence, directory, FORMATS[target])
            back = Job(there.result_path, directory, FORMATS["wav"])
            for job in (there, back):
                convert(job, lambda fraction: None)
