"""Downloads: whole or one range (RFC 9110, section 14), with validators and digests."""

from __future__ import annotations

import base64
import mimetypes
from urllib.parse import quote

from apiflask import APIBlueprint
from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import dump_options_header
from werkzeug.wsgi import FileWrapper

from soundmill.api.authentication import signed_in
from soundmill.api.services import services
from soundmill.model.tasks import FileFacts
from soundmill.service.ports import Account

files = APIBlueprint("files", __name__, url_prefix="/api/files", tag="Files")

_CHUNK_BYTES = 256 * 1024


@files.get("/<filename>")
@files.doc(
    summary="The bytes of a source or result",
    responses={200: "the file", 206: "a range", 404: "none", 416: "no such range"},
)
@signed_in
def download(filename: str, account: Account) -> Response:
    """A file by its unique name."""
    facts, stream = services().tasks.open_file(account.id, filename)
    answer = Response(FileWrapper(stream, _CHUNK_BYTES), mimetype=_mime_type(facts.name), direct_passthrough=True)
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
    environment = dict(request.environ)
    if "," in environment.get("HTTP_RANGE", ""):
        del environment["HTTP_RANGE"]  # several ranges: a server may answer with the whole
    try:
        answer.make_conditional(environment, accept_ranges=True, complete_length=facts.size)
    except RequestedRangeNotSatisfiable:
        stream.close()
        raise
    return answer


def _mime_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _disposition(facts: FileFacts) -> str:
    # RFC 6266: an ASCII name for old clients, the real one in UTF-8.
    ascii_name = facts.name.encode("ascii", "replace").decode().replace("?", "_")
    header = dump_options_header("attachment", {"filename": ascii_name})
    return header if ascii_name == facts.name else f"{header}; filename*=UTF-8''{quote(facts.name, safe='')}"
