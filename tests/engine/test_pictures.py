"""Pictures of several kinds and formats, in each target that has a place for them: judged by mutagen and ffmpeg."""

from __future__ import annotations

import struct
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import mutagen
import pytest
from mutagen.apev2 import BINARY, APEv2, APEValue
from mutagen.asf import ASF, ASFByteArrayAttribute
from mutagen.flac import FLAC
from mutagen.flac import Picture as Block
from mutagen.id3 import APIC, ID3
from mutagen.mp4 import MP4, MP4Cover
from mutagen.wavpack import WavPack

from soundmill.engine import Job, Mill
from soundmill.model.formats import FORMATS
from soundmill.model.options import ConversionOptions
from tests.engine.conftest import Convert
from tests.sounds import encoded, ffmpeg, jpeg, music

OTHER, FRONT, BACK, LEAFLET = 0, 3, 4, 5
TARGETS = ["mp3", "aac", "aiff", "wav", "flac", "ogg", "opus", "wma", "mka", "m4a", "alac"]


class Shown(NamedTuple):
    kind: int
    description: str
    data: bytes


@cache
def picture(codec: str, size: int = 16) -> bytes:
    return ffmpeg(
        "-f", "lavfi", "-i", f"color=blue:s={size}x{size}", "-frames:v", "1", "-c:v", codec, "-f", "image2pipe", "-"
    )


def webp(form: bytes) -> bytes:
    """Of 16 by 16: its first chunk, and nothing that a player would show."""
    body = {
        b"VP8 ": b"\x30\1\0\x9d\x01\x2a" + struct.pack("<HH", 16, 16),
        b"VP8L": b"\x2f" + struct.pack("<I", 15 | 15 << 14),
        b"VP8X": bytes(4) + (15).to_bytes(3, "little") * 2,
    }[form].ljust(30, b"\0")
    return b"RIFF" + struct.pack("<I", 12 + len(body)) + b"WEBP" + form + struct.pack("<I", len(body)) + body


@cache
def front_back_and_leaflets() -> tuple[Shown, ...]:
    """The front is not the first; two of a kind have the same words."""
    return (
        Shown(BACK, "behind", jpeg(32)),
        Shown(FRONT, "", jpeg(16)),
        Shown(LEAFLET, "Seite", picture("png")),
        Shown(LEAFLET, "Seite", picture("png", 24)),
    )


def block(each: Shown) -> Block:
    made = Block()
    made.type, made.desc, made.data = each
    made.mime = "image/png" if each.data.startswith(b"\x89PNG") else "image/jpeg"
    return made


def tag_flac(path: Path, pictures: Sequence[Shown]) -> None:
    song = FLAC(path)
    for each in pictures:
        song.add_picture(block(each))
    song.save()


def tag_comments(path: Path, pictures: Sequence[Shown]) -> None:
    song = mutagen.File(path)
    song["metadata_block_picture"] = [b64encode(block(each).write()).decode() for each in pictures]
    song.save()


def tag_id3(path: Path, pictures: Sequence[Shown]) -> None:
    frames = ID3()
    for each in pictures:
        frame = APIC(encoding=3, mime=block(each).mime, type=each.kind, desc=each.description, data=each.data)
        while frame.HashKey in frames:
            frame.salt += " "
        frames.add(frame)
    if path.suffix == ".mp3":
        frames.save(path)
        return
    song = mutagen.File(path)
    song.add_tags()
    song.tags.update(frames)
    song.save()


def tag_m4a(path: Path, pictures: Sequence[Shown]) -> None:
    song = MP4(path)
    song["covr"] = [
        MP4Cover(each.data, MP4Cover.FORMAT_PNG if each.data.startswith(b"\x89PNG") else MP4Cover.FORMAT_JPEG)
        for each in sorted(pictures, key=lambda each: each.kind != FRONT)
    ]
    song.save()


def tag_wma(path: Path, pictures: Sequence[Shown]) -> None:
    song = ASF(path)
    song["WM/Picture"] = [
        ASFByteArrayAttribute(
            struct.pack("<BI", each.kind, len(each.data))
            + f"{block(each).mime}\0{each.description}\0".encode("utf-16-le")
            + each.data
        )
        for each in pictures
    ]
    song.save()


