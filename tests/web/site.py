"""A real site on a free port, whose conversions the test itself does: it decides when each goes on and how it ends."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Playwright
from sqlalchemy import delete
from werkzeug.serving import make_server

from soundmill.adapters.database.schema import metadata
from soundmill.api import create_application
from soundmill.app import App, load_settings
from soundmill.model.conversion import Failure
from soundmill.model.sound import ConversionReport
from soundmill.model.tasks import Attempt
from soundmill.web.blueprint import page_blueprint
from tests.builders import REPORT

# The first is the same browser without what windows need, which takes half the time of the tests.
_BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_QUIET = (
    "--no-sandbox",  # containers and root have no user namespaces for it; it only opens our own page
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True)
class Site:
    """The site's address, and the worker's side of it."""

    address: str
    app: App

    def forget_all(self) -> None:
        """Nobody has an account any more."""
        with self.app.database.writing() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(delete(table))

    def claim(self) -> Attempt:
        assignment = self.app.board.claim("test")
        assert assignment is not None, "nothing is due"
        return assignment.attempt

    def progress(self, attempt: Attempt, fraction: float) -> None:
        self.app.board.progress(attempt, fraction)

    def process(self, content: bytes = b"converted", report: ConversionReport = REPORT) -> Attempt:
        """Do the next due task as a worker would."""
        attempt = self.claim()
        self.finish(attempt, content, report)
        return attempt

    def finish(self, attempt: Attempt, content: bytes = b"converted", report: ConversionReport = REPORT) -> None:
        with self.app.workbench.scratch(attempt) as directory:
            result = directory / "result"
            result.write_bytes(content)
            self.app.board.processed(attempt, self.app.workbench.publish(attempt, result), report)

    def fail(self, failure: Failure) -> None:
        self.app.board.failed(self.claim(), failure)


@contextmanager
def running_site(data_dir: Path) -> Iterator[Site]:
    """Serve until the end of the context. Uploads of up to 1 MiB are taken."""
    many = "1000/minute"
    app = App(
        load_settings(
            data_dir=data_dir, upload_limit=1 << 20, storage_reserve=0, login_limit=many, login_limit_wide=many
        )
    )
    app.prepare()
    server = make_server("127.0.0.1", 0, create_application(app, page_blueprint()), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Site(f"http://127.0.0.1:{server.server_port}", app)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        app.database.dispose()


def system_browser(playwright: Playwright) -> Browser:
    """The system's Chromium, without a window."""
    program = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    assert program, "There is no Chromium here: run “make deps”."
    return playwright.chromium.launch(executable_path=program, headless=True, args=[*_QUIET])
