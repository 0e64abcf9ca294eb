"""A result file that takes packets, with tags, pictures and chapters where the format has a place for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.rational import AVRational
from av.stream import Disposition, Stream

from soundmill.engine.codecs.packets import samples_cut_off, side_data, skip_samples
from soundmill.engine.containers.aiff import name_speakers
from soundmill.engine.plan import Plan
from soundmill.engine.tags.about import About, chapter_title
from soundmill.engine.tags.asf_attributes import NAMES_THAT_FFMPEG_LACKS, is_written_by_ffmpeg, write_wm
from soundmill.engine.tags.covers import file_name
from soundmill.engine.tags.id3_frames import write_adts_frames, write_aiff_frames, write_frames, write_wave_frames
from soundmill.engine.tags.mp4_atoms import write_atoms
from soundmill.engine.tags.picture import FRONT_COVER, KINDS, OTHER, Picture
from soundmill.engine.tags.vorbis_comments import (
    PICTURE_COMMENT,
    can_name,
    chapter_comments,
    flac_pictures,
    mend_comments,
    picture_block,
)

_PICTURE_STREAM_MUXERS = frozenset({"mp3", "flac"})
_COMMENT_MUXERS = frozenset({"ogg", "flac"})
_WRITERS: Mapping[str, Callable[[Path, About], None]] = {
    "mp3": write_frames,
    "adts": write_adts_frames,
    "aiff": write_aiff_frames,
    "wav": write_wave_frames,
    "ipod": write_atoms,
    "asf": write_wm,
    "flac": mend_comments,
    "ogg": mend_comments,
}


class Muxer:
    """The file at ``path``, open for packets of the one stream that ``add_sound`` makes."""

    def __init__(
        self, path: Path, plan: Plan, about: About, add_sound: Callable[[OutputContainer], AudioStream]
    ) -> None:
        """Write the head of the file. Raises ``av.FFmpegError``."""
        self._container: OutputContainer = av.open(
            f"file:{path}", "w", format=plan.muxer, options=dict(plan.muxer_options)
        )
        self._path, self._muxer, self._about = path, plan.muxer, about
        self._layout = plan.channel_layout
        self._padding = 0
        try:
            self.stream = add_sound(self._container)
            waiting = _add_about(self._container, self.stream, plan, about)
            self._container.start_encoding()
            for stream, picture in waiting:
                self._container.mux(_picture_packet(stream, picture))
        except BaseException:
            self._container.close()
            raise

    def add(self, packet: Packet[Stream] | Packet[AudioStream]) -> None:
        """Write one packet of :attr:`stream`. It is empty afterwards."""
        if self._muxer == "mp3":
            self._sum_padding(packet)
        self._container.mux_one(packet)

    def tell(self, extradata: bytes, pts: int, time_base: Fraction | AVRational) -> None:
        """Behind all sound, say something else to decoders than at the begin: muxers of FLAC take STREAMINFO from a packet without sound."""
        packet: Packet[Stream] = Packet(b"")
        packet.pts = packet.dts = pts
        packet.time_base, packet.stream = time_base, self.stream
        packet.set_sidedata(side_data("new_extradata", extradata))
        self._container.mux_one(packet)

    def finish(self) -> None:
        """Write the end of the file, and what FFmpeg has no place for."""
        self._container.close()
        if self._muxer == "aiff":
            name_speakers(self._path, self._layout)
        write = _WRITERS.get(self._muxer)
        if write is not None:
            write(self._path, self._about)

    def abandon(self) -> None:
        """Close the file as it is; it is worth nothing."""
        # Where that fails, too, what went wrong before is what counts.
        with suppress(av.FFmpegError):
            self._container.close()

    def _sum_padding(self, packet: Packet[Stream] | Packet[AudioStream]) -> None:
        """LAME's padding may reach over two packets; FFmpeg's muxer writes only that of the last into the header."""
        skipped = skip_samples(packet)
        self._padding += samples_cut_off(skipped)
        if skipped and self._padding:
            packet.set_sidedata(
                side_data("skip_samples", skipped[:4] + self._padding.to_bytes(4, "little") + skipped[8:])
            )


def _add_about(
    container: OutputContainer, sound: AudioStream, plan: Plan, about: About
) -> list[tuple[Stream, Picture]]:
    """Tags, chapters and pictures, as far as the muxer has a place; gives the streams that wait for a picture's packet."""
    # In Ogg the comments belong to the stream.
    tags = sound.metadata if plan.muxer == "ogg" else container.metadata
    tags.update(_as_written(plan.muxer, about))
    if about.chapters and plan.muxer not in _COMMENT_MUXERS:
        # One without a name has no place in MP4's track of names, and its muxer forgets all others then.
        container.set_chapters(
            [
                {**each, "metadata": {**each["metadata"], "title": chapter_title(each, number)}}
                for number, each in enumerate(about.chapters, 1)
            ]
        )
    if plan.muxer == "ogg" and len(about.pictures) == 1:  # of several it would take the last
        tags[PICTURE_COMMENT] = picture_block(about.pictures[0])
    elif plan.muxer == "matroska":
        for each in about.pictures:
            # Players show what is called a cover; LAME and others call the only one "other".
            kind = FRONT_COVER if each is about.cover and each.kind == OTHER else each.kind
            container.add_attachment(file_name(kind, each.extension), each.mime_type, each.data)
    elif plan.muxer in _PICTURE_STREAM_MUXERS:
        taken = flac_pictures(about, by_ffmpeg=True) if plan.muxer == "flac" else about.pictures
        return [(_add_picture(container, each), each) for each in taken]
    return []


def _as_written(muxer: str, about: About) -> Mapping[str, str]:
    """Tags by the names that the muxer knows, without those that it would spoil."""
    if muxer == "asf":
        short = {name: text for name, text in about.tags.items() if is_written_by_ffmpeg(text)}
        return {NAMES_THAT_FFMPEG_LACKS.get(name, name): text for name, text in short.items()}
    if muxer in _COMMENT_MUXERS:
        return {name: text for name, text in about.tags.items() if can_name(name)} | chapter_comments(about)
    return about.tags


def _add_picture(container: OutputContainer, picture: Picture) -> Stream:
    stream = container.add_mux_stream(picture.codec, rate=1, width=picture.width, height=picture.height)
    stream.disposition = Disposition.attached_pic
    stream.metadata["comment"] = KINDS[picture.kind]  # by which FFmpeg tells ID3v2's types
    stream.metadata["title"] = picture.description
    return stream


def _picture_packet(stream: Stream, picture: Picture) -> Packet[Stream]:
    packet = Packet(picture.data)
    packet.stream = stream
    packet.pts = packet.dts = 0
    packet.is_keyframe = True
    return packet
