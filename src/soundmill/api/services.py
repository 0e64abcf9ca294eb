"""The wired use cases, as the routes reach them."""

from __future__ import annotations

from typing import cast

from flask import Flask, current_app

from soundmill.app import App

_KEY = "soundmill"


def attach(application: Flask, app: App) -> None:
    """Make the use cases known to a Flask application."""
    application.extensions[_KEY] = app


def services() -> App:
    """Those of the current application."""
    return cast(App, current_app.extensions[_KEY])
