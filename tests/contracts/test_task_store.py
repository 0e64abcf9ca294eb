"""What the owner's view of tasks guarantees (:class:`soundmill.service.ports.TaskStore`, ``FileIndex``, ``Watch``)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from soundmill.adapters.database import Database, DatabaseAccounts, DatabaseBoard, DatabaseTasks
from soundmill.model.errors import InvalidOptions, KeyReused, NotFound, QueueFull, WrongState
from soundmill.model.tasks import RetryRule, TaskStatus, TaskView
from soundmill.service.ports import NamedFile, Once, PageRequest
from tests.builders import REPORT, account, album, order, stored_file, submitted


@pytest.fixture
def tasks(database: Database) -> DatabaseTasks:
    return DatabaseTasks(database, queue_cap=100)


@pytest.fixture
def board(database: Database) -> DatabaseBoard:
    return DatabaseBoard(database, lease=timedelta(minutes=1), retries=RetryRule())


@pytest.fixture
def owner(database: Database) -> int:
    return account(database)


def process(board: DatabaseBoard) -> str:
    assignment = board.claim("worker")
    assert assignment is not None
    result = stored_file()
    board.processed(assignment.attempt, result, REPORT)
    return result.key


def test_several_formats_share_one_source(tasks: DatabaseTasks, owner: int) -> None:
    upload = stored_file()
    made = tasks.submit(
        owner,
        [NamedFile("song.wav", upload)],
        (order("mp3"), order("flac"), order("alac"), order("m4a")),
    )
    assert {task.source.key for task in made} == {upload.key}
    assert [task.result_name for task in made] == [
        "song.mp3",
        "song.flac",
        "song.m4a",
        "song (2).m4a",
    ]
    assert {task.status for task in made} == {TaskStatus.UPLOADED}


def test_names_are_unique_per_account(tasks: DatabaseTasks, owner: int, database: Database) -> None:
    names = [submitted(tasks, owner, name="song.mp3")[0].file_name for _ in range(3)]
    assert len(set(names)) == 3
    assert names[0] == "song.mp3"
    literal = submitted(tasks, owner, name="song (2).mp3")[0].file_name
    assert literal not in names
    assert submitted(tasks, account(database), name="song.mp3")[0].file_name == "song.mp3"


def test_names_stay_unique_when_many_upload_at_once(tasks: DatabaseTasks, owner: int) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: submitted(tasks, owner, name="song.wav")[0], range(24)))
    names = [task.file_name for task in made] + [task.result_name for task in made]
    assert len(set(names)) == 48


def test_a_result_in_the_sources_format_has_a_name_of_its_own(tasks: DatabaseTasks, owner: int) -> None:
    task = submitted(tasks, owner, "wav", name="song.wav")[0]
    assert (task.file_name, task.result_name) == ("song.wav", "song (2).wav")


def test_nothing_is_shown_for_a_token_that_was_revoked(tasks: DatabaseTasks, owner: int, database: Database) -> None:
    made = submitted(tasks, owner)[0]
    assert [made] == tasks.page(owner, PageRequest(9), "token") == tasks.page(owner, PageRequest(9))
    assert made == tasks.get(owner, made.id, "token") == tasks.get(owner, made.id)
    DatabaseAccounts(database).revoke("token", datetime.now(UTC) + timedelta(hours=1))
    for descending, status in product((False, True), (None, TaskStatus.UPLOADED)):
        assert tasks.page(owner, PageRequest(9, descending, status=status), "token") == []
        assert tasks.page(owner, PageRequest(9, descending, status=status), "other") == [made]
    with pytest.raises(NotFound):
        tasks.get(owner, made.id, "token")
    assert tasks.get(owner, made.id, "other") == made


def test_a_full_queue_refuses_and_keeps_nothing(database: Database, owner: int) -> None:
    small = DatabaseTasks(database, queue_cap=3)
    submitted(small, owner, "mp3", "wav")
    with pytest.raises(QueueFull):
        submitted(small, owner, "mp3", "wav", name="other.wav")
    assert len(small.page(owner, PageRequest(10))) == 2
    with pytest.raises(NotFound):
        small.find(owner, "other.wav")


def test_pages_follow_each_other_without_gap_or_repeat(tasks: DatabaseTasks, owner: int, database: Database) -> None:
    made = [submitted(tasks, owner)[0].id for _ in range(7)]
    submitted(tasks, account(database))
    for descending in (False, True):
        seen: list[int] = []
        while True:
            cursor = seen[-1] if seen else None
            page = [task.id for task in tasks.page(owner, PageRequest(3, descending, cursor))]
            if not page:
                break
            seen += page
        assert seen == sorted(made, reverse=descending)


def test_a_page_can_be_of_one_status(tasks: DatabaseTasks, board: DatabaseBoard, owner: int) -> None:
    first, second = submitted(tasks, owner)[0], submitted(tasks, owner)[0]
    process(board)
    done = tasks.page(owner, PageRequest(10, status=TaskStatus.PROCESSED))
    assert [task.id for task in done] == [first.id]
    waiting = tasks.page(owner, PageRequest(10, status=TaskStatus.UPLOADED))
    assert [task.id for task in waiting] == [second.id]


def test_a_strangers_task_is_not_there(tasks: DatabaseTasks, owner: int, database: Database) -> None:
    task, stranger = submitted(tasks, owner)[0], account(database)
    for act in (
        lambda: tasks.get(stranger, task.id),
        lambda: tasks.cancel(stranger, task.id),
        lambda: tasks.remove(stranger, task.id),
        lambda: tasks.restart(stranger, task.id, order("flac")),
        lambda: tasks.find(stranger, task.file_name),
    ):
        with pytest.raises(NotFound):
            act()
    assert tasks.get(owner, task.id) == task


def test_changing_the_format_deletes_the_old_result(tasks: DatabaseTasks, board: DatabaseBoard, owner: int) -> None:
    task = submitted(tasks, owner)[0]
    key = process(board)
    changed, dropped = tasks.restart(owner, task.id, order("flac", bit_depth=16))
    assert dropped == [key]
    assert (changed.status, changed.new_format, changed.result_name) == (
        TaskStatus.UPLOADED,
        "flac",
        "song.flac",
    )
    assert changed.options == {"bitDepth": 16}
    assert (changed.result, changed.not_carried, changed.finished_at) == (
        None,
        (),
        None,
    )
    with pytest.raises(NotFound):
        tasks.find(owner, "song.mp3")
    process(board)
    assert tasks.get(owner, task.id).status is TaskStatus.PROCESSED


def test_only_failed_and_cancelled_tasks_are_retried(tasks: DatabaseTasks, board: DatabaseBoard, owner: int) -> None:
    task = submitted(tasks, owner)[0]
    with pytest.raises(WrongState):
        tasks.restart(owner, task.id, None)
    tasks.cancel(owner, task.id)
    again, _ = tasks.restart(owner, task.id, None)
    assert again.status is TaskStatus.UPLOADED
    process(board)
    with pytest.raises(WrongState):
        tasks.restart(owner, task.id, None)


def test_cancelling_is_final_and_repeatable(tasks: DatabaseTasks, board: DatabaseBoard, owner: int) -> None:
    task = submitted(tasks, owner)[0]
    assert tasks.cancel(owner, task.id).status is TaskStatus.CANCELLED
    assert tasks.cancel(owner, task.id).status is TaskStatus.CANCELLED
    assert board.claim("worker") is None


def test_a_processed_task_can_not_be_cancelled(tasks: DatabaseTasks, board: DatabaseBoard, owner: int) -> None:
    task = submitted(tasks, owner)[0]
    process(board)
    with pytest.raises(WrongState):
        tasks.cancel(owner, task.id)


def test_the_source_goes_with_its_last_task(tasks: DatabaseTasks, board: DatabaseBoard, owner: int) -> None:
    first, second = submitted(tasks, owner, "mp3", "flac")
    result_key = process(board)
    assert tasks.remove(owner, first.id) == [result_key]
    assert tasks.find(owner, "song.wav").key == second.source.key
    assert tasks.remove(owner, second.id) == [second.source.key]
    with pytest.raises(NotFound):
        tasks.find(owner, "song.wav")


def test_ids_are_never_given_twice(tasks: DatabaseTasks, owner: int) -> None:
    first = submitted(tasks, owner)[0]
    tasks.remove(owner, first.id)
    assert submitted(tasks, owner)[0].id > first.id


def test_a_result_is_not_there_before_it_is_processed(tasks: DatabaseTasks, owner: int) -> None:
    task = submitted(tasks, owner)[0]
    with pytest.raises(NotFound):
        tasks.find(owner, task.result_name)


def test_only_unknown_keys_are_orphans(tasks: DatabaseTasks, owner: int) -> None:
    task = submitted(tasks, owner)[0]
    assert tasks.unknown(["lost", task.source.key]) == ["lost"]


def test_final_means_final_or_gone(tasks: DatabaseTasks, board: DatabaseBoard, owner: int) -> None:
    done, waiting = submitted(tasks, owner)[0], submitted(tasks, owner)[0]
    process(board)
    assert tasks.final_among({done.id, waiting.id, 10**9}) == {done.id, 10**9}


def test_a_task_reads_the_same_wherever_it_is_read(tasks: DatabaseTasks, owner: int) -> None:
    made: TaskView = submitted(tasks, owner)[0]
    assert tasks.get(owner, made.id) == made == tasks.page(owner, PageRequest(1))[0]


def test_a_key_is_forgotten_after_a_while(tasks: DatabaseTasks, owner: int) -> None:
    once = Once("key", "f" * 64)
    assert not tasks.knows(owner, "key")
    first = tasks.submit(owner, [NamedFile("a.wav", stored_file())], (order("mp3"),), once)
    assert tasks.submit(owner, [NamedFile("a.wav", stored_file())], (order("mp3"),), once) == first
    tasks.forget_keys(timedelta(hours=1))
    assert tasks.knows(owner, "key")
    assert not tasks.knows(owner + 1, "key")
    assert tasks.submit(owner, [NamedFile("a.wav", stored_file())], (order("mp3"),), once) == first
    tasks.forget_keys(timedelta(hours=-1))
    assert tasks.submit(owner, [NamedFile("a.wav", stored_file())], (order("mp3"),), once) != first


def test_a_key_with_another_request_is_refused(tasks: DatabaseTasks, owner: int) -> None:
    tasks.submit(owner, [NamedFile("a.wav", stored_file())], (order("mp3"),), Once("key", "f" * 64))
    with pytest.raises(KeyReused):
        tasks.submit(owner, [NamedFile("a.wav", stored_file())], (order("mp3"),), Once("key", "e" * 64))


def test_a_key_whose_tasks_were_deleted_says_so(tasks: DatabaseTasks, owner: int) -> None:
    once = Once("key", "f" * 64)
    made = tasks.submit(owner, [NamedFile("a.wav", stored_file())], (order("mp3"),), once)[0]
    tasks.remove(owner, made.id)
    with pytest.raises(NotFound, match="deleted since"):
        tasks.submit(owner, [NamedFile("a.wav", stored_file())], (order("mp3"),), once)


def test_a_key_gives_what_is_left_of_its_tasks(tasks: DatabaseTasks, owner: int) -> None:
    once, wanted = Once("key", "f" * 64), (order("mp3"), order("ogg"))
    first, second = tasks.submit(owner, [NamedFile("a.wav", stored_file())], wanted, once)
    tasks.remove(owner, first.id)
    assert tasks.submit(owner, [NamedFile("a.wav", stored_file())], wanted, once) == [second]


def test_a_source_goes_with_the_last_of_its_tasks_also_when_all_go_at_once(tasks: DatabaseTasks, owner: int) -> None:
    with ThreadPoolExecutor(4) as pool:
        for _ in range(10):
            made = submitted(tasks, owner, "mp3", "ogg", "flac", "wav")
            dropped = [key for keys in pool.map(lambda task: tasks.remove(owner, task.id), made) for key in keys]
            assert dropped == [made[0].source.key]


def test_changes_and_retries_at_once_do_not_wait_for_each_other_for_ever(tasks: DatabaseTasks, owner: int) -> None:
    made = submitted(tasks, owner, "mp3", "ogg")

    def change(number: int) -> None:
        task = made[number % 2]
        if number % 3:
            tasks.restart(owner, task.id, order("flac" if number % 2 else "wav"))
        else:
            tasks.restart(owner, task.id, order("opus"), Once(f"key {number}", "f" * 64))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(change, range(60)))


def test_joined_sources_are_all_of_one_task_and_each_has_a_name_of_its_own(tasks: DatabaseTasks, owner: int) -> None:
    sources = album("one.wav", "two.flac", "one.wav")
    task = tasks.submit(owner, sources, (order("mp3", join=True),))[0]
    assert [each.file.name for each in task.joined] == ["one.wav", "two.flac", "one (2).wav"]
    assert [each.file.key for each in task.joined] == [each.stored.key for each in sources]
    assert [each.sha256 for each in task.source_files] == [each.stored.sha256 for each in sources]
    assert (task.file_name, task.source, task.result_name) == ("one.wav", task.joined[0].file, "one (joined).mp3")
    assert tasks.get(owner, task.id) == task == tasks.page(owner, PageRequest(1))[0]
    for each in task.joined:
        assert tasks.find(owner, each.file.name) == each.file
    assert tasks.unknown(["lost", *(each.stored.key for each in sources)]) == ["lost"]


def test_joined_sources_of_several_formats_go_with_the_last_task(
    tasks: DatabaseTasks, board: DatabaseBoard, owner: int
) -> None:
    sources = album()
    first, second = tasks.submit(owner, sources, (order("mp3", join=True), order("flac", join=True)))
    assert first.joined == second.joined
    result_key = process(board)
    assert tasks.remove(owner, first.id) == [result_key]
    left = tasks.get(owner, second.id)
    assert [each.file for each in left.joined] == [each.file for each in second.joined]
    assert set(tasks.remove(owner, second.id)) == {each.stored.key for each in sources}
    for name in ("one.wav", "two.flac", "one (2).wav"):
        with pytest.raises(NotFound):
            tasks.find(owner, name)


def test_joined_sources_stay_joined_in_another_format_and_at_another_try(
    tasks: DatabaseTasks, board: DatabaseBoard, owner: int
) -> None:
    task = tasks.submit(owner, album(), (order("mp3", join=True),))[0]
    process(board)
    changed, _ = tasks.restart(owner, task.id, order("flac", bit_depth=16))
    assert (changed.result_name, changed.joined) == ("one (joined).flac", tasks.get(owner, task.id).joined)
    assert changed.options == {"bitDepth": 16, "join": True}
    with pytest.raises(InvalidOptions, match="one source"):
        tasks.restart(owner, task.id, order("flac", gain=1.0))
    tasks.cancel(owner, task.id)
    again, _ = tasks.restart(owner, task.id, None)
    assert again.options == {"bitDepth": 16, "join": True}
    assert [each.file for each in again.joined] == [each.file for each in task.joined]


def test_one_source_can_not_be_joined_later(tasks: DatabaseTasks, owner: int) -> None:
    task = submitted(tasks, owner)[0]
    with pytest.raises(WrongState, match="nothing to join"):
        tasks.restart(owner, task.id, order("flac", join=True))
    assert tasks.get(owner, task.id) == task
    assert task.joined == ()


def test_joined_sources_are_given_again_for_a_key_and_added_once(tasks: DatabaseTasks, owner: int) -> None:
    once = Once("key", "f" * 64)
    made = tasks.submit(owner, album(), (order("mp3", join=True),), once)
    assert tasks.submit(owner, album(), (order("mp3", join=True),), once) == made
    with pytest.raises(NotFound):
        tasks.find(owner, "two (2).flac")


def test_a_page_of_joined_tasks_and_others_shows_each_with_its_own(tasks: DatabaseTasks, owner: int) -> None:
    made = [
        *tasks.submit(owner, album("a.wav", "b.wav"), (order("mp3", join=True), order("ogg", join=True))),
        *submitted(tasks, owner),
        *tasks.submit(owner, album("c.wav", "d.wav"), (order("mp3", join=True),)),
    ]
    shown = tasks.page(owner, PageRequest(10))
    assert shown == made
    assert [[each.file.name for each in task.joined] for task in shown] == [
        ["a.wav", "b.wav"],
        ["a.wav", "b.wav"],
        [],
        ["c.wav", "d.wav"],
    ]
