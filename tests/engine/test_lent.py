"""Pieces of a very long sound are encoded elsewhere: the result is the same, whatever becomes of them there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import av
import pytest

from soundmill.engine import Job, Limits, Mill, PieceJob
from soundmill.model.conversion import ConversionError, ConversionStopped
from soundmill.model.formats import FORMATS
from soundmill.model.helping import Answer, News
from soundmill.model.options import ConversionOptions
from tests.engine.mills import servers
from tests.sounds import long_music, write

SECONDS, RATE = 605, 16_000
ENCODERS = 2


@pytest.fixture(scope="module")
def long_sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.wav"
    return write(path, long_music(SECONDS, RATE), RATE)


@pytest.fixture(scope="module")
def neighbour() -> Iterator[Mill]:
    with Mill() as made:
        yield made


class Neighbours:
    """Implements :class:`soundmill.model.helping.Helpers` with another mill."""

    def __init__(self, mill: Mill, directory: Path, seats: int = 2) -> None:
        self.mill, self.directory = mill, directory
        self.seats: tuple[int, ...] = tuple(range(1, seats + 1))
        self.given: list[tuple[int, str, Path]] = []
        self.answered = 0
        self.words: list[str] = []

    def open(self) -> None:
        self.words.append("open")

    def give(self, seat: int, piece: Path) -> None:
        copy = self.directory / f"work-{len(self.words)}"
        try:
            copy.write_bytes(piece.read_bytes())
        except FileNotFoundError:  # the conversion has done it meanwhile
            return
        self.words.append("give")
        self.given.append((seat, piece.name, copy))

    def news(self) -> News:
        answers = [Answer(piece, self.answer(piece, work)) for _, piece, work in self.given]
        self.given.clear()
        self.answered += len(answers)
        return News(self.seats, answers)

    def close(self) -> None:
        self.words.append("close")

    def answer(self, piece: str, work: Path) -> Path:
        path = self.directory / "job" / f"answer-to-{piece}"
        path.touch()
        self.mill.encode_piece(PieceJob(work, path, Limits()), lambda fraction: True)
        return path


class Lazy(Neighbours):
    """They take pieces, and are never heard of again."""

    def news(self) -> News:
        return News(self.seats)


class Leaving(Neighbours):
    """They leave with their first pieces."""

    def news(self) -> News:
        return News(() if self.given else self.seats)


class Restless(Neighbours):
    """They vanish with their first pieces, are back at once, and answer what they had before what they get then."""

    def __init__(self, mill: Mill, directory: Path, seats: int = 2) -> None:
        super().__init__(mill, directory, seats)
        self.old: list[tuple[int, str, Path]] = []
        self.is_away = False

    def news(self) -> News:
        if self.given and not self.old and not self.answered:
            self.old, self.given, self.is_away = self.given, [], True
            return News(())
        if self.is_away:
            self.is_away = False
            return News(self.seats)
        if self.given and self.old:
            self.given, self.old = [*self.old, *self.given], []
        return super().news()


class Muddled(Neighbours):
    """What comes back isn't what was sent."""

    def answer(self, piece: str, work: Path) -> Path:
        path = super().answer(piece, work)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        return path


type Coded = list[tuple[int | None, bytes]]
type Alone = Callable[[str], Coded]
type Convert = Callable[..., Coded]


@pytest.fixture(scope="module")
def alone(mill: Mill, long_sound: Path, tmp_path_factory: pytest.TempPathFactory) -> Alone:
    @cache
    def run(to: str) -> Coded:
        job = Job(long_sound, tmp_path_factory.mktemp("alone"), FORMATS[to], encoders=ENCODERS)
        return coded(mill.convert(job, lambda fraction: True).path)

    return run


@pytest.fixture(scope="module")
def whole(mill: Mill, long_sound: Path, tmp_path_factory: pytest.TempPathFactory) -> Coded:
    """MP3 that was encoded at once."""
    job = Job(long_sound, tmp_path_factory.mktemp("whole"), FORMATS["mp3"])
    return coded(mill.convert(job, lambda fraction: True).path)


@pytest.fixture
def convert(mill: Mill, long_sound: Path, tmp_path: Path) -> Convert:
    def run(to: str, helpers: Neighbours, encoders: int = ENCODERS, **asked: float) -> Coded:
        directory = tmp_path / "job"
        directory.mkdir()
        options = ConversionOptions(**asked)  # type: ignore[arg-type]
        job = Job(long_sound, directory, FORMATS[to], options, encoders=encoders, may_be_helped=True)
        made = mill.convert(job, lambda fraction: True, helpers)
        # What came too late to be heard of goes with the directory.
        assert not any(each.name.startswith("piece") for each in directory.iterdir())
        return coded(made.path)

    return run


