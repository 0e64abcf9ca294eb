"""What soundmill writes."""

from __future__ import annotations

from apiflask import APIBlueprint

from soundmill.api.shapes import FormatOut, format_out
from soundmill.model.formats import FORMATS

formats = APIBlueprint("formats", __name__, url_prefix="/api/formats", tag="Formats")


@formats.get("")
@formats.output(FormatOut)
@formats.doc(summary="Every target format with its options, their ranges and defaults")
def list_formats() -> list[FormatOut]:
    """All formats."""
    return [format_out(target) for target in FORMATS.values()]
