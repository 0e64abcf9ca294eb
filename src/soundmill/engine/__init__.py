"""Sound in, sound out: sniff, probe, convert, tags, verify, sandbox. Knows the model, FFmpeg and files only."""

from soundmill.engine.job import Job, Limits
from soundmill.engine.mill import Mill, Progress, Tick

__all__ = ["Job", "Limits", "Mill", "Progress", "Tick"]
