"""Another device of somebody's: it speaks to the service without a browser."""

from __future__ import annotations

from typing import Any

import httpx

from tests.web.site import Site
from tests.web.visitor import PASSWORD


class Device:
    """What a person does there with their tasks, by the names of the files."""

    def __init__(self, site: Site, name: str) -> None:
        given = {"username": name, "password": PASSWORD}
        token = _checked(httpx.post(f"{site.address}/api/auth/login", json=given)).json()["token"]
        self._client = httpx.Client(base_url=site.address, headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def convert(self, name: str, *formats: str) -> None:
        self._ask("POST", "", data={"newFormat": list(formats or ("mp3",))}, files={"fileName": (name, b"RIFF")})

    def cancel(self, name: str) -> None:
        self._with_each(name, "POST", "/cancel")

    def retry(self, name: str) -> None:
        self._with_each(name, "POST", "/retry")

    def convert_anew(self, name: str, new_format: str) -> None:
        self._with_each(name, "PUT", "", json={"newFormat": new_format})

    def delete(self, name: str) -> None:
        self._with_each(name, "DELETE", "")

    def _with_each(self, name: str, method: str, path: str, **given: Any) -> None:
        for task in self._ask("GET", "?max=1000").json():
            if task["fileName"] == name:
                self._ask(method, f"/{task['id']}{path}", **given)

    def _ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        return _checked(self._client.request(method, f"/api/tasks{path}", **given))


def _checked(answer: httpx.Response) -> httpx.Response:
    assert answer.is_success, answer.text
    return answer
