"""Options that change the sound or what is said about it: the same for every target, each with its range."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from soundmill.model.cue import parse_cue
from soundmill.model.formats import BIT_RATE_MODES, PRESETS
from soundmill.model.text import is_storable

LONGEST_SECONDS = 360_000.0
MOST_TAGS, LONGEST_TAG_NAME, LONGEST_TAG_TEXT = 100, 100, 10_000
_TRUE, _FALSE = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0"})


@dataclass(frozen=True, slots=True)
class NumberRange:
    """A number from ``minimum`` to ``maximum`` in ``unit`` (``""`` for a count or a factor)."""

    minimum: float
    maximum: float
    unit: str
    meaning: str
    is_whole: bool = False

    def complaint(self, value: float) -> str | None:
        """What is wrong with ``value``, in a sentence; ``None`` when it lies in the range."""
        if self.minimum <= value <= self.maximum:
            return None
        unit = f" in {self.unit}" if self.unit else ""
        return f"{self.meaning}: a number{unit} from {self.minimum:g} to {self.maximum:g}."


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words; the first is what happens unless another is said, or the format has a usual one."""

    values: tuple[str, ...]
    meaning: str

    @property
    def spoken(self) -> str:
        """All of them, in a sentence."""
        return f"{', '.join(self.values[:-1])} or {self.values[-1]}"

    def parse(self, raw: object) -> str:
        """The word that ``raw`` is, whatever its case. Raises ``ValueError``."""
        word = str(raw).strip().lower()
        if word not in self.values:
            raise ValueError(word)
        return word


CHOICES: Mapping[str, Choice] = MappingProxyType(
    {
        "preset": Choice(("automatic", *PRESETS), "How good a lossy result is, and how large"),
        "bitRateMode": Choice(BIT_RATE_MODES, "Whether every moment gets as many bits, or each what it needs"),
        "onDamage": Choice(("fail", "salvage"), "What becomes of a source that is damaged"),
        "split": Choice(
            ("no", "chapters", "cue", "silence"), "Where the source is divided into pieces, which come in one ZIP"
        ),
    }
)
"""By their JSON names."""

EDIT_RANGES: Mapping[str, NumberRange] = MappingProxyType(
    {
        "trimStart": NumberRange(0, LONGEST_SECONDS, "seconds", "Where in the source the result begins"),
        "trimEnd": NumberRange(0.001, LONGEST_SECONDS, "seconds", "Where in the source the result ends"),
        "silenceThreshold": NumberRange(-120, -20, "dBFS", "Quieter than this is silence"),
        "shortestSilence": NumberRange(0, 60, "seconds", "Silence that is shorter stays"),
        "fadeIn": NumberRange(0, 600, "seconds", "How long the sound rises from silence"),
        "fadeOut": NumberRange(0, 600, "seconds", "How long the sound falls to silence"),
        "gain": NumberRange(-60, 60, "dB", "Louder or quieter"),
        "loudness": NumberRange(-70, -5, "LUFS", "Integrated loudness of the result (EBU R 128)"),
        "truePeak": NumberRange(-9, 0, "dBTP", "Highest true peak with loudness (ITU-R BS.1770)"),
        "tempo": NumberRange(0.5, 2, "", "Speed at the same pitch"),
        "audioStream": NumberRange(0, 99, "", "Which of the source's sounds, counted from 0", is_whole=True),
    }
)
"""By their JSON names. ``tags`` and those that are true or false are no numbers."""

DEFAULT_SILENCE_THRESHOLD, DEFAULT_SHORTEST_SILENCE, DEFAULT_SHORTEST_PAUSE = -60.0, 0.1, 1.0
"""In dBFS: below the hiss of a quiet room, above dither. In seconds: shorter than a breath, and than a pause between pieces."""


def parse_number(raw: object) -> float:
    """A finite number. Raises ``TypeError`` or ``ValueError``."""
    if isinstance(raw, bool):
        raise TypeError
    number = float(str(raw).strip())
    if not math.isfinite(number):
        raise ValueError(raw)
    return number


def parse_flag(raw: object) -> bool | None:
    """A truth value, also as a form sends it; not asking is ``None``. Raises ``ValueError``."""
    text = str(raw).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return None
    raise ValueError(text)


def parse_sheet(raw: object) -> str:
    """The text of a cue sheet that can be followed. Raises ``ValueError`` with a sentence."""
    text = str(raw)
    if not is_storable(text):
        raise ValueError("This has characters that are none.")
    parse_cue(text)
    return text


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("One of them comes twice.")
    return found


def parse_tags(raw: object) -> dict[str, str]:
    """A mapping of tags to texts, or the JSON of one as a form sends it. Raises ``ValueError`` with a sentence."""
    if isinstance(raw, str):
        try:
            raw = json.loads(raw, object_pairs_hook=_once)
        except (json.JSONDecodeError, RecursionError):
            raw = None
    if not isinstance(raw, Mapping):
        raise ValueError(
            'It is an object of tags and texts, e.g. {"title": "A new one", "comment": ""}; an empty text removes.'
        )
    if len(raw) > MOST_TAGS:
        raise ValueError(f"There are at most {MOST_TAGS} of them.")
    tags = {str(name).strip().lower(): text for name, text in raw.items()}
    if len(tags) < len(raw):
        raise ValueError("One of them comes twice: upper and lower case and blanks around a name make no difference.")
    for name, text in tags.items():
        if not isinstance(text, str) or len(text) > LONGEST_TAG_TEXT or not is_storable(text):
            raise ValueError(
                f"The text of “{name[:40]}” has at most {LONGEST_TAG_TEXT} characters, and none that is no text."
            )
        if not 1 <= len(name) <= LONGEST_TAG_NAME or not name.isascii() or not name.isprintable() or "=" in name:
            raise ValueError(f"A tag's name has 1 to {LONGEST_TAG_NAME} printable ASCII characters but “=”.")
    return tags
