"""What a result in Opus decodes to is told by comparing it with what its encoder gave: never otherwise than decoding would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import pytest

from soundmill.engine.comparing.encoded_opus import EncodedOpus
from soundmill.engine.conversion.verify import Expected, verify
from soundmill.engine.job import Limits
from soundmill.engine.plan import Plan, Sound, make_plan
from soundmill.engine.tags.about import About
from soundmill.engine.writing.encode import LibavEncoder
from soundmill.engine.writing.encoding import encode_all
from soundmill.model.conversion import ConversionError
from soundmill.model.formats import FORMATS
from soundmill.model.options import ConversionOptions
from tests.engine.assemble import (
    as_it_is,
    decoded,
    missing_end,
    missing_packet,
    other_begin,
    other_byte,
    swapped_packets,
    told,
)
from tests.engine.conftest import Convert
from tests.sounds import music, write

WHOLE = ConversionOptions()


def encoded(path: Path, target: str, seconds: float = 6.3, options: ConversionOptions = WHOLE) -> EncodedOpus:
    """Written to ``path``."""
    wav = write(path.with_name("source.wav"), music(seconds))
    plan: Plan = make_plan(Sound("pcm_s16le", 44_100, 2, "stereo", "s16"), FORMATS[target], options)
    encoder = LibavEncoder(path, plan, About())
    with av.open(wav) as source:
        encode_all(encoder, plan, source.decode(audio=0))
    assert encoder.listener is not None
    return encoder.listener


@pytest.mark.parametrize("target", ["opus", "webm"])
@pytest.mark.parametrize("seconds", [2.0, 6.3, 7.0])
@pytest.mark.parametrize(
    "options",
    [
        WHOLE,
        ConversionOptions(bit_rate=12_000, channels=1),
        ConversionOptions(bit_rate=256_000),
        ConversionOptions(sample_rate=16_000),
    ],
)
def test_comparing_tells_what_decoding_does(
    tmp_path: Path, target: str, seconds: float, options: ConversionOptions
) -> None:
    path = tmp_path / f"a.{target}"
    known = encoded(path, target, seconds, options)
    assert told(path, known) == decoded(path) == round(seconds * 48_000)


@pytest.mark.parametrize("target", ["opus", "webm"])
@pytest.mark.parametrize("spoil", [other_byte, other_begin, missing_end, missing_packet, swapped_packets])
def test_whatever_was_changed_on_the_way_to_the_file_is_left_to_decoding(
    tmp_path: Path, target: str, spoil: Callable[[Path, Path, str], None]
) -> None:
    path, spoilt = tmp_path / f"a.{target}", tmp_path / f"spoilt.{target}"
    known = encoded(path, target)
    spoil(path, spoilt, "webm" if target == "webm" else "ogg")
    assert told(spoilt, known) is None
    as_it_is(path, spoilt, "")
    assert told(spoilt, known) is not None


def test_what_is_short_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.opus"
    assert told(path, encoded(path, "opus", 1.0)) is None


def test_a_surround_sound_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.opus"
    assert told(path, encoded(path, "opus", options=ConversionOptions(channels=6))) is None


def test_a_webm_of_a_single_packet_is_good(tmp_path: Path, convert: Convert) -> None:
    made = convert(write(tmp_path / "tiny.wav", music(0.01, 48_000), 48_000), "webm")
    assert made.report.result.sample_count == 960 - 312  # what all of the packet decodes to, without the pre-skip


@pytest.mark.parametrize("spoil", [other_byte, swapped_packets])
def test_other_packets_than_were_encoded_are_refused_although_they_decode(
    tmp_path: Path, spoil: Callable[[Path, Path, str], None]
) -> None:
    known = encoded(tmp_path / "a.webm", "webm")
    spoil(tmp_path / "a.webm", tmp_path / "b.webm", "webm")
    assert decoded(tmp_path / "b.webm") is not None
    plan = make_plan(Sound("pcm_s16le", 44_100, 2, "stereo", "s16"), FORMATS["webm"], WHOLE)
    samples = round(6.3 * 44_100)
    with pytest.raises(ConversionError, match="not what it should be"):
        verify(tmp_path / "b.webm", FORMATS["webm"], plan, Expected(samples, listener=known), Limits(), None)