def tag_ape(path: Path, pictures: Sequence[Shown]) -> None:
    """Which has one of a kind, and no words for it."""
    names = {FRONT: "Cover Art (Front)", BACK: "Cover Art (Back)", LEAFLET: "Cover Art (Leaflet)"}
    song = WavPack(path)
    for each in pictures:
        song[names[each.kind]] = APEValue(b"a.jpg\0" + each.data, BINARY)
    song.save()


TAGGERS: dict[str, Callable[[Path, Sequence[Shown]], None]] = {
    "flac": tag_flac,
    "ogg": tag_comments,
    "opus": tag_comments,
    "mp3": tag_id3,
    "aiff": tag_id3,
    "wav": tag_id3,
    "m4a": tag_m4a,
    "wma": tag_wma,
    "wv": tag_ape,
}
WITHOUT_KINDS, WITHOUT_WORDS = ("m4a", "alac"), ("m4a", "alac", "wv", "mka")


def shown_in(path: Path) -> list[Shown]:
    kind = path.suffix[1:]
    if kind == "flac":
        return [Shown(each.type, each.desc, each.data) for each in FLAC(path).pictures]
    if kind in ("ogg", "opus"):
        blocks = [Block(b64decode(each)) for each in mutagen.File(path).get("metadata_block_picture", ())]
        return [Shown(each.type, each.desc, each.data) for each in blocks]
    if kind == "m4a":
        return [Shown(OTHER, "", bytes(each)) for each in MP4(path).get("covr", ())]
    if kind == "wma":
        return [shown_in_wm(bytes(each.value)) for each in ASF(path).get("WM/Picture", ())]
    if kind == "mka":
        return shown_in_mka(path)
    tags = ID3(path) if kind in ("mp3", "aac") else mutagen.File(path).tags
    return [Shown(int(each.type), each.desc, each.data) for each in tags.getall("APIC")]


def shown_in_wm(value: bytes) -> Shown:
    kind, size = struct.unpack_from("<BI", value)
    return Shown(kind, value[5:-size].decode("utf-16-le").split("\0")[1], value[-size:])


def shown_in_mka(path: Path) -> list[Shown]:
    """ffmpeg takes those that it knows for streams."""
    kinds = {"cover": FRONT, "Cover (back)": BACK, "Leaflet page": LEAFLET, "Other": OTHER}
    probe: list[str | Path] = ["ffprobe", "-v", "error", "-select_streams", "v", "-of", "csv=p=0"]
    asked = [*probe, "-show_entries", "stream_tags=filename", path]
    names = subprocess.run(asked, capture_output=True, check=True, text=True).stdout.split("\n")[:-1]
    return [
        Shown(
            kinds[name.rpartition(".")[0]],
            "",
            ffmpeg("-i", path, "-map", f"0:v:{number}", "-c", "copy", "-f", "image2pipe", "-"),
        )
        for number, name in enumerate(names)
    ]


