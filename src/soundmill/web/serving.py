"""The site in a worker process of the server."""

from __future__ import annotations

import gc
from datetime import timedelta
from functools import partial
from multiprocessing.util import Finalize

from flask import Flask

from soundmill.api.services import services
from soundmill.lifeline import die_with_supervisor
from soundmill.web.site import create_site
from soundmill.web.stalled import end_stalled_connections
from soundmill.web.stopping import call_at_a_signal

_ALLOCATIONS_PER_COLLECTION = 20_000


def create_site_of_server() -> Flask:
    """What the server calls in each."""
    die_with_supervisor()
    site = create_site()
    _collect_seldom()
    with site.app_context():
        end_stalled_connections(timedelta(seconds=services().settings.api_patience))
    # A child of multiprocessing ends without Python's own exit handlers.
    Finalize(None, _flush_traces, (site,), exitpriority=0)
    call_at_a_signal(partial(_close_feed, site))
    return site


def _collect_seldom() -> None:
    """What is there now is there to stay, and requests leave few cycles: looking for them at Python's pace is a tenth of a task list's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS_PER_COLLECTION)


def _flush_traces(site: Flask) -> None:
    with site.app_context():
        services().tracing.flush()


def _close_feed(site: Flask) -> None:
    # The server waits for requests under way, and who listens to events would stay for minutes.
    with site.app_context():
        services().feed.close()
