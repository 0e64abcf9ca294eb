"""The page, and the whole site as one WSGI application."""

from soundmill.web.site import create_site

__all__ = ["create_site"]
