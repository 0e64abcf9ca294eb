"""Options by the names that they have on the command line; to the model they are known as the HTTP API calls them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from soundmill.model.errors import InvalidOptions

_NAMED_OTHERWISE = {"tags": "--tag", "cueSheet": "--cue"}
_TWO_WORDS = re.compile(r"\b[a-z]+(?:[A-Z][a-z]+)+\b")
_VALUE = re.compile(r"\b(split)=(\w+)")


def flag_of(name: str) -> str:
    """``--bit-rate`` for ``bitRate``."""
    return _NAMED_OTHERWISE.get(name) or "--" + re.sub(r"[A-Z]", lambda found: f"-{found[0].lower()}", name)


@contextmanager
def told_by_flags(names: Collection[str]) -> Iterator[None]:
    """Raises ``InvalidOptions`` again, in the words of the command line; ``names`` are those of all options."""
    try:
        yield
    except InvalidOptions as error:
        head, *_ = error.message.partition(f" {error.fields[0].field}: ") if error.fields else (error.message,)
        complaints = (f"{flag_of(each.field)}: {_with_flags(each.message, names)}" for each in error.fields)
        raise InvalidOptions(" ".join((head, *complaints)), error.fields) from error


def _with_flags(text: str, names: Collection[str]) -> str:
    with_values = _VALUE.sub(lambda found: f"{flag_of(found[1])} {found[2]}", text)
    return _TWO_WORDS.sub(lambda found: flag_of(found[0]) if found[0] in names else found[0], with_values)
