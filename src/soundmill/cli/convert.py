"""``soundmill convert``: the service's conversions without the service."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from soundmill.cli.batch import Batch, Order
from soundmill.cli.complaints import told_in_one_line
from soundmill.cli.directories import directory_named
from soundmill.cli.flags import told_by_flags
from soundmill.cli.join import join_files
from soundmill.cli.shown import shown_progress
from soundmill.cli.stopping import cleaned_up_when_stopped
from soundmill.model.errors import UnknownFormat
from soundmill.model.formats import target_format
from soundmill.model.text import text_of

SOME_FAILED = 1
_SEPARATORS = frozenset({os.sep, os.altsep})


def _directory(given: str) -> Path:
    """Other programs' ``-o`` names a file: what looks like one is not silently made a directory."""
    directory = directory_named(given)
    if directory.is_dir():
        return directory
    if given == "-":
        raise typer.BadParameter("Results aren't written to standard output. Name a directory.")
    if given[-1] not in _SEPARATORS and _names_a_format(directory.suffix):
        raise typer.BadParameter(
            f"{given} looks like a file's name. Name a directory; results are called as their sources. "
            f"If it is to be one: {given}{os.sep}"
        )
    return directory


def _names_a_format(suffix: str) -> bool:
    try:
        target_format(suffix)
    except UnknownFormat:
        return False
    return True


def convert(
    files: Annotated[
        # What can't be read is one file's trouble, not the batch's.
        list[Path],
        typer.Argument(help="Audio or video files.", metavar="FILE", show_default=False, readable=False),
    ],
    to: Annotated[
        list[str],
        typer.Option(
            "--to", "-t", help="Target format: mp3, wav, ogg, opus, aac, m4a, wma, flac … Several, if given again."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Directory for the results; beside each source unless set.",
            metavar="DIRECTORY",
            parser=_directory,
        ),
    ] = None,
    bit_rate: Annotated[str | None, typer.Option(help="Bits per second, e.g. 192k.")] = None,
    bit_rate_mode: Annotated[
        str | None, typer.Option(help="constant (MP3's unless set) or variable (Opus'): in the mean --bit-rate.")
    ] = None,
    quality: Annotated[str | None, typer.Option(help="The codec's own scale: ogg 0 to 10, mp3 9 to 0.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="low, medium, high or best: how good a lossy result is, and how large.")
    ] = None,
    sample_rate: Annotated[str | None, typer.Option(help="In Hz, e.g. 48k.")] = None,
    channels: Annotated[str | None, typer.Option(help="1 for mono, 2 for stereo …")] = None,
    bit_depth: Annotated[str | None, typer.Option(help="8, 16, 24 or 32.")] = None,
    trim_start: Annotated[str | None, typer.Option(help="Begin at this second of the source.")] = None,
    trim_end: Annotated[str | None, typer.Option(help="End at this second of the source.")] = None,
    trim_silence: Annotated[bool, typer.Option("--trim-silence", help="Without the silence at both ends.")] = False,
    silence_threshold: Annotated[
        str | None, typer.Option(help="With --trim-silence: in dBFS, what is quieter; -60 unless set.")
    ] = None,
    shortest_silence: Annotated[
        str | None, typer.Option(help="With --trim-silence: in seconds, what is shorter stays; 0.1 unless set.")
    ] = None,
    fade_in: Annotated[str | None, typer.Option(help="Seconds.")] = None,
    fade_out: Annotated[str | None, typer.Option(help="Seconds.")] = None,
    gain: Annotated[str | None, typer.Option(help="In dB, e.g. -3.")] = None,
    loudness: Annotated[str | None, typer.Option(help="Integrated loudness in LUFS (EBU R 128), e.g. -16.")] = None,
    true_peak: Annotated[str | None, typer.Option(help="Ceiling in dBTP with --loudness; -1 unless set.")] = None,
    measure_loudness: Annotated[
        bool, typer.Option("--measure-loudness", help="Tell the loudness of source and result (EBU R 128); see --json.")
    ] = False,
    tempo: Annotated[str | None, typer.Option(help="Speed at the same pitch, 0.5 to 2.")] = None,
    audio_stream: Annotated[str | None, typer.Option(help="Which of several sounds, from 0.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="NAME=TEXT, once or several times; no text removes it.", show_default=False)
    ] = None,
    on_damage: Annotated[
        str | None, typer.Option(help="fail (unless set) or salvage: convert what can be decoded of a damaged file.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Into a ZIP of pieces: by chapters, cue (sheet) or silence.")
    ] = None,
    cue: Annotated[
        Path | None, typer.Option(help="With --split cue: the sheet; the file's own unless set.", show_default=False)
    ] = None,
    strip_tags: Annotated[
        bool, typer.Option("--strip-tags", help="Carry no tags, pictures and chapters over.")
    ] = False,
    join: Annotated[bool, typer.Option("--join", help="All files into one, in this order, a chapter each.")] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Files at a time; all cores unless set.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that exist.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only what went wrong.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="A line of JSON for each file: what it was, what became of it, made by what.")
    ] = False,
) -> None:
    """Convert files, on all cores, each verified. Exit status: 0 all converted, 1 some failed, 2 wrong usage."""
    with told_in_one_line():
        from soundmill.app import conversion_limits, load_settings, open_mill
        from soundmill.engine import cores, gaps
        from soundmill.model.options import parse_options

        settings = load_settings()
        targets = list(dict.fromkeys(map(target_format, to)))
        given = {
            "bitRate": bit_rate,
            "bitRateMode": bit_rate_mode,
            "quality": quality,
            "preset": preset,
            "sampleRate": sample_rate,
            "channels": channels,
            "bitDepth": bit_depth,
            "trimStart": trim_start,
            "trimEnd": trim_end,
            "trimSilence": trim_silence,
            "silenceThreshold": silence_threshold,
            "shortestSilence": shortest_silence,
            "fadeIn": fade_in,
            "fadeOut": fade_out,
            "gain": gain,
            "loudness": loudness,
            "truePeak": true_peak,
            "measureLoudness": measure_loudness,
            "tempo": tempo,
            "audioStream": audio_stream,
            "tags": _tags(tag) if tag else None,
            "stripTags": strip_tags,
            "onDamage": on_damage,
            "split": split,
            "cueSheet": _text_of(cue) if cue else None,
            "join": join,
        }
        with told_by_flags(given):
            options = [parse_options(target, given) for target in targets]
        limits = conversion_limits(settings)
        orders = [Order(*each, limits, output, overwrite) for each in zip(targets, options, strict=True)]
        _check_names(orders)
        if gaps():
            open_mill(settings).close()  # refuses here, once, if it must
    count = len(orders) * (1 if join else len(files))
    failed = 0
    with cleaned_up_when_stopped(), shown_progress(count, quiet=quiet, as_json=as_json) as shown:
        for order in orders:
            if join:
                ends = join_files(files, order, lambda: open_mill(settings), shown.progress)
            else:
                ends = Batch(order, jobs or cores(), lambda: open_mill(settings), shown.progress).run(files)
            with closing(ends):
                for done in ends:
                    failed += done.result is None
                    shown.done(done, order.target)
        shown.end(failed, count)
    if failed:
        raise typer.Exit(SOME_FAILED)


