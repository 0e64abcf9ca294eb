"""The page, and the whole site as one WSGI application: ``soundmill.web.site:create_site``."""
