"""Downloads: whole or one range (RFC 9110, section 14), with validators and digests."""

from __future__ import annotations

import base64
import mimetypes
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import structlog
from apiflask import APIBlueprint
from flask import Response, request
from werkzeug.exceptions import PreconditionFailed, RequestedRangeNotSatisfiable
from werkzeug.http import dump_options_header
from werkzeug.wsgi import FileWrapper

from soundmill.api.authentication import signed_in
from soundmill.api.services import services
from soundmill.api.shapes import storable
from soundmill.model.errors import NotFound, StorageError
from soundmill.model.formats import FORMATS
from soundmill.model.names import named_format
from soundmill.model.tasks import FileFacts
from soundmill.service.ports import Account

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = structlog.get_logger()

files = APIBlueprint("files", __name__, url_prefix="/api/files", tag="Files")

# One range of bytes. Other units, several ranges and what is malformed may be ignored (RFC 9110, sections 14.1 and 14.2).
_RANGE = re.compile(r"bytes=(?:(?P<first>\d{1,18})-(?P<last>\d{1,18})?|-(?P<suffix>\d{1,18}))", re.ASCII)
_CHUNK_BYTES = 256 * 1024
# What GET /api/formats says of them; other names depend on what the machine knows. A source that is called .webm may be a film.
_MIME_TYPES = {each.extension: each.mime_type for each in FORMATS.values() if each.name != "webm"}


@files.get("/<filename>")
@files.doc(
    summary="The bytes of a source or result",
    responses={200: "the file", 206: "a range", 404: "none", 416: "no such range"},
)
@signed_in
def download(filename: str, account: Account) -> Response:
    """A file by its unique name."""
    try:
        facts, stream = services().tasks.open_file(account.id, storable(filename))
    except ValueError as error:
        raise NotFound("There is no such file.") from error
    answer = Response(_Download(stream, _CHUNK_BYTES), mimetype=_mime_type(facts.name), direct_passthrough=True)
    answer.call_on_close(stream.close)
    answer.content_length = facts.size
    answer.set_etag(facts.sha256)
    digest = base64.b64encode(bytes.fromhex(facts.sha256)).decode()
    answer.headers["Digest"] = f"sha-256={digest}"  # RFC 3230
    answer.headers["Repr-Digest"] = f"sha-256=:{digest}:"  # RFC 9530, its successor
    answer.headers["Content-Disposition"] = _disposition(facts)
    answer.headers["Cache-Control"] = "private, no-cache"
    # A file that a stranger made must not run as a page of ours.
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'; media-src 'self'"
    try:
        _refuse_another_file(facts)
        answer.make_conditional(_conditions(facts), accept_ranges=True, complete_length=facts.size)
    except (PreconditionFailed, RequestedRangeNotSatisfiable):
        stream.close()
        raise
    return answer


class _Download(FileWrapper):
    """The bytes of a file as far as the storage gives them. Less than was promised is no answer: the server then ends the connection, and the client knows."""

    def __next__(self) -> bytes:
        try:
            return super().__next__()
        except (StorageError, OSError) as error:
            _log.error("a download broke off", error=str(error), detail=getattr(error, "detail_for_log", ""))
            # Raised, it would be the server's, which then logs all calls that led to it and throws away what isn't sent yet.
            raise StopIteration from error


def _refuse_another_file(facts: FileFacts) -> None:
    # Before any range is looked at (RFC 9110, section 13.2.2): a download that goes on must not go on with another file's bytes.
    if request.if_match and not request.if_match.contains(facts.sha256):
        raise PreconditionFailed("The file has changed.")


def _conditions(facts: FileFacts) -> WSGIEnvironment:
    """The request as Werkzeug is to read it, which takes weak validators in If-Range, and a range before If-None-Match."""
    environment = dict(request.environ)
    environment.pop("HTTP_IF_MATCH", None)
    wanted = _RANGE.fullmatch(environment.pop("HTTP_RANGE", "").strip())
    is_known = request.if_none_match.contains_weak(facts.sha256)
    is_weak = request.headers.get("If-Range", "").startswith("W/")
    if wanted and request.method == "GET" and not is_known and not is_weak:
        # A suffix longer than the file is the file (section 14.1.2).
        suffix = min(int(wanted["suffix"]), facts.size) if wanted["suffix"] else ""
        environment["HTTP_RANGE"] = f"bytes={wanted['first'] or ''}-{wanted['last'] or suffix}"
    return environment


def _mime_type(name: str) -> str:
    own = _MIME_TYPES.get(named_format(name))
    return own or mimetypes.guess_type(name)[0] or "application/octet-stream"


def _disposition(facts: FileFacts) -> str:
    # RFC 6266: an ASCII name for old clients, the real one in UTF-8.
    ascii_name = facts.name.encode("ascii", "replace").decode().replace("?", "_")
    header = dump_options_header("attachment", {"filename": ascii_name})
    return header if ascii_name == facts.name else f"{header}; filename*=UTF-8''{quote(facts.name, safe='')}"