def _check_names(orders: list[Order]) -> None:
    """Refuse formats whose results would have one name: M4A and ALAC, or all formats of pieces, which come in a ZIP."""
    takers: dict[str, str] = {}
    for order in orders:
        rival = takers.setdefault(order.options.extension_for(order.target), order.target.name)
        if rival != order.target.name:
            raise typer.BadParameter(
                f"Results in {rival} and {order.target.name} would have the same names: convert into each by itself.",
                param_hint="--to",
            )


def _text_of(sheet: Path) -> str:
    try:
        text = text_of(sheet.read_bytes())
    except OSError as error:
        raise typer.BadParameter(f"{sheet}: {error.strerror}.", param_hint="--cue") from error
    if not text.strip():
        raise typer.BadParameter(f"{sheet} is empty.", param_hint="--cue")
    return text


def _tags(given: list[str]) -> dict[str, str]:
    """``NAME=TEXT`` each."""
    pairs = [each.partition("=") for each in given]
    for name, equals, _ in pairs:
        if not equals:
            raise typer.BadParameter(f"“{name}” is not NAME=TEXT.", param_hint="--tag")
    twice = [name for name, count in Counter(name.strip().lower() for name, _, _ in pairs).items() if count > 1]
    if twice:
        raise typer.BadParameter(f"“{twice[0]}” comes twice: nobody knows which was meant.", param_hint="--tag")
    return {name: text for name, _, text in pairs}
