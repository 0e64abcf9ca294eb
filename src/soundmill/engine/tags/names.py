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
    "conductor": "TPE3",
    "remixer": "TPE4",
    "grouping": "TIT1",
    "subtitle": "TIT3",
    "discsubtitle": "TSST",
    "initialkey": "TKEY",
    "language": "TLAN",
    "media": "TMED",
    "mood": "TMOO",
    "originalalbum": "TOAL",
    "originalartist": "TOPE",
    "podcastid": "TGID",
    "podcastdesc": "TDES",
    "podcastcategory": "TCAT",
    "podcastkeywords": "TKWD",
    "movementname": "MVNM",
    "movement": "MVIN",
    "compilation": "TCMP",
    "titlesort": "TSOT",
    "artistsort": "TSOP",
    "albumsort": "TSOA",
    "albumartistsort": "TSO2",
    "composersort": "TSOC",
}
"""ID3v2.4 (id3.org, native frames), and Apple's own of compilations, sorting, podcasts and movements."""

DATES = {"date": "TDRC", "originaldate": "TDOR", "releasedate": "TDRL"}
"""Frames of ID3v2.4 that are time stamps."""

LINKS = {
    "website": "WOAR",
    "license": "WCOP",
    "podcasturl": "WFED",
    "www": "WXXX",
    "wwwaudiofile": "WOAF",
    "wwwaudiosource": "WOAS",
    "wwwcommercialinfo": "WCOM",
    "wwwpayment": "WPAY",
    "wwwpublisher": "WPUB",
    "wwwradiopage": "WORS",
}
"""Frames of links, by Picard's names (picard-docs.musicbrainz.org, appendix B), and else Mp3tag's (docs.mp3tag.de/mapping)."""

TEXTS_WITHOUT_NAME = frozenset({"tofn", "toly", "town", "trsn", "trso", "tpro", "tflt", "tdly"})
"""Frames of text that are called here as they are there."""

_FRAMES_OF_FFMPEG = """
title artist album_artist album genre composer publisher copyright grouping language
"""
FRAMES_THAT_FFMPEG_LACKS = (frozenset(FRAMES) | {"originaldate", "releasedate"}) - frozenset(_FRAMES_OF_FFMPEG.split())
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
    "copyright": "cprt",
    "grouping": "\xa9grp",
    "keywords": "keyw",
    "work": "\xa9wrk",
    "movementname": "\xa9mvn",
    "narrator": "\xa9nrt",
    "publisher": "\xa9pub",
    "podcastid": "egid",
    "podcasturl": "purl",
}
"""Of texts, as iTunes has them."""

ATOMS_OF_NUMBERS = {
    "bpm": ("tmpo", 0xFFFF),
    "movement": ("\xa9mvi", 0xFFFF),
    "movementtotal": ("\xa9mvc", 0xFFFF),
    "showmovement": ("shwm", 0xFF),
    "itunesadvisory": ("rtng", 0xFF),
}
"""Each with the largest that it can be."""

MISTAKEN = {"conductor": "performer", "itunesadvisory": "rating", "podcastid": "episode_uid"}
"""What FFmpeg takes the first ones for: in ID3, and in MP4."""

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
        "media_type",
        "hd_video",
        "season_number",
        "episode_sort",
    ]
)
"""Its muxer writes these, and forgets all others."""

FREE_ATOM = "----:com.apple.iTunes:"
"""Before the name of any other text."""

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
    "musicbrainz_discid": "MusicBrainz Disc Id",
    "musicbrainz_originalalbumid": "MusicBrainz Original Album Id",
    "musicbrainz_originalartistid": "MusicBrainz Original Artist Id",
    "releasestatus": "MusicBrainz Album Status",
    "releasetype": "MusicBrainz Album Type",
    "releasecountry": "MusicBrainz Album Release Country",
    "acoustid_id": "Acoustid Id",
    "acoustid_fingerprint": "Acoustid Fingerprint",
}

