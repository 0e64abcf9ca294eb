"""Sound in, sound out: sniff, probe, convert, tags, verify, sandbox. Knows the model, FFmpeg and files only."""

from soundmill.engine.job import Job, Limits, PieceJob
from soundmill.engine.parallel.cores import cores, has_a_free_core, idle_cores
from soundmill.engine.sandbox.confinement import gaps
from soundmill.engine.serving.mill import Converted, Mill
from soundmill.engine.versions import build

__all__ = [
    "Converted",
    "Job",
    "Limits",
    "Mill",
    "PieceJob",
    "build",
    "cores",
    "gaps",
    "has_a_free_core",
    "idle_cores",
]
