"""What is known of a piece of sound: facts of a source or a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from soundmill.model.waveform import Waveform


@dataclass(frozen=True, slots=True)
class Loudness:
    """After EBU R 128: ``integrated`` in LUFS, ``range`` in LU (EBU Tech 3342), ``true_peak`` in dBTP (ITU-R BS.1770)."""

    integrated: float
    range: float
    true_peak: float


@dataclass(frozen=True, slots=True)
class Hole:
    """A place where a damaged source lost sound: ``at`` seconds, ``lost`` seconds of it (``None``: nobody knows).

    ``filled``: silence of that length stands there, so that what follows is heard when it should be.
    """

    at: float
    lost: float | None
    filled: bool


@dataclass(frozen=True, slots=True)
class SoundFacts:
    """Facts read from decoding a file, never from its header alone.

    ``duration`` is in seconds, ``sample_rate`` in hertz, ``bit_rate`` in bits per second; ``sample_count`` counts
    samples per channel. ``tags`` have lower-case keys. ``loudness`` is ``None`` where nobody asked for it, and for silence.
    ``damage`` is what was lost where a source was salvaged; silence in its place counts as sound.
    """

    codec: str
    container: str
    duration: float
    sample_rate: int
    channels: int
    channel_layout: str
    sample_count: int
    bit_rate: int | None = None
    bit_depth: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    has_cover: bool = False
    chapter_count: int = 0
    loudness: Loudness | None = None
    damage: tuple[Hole, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SoundFacts:
        """The inverse of :meth:`as_dict`; names that only a newer version knows are left out. Raises ``TypeError`` for missing ones."""
        known = _known(cls, values)
        if known.get("loudness") is not None:
            known["loudness"] = Loudness(**_known(Loudness, known["loudness"]))
        known["damage"] = tuple(Hole(**_known(Hole, each)) for each in known.get("damage", ()))
        return cls(**known)


@dataclass(frozen=True, slots=True)
class ConversionReport:
    """What one verified conversion found and made.

    ``not_carried`` names what the target format could not hold, e.g. ``"cover"`` or ``"tag: composer"``;
    ``versions`` holds the engine's and FFmpeg's versions, ``settings`` what the encoder was told, by the names that clients know: both with the
    task's options are enough to repeat it. Where the sound wasn't edited, its waveform is that of the source.
    Where several sources were joined, ``source`` is what they are together, and ``sources`` what each is. ``remarks`` are for who operates it.
    """

    source: SoundFacts
    result: SoundFacts
    not_carried: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    source_waveform: Waveform | None = None
    result_waveform: Waveform | None = None
    sources: tuple[SoundFacts, ...] = ()
    remarks: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "source": self.source.as_dict(),
            "result": self.result.as_dict(),
            "not_carried": list(self.not_carried),
            "versions": dict(self.versions),
            "settings": dict(self.settings),
            "source_waveform": None if self.source_waveform is None else self.source_waveform.as_dict(),
            "result_waveform": None if self.result_waveform is None else self.result_waveform.as_dict(),
            "sources": [each.as_dict() for each in self.sources],
            "remarks": list(self.remarks),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ConversionReport:
        """The inverse of :meth:`as_dict`. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for what is none."""
        return cls(
            source=SoundFacts.from_dict(values["source"]),
            result=SoundFacts.from_dict(values["result"]),
            not_carried=tuple(values["not_carried"]),
            versions=dict(values["versions"]),
            settings=dict(values.get("settings", {})),
            source_waveform=_waveform(values.get("source_waveform")),
            result_waveform=_waveform(values.get("result_waveform")),
            sources=tuple(SoundFacts.from_dict(each) for each in values.get("sources", ())),
            remarks=tuple(values.get("remarks", ())),
        )


def _known(of: type[SoundFacts | Loudness | Hole], values: Mapping[str, Any]) -> dict[str, Any]:
    return {each.name: values[each.name] for each in fields(of) if each.name in values}


def _waveform(values: Mapping[str, Any] | None) -> Waveform | None:
    return None if values is None else Waveform.from_dict(values)
