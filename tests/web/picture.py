"""Take the README's picture of the page: ``python -m tests.web.picture docs/images/page.png [dark|phone]``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import ViewportSize, expect, sync_playwright

from soundmill.model.conversion import Failure, FailureCode
from soundmill.model.sound import ConversionReport, SoundFacts
from soundmill.model.waveform import Waveform
from tests.web.site import running_site, system_browser
from tests.web.visitor import Visitor

_DESK, _PHONE = ViewportSize(width=900, height=1040), ViewportSize(width=390, height=1200)


def main(path: str, look: str = "light") -> None:
    with (
        tempfile.TemporaryDirectory() as directory,
        running_site(Path(directory)) as site,
        sync_playwright() as playwright,
    ):
        browser = system_browser(playwright)
        page = browser.new_page(
            viewport=_PHONE if look == "phone" else _DESK,
            color_scheme="dark" if look == "dark" else "light",
            device_scale_factor=2 if look == "phone" else 1.5,
        )
        visitor = Visitor(page, site)
        visitor.sign_up("ada")
        expect(page.locator("#account-name")).to_have_text("ada")
        for name, form in (("interview.m4a", "mp3"), ("holiday.mov", "wav"), ("Nocturne No. 2.flac", "ogg")):
            visitor.convert((name, bytes(1000)), to=(form,))
            visitor.sees(name, "waiting")
        site.process(bytes(980_000), _report("mp3", 312.4, 44_100, 2, 192_000, "chapters"))
        site.fail(Failure(FailureCode.NO_AUDIO, "This file holds no audio."))
        site.progress(site.claim(), 0.64)
        visitor.sees("Nocturne", "converting 64 %")
        visitor.sees("interview", "ready")
        expect(page.locator("#uploads > li")).to_have_count(0)
        page.screenshot(path=path)
        browser.close()


def _report(codec: str, seconds: float, rate: int, channels: int, bit_rate: int, lost: str) -> ConversionReport:
    facts = SoundFacts(codec, codec, seconds, rate, channels, "stereo", round(seconds * rate), bit_rate)
    return ConversionReport(facts, facts, not_carried=(lost,), source_waveform=_speech())


def _speech() -> Waveform:
    """Words and pauses between them."""
    random = np.random.default_rng(4)
    words = np.repeat(random.choice([0.05, 0.5, 0.8, 1.0], 180, p=[0.3, 0.3, 0.25, 0.15]), 10)
    smooth = np.convolve(words, np.hanning(9) / np.hanning(9).sum(), "same")
    highest = (smooth * random.uniform(40, 110, len(words))).astype(np.int8)
    return Waveform(44_100, 8192, np.stack([-highest, highest], axis=1).tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
