"""What a tag is called in each format, by the name that it has here."""

from __future__ import annotations

FRAMES = {
    "title": "TIT2",
    "artist": "TPE1",
    "album_artist": "TPE2",
    "album": "TALB",
    "genre": "TCON",
    "composer": "TCOM",
    "lyricist": "TEXT",
    "publisher": "TPUB",
    "bpm": "TBPM",
    "isrc": "TSRC",
    "copyright": "TCOP",
    "performer": "TPE3",
    "grouping": "TIT1",
    "compilation": "TCMP",
    "titlesort": "TSOT",
    "artistsort": "TSOP",
    "albumsort": "TSOA",
    "albumartistsort": "TSO2",
    "composersort": "TSOC",
}
"""ID3v2.4 (id3.org, native frames), and Apple's own of compilations and sorting."""

FRAMES_THAT_FFMPEG_LACKS = frozenset(
    {"lyricist", "bpm", "isrc", "compilation"} | {name for name in FRAMES if name.endswith("sort")}
)
"""It writes them as free text."""

ATOMS = {
    "title": "\xa9nam",
    "artist": "\xa9ART",
    "album_artist": "aART",
    "album": "\xa9alb",
    "genre": "\xa9gen",
    "composer": "\xa9wrt",
    "lyrics": "\xa9lyr",
    "comment": "\xa9cmt",
    "titlesort": "sonm",
    "artistsort": "soar",
    "albumsort": "soal",
    "albumartistsort": "soaa",
    "composersort": "soco",
    "work": "\xa9wrk",
    "movementname": "\xa9mvn",
}
"""Of texts, as iTunes has them."""

ATOMS_OF_FFMPEG = frozenset(
    [
        "title",
        "artist",
        "album_artist",
        "composer",
        "album",
        "date",
        "genre",
        "copyright",
        "comment",
        "grouping",
        "description",
        "synopsis",
        "show",
        "episode_id",
        "network",
        "keywords",
        "compilation",
        "gapless_playback",
        "track",
        "disc",
        "tracktotal",
        "disctotal",
    ]
)
"""Its muxer writes these, and forgets all others."""

FREE_ATOM = "----:com.apple.iTunes:"
"""Before the name of any other text."""

WM_NAMES = {
    "title": "Title",
    "comment": "Description",
    "artist": "Author",
    "album_artist": "WM/AlbumArtist",
    "album": "WM/AlbumTitle",
    "genre": "WM/Genre",
    "composer": "WM/Composer",
    "publisher": "WM/Publisher",
}

COMMENTS = {"track": "TRACKNUMBER", "disc": "DISCNUMBER", "album_artist": "ALBUMARTIST"}
"""Vorbis comments; all others are called there as they are here."""

MUSICBRAINZ = "http://musicbrainz.org"
"""Whose identifier of a recording stands in ID3's UFID."""

# MusicBrainz' own names in ID3 and MP4, by those in Vorbis comments (picard-docs.musicbrainz.org, appendix B).
_FREE = {
    "musicbrainz_albumid": "MusicBrainz Album Id",
    "musicbrainz_artistid": "MusicBrainz Artist Id",
    "musicbrainz_albumartistid": "MusicBrainz Album Artist Id",
    "musicbrainz_releasegroupid": "MusicBrainz Release Group Id",
    "musicbrainz_releasetrackid": "MusicBrainz Release Track Id",
    "musicbrainz_trackid": "MusicBrainz Track Id",
    "musicbrainz_workid": "MusicBrainz Work Id",
    "acoustid_id": "Acoustid Id",
}

_SAME = {
    "year": "date",
    "tracknumber": "track",
    "discnumber": "disc",
    "albumartist": "album_artist",
    "totaltracks": "tracktotal",
    "totaldiscs": "disctotal",
    "wm/year": "date",
    "wm/lyrics": "lyrics",
    "tbpm": "bpm",
    "tmpo": "bpm",
    "tsrc": "isrc",
    "text": "lyricist",
    "tso2": "albumartistsort",
    "tsoc": "composersort",
    "title-sort": "titlesort",
    "artist-sort": "artistsort",
    "album-sort": "albumsort",
    "sort_name": "titlesort",
    "sort_artist": "artistsort",
    "sort_album": "albumsort",
    "sort_album_artist": "albumartistsort",
    "sort_composer": "composersort",
    **{free.lower(): name for name, free in _FREE.items()},
}


def tag_name(name: str) -> str:
    """The name by which a tag is known here, whatever its format calls it."""
    key = name.lower()
    return "lyrics" if key.startswith("lyrics-") else _SAME.get(key, key)


def free_name(name: str) -> str:
    """What a tag is called where it stands among free texts."""
    return _FREE.get(name, name)
