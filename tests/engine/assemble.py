"""``python -m tests.engine.assemble WAV TARGET…``: encode by a crew, which must be forked where there is one thread, and spoil the results.

Prints for each target and each way to spoil it how many samples comparing tells, and how many decoding does; nothing where it tells nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import av
from av.packet import Packet
from av.stream import Stream

from soundmill.engine.comparing.listener import Listener
from soundmill.engine.job import Limits
from soundmill.engine.parallel.assembled import Assembled
from soundmill.engine.parallel.crew import Crew
from soundmill.engine.parallel.split import SplitEncoder
from soundmill.engine.plan import Plan, Sound, make_plan
from soundmill.engine.reading.decode import Decoding
from soundmill.engine.reading.source import open_source
from soundmill.engine.serving.server import _load_everything
from soundmill.engine.tags.about import About
from soundmill.engine.writing.encoding import encode_all
from soundmill.model.conversion import ConversionError
from soundmill.model.formats import FORMATS
from soundmill.model.options import ConversionOptions

LONGEST = timedelta(hours=1)


def main(wav: str, *targets: str) -> None:
    """Print what was found."""
    _load_everything()
    crew = Crew.fork(2, Limits())
    sys.stdout.write(json.dumps({target: found(Path(wav), target, crew) for target in targets}))


def found(wav: Path, target: str, crew: Crew) -> dict[str, tuple[int | None, int | None]]:
    """By the way to spoil it."""
    path = wav.with_name(f"{target}.{FORMATS[target].extension}")
    assembled, muxer = encoded(wav, path, target, crew)
    answers = {}
    for spoil in (as_it_is, other_byte, other_begin, missing_end, missing_packet, swapped_packets):
        spoilt = path.with_name(f"spoilt.{path.suffix}")
        spoil(path, spoilt, muxer)
        answers[spoil.__name__] = told(spoilt, assembled), decoded(spoilt)
    return answers


def encoded(wav: Path, path: Path, target: str, crew: Crew) -> tuple[Assembled, str]:
    """What is known of the result, and the name of its muxer."""
    plan: Plan = make_plan(Sound("pcm_s16le", 44_100, 2, "stereo", "s16"), FORMATS[target], ConversionOptions())
    encoder = SplitEncoder(path, plan, About(), crew, expected_seconds=0)
    with open_source(wav) as source:
        encode_all(encoder, plan, Decoding(source, LONGEST).frames())
    assert encoder.listener is not None
    return encoder.listener, plan.muxer


def told(path: Path, listener: Listener) -> int | None:
    """By comparing."""
    try:
        with open_source(path) as result:
            heard = listener.hear(result)
            return None if heard is None else heard.sample_count
    except ConversionError:
        return None


def decoded(path: Path) -> int | None:
    """By decoding all of it."""
    try:
        with open_source(path) as result:
            decoding = Decoding(result, LONGEST)
            for _ in decoding.frames():
                pass
            return decoding.sample_count
    except ConversionError:
        return None


def as_it_is(path: Path, spoilt: Path, muxer: str) -> None:
    """Nothing is wrong with it."""
    spoilt.write_bytes(path.read_bytes())


def other_byte(path: Path, spoilt: Path, muxer: str) -> None:
    """In its middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    spoilt.write_bytes(data)


def other_begin(path: Path, spoilt: Path, muxer: str) -> None:
    """The first packets are gone: what is skipped at the begin is another sound."""
    copied(path, spoilt, muxer, lambda packets: packets[3:])


def missing_end(path: Path, spoilt: Path, muxer: str) -> None:
    """By a hundredth."""
    data = path.read_bytes()
    spoilt.write_bytes(data[: len(data) * 99 // 100])


def missing_packet(path: Path, spoilt: Path, muxer: str) -> None:
    """In its middle."""
    copied(path, spoilt, muxer, lambda packets: packets[:200] + packets[201:])


def swapped_packets(path: Path, spoilt: Path, muxer: str) -> None:
    """Two, each at the other's time."""
    copied(path, spoilt, muxer, lambda packets: [*packets[:200], packets[201], packets[200], *packets[202:]])


type Datas = list[bytes]


def copied(path: Path, spoilt: Path, muxer: str, change: Callable[[Datas], Datas]) -> None:
    """The same times, other bytes."""
    with av.open(str(path)) as source, av.open(str(spoilt), "w", format=muxer) as container:
        stream = source.streams.audio[0]
        into = container.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.size]
        changed = change([bytes(each) for each in packets])
        for packet, data in zip(packets, changed, strict=False):
            made: Packet[Stream] = Packet(data)
            made.pts, made.dts, made.duration = packet.pts, packet.dts, packet.duration
            made.time_base, made.stream = packet.time_base, into
            container.mux_one(made)


if __name__ == "__main__":
    main(*sys.argv[1:])
