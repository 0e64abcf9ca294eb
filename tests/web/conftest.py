"""A browser, a site, and a visitor."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.web.site import Site, running_site, system_browser
from tests.web.visitor import PASSWORD, Visitor

expect.set_options(timeout=15_000)

_EXPECTED = re.compile("status of (4|502|503|507)|net::ERR_")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = system_browser(playwright)
        yield made
        made.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)  # no .env of the developer's
        with running_site(directory / "data") as made:
            yield made


@pytest.fixture
def site(running: Site) -> Iterator[Site]:
    """An empty site."""
    yield running
    running.forget_all()


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """A fresh page, closed before its site. What the browser complains of fails the test, but for answers that refuse and requests that break off."""
    context = browser.new_context(locale="en-US")
    made = context.new_page()
    complaints: list[str] = []
    made.on("pageerror", lambda error: complaints.append(str(error)))
    made.on(
        "console",
        lambda said: complaints.append(said.text) if said.type == "error" and not _EXPECTED.search(said.text) else None,
    )
    yield made
    context.close()
    assert complaints == []


@pytest.fixture
def ann(page: Page, site: Site) -> Visitor:
    """Somebody who has just signed up. Not by the form, which is filled in and waited for in a test of its own: that takes a second each time."""
    given = {"username": "ann", "email": "ann@example.org"}
    for path, password in (("/api/auth/signup", "password1"), ("/web/session", "password")):
        assert page.request.post(site.address + path, data={**given, password: PASSWORD, "password2": PASSWORD}).ok
    visitor = Visitor(page, site)
    page.locator("#desk").wait_for()
    return visitor