def coded(path: Path) -> Coded:
    """Ogg numbers its streams by chance, so files differ."""
    with av.open(path) as container:
        return [(packet.pts, bytes(packet)) for packet in container.demux(audio=0)]


@pytest.mark.parametrize(
    "to", ["mp3", "ogg", pytest.param("m4a", marks=pytest.mark.slow), pytest.param("opus", marks=pytest.mark.slow)]
)
def test_with_help_the_result_is_the_same(
    convert: Convert, alone: Alone, neighbour: Mill, tmp_path: Path, to: str
) -> None:
    helpers = Neighbours(neighbour, tmp_path)
    assert convert(to, helpers) == alone(to)
    assert helpers.answered
    assert (helpers.words[0], helpers.words[-1]) == ("open", "close")


@pytest.mark.parametrize("kind", [Lazy, Leaving, Muddled, Restless])
def test_what_is_not_answered_is_encoded_all_the_same(
    convert: Convert, alone: Alone, neighbour: Mill, tmp_path: Path, kind: type[Neighbours]
) -> None:
    helpers = kind(neighbour, tmp_path)
    assert convert("mp3", helpers) == alone("mp3")
    assert "give" in helpers.words


def test_one_core_is_helped_too(convert: Convert, alone: Alone, neighbour: Mill, tmp_path: Path) -> None:
    helpers = Neighbours(neighbour, tmp_path)
    made = convert("mp3", helpers, encoders=1)
    assert sum(len(data) for _, data in made) == sum(len(data) for _, data in alone("mp3"))
    assert helpers.answered


def test_one_core_is_helped_with_a_sound_that_must_be_heard_before(
    convert: Convert, alone: Alone, neighbour: Mill, tmp_path: Path
) -> None:
    helpers = Neighbours(neighbour, tmp_path)
    made, unfaded = convert("mp3", helpers, encoders=1, fade_out=30.0), alone("mp3")
    assert helpers.answered
    assert len(made) == len(unfaded)
    assert made[:1000] == unfaded[:1000]
    assert made[-50:] != unfaded[-50:]


def test_one_core_that_nobody_comes_to_help_converts_in_one_piece(
    convert: Convert, whole: Coded, neighbour: Mill, tmp_path: Path
) -> None:
    helpers = Neighbours(neighbour, tmp_path, seats=0)
    assert convert("mp3", helpers, encoders=1) == whole
    assert helpers.words == ["open", "close"]


def test_who_is_not_helped_after_all_converts_alone(
    convert: Convert, alone: Alone, neighbour: Mill, tmp_path: Path
) -> None:
    helpers = Neighbours(neighbour, tmp_path, seats=0)
    assert convert("mp3", helpers) == alone("mp3")
    assert helpers.words == ["open", "close"]


def test_a_codec_that_is_quicker_than_a_copy_is_not_lent(
    convert: Convert, alone: Alone, neighbour: Mill, tmp_path: Path
) -> None:
    helpers = Neighbours(neighbour, tmp_path)
    assert convert("flac", helpers) == alone("flac")
    assert helpers.words == []


def test_what_is_no_piece_fails_and_the_next_is_encoded(neighbour: Mill, tmp_path: Path) -> None:
    work, answer = tmp_path / "work", tmp_path / "answer"
    work.write_bytes(b"no piece at all")
    answer.touch()
    before = servers()
    with pytest.raises(ConversionError):
        neighbour.encode_piece(PieceJob(work, answer, Limits()), lambda fraction: True)
    assert servers() == before


def test_a_piece_that_is_given_up_costs_no_engine(
    mill: Mill, neighbour: Mill, long_sound: Path, tmp_path: Path
) -> None:
    class Hasty(Neighbours):
        """Gives up at once."""

        def answer(self, piece: str, work: Path) -> Path:
            path = self.directory / f"answer-to-{piece}"
            path.touch()
            before = servers()
            with pytest.raises(ConversionStopped):
                self.mill.encode_piece(PieceJob(work, path, Limits()), lambda fraction: False)
            assert servers() == before
            self.answered += 1
            return path

    (tmp_path / "job").mkdir()
    helpers = Hasty(neighbour, tmp_path, seats=1)
    # A piece of AAC takes longer than it takes to be asked whether to go on.
    job = Job(long_sound, tmp_path / "job", FORMATS["m4a"], encoders=ENCODERS, may_be_helped=True)
    with pytest.raises(ConversionStopped):
        mill.convert(job, lambda fraction: not helpers.answered, helpers)
    assert helpers.answered
