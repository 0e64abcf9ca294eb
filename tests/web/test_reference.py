"""``/api/docs``, the API's description for people."""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import Page, expect

from tests.web.site import Site


def test_it_tells_every_operation_and_every_shape(site: Site) -> None:
    spec = httpx.get(f"{site.address}/api/openapi.json").json()
    page = httpx.get(f"{site.address}/api/docs").text
    for path, operations in spec["paths"].items():
        for method in operations:
            assert f"<b>{method.upper()}</b> {path}</code>" in page
    for name in spec["components"]["schemas"]:
        assert f'id="{name}"' in page


def test_each_link_in_it_leads_somewhere(site: Site) -> None:
    page = httpx.get(f"{site.address}/api/docs").text
    for anchor in set(re.findall('href="#([^"]+)"', page)):
        assert f'id="{anchor}"' in page


def test_it_needs_no_script_and_nothing_from_elsewhere(page: Page, site: Site) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    answer = page.goto(f"{site.address}/api/docs")
    assert answer is not None
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    expect(page.get_by_role("heading", name="POST /api/tasks", exact=True)).to_be_visible()
    assert page.locator("script").count() == 0
    assert [each for each in asked if not each.startswith(site.address)] == []


def test_it_fits_a_phone(page: Page, site: Site) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{site.address}/api/docs")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
