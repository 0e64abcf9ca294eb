"""What a result of several encoders decodes to is told by comparing it with their pieces: never otherwise than decoding would."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from soundmill.engine.codecs.decoders import DecoderSetup
from soundmill.engine.comparing.compared import Sounding
from soundmill.engine.parallel.assembled import Assembled
from soundmill.engine.parallel.pieces import EncodedPiece, Piece, PieceEncoder, as_encoded, as_work
from soundmill.engine.parallel.seams import Run
from soundmill.engine.parallel.stitch import StitchedFile
from soundmill.engine.plan import Plan, Sound, make_plan
from soundmill.engine.reading.source import open_source
from soundmill.engine.tags.about import About
from soundmill.model.conversion import ConversionError
from soundmill.model.formats import FORMATS
from soundmill.model.options import ConversionOptions
from tests.sounds import music, write

SECONDS = 42.0
TARGETS = ("flac", "alac", "mp3", "opus", "m4a", "aac", "ogg")
type Told = dict[str, tuple[int | None, int | None]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Told]:
    wav = write(tmp_path_factory.mktemp("assembled") / "a.wav", music(SECONDS))
    command = [sys.executable, "-m", "tests.engine.assemble", str(wav), *TARGETS]
    answers: dict[str, Told] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return answers


@pytest.mark.parametrize("target", TARGETS)
def test_comparing_tells_what_decoding_does(told: dict[str, Told], target: str) -> None:
    compared, decoded = told[target]["as_it_is"]
    assert compared == decoded is not None


@pytest.mark.parametrize("target", TARGETS)
def test_whatever_was_changed_on_the_way_to_the_file_is_noticed(told: dict[str, Told], target: str) -> None:
    spoilt = {way: compared for way, (compared, _) in told[target].items() if way != "as_it_is"}
    assert len(spoilt) == 5
    assert set(spoilt.values()) == {None}


PLAN: Plan = make_plan(Sound("pcm_s16le", 44_100, 2, "stereo", "s16"), FORMATS["flac"], ConversionOptions())
BLOCK = 4608


def flac_pieces(setup: DecoderSetup) -> list[EncodedPiece]:
    """Three of 60 blocks each."""
    encode = PieceEncoder(PieceEncoder.order(PLAN, setup))
    pcm = np.round(music(3 * 60 * BLOCK / 44_100)[: 3 * 60 * BLOCK] * 32767).astype("<i2").tobytes()
    size = len(pcm) // 3
    works = (Piece(60 * k, BLOCK, k == 2, pcm[k * size : (k + 1) * size]) for k in range(3))
    return [as_encoded(encode(as_work(each))) for each in works]


def heard(path: Path, order: tuple[int, ...] = (0, 1, 2), spoilt: int | None = None) -> Sounding | None:
    """What is told of pieces that stand in a file in some order, one of which was found to hold another sound than it was given."""
    file = StitchedFile(path, PLAN, About())
    setup = DecoderSetup("flac", {}, "stereo", file.extradata)
    pieces = flac_pieces(setup)
    assembled = Assembled(setup, is_lossless=True)
    for number, each in enumerate(pieces):
        assembled.add_piece(replace(each, checksum=0) if number == spoilt else each)
    for number, each in zip(order, pieces, strict=True):
        file.add(pieces[number].packets)
        assembled.add_run(Run(each.first, pieces[number].packets))
    file.finish()
    with open_source(path) as result:
        return assembled.hear(result)


def test_pieces_must_hold_the_sound_that_was_encoded_and_stand_in_its_order(tmp_path: Path) -> None:
    whole = heard(tmp_path / "a.flac")
    assert whole is not None
    assert whole.sample_count == 3 * 60 * BLOCK
    assert heard(tmp_path / "b.flac", spoilt=1) is None
    with pytest.raises(ConversionError):
        heard(tmp_path / "c.flac", order=(0, 2, 1))