WM_NAMES = {
    "title": "Title",
    "comment": "Description",
    "artist": "Author",
    "copyright": "Copyright",
    "album_artist": "WM/AlbumArtist",
    "album": "WM/AlbumTitle",
    "genre": "WM/Genre",
    "composer": "WM/Composer",
    "publisher": "WM/Publisher",
    "conductor": "WM/Conductor",
    "lyricist": "WM/Writer",
    "remixer": "WM/ModifiedBy",
    "producer": "WM/Producer",
    "mixer": "WM/Mixer",
    "bpm": "WM/BeatsPerMinute",
    "initialkey": "WM/InitialKey",
    "isrc": "WM/ISRC",
    "barcode": "WM/Barcode",
    "catalognumber": "WM/CatalogNo",
    "compilation": "WM/IsCompilation",
    "mood": "WM/Mood",
    "media": "WM/Media",
    "work": "WM/Work",
    "grouping": "WM/ContentGroupDescription",
    "subtitle": "WM/SubTitle",
    "discsubtitle": "WM/SetSubTitle",
    "originaldate": "WM/OriginalReleaseTime",
    "originalartist": "WM/OriginalArtist",
    "originalalbum": "WM/OriginalAlbumTitle",
    "titlesort": "WM/TitleSortOrder",
    "artistsort": "WM/ArtistSortOrder",
    "albumsort": "WM/AlbumSortOrder",
    "albumartistsort": "WM/AlbumArtistSortOrder",
    "composersort": "WM/ComposerSortOrder",
    "website": "WM/AuthorURL",
    "www": "WM/UserWebURL",
    "wwwaudiofile": "WM/AudioFileURL",
    "wwwaudiosource": "WM/AudioSourceURL",
    "wwwcommercialinfo": "WM/PromotionURL",
    **{name: free.replace(" ", "/", 1) for name, free in _FREE.items()},
}
"""Microsoft's (Windows Media Format SDK, attribute list), and what MusicBrainz calls those that Microsoft hasn't."""

_SAME = {
    "year": "date",
    "tracknumber": "track",
    "discnumber": "disc",
    "albumartist": "album_artist",
    "totaltracks": "tracktotal",
    "totaldiscs": "disctotal",
    "wm/year": "date",
    "wm/lyrics": "lyrics",
    "tmpo": "bpm",
    "disc_subtitle": "discsubtitle",
    # As APEv2 has them (wiki.hydrogenaud.io, Tag Mapping).
    "album artist": "album_artist",
    "original artist": "originalartist",
    "mixartist": "remixer",
    # As Matroska has them (matroska.org, tagging); of an album FFmpeg says the level.
    "date_released": "date",
    "total_parts": "tracktotal",
    "lead_performer": "performer",
    "album/title": "album",
    "album/artist": "album_artist",
    "album/date_released": "date",
    "album/total_parts": "tracktotal",
    "key": "initialkey",
    "initial_key": "initialkey",
    "tory": "originaldate",
    "title-sort": "titlesort",
    "artist-sort": "artistsort",
    "album-sort": "albumsort",
    "sort_name": "titlesort",
    "sort_artist": "artistsort",
    "sort_album": "albumsort",
    "sort_album_artist": "albumartistsort",
    "sort_composer": "composersort",
    **{free.lower(): name for name, free in _FREE.items()},
    # As FFmpeg calls those that it has no name for.
    **{frame.lower(): name for name, frame in (FRAMES | DATES).items()},
    **{wm.lower(): name for name, wm in WM_NAMES.items() if "/" in wm},
}


# Those of ID3v2.2, which iTunes wrote for years, that FFmpeg has no names for either (id3.org, ID3v2.2, section 4).
_OF_SHORT_FRAMES = {
    "tcm": "composer",
    "tpa": "disc",
    "tcr": "copyright",
    "tpb": "publisher",
    "tbp": "bpm",
    "txt": "lyricist",
    "tp4": "remixer",
    "tt1": "grouping",
    "tt3": "subtitle",
    "tke": "initialkey",
    "tla": "language",
    "tmt": "media",
    "toa": "originalartist",
    "tot": "originalalbum",
    "tor": "originaldate",
    "trc": "isrc",
    "ts2": "albumartistsort",
    "tsa": "albumsort",
    "tsc": "composersort",
    "tsp": "artistsort",
    "tst": "titlesort",
}

# Written by muxers about themselves or the file, not by people about the music.
_TECHNICAL_NAMES = """
encoder encoded_by encoding_tool encodersettings major_brand minor_version compatible_brands creation_time
duration handler_name vendor_id bps number_of_frames number_of_bytes source_id tlen tle tsse tss itunsmpb
itunpgap wm/encodingtime isvbr devicecconformancetemplate wmfsdkversion wmfsdkneeded deviceconformancetemplate
aspectratiox aspectratioy asfleakybucketpairs metadata_block_picture coverart coverartmime encoder_options software
waveformatextensible_channel_mask
"""
_TECHNICAL = frozenset(_TECHNICAL_NAMES.split()) | {"encoding params", "vbr peak", "buffer average"}
_TECHNICAL_PREFIXES = ("_statistics", "id3v2_priv.", "chapter0", "chapter1")


def tag_name(name: str) -> str:
    """The name by which a tag is known here, whatever its format calls it."""
    key = name.lower()
    return "lyrics" if key.startswith("lyrics-") else _SAME.get(key) or _OF_SHORT_FRAMES.get(key, key)


def free_name(name: str) -> str:
    """What a tag is called where it stands among free texts."""
    return _FREE.get(name, name)


def is_technical(name: str) -> bool:
    """True of what is about a file, or what wrote it, by our names."""
    return name in _TECHNICAL or name.startswith(_TECHNICAL_PREFIXES)
