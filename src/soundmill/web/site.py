"""The WSGI application: the API and the page beside it."""

from __future__ import annotations

from flask import Flask

from soundmill.api import create_application
from soundmill.app import App, load_settings
from soundmill.logs import configure_logs
from soundmill.web.blueprint import page_blueprint


def create_site() -> Flask:
    """For any WSGI server, e.g. ``granian --interface wsgi --factory soundmill.web.site:create_site``; settings as usual."""
    settings = load_settings()
    configure_logs(settings.log_level, settings.log_format)
    app = App(settings)
    app.make_shared_parts()
    return create_application(app, page_blueprint())
