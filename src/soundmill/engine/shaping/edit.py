"""Cut, speed, gain, limiter and fades between the decoder and the encoder, exact to the sample."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from av.audio.frame import AudioFrame

from soundmill.engine.pcm.filtering import Filter, FilterChain
from soundmill.engine.pcm.planes import cut
from soundmill.engine.pcm.silence import form_of
from soundmill.engine.plan import Plan
from soundmill.engine.shaping.finite import cut_off, samples_above
from soundmill.engine.shaping.reshape import Reshaper
from soundmill.model.conversion import ConversionError, FailureCode
from soundmill.model.options import ConversionOptions

# True peaks lie between samples: four times the rate shows them (ITU-R BS.1770-5, annex 2).
_OVERSAMPLING = 4
# The way back to the sound's own rate rounds corners up by less than this.
_LIMITER_MARGIN_DB = 0.1
# FFmpeg's atempo works on windows of up to a twelfth of a second, and gives nothing of what doesn't fill one.
_WINDOWS_IN_A_SECOND = 12
# Lengths are shown to people without their fractions: who asks for one of these means the end.
_ROUNDED_SECONDS = 1
_FLOAT = ("aformat", "sample_fmts=dblp")


@dataclass(frozen=True, slots=True)
class Edits:
    """What is done to a sound, in this order. ``end`` and ``source_samples`` are known after a first pass only.

    ``start`` and ``end`` in samples of the source, ``gain`` in dB, ``limit`` is a true peak in dBTP, fades in samples of the result.
    """

    rate: int
    start: int = 0
    end: int | None = None
    tempo: float = 1.0
    gain: float = 0.0
    limit: float | None = None
    fade_in: int = 0
    fade_out: int = 0
    source_samples: int | None = None
    only_cut: bool = False
    """True where every sample that is left stays as it was."""

    def sample_count(self, source_samples: int) -> int:
        """How many samples a channel come out of so many."""
        end = source_samples if self.end is None else min(self.end, source_samples)
        return round(max(0, end - self.start) / self.tempo)

    @property
    def needs_length(self) -> bool:
        """True where the sound's end must be known at its beginning: a first pass counts it."""
        return bool(self.fade_out) or self.tempo != 1 or self.limit is not None


def make_edits(options: ConversionOptions, rate: int) -> Edits:
    """The edits that ``options`` ask for, in samples at the source's ``rate``; those for a loudness aside."""

    def samples(seconds: float | None) -> int:
        return round((seconds or 0) * rate)

    return Edits(
        rate=rate,
        start=samples(options.trim_start),
        end=None if options.trim_end is None else samples(options.trim_end),
        tempo=options.tempo or 1.0,
        gain=options.gain or 0.0,
        fade_in=samples(options.fade_in),
        fade_out=samples(options.fade_out),
        only_cut=not options.changes_samples,
    )


