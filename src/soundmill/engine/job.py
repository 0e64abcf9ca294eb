"""One conversion as a value: what to read, what to write, how, and within which limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from soundmill.model.formats import TargetFormat, target_format
from soundmill.model.options import ConversionOptions


@dataclass(frozen=True, slots=True)
class Limits:
    """What one conversion may use before it is killed as a whole."""

    memory_bytes: int = 1 << 30
    cpu: timedelta = timedelta(hours=4)
    wall: timedelta = timedelta(hours=4)
    output_bytes: int = 64 << 30
    decoded: timedelta = timedelta(hours=100)
    """Longest sound that is decoded: 2.4 MB of FLAC can be 100 hours."""

    def as_dict(self) -> dict[str, float]:
        """Plain values, for JSON; times in seconds."""
        given = asdict(self).items()
        return {name: value.total_seconds() if isinstance(value, timedelta) else value for name, value in given}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Limits:
        """The inverse of :meth:`as_dict`."""
        times = {name: timedelta(seconds=values[name]) for name in ("cpu", "wall", "decoded")}
        return cls(**{**values, **times})


@dataclass(frozen=True, slots=True)
class Job:
    """``source`` is read, ``directory`` (ours alone, empty) is where the result appears. Both are absolute."""

    source: Path
    directory: Path
    target: TargetFormat
    options: ConversionOptions = field(default_factory=ConversionOptions)
    limits: Limits = field(default_factory=Limits)
    encoders: int = 1
    """How many processes may encode side by side, where the sound is long and its codec can be split."""
    may_be_helped: bool = False
    """Whether others may encode pieces, too, where the sound is very long."""
    draws: bool = False
    """Whether waveforms are wanted."""

    following: tuple[Path, ...] = ()
    """Sources that are joined: their sounds follow on that of ``source``."""
    names: tuple[str, ...] = ()
    """What all joined sources are called, with their extensions."""
    account: str = ""
    """Whose they are: small files of one account may be converted by one process, one after another. A process of its own where it isn't told."""

    @property
    def sources(self) -> tuple[Path, ...]:
        """All that is read."""
        return (self.source, *self.following)

    @property
    def result_path(self) -> Path:
        """Where the result is once it is verified."""
        return self.directory / f"result.{self.options.extension_for(self.target)}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "source": str(self.source),
            "directory": str(self.directory),
            "target": self.target.name,
            "options": asdict(self.options),
            "limits": self.limits.as_dict(),
            "encoders": self.encoders,
            "may_be_helped": self.may_be_helped,
            "draws": self.draws,
            "following": [str(each) for each in self.following],
            "names": list(self.names),
            "account": self.account,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Job:
        """The inverse of :meth:`as_dict`."""
        return cls(
            source=Path(values["source"]),
            directory=Path(values["directory"]),
            target=target_format(values["target"]),
            options=ConversionOptions(**values["options"]),
            limits=Limits.from_dict(values["limits"]),
            encoders=values["encoders"],
            may_be_helped=values["may_be_helped"],
            draws=values["draws"],
            following=tuple(Path(each) for each in values["following"]),
            names=tuple(values["names"]),
            account=values["account"],
        )


@dataclass(frozen=True, slots=True)
class PieceJob:
    """A piece of a conversion that runs elsewhere: ``work`` is read, and what became of it goes to ``answer``, which is there and empty."""

    work: Path
    answer: Path
    limits: Limits

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"work": str(self.work), "answer": str(self.answer), "limits": self.limits.as_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PieceJob:
        """The inverse of :meth:`as_dict`."""
        return cls(Path(values["work"]), Path(values["answer"]), Limits.from_dict(values["limits"]))
