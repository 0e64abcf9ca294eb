"""Somebody at the page, in a person's words."""

from __future__ import annotations

from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.web.site import Site

PASSWORD = "correct horse"

File = tuple[str, bytes]


class Visitor:
    """What a person does and sees."""

    def __init__(self, page: Page, site: Site) -> None:
        self.page = page
        self.site = site
        page.goto(site.address)

    def sign_up(self, name: str, password: str = PASSWORD) -> None:
        self.page.get_by_role("button", name="Make an account").click()
        form = self.page.locator("#sign-up")
        form.get_by_label("Name", exact=True).fill(name)
        form.get_by_label("E-mail").fill(f"{name}@example.org")
        form.get_by_label("Password", exact=True).fill(password)
        form.get_by_label("Password again").fill(password)
        form.get_by_role("button", name="Sign up").click()

    def log_in(self, name: str, password: str = PASSWORD) -> None:
        form = self.page.locator("#log-in")
        form.get_by_label("Name or e-mail").fill(name)
        form.get_by_label("Password").fill(password)
        form.get_by_role("button", name="Log in").click()

    def convert(self, *files: File, to: tuple[str, ...] = ("mp3",)) -> None:
        for chip in self.page.locator("#formats input").all():
            chip.set_checked(chip.get_attribute("value") in to, force=True)
        self.choose(*files)
        self.start()

    def choose(self, *files: File) -> None:
        payload = [FilePayload(name=name, mimeType="audio/wav", buffer=content) for name, content in files]
        self.page.locator("#files").set_input_files(payload)

    def start(self) -> None:
        self.page.get_by_role("button", name="Convert", exact=True).click()

    def row(self, name: str, number: int = 0) -> Locator:
        return self.page.locator("#tasks > li").filter(has_text=name).nth(number)

    def sees(self, name: str, state: str) -> None:
        expect(self.row(name).locator(".state")).to_have_text(state)
