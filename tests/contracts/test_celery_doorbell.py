"""The doorbell of several machines, over a real Redis."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from soundmill.adapters.doorbell import broker
from soundmill.adapters.doorbell.broker import CeleryDoorbell, celery_application
from soundmill.model.errors import Unreachable
from tests.chaos.proxy import Link, Proxy
from tests.ports import free_port
from tests.servers import RedisServer, redis_server
from tests.waiting import until


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


@pytest.fixture
def doorbell(server: RedisServer) -> CeleryDoorbell:
    server.client().flushall()
    return CeleryDoorbell(celery_application(server.url))


def test_nothing_was_rung(doorbell: CeleryDoorbell) -> None:
    assert doorbell.unheard() == 0


def test_each_ring_is_one_message_of_the_queue_batch(doorbell: CeleryDoorbell, server: RedisServer) -> None:
    doorbell.ring((7, 8))
    doorbell.ring((9,))
    doorbell.flush()
    assert doorbell.unheard() == 3
    messages = [json.loads(each) for each in server.client().lrange("batch", 0, -1)]
    assert {each["headers"]["task"] for each in messages} == {"start_conversion"}
    assert sorted(json.loads(each["headers"]["argsrepr"])[0] for each in messages) == [7, 8, 9]
    assert all(each["headers"]["eta"] is None and each["headers"]["expires"] is None for each in messages)


def test_a_broker_that_is_gone_is_told_to_who_asks_and_not_to_who_rings() -> None:
    doorbell = CeleryDoorbell(celery_application(f"redis://127.0.0.1:{free_port()}/0"))
    doorbell.ring((1,))  # and not many: its thread tries to send each for seconds, in other tests, too
    with pytest.raises(Unreachable):
        doorbell.unheard()
    with pytest.raises(Unreachable):
        doorbell.check()


class _BreaksOff(Proxy):
    """At the question how many messages wait: connections are made, and answered."""

    def _to_server(self, link: Link) -> None:
        while (data := link.client.recv(1 << 16)) and b"EXISTS" not in data:
            link.server.sendall(data)


def test_a_broker_that_goes_while_it_is_asked_is_told_to_who_asks(server: RedisServer) -> None:
    proxy = _BreaksOff(server.address)
    host, port = proxy.address
    try:
        with pytest.raises(Unreachable, match="doesn't answer"):
            CeleryDoorbell(celery_application(f"redis://{host}:{port}/0")).unheard()
    finally:
        proxy.close()


def test_a_broker_that_takes_nothing_is_told_to_who_asks(doorbell: CeleryDoorbell, server: RedisServer) -> None:
    doorbell.check()
    client = server.client()
    client.replicaof("127.0.0.1", str(free_port()))
    try:
        with pytest.raises(Unreachable, match="takes no messages"):
            doorbell.check()
    finally:
        client.replicaof("NO", "ONE")
    client.config_set("maxmemory", "1")
    try:
        with pytest.raises(Unreachable, match="takes no messages"):
            doorbell.check()
    finally:
        client.config_set("maxmemory", "0")
    doorbell.check()


def test_it_rings_again_when_the_broker_is_back(server: RedisServer) -> None:
    doorbell = CeleryDoorbell(celery_application(server.url))
    doorbell.ring((1,))
    doorbell.flush()
    server.kill()
    doorbell.ring((2,))
    doorbell.flush()
    server.start()

    def rings() -> bool:
        doorbell.ring((3,))
        doorbell.flush()
        return doorbell.unheard() > 0

    until(rings)


def test_more_rings_than_can_be_sent_are_dropped_at_once_and_that_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "_MOST_UNSENT", 1)
    doorbell = CeleryDoorbell(celery_application("redis://127.0.0.1:1/0"))
    doorbell.ring(tuple(range(3)))
    assert "too many rings" in capsys.readouterr().out
