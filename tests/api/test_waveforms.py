"""Waveforms over HTTP: what audiowaveform's readers take, and a PNG that other programs draw alike."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from soundmill.api.drawing import png
from soundmill.app import App
from soundmill.model.waveform import Waveform
from tests.api.conftest import User
from tests.builders import REPORT, WAVEFORM, stored_file


def processed(user: User, app: App, result: Waveform | None = None) -> str:
    task = user.upload().get_json()
    assignment = app.board.claim("worker")
    assert assignment is not None
    app.board.processed(assignment.attempt, stored_file(), replace(REPORT, result_waveform=result))
    return f"/api/tasks/{task['id']}"


def pixels(data: bytes, width: int, height: int) -> npt.NDArray[np.uint8]:
    """Red, green, blue and opacity, as the machine's ffmpeg reads them."""
    command = ["ffmpeg", "-v", "error", "-f", "png_pipe", "-i", "-", "-f", "rawvideo", "-pix_fmt", "rgba", "-"]
    ran = subprocess.run(command, input=data, capture_output=True, check=True)
    assert ran.stderr == b""
    return np.frombuffer(ran.stdout, np.uint8).reshape(height, width, 4)


def test_peaks_are_as_audiowaveform_writes_them(ann: User, app: App) -> None:
    path = processed(ann, app)
    answer = ann.call("GET", f"{path}/waveform.json")
    data = list(np.frombuffer(WAVEFORM.peaks, np.int8))
    assert answer.get_json() == {
        "version": 2, "channels": 1, "sample_rate": 48_000, "samples_per_pixel": 256, "bits": 8, "length": 100, "data": data,
    }  # fmt: skip
    again = ann.call("GET", f"{path}/waveform.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_source_and_result_have_their_own(ann: User, app: App) -> None:
    path = processed(ann, app, Waveform(8000, 64, b"\x80\x7f"))
    assert ann.call("GET", f"{path}/waveform.json").get_json()["length"] == 1
    assert ann.call("GET", f"{path}/waveform.json?of=source").get_json()["length"] == 100
    assert ann.call("GET", f"{path}/waveform.json?of=cover").status_code == 400


def test_the_picture_is_a_png_of_the_asked_size(ann: User, app: App) -> None:
    answer = ann.call("GET", f"{processed(ann, app)}/waveform.png?width=333&height=60&colour=ff8000")
    assert answer.mimetype == "image/png"
    drawn = pixels(answer.data, 333, 60)
    assert {tuple(each) for each in drawn.reshape(-1, 4)} == {(0, 0, 0, 0), (255, 128, 0, 255)}


@pytest.mark.parametrize(("width", "height"), [(100, 256), (16, 256), (800, 256), (37, 17)])
def test_every_bar_spans_its_samples(width: int, height: int) -> None:
    random = np.random.default_rng(1)
    peaks = np.sort(random.integers(-128, 128, (100, 2)).astype(np.int8), axis=1)
    peaks[50:60] = 0
    drawn = pixels(png(Waveform(48_000, 64, peaks.tobytes()), width, height, (1, 2, 3)), width, height)[:, :, 3] > 0
    for x in range(width):
        begin = x * 100 // width
        part = peaks[begin : max(begin + 1, (x + 1) * 100 // width)].astype(int)
        rows = np.flatnonzero(drawn[:, x])
        assert rows.size
        assert np.array_equal(rows, np.arange(rows[0], rows[-1] + 1))
        assert rows[0] == (127 - part.max()) * height // 256
        assert abs(rows[-1] + 1 - (128 - part.min()) * height / 256) <= 1


@pytest.mark.parametrize("query", ["width=0", "width=5000", "height=2000", "colour=red", "width=x"])
def test_sizes_and_colours_have_bounds(ann: User, app: App, query: str) -> None:
    assert ann.call("GET", f"{processed(ann, app)}/waveform.png?{query}").status_code == 400


def test_without_one_it_is_not_found(ann: User, bob: User, app: App) -> None:
    waiting = f"/api/tasks/{ann.upload().get_json()['id']}"
    for name in ("waveform.json", "waveform.png"):
        answer = ann.call("GET", f"{waiting}/{name}")
        assert (answer.status_code, "when the task is processed" in answer.get_json()["detail"]) == (404, True)
        assert bob.call("GET", f"{waiting}/{name}").get_json()["detail"] == "There is no such task."
        assert ann.call("GET", f"/api/tasks/999/{name}").status_code == 404
