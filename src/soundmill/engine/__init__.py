"""Sound in, sound out: sniff, probe, convert, tags, verify, sandbox. Knows the model, FFmpeg and files only."""

from soundmill.engine.confinement import gaps
from soundmill.engine.cores import cores, idle_cores
from soundmill.engine.job import Job, Limits
from soundmill.engine.mill import Converted, Mill

__all__ = ["Converted", "Job", "Limits", "Mill", "cores", "gaps", "idle_cores"]
