"""Where a fleet keeps its files: in a directory that all parts see, or in a bucket, with a directory for each part alone."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import obstore

from tests.chaos.proxy import Proxy
from tests.servers import S3Server


class Files(Protocol):
    """What the invariants ask of them, whatever they are in."""

    def start(self) -> None:
        """Before the parts."""
        ...

    def stop(self) -> None:
        """After the parts; may be called twice."""
        ...

    def settings(self, part: str) -> dict[str, str]:
        """What that part is told of them."""
        ...

    def stored(self) -> set[str]:
        """The keys in the storage."""
        ...

    def leftovers(self) -> list[str]:
        """Uploads under way and work directories, by their place."""
        ...


class SharedDirectory:
    """One for all."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def start(self) -> None:
        """It is there."""

    def stop(self) -> None:
        """It goes with the fleet's."""

    def settings(self, part: str) -> dict[str, str]:
        """See the protocol."""
        return {"SOUNDMILL_DATA_DIR": str(self._data)}

    def stored(self) -> set[str]:
        """See the protocol."""
        return {path.name for path in (self._data / "files").glob("*/*")}

    def leftovers(self) -> list[str]:
        """See the protocol."""
        return [str(path) for name in ("incoming", "scratch") for path in (self._data / name).iterdir()]


class SharedBucket:
    """A bucket that the parts reach through ``proxy``; what they keep to themselves is in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir()
        self._server = S3Server(directory)
        self.proxy = Proxy(self._server.address)

    def start(self) -> None:
        """See the protocol."""
        self._server.start()

    def stop(self) -> None:
        """See the protocol."""
        self.proxy.close()
        self._server.kill()

    def settings(self, part: str) -> dict[str, str]:
        """See the protocol."""
        return {
            "SOUNDMILL_DATA_DIR": str(self._directory / part),
            "SOUNDMILL_STORAGE_URL": f"s3://{S3Server.BUCKET}/fleet",
            "SOUNDMILL_STORAGE_ALLOW_HTTP": "1",
            **self._server.environment(self.proxy.address),
        }

    def stored(self) -> set[str]:
        """See the protocol."""
        return {name.rpartition("/")[2].removesuffix(".index") for name in self._names("files")}

    def leftovers(self) -> list[str]:
        """See the protocol: also pieces of what isn't stored, and what a machine kept."""
        stored = self.stored()
        pieces = [name for name in self._names("pieces") if name.split("/")[2] not in stored]
        kept = [str(path) for name in ("scratch", "sources") for path in self._directory.glob(f"*/{name}/*")]
        return [*self._names("incoming"), *pieces, *kept]

    def uploads_under_way(self) -> list[str]:
        """Large ones, of which pieces are in the bucket already."""
        return self._names("incoming")

    def _names(self, folder: str) -> list[str]:
        return [each["path"] for page in obstore.list(self._server.store(), f"fleet/{folder}") for each in page]