class Editor:
    """Edits frames on their way. After :meth:`edited` ended, ``source_samples`` says how many samples came in, ``sample_count`` how many came out."""

    def __init__(self, edits: Edits, plan: Plan) -> None:
        """Sound that is changed takes the layout of ``plan`` before: a mix of channels has other peaks than they have."""
        self._edits = edits
        self._plan = plan
        self._above = 0
        self.source_samples = 0
        """A channel, at the first frame's rate: a sound that changes its own is rounded to whole samples at each change."""
        self.has_one_rate = True
        """False where the source changed its own."""
        self.sample_count = 0

    def losses(self) -> Iterator[str]:
        """What the plan has no place for of the edited sound, and what was asked for behind its end; named for people."""
        yield from cut_off(self._above, self._plan)
        end, rate = self._edits.end, self._edits.rate
        if end is not None and end > self.source_samples + _ROUNDED_SECONDS * rate:
            yield f"an end at {end / rate:g} s (the sound ends at {self.source_samples / rate:.3f} s)"

    def edited(self, frames: Iterable[AudioFrame]) -> Iterator[AudioFrame]:
        """Every frame of the result. ``frames`` are read to their end, so that what is damaged is found behind a cut, too.

        Raises ``ConversionError`` with ``UNSUITABLE_OPTIONS`` where nothing is left.
        """
        chain: FilterChain | None = None
        for frame in self._in_one_form(frames):
            begin, self.source_samples = self.source_samples, self.source_samples + frame.samples
            if self.source_samples <= self._edits.start or (self._edits.end is not None and begin >= self._edits.end):
                continue
            if chain is None:
                chain = FilterChain(form_of(frame), filters(self._edits, begin))
            if chain.push(frame):
                yield from self._counted(chain.pull())
        if chain is not None:
            chain.end()
            yield from self._counted(self._to_the_end(chain.pull()))
        if not self.sample_count:
            raise ConversionError(
                FailureCode.UNSUITABLE_OPTIONS,
                f"Nothing is left of the sound with these options: it ends at {self.source_samples / self._edits.rate:.3f} s.",
            )

    def _in_one_form(self, frames: Iterable[AudioFrame]) -> Iterator[AudioFrame]:
        """A source that changes its form midway goes on in that of its first frame."""
        reshaper: Reshaper | None = None
        rate = 0
        for frame in frames:
            if reshaper is None:
                reshaper = Reshaper(self._form(frame), 0)
                rate = frame.sample_rate
            self.has_one_rate &= frame.sample_rate == rate
            yield from reshaper.feed(frame)
        if reshaper is not None:
            yield from reshaper.flush()

    def _form(self, first: AudioFrame) -> Plan:
        layout = first.layout
        channels, name, sample_format = layout.nb_channels, layout.name, first.format.name
        if not self._edits.only_cut:
            channels, name, sample_format = self._plan.channels, self._plan.channel_layout, "dblp"
        return Plan("", "", first.sample_rate, channels, name, sample_format)

    def _to_the_end(self, frames: Iterable[AudioFrame]) -> Iterator[AudioFrame]:
        """The last ones, without what stands behind the sound where the filters couldn't know how long it is."""
        if self._edits.tempo == 1 or self._edits.source_samples is not None:
            yield from frames
            return
        left = self._edits.sample_count(self.source_samples) - self.sample_count
        for frame in frames:
            if left >= frame.samples:
                yield frame
            elif left > 0:
                yield cut(frame, 0, left)
            left -= frame.samples

    def _counted(self, frames: Iterable[AudioFrame]) -> Iterator[AudioFrame]:
        for frame in frames:
            self.sample_count += frame.samples
            if self._plan.is_lossless_integer:
                self._above += samples_above(frame)
            yield frame


def filters(edits: Edits, begin: int = 0) -> list[Filter]:
    """FFmpeg's filters and their arguments for a sound that begins with its sample ``begin``."""
    end = "" if edits.end is None else f":end_sample={edits.end - begin}"
    chain = [("atrim", f"start_sample={max(0, edits.start - begin)}{end}"), ("asetpts", "N")]
    if edits.only_cut:
        return chain
    if edits.tempo != 1:
        silent = 2 * math.ceil(edits.rate / _WINDOWS_IN_A_SECOND)
        chain += [("apad", f"pad_len={silent}"), ("atempo", f"{edits.tempo}")]
    if edits.gain:
        chain.append(("volume", f"{edits.gain}dB:precision=double"))
    if edits.limit is not None:
        chain += _limiter(edits.rate, edits.limit)
    length = None if edits.source_samples is None else edits.sample_count(edits.source_samples)
    if length is not None:
        # The filters before know the length only nearly.
        chain += [("apad", f"whole_len={length}"), ("atrim", f"end_sample={length}"), ("asetpts", "N")]
    if edits.fade_in:
        chain.append(("afade", f"t=in:start_sample=0:nb_samples={edits.fade_in}"))
    if edits.fade_out and length is not None:
        samples = min(edits.fade_out, length)
        chain.append(("afade", f"t=out:start_sample={length - samples}:nb_samples={samples}"))
    return chain


def _limiter(rate: int, limit: float) -> list[Filter]:
    highest = 10 ** ((limit - _LIMITER_MARGIN_DB) / 20)
    return [
        ("aresample", f"{rate * _OVERSAMPLING}"),
        ("alimiter", f"limit={highest:.6f}:attack=5:release=50:level=0:latency=1"),
        ("aresample", f"{rate}"),
        _FLOAT,
    ]
