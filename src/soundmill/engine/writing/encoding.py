"""One pass of sound into an encoder, and its errors as a client reads them."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import av
import soundfile
from av.audio.frame import AudioFrame
from mutagen import MutagenError

from soundmill.engine.pcm.peaks import PeakMeter
from soundmill.engine.plan import Plan
from soundmill.engine.shaping.reshape import Reshaper
from soundmill.engine.writing.encode import Encoder
from soundmill.engine.writing.vorbis import SYSTEM_ERROR
from soundmill.model.conversion import ConversionError, FailureCode

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
# A file system that was mounted anew, a disk that fails, a directory of NFS that was made anew.
_UNWRITABLE = frozenset({errno.EROFS, errno.EIO, errno.ESTALE})


def encode_all(encoder: Encoder, plan: Plan, frames: Iterator[AudioFrame], peaks: PeakMeter | None = None) -> int:
    """Gives how many samples a channel went into the encoder.

    ``peaks`` sees these, where it is given: half the cost of seeing the decoder's, which are floats in small frames.
    """
    try:
        reshaper = Reshaper(plan, encoder.frame_samples)
        ready = chain(chain.from_iterable(map(reshaper.feed, frames)), reshaper.flush())
        most = plan.most_samples
        for frame in ready:
            if peaks is not None:
                peaks.add(frame)
            encoder.encode(frame)
            if most is not None and reshaper.sample_count > most:
                raise ConversionError(
                    FailureCode.UNSUITABLE_OPTIONS, "It is more than the 4 GB that an AIFF can hold: take WAV or FLAC."
                )
        encoder.finish()
    except BaseException:
        # Closed now, and not when it is forgotten: another try may be writing to the same path by then.
        encoder.abandon()
        raise
    return reshaper.sample_count


@contextmanager
def encoding_errors() -> Iterator[None]:
    """Raises ``ConversionError``, ``STORAGE`` or ``UNSUITABLE_OPTIONS``, where an encoder or a muxer fails."""
    try:
        yield
    except MutagenError as error:
        # It wraps what the system said when it wrote tags or a cover.
        system = next((each for each in (error.__cause__, *error.args) if isinstance(each, OSError)), None)
        raise _encoding_error(system or error) from error
    except (av.FFmpegError, soundfile.SoundFileError, OSError) as error:
        raise _encoding_error(error) from error


def _encoding_error(error: Exception) -> ConversionError:
    if isinstance(error, MemoryError):
        raise error
    number = getattr(error, "errno", None)
    # libsndfile doesn't say which error of the system's it met; in a file that it writes none is about settings.
    is_systems = isinstance(error, soundfile.LibsndfileError) and error.code == SYSTEM_ERROR
    if number in _FULL or is_systems:
        return ConversionError(FailureCode.STORAGE, "The storage is full.", retryable=True, detail_for_log=str(error))
    if number in _UNWRITABLE:
        message = "The storage can't be written to."
        return ConversionError(FailureCode.STORAGE, message, retryable=True, detail_for_log=str(error))
    return ConversionError(
        FailureCode.UNSUITABLE_OPTIONS,
        "This sound can't be encoded with these settings.",
        detail_for_log=f"{type(error).__name__}: {error}",
    )
