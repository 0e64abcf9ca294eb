"""What an account's files take, and what goes after its time (:class:`soundmill.service.ports.UsageLedger`, ``Expiry``)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select, update

from soundmill.adapters.database import (
    Database,
    DatabaseAccounts,
    DatabaseBoard,
    DatabaseExpiry,
    DatabaseTasks,
    DatabaseUsage,
)
from soundmill.adapters.database.schema import accounts, files, tasks
from soundmill.model.errors import NotFound, OverQuota, StaleAttempt
from soundmill.model.quota import Quota
from soundmill.model.tasks import RetryRule, TaskStatus
from soundmill.service.ports import NamedFile, Once, PageRequest, StoredFile
from tests.builders import REPORT, account, album, order, stored_file, submitted

PAST, LONG = timedelta(hours=-1), timedelta(hours=1)


class House:
    """An account, its tasks and a worker."""

    def __init__(self, database: Database, limit_bytes: int | None = None) -> None:
        self.database = database
        self.tasks = DatabaseTasks(database, queue_cap=1000, quota=Quota(limit_bytes))
        self.board = DatabaseBoard(database, lease=LONG, retries=RetryRule())
        self.expiry = DatabaseExpiry(database)
        self.owner = account(database)

    @property
    def used(self) -> int:
        found = DatabaseAccounts(self.database).get(self.owner, "no such token")
        assert found is not None
        return found.used_bytes

    @property
    def counted(self) -> int:
        mine = (files.c.account_id == self.owner) & files.c.key.is_not(None)
        with self.database.reading() as connection:
            return int(connection.execute(select(func.coalesce(func.sum(files.c.size), 0)).where(mine)).scalar_one())

    def process(self) -> StoredFile:
        assignment = self.board.claim("worker")
        assert assignment is not None
        result = stored_file()
        self.board.processed(assignment.attempt, result, REPORT)
        self.board.processed(assignment.attempt, result, REPORT)
        return result


@pytest.fixture
def house(database: Database) -> House:
    return House(database)


def test_the_figure_is_the_sum_of_the_files_at_every_step(house: House) -> None:
    assert house.used == 0
    first, second = submitted(house.tasks, house.owner, "mp3", "flac")
    assert house.used == house.counted == first.source.size
    result = house.process()
    assert house.used == house.counted == first.source.size + result.size
    house.process()
    house.tasks.restart(house.owner, first.id, order("ogg"))
    house.tasks.restart(house.owner, first.id, order("wav"))
    assert house.used == house.counted
    house.tasks.remove(house.owner, second.id)
    assert house.used == house.counted == first.source.size
    house.tasks.remove(house.owner, first.id)
    assert house.used == house.counted == 0


def test_the_figure_stays_right_when_much_happens_at_once(house: House) -> None:
    def live(number: int) -> None:
        once = Once(f"key {number % 6}", "f" * 64)
        made = house.tasks.submit(house.owner, [NamedFile("a.wav", stored_file())], (order("mp3"), order("ogg")), once)
        assignment = house.board.claim(f"worker {number}")
        if assignment is not None:
            house.board.processed(assignment.attempt, stored_file(), REPORT)
        house.tasks.restart(house.owner, made[0].id, order("flac"))
        if number % 3 == 0:
            house.tasks.remove(house.owner, made[-1].id)

    with ThreadPoolExecutor(6) as pool:
        ended = [pool.submit(live, number) for number in range(24)]
    # A task that another thread has removed or restarted is gone, and says so.
    assert {type(each.exception()) for each in ended} <= {type(None), NotFound, StaleAttempt}
    assert house.used == house.counted > 0


def test_an_upload_past_the_quota_is_refused_and_keeps_nothing(database: Database) -> None:
    house = House(database, limit_bytes=10_000)
    upload = StoredFile("a" * 32, 6000, "a" * 64)
    house.tasks.submit(house.owner, [NamedFile("a.wav", upload)], (order("mp3"),))
    with pytest.raises(OverQuota):
        house.tasks.submit(house.owner, [NamedFile("b.wav", StoredFile("b" * 32, 4001, "b" * 64))], (order("mp3"),))
    assert len(house.tasks.page(house.owner, PageRequest(10))) == 1
    assert house.used == 6000
    exactly = house.tasks.submit(
        house.owner, [NamedFile("c.wav", StoredFile("c" * 32, 4000, "c" * 64))], (order("mp3"),)
    )
    house.process()
    house.tasks.remove(house.owner, exactly[0].id)
    assert house.used == house.counted


def test_an_upload_that_was_accepted_is_given_again_though_the_quota_is_used_up(database: Database) -> None:
    house = House(database, limit_bytes=6000)
    upload, once = StoredFile("a" * 32, 6000, "a" * 64), Once("key", "f" * 64)
    made = house.tasks.submit(house.owner, [NamedFile("a.wav", upload)], (order("mp3"),), once)
    assert house.tasks.submit(house.owner, [NamedFile("a.wav", upload)], (order("mp3"),), once) == made


def test_a_result_is_kept_though_it_ends_above_the_quota(database: Database) -> None:
    house = House(database, limit_bytes=1000)
    house.tasks.submit(house.owner, [NamedFile("a.wav", StoredFile("a" * 32, 1000, "a" * 64))], (order("wav"),))
    result = house.process()
    assert house.used == 1000 + result.size


def test_a_wrong_figure_is_mended(house: House) -> None:
    submitted(house.tasks, house.owner)
    other = account(house.database)
    usage = DatabaseUsage(house.database)
    assert usage.recount() == 0
    with house.database.writing() as connection:
        connection.execute(update(accounts).where(accounts.c.id.in_((house.owner, other))).values(used_bytes=5))
    assert usage.recount() == 2
    assert house.used == house.counted
    assert usage.recount() == 0


def test_what_ended_long_ago_goes_with_its_files_and_the_rest_stays(house: House) -> None:
    done, waiting = submitted(house.tasks, house.owner, "mp3", "flac")
    result = house.process()
    assert house.expiry.expire(LONG) is None
    assert house.expiry.expire(PAST) == [result.key]
    with pytest.raises(NotFound):
        house.tasks.get(house.owner, done.id)
    assert house.tasks.get(house.owner, waiting.id).status is TaskStatus.UPLOADED
    assert house.expiry.expire(PAST) is None
    assert house.used == house.counted == waiting.source.size
    house.tasks.cancel(house.owner, waiting.id)
    assert house.expiry.expire(PAST) == [waiting.source.key]
    assert house.used == 0


def test_many_that_expire_at_once_go_once(house: House) -> None:
    made = [submitted(house.tasks, house.owner)[0] for _ in range(12)]
    for task in made:
        house.tasks.cancel(house.owner, task.id)

    def expire(number: int) -> list[str]:
        gone: list[str] = []
        while (keys := house.expiry.expire(PAST)) is not None:
            gone += keys
        return gone

    with ThreadPoolExecutor(4) as pool:
        gone = [key for keys in pool.map(expire, range(4)) for key in keys]
    assert sorted(gone) == sorted(task.source.key for task in made)
    assert house.used == 0


def test_all_joined_sources_count_and_go_when_their_task_expires(house: House) -> None:
    sources = album()
    task = house.tasks.submit(house.owner, sources, (order("mp3", join=True),))[0]
    assert house.used == house.counted == sum(each.stored.size for each in sources)
    house.tasks.cancel(house.owner, task.id)
    assert set(house.expiry.expire(PAST) or ()) == {each.stored.key for each in sources}
    assert house.used == house.counted == 0


def test_joined_sources_are_refused_together_past_the_quota(database: Database) -> None:
    house = House(database, limit_bytes=10_000)
    sources = [NamedFile(f"{each}.wav", StoredFile(each * 32, 4000, each * 64)) for each in "abc"]
    with pytest.raises(OverQuota):
        house.tasks.submit(house.owner, sources, (order("mp3", join=True),))
    assert house.used == house.counted == 0


def test_what_an_api_of_the_version_before_deletes_takes_all_joined_sources_along(house: House) -> None:
    """It knows of the first alone, whose row it deletes; the janitor sweeps the bytes and mends the figure."""
    sources = album()
    task = house.tasks.submit(house.owner, sources, (order("mp3", join=True),))[0]
    with house.database.writing() as connection:
        connection.execute(delete(tasks).where(tasks.c.id == task.id))
        connection.execute(delete(files).where(files.c.key == task.source.key))
    keys = [each.stored.key for each in sources]
    assert house.tasks.unknown(keys) == keys
    assert DatabaseUsage(house.database).recount() == 1
    assert house.used == house.counted == 0