@pytest.fixture(scope="module")
def illustrated(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    @cache
    def make(extension: str) -> Path:
        arguments = ["-c:a", "libvorbis"] if extension == "ogg" else []
        made = encoded(tmp_path_factory.mktemp("pictures"), f"a.{extension}", *arguments, samples=music(0.3))
        pictures = front_back_and_leaflets()
        TAGGERS[extension](made, pictures[:3] if extension == "wv" else pictures)
        return made

    return make


@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize("source", TAGGERS)
def test_all_are_carried_front_first(
    illustrated: Callable[[str], Path], convert: Convert, source: str, to: str
) -> None:
    made = convert(illustrated(source), to)
    assert [each for each in made.report.not_carried if not each.startswith("tag:")] == []
    back, front, *leaflets = front_back_and_leaflets()
    # Of APEv2 the items are sorted by their sizes.
    wanted = [front, leaflets[0], back] if source == "wv" else [front, back, *leaflets]
    shown = shown_in(made.path)
    assert [each.data for each in shown] == [each.data for each in wanted]
    if to not in WITHOUT_KINDS:
        kinds = [FRONT, *[OTHER] * 3] if source in WITHOUT_KINDS else [each.kind for each in wanted]
        assert [each.kind for each in shown] == kinds
        if source not in WITHOUT_WORDS and to not in WITHOUT_WORDS:
            words = [each.description for each in shown]
            assert words[:3] == [each.description for each in wanted[:3]]
            # Of ID3 no two may have the same.
            assert len(set(words)) == 4 or to not in ("aac", "aiff", "wav")


@pytest.mark.parametrize("to", ["flac", "mp3"])
@pytest.mark.parametrize("through", ["flac", "mp3", "ogg", "opus", "wma", "mka", "aac", "wav"])
def test_they_survive_a_second_conversion(
    illustrated: Callable[[str], Path], convert: Convert, through: str, to: str
) -> None:
    made = convert(convert(illustrated("flac"), through).path, to)
    back, front, *leaflets = front_back_and_leaflets()
    assert [(each.kind, each.data) for each in shown_in(made.path)] == [
        (each.kind, each.data) for each in (front, back, *leaflets)
    ]


@pytest.mark.parametrize("data", [picture("gif"), *map(webp, (b"VP8 ", b"VP8L", b"VP8X"))])
@pytest.mark.parametrize("source", ["flac", "mp3", "ogg"])
def test_a_cover_of_the_web_is_carried_where_it_can_be(
    tmp_path: Path, convert: Convert, source: str, data: bytes
) -> None:
    mime = "image/gif" if data.startswith(b"GIF") else "image/webp"
    path = encoded(tmp_path, f"a.{source}", *(["-c:a", "libvorbis"] if source == "ogg" else []), samples=music(0.3))
    cover = Block()
    cover.type, cover.mime, cover.data = FRONT, mime, data
    if source == "mp3":
        frames = ID3()
        frames.add(APIC(encoding=3, mime=mime, type=FRONT, desc="", data=data))
        frames.save(path)
    elif source == "flac":
        song = FLAC(path)
        song.add_picture(cover)
        song.save()
    else:
        song = mutagen.File(path)
        song["metadata_block_picture"] = [b64encode(cover.write()).decode()]
        song.save()
    for to in TARGETS:
        made = convert(path, to)
        if to in ("m4a", "alac"):
            assert made.report.not_carried == ("cover",)
            assert "covr" not in (MP4(made.path).tags or {})
        else:
            assert made.report.not_carried == ()
            assert made.report.result.has_cover
            if to != "mka":
                assert shown_in(made.path) == [Shown(FRONT, "", data)]
            assert convert(made.path, "flac").report.not_carried == ()


def test_where_the_front_has_no_place_the_others_have(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.flac", samples=music(0.3))
    song = FLAC(source)
    for kind, mime, data in ((FRONT, "image/webp", webp(b"VP8 ")), (BACK, "image/jpeg", jpeg())):
        each = Block()
        each.type, each.mime, each.data = kind, mime, data
        song.add_picture(each)
    song.save()
    made = convert(source, "m4a")
    assert made.report.not_carried == ("cover",)
    assert [bytes(each) for each in MP4(made.path)["covr"]] == [jpeg()]


def test_broken_and_too_large_ones_are_told_and_break_nothing(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.flac", samples=music(0.3))
    large = jpeg() + bytes((15 << 20) - len(jpeg()))
    tag_flac(
        source,
        [
            Shown(FRONT, "", large),
            Shown(BACK, "", b"\xff\xd8\xff broken"),
            Shown(LEAFLET, "1", large + b"1"),
            Shown(LEAFLET, "2", large + b"2"),
            Shown(OTHER, "small", jpeg(24)),
        ],
    )
    for to in ("mp3", "flac", "m4a", "wma"):
        made = convert(source, to)
        assert made.report.not_carried == ("pictures besides the cover (2)",)
        # Windows Media has another place for large ones.
        assert {each.data for each in shown_in(made.path)} == {large, large + b"1", jpeg(24)}


@pytest.mark.parametrize(
    ("cover", "description"),
    [(picture("gif") + bytes(17 << 20), ""), (picture("gif") + bytes((1 << 24) - 2000), "long " * 300)],
)
def test_one_that_is_too_large_for_flac_is_told(
    tmp_path: Path, convert: Convert, cover: bytes, description: str
) -> None:
    source = encoded(tmp_path, "a.mp3", samples=music(0.3))
    tag_id3(source, [Shown(FRONT, description, cover), Shown(BACK, "", jpeg())])
    made = convert(source, "flac")
    assert made.report.not_carried == ("cover",)
    assert [each.data for each in shown_in(made.path)] == [jpeg()]


def test_a_picture_that_stands_in_two_tags_is_carried_once(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.mp3", samples=music(0.3))
    tag_id3(source, [Shown(FRONT, "front", jpeg())])
    behind = APEv2()
    behind["Cover Art (Front)"] = APEValue(b"a.jpg\0" + jpeg(), BINARY)
    behind["Cover Art (Back)"] = APEValue(b"b.jpg\0" + jpeg(32), BINARY)
    behind["Cover Art (Leaflet)"] = APEValue(b"c.jpg\0", BINARY)
    behind["Cover Art (Media)"] = APEValue(b"d.jpg\0", BINARY)
    behind.save(source)
    made = convert(source, "flac")
    assert shown_in(made.path) == [Shown(FRONT, "front", jpeg()), Shown(BACK, "", jpeg(32))]
    assert made.report.not_carried == ("pictures besides the cover (2)",)


def test_a_broken_front_leaves_the_others(tmp_path: Path, convert: Convert) -> None:
    source = encoded(tmp_path, "a.flac", samples=music(0.3))
    tag_flac(source, [Shown(FRONT, "", b"\xff\xd8\xff broken"), Shown(BACK, "", jpeg())])
    made = convert(source, "mp3")
    assert made.report.not_carried == ("cover",)
    assert [(each.kind, each.data) for each in shown_in(made.path)] == [(BACK, jpeg())]


def test_of_several_sources_the_first_one_s_are_carried(
    illustrated: Callable[[str], Path], mill: Mill, tmp_path: Path
) -> None:
    other = encoded(tmp_path, "b.flac", samples=music(0.3))
    tag_flac(other, [Shown(FRONT, "", jpeg(16)), Shown(LEAFLET, "", jpeg(64))])
    directory = tmp_path / "job"
    directory.mkdir()
    job = Job(
        illustrated("flac"),
        directory,
        FORMATS["mp3"],
        ConversionOptions(),
        following=(other,),
        names=("a.flac", "b.flac"),
    )
    made = mill.convert(job, lambda fraction: True)
    back, front, *leaflets = front_back_and_leaflets()
    assert [each.data for each in shown_in(made.path)] == [each.data for each in (front, back, *leaflets)]
    assert "pictures besides the cover (1)" in made.report.not_carried


def test_of_several_attachments_the_one_that_is_called_so_is_the_cover(tmp_path: Path, convert: Convert) -> None:
    arguments: list[str | Path] = []
    for number, (name, size) in enumerate((("back.jpg", 32), ("Cover.jpg", 16))):
        path = tmp_path / name
        path.write_bytes(jpeg(size))
        arguments += ["-attach", path, f"-metadata:s:t:{number}", "mimetype=image/jpeg"]
        arguments += [f"-metadata:s:t:{number}", f"filename={name}"]
    made = convert(encoded(tmp_path, "a.mka", *arguments, samples=music(0.3)), "flac")
    assert shown_in(made.path) == [Shown(FRONT, "", jpeg(16)), Shown(BACK, "", jpeg(32))]
    assert made.report.not_carried == ()


def test_players_of_matroska_find_the_only_picture(tmp_path: Path, convert: Convert) -> None:
    """They look for a file with that name; LAME says of each picture that it shows something else."""
    source = encoded(tmp_path, "a.mp3", samples=music(0.3))
    tag_id3(source, [Shown(OTHER, "", jpeg(16)), Shown(BACK, "", jpeg(32))])
    assert [each.kind for each in shown_in(convert(source, "mka").path)] == [FRONT, BACK]


def test_options_that_take_tags_away_take_pictures(illustrated: Callable[[str], Path], convert: Convert) -> None:
    assert shown_in(convert(illustrated("flac"), "mp3", strip_tags=True).path) == []
