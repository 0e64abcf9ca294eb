"""Options by the names that they have on the command line; to the model they are known as the HTTP API calls them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from soundmill.model.errors import InvalidOptions

_NAMED_OTHERWISE = {"tags": "--tag", "cueSheet": "--cue"}
_QUOTED = re.compile(r"“(\w+)(?:=(\w+))?”")


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
    def named(found: re.Match[str]) -> str:
        name, value = found.groups()
        return " ".join(filter(None, (flag_of(name), value))) if name in names else found[0]

    return _QUOTED.sub(named, text)
