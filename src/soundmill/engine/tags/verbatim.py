"""What a file says that has no name in other formats: it is carried as it stands where the result has the same kind of tags."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ID3V2, MP4, ASF = "ID3v2", "MP4", "ASF"


@dataclass(frozen=True, slots=True)
class Verbatim:
    """One of them, of the ``family`` of tags; ``content`` is mutagen's, or bytes where it knows it not, and ``data`` are its bytes in the file."""

    family: str
    shown: str
    """What people read of it where it is lost."""
    content: Any
    data: bytes
    name: str = ""
    """That of the tag that says the same kind of thing."""
    text: str | None = ""
    """What that tag would have to say to be the same; nothing where any will do."""
    is_timed: bool = False
    """True where it tells times of the sound."""
    is_measured: bool = False
    """True where it tells how loud the sound is."""

    @property
    def says_nothing(self) -> bool:
        """True of an empty text."""
        return bool(self.name) and self.text is not None and not self.text.strip()

    def is_said(self, tags: Mapping[str, str]) -> bool:
        """True where one of the ``tags`` says the same."""
        if self.says_nothing:
            return False
        said = tags.get(self.name) if self.name else None
        return said is not None and (self.text is None or said.strip() == self.text.strip())


def lost_of(wanted: Sequence[Verbatim], found: Sequence[Verbatim], tags: Mapping[str, str]) -> Iterator[str]:
    """What is in ``wanted``, and neither in ``found`` nor in the ``tags``, named for people."""
    there = {(each.family, each.data) for each in found}
    for each in wanted:
        if (each.family, each.data) not in there and not each.is_said(tags) and not each.says_nothing:
            yield each.shown


def told_of(those: Iterable[Verbatim], why: str, tags: Mapping[str, str]) -> tuple[str, ...]:
    """What is lost with ``those``, and the reason; nothing of what the ``tags`` say, too."""
    return tuple(dict.fromkeys(f"{each.shown} ({why})" for each in those if not each.is_said(tags)))
