"""What many tests need: databases on both kinds of server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete

from soundmill.adapters.database import Database, upgrade
from soundmill.adapters.database.schema import metadata
from tests.servers import S3Server, postgresql, s3_server


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    with postgresql() as url:
        yield url


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty, migrated database, once on each kind."""
    if request.param == "sqlite":
        made = Database(f"sqlite:///{tmp_path / 'test.db'}")
    else:
        made = Database(request.getfixturevalue("postgresql_url"))
    upgrade(made)
    yield made
    with made.writing() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))
    made.dispose()
