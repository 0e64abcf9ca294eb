"""What is shown of conversions while they run: bars on a terminal, lines elsewhere; troubles always, on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from soundmill.cli.batch import Done
from soundmill.cli.streams import say
from soundmill.model.formats import TargetFormat

_OF_ONE_FILE = 1.0
_CONTROLS = {number: f"\\x{number:02x}" for number in (*range(0x20), *range(0x7F, 0xA0))}


class _CountColumn(MofNCompleteColumn):
    """How many of several are done; nothing beside a single file's bar."""

    def render(self, task: Task) -> Text:
        """See the library."""
        return super().render(task) if task.total != _OF_ONE_FILE else Text("")


class Shown:
    """``progress`` may be called from several threads, ``done`` by one."""

    def __init__(self, bars: Progress | None, overall: TaskID | None, *, quiet: bool, as_json: bool) -> None:
        self._bars = bars
        self._overall = overall
        self._quiet = quiet
        self._as_json = as_json
        self._of: dict[Path, TaskID] = {}

    def progress(self, source: Path, fraction: float) -> None:
        """How much of ``source`` is done, 0 to 1."""
        if self._bars is not None:
            if source not in self._of:
                self._of[source] = self._bars.add_task(_printable(source.name), total=_OF_ONE_FILE)
            self._bars.update(self._of[source], completed=fraction)

    def done(self, done: Done, target: TargetFormat) -> None:
        """One file's end, on its way into ``target``."""
        if self._bars is not None and self._overall is not None:
            self._bars.advance(self._overall)
            if done.source in self._of:
                self._bars.remove_task(self._of.pop(done.source))
        if self._as_json:
            say(_json(done.as_dict(target)))
        if done.result is None or done.report is None:
            self._complain(f"{done.source}: {done.trouble}")
        elif not (self._quiet or self._as_json):
            lost = f" (not carried: {', '.join(done.report.not_carried)})" if done.report.not_carried else ""
            line = f"{done.source} → {done.result}{lost}"
            if self._bars is None:
                say(line)
            else:
                self._print_above(self._bars, line)

    def end(self, failed: int, count: int) -> None:
        """All are done. On a terminal, the troubles of a few may have scrolled away."""
        if failed and count > 1 and self._bars is not None:
            self._complain(f"{failed} of {count} failed.")

    def _complain(self, line: str) -> None:
        if self._bars is not None and sys.stderr.isatty():
            # Written beside the bars, it would be wiped away with them.
            self._print_above(self._bars, line)
        else:
            print(_printable(line) if sys.stderr.isatty() else line, file=sys.stderr, flush=True)

    @staticmethod
    def _print_above(bars: Progress, line: str) -> None:
        bars.console.print(_printable(line), markup=False, highlight=False, soft_wrap=True)


@contextmanager
def shown_progress(count: int, *, quiet: bool, as_json: bool) -> Iterator[Shown]:
    """Of ``count`` conversions. ``quiet`` leaves only the troubles, ``as_json`` makes a line of JSON of each."""
    if quiet or as_json or not sys.stdout.isatty():
        yield Shown(None, None, quiet=quiet, as_json=as_json)
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, _CountColumn(), transient=True) as bars:
        yield Shown(bars, bars.add_task("all files", total=count, visible=count > 1), quiet=quiet, as_json=False)


def _printable(text: str) -> str:
    """A name is anybody's choice: on a terminal it must not move the cursor or set colours."""
    return text.translate(_CONTROLS)


def _json(told: dict[str, Any]) -> str:
    text = json.dumps(told, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        # Also a name that isn't UTF-8: its bytes stand there as lone surrogates (PEP 383), which only ASCII can show.
        return json.dumps(told)
    return text
