"""``soundmill settings``: every setting there is."""

from __future__ import annotations

from typing import Annotated

import typer

from soundmill.cli.streams import say

_PAGE_HEAD = """# Settings

All come from the environment, or from a file `.env` in the directory where soundmill is started; options of the command line win over
both. `SOUNDMILL_…_FILE` names a file that holds the value, for secrets of Docker, systemd and Kubernetes. Sizes are in bytes, times
in seconds, unless said otherwise. This page is what `soundmill settings --markdown` prints.

| variable | default | meaning |
| --- | --- | --- |"""


def settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="As a page of the documentation.")] = False,
) -> None:
    """Show every setting, its default and its meaning."""
    from soundmill.app import describe_settings

    if markdown:
        say(_PAGE_HEAD)
    for each in describe_settings():
        if markdown:
            default = f"`{each.default}`" if each.default else ""
            say(f"| `{each.variable}` | {default} | {each.meaning} |")
        else:
            say(f"{each.variable}={each.default}\n    {each.meaning}")
