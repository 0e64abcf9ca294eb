"""The doorbell of several machines: one Celery message a task, over Redis (or Valkey) or RabbitMQ."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from celery import Celery
from kombu.exceptions import ChannelError, OperationalError

from soundmill.adapters.doorbell.lost_acks import LostAcks
from soundmill.adapters.doorbell.names import QUEUE, START_CONVERSION
from soundmill.logs import Seldom
from soundmill.model.errors import Unreachable

_MOST_UNSENT = 10_000
_LOG_PAUSE_SECONDS = 10.0

_log = structlog.get_logger()


def celery_application(broker_url: str) -> Celery:
    """The Celery application of API, workers and janitor.

    A message only says that there may be work: the rows are the truth. So no result is kept, no message is delayed or retried by
    the broker, and one that comes twice does nothing twice.
    """
    application = Celery("soundmill", broker=broker_url, set_as_current=False)
    application.conf.update(
        task_default_queue=QUEUE,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # Redis says so, and not by ending the connection, when it becomes a replica: without this each worker that waits ends.
        broker_channel_error_retry=True,
        broker_connection_timeout=3,
        broker_transport_options=_transport_options(broker_url),
    )
    application.steps["consumer"].add(LostAcks)
    return application


def _transport_options(broker_url: str) -> dict[str, Any]:
    if not broker_url.startswith("redis"):
        return {}
    return {
        "visibility_timeout": 3600,
        # Celery looks for messages of killed workers every 10th poll and only then; so they come back after seconds.
        "unacked_restore_throttle": 1,
        "unacked_restore_interval": 5,
        "socket_connect_timeout": 3,
        # A Redis whose packets are dropped would be waited for until the kernel gives up, a quarter of an hour: by workers that are told to stop, too.
        "socket_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 10,
    }


class CeleryDoorbell:
    """See :class:`soundmill.service.ports.Doorbell`. Sends from a thread of its own: a broker that is gone delays no upload.

    What can't be sent is dropped; the janitor rings again for tasks that wait without a message. ``headers`` gives those that the
    messages have, when it is rung.
    """

    def __init__(self, application: Celery, headers: Callable[[], dict[str, str]] = dict) -> None:
        self._application = application
        self._headers = headers
        self._unsent: queue.Queue[tuple[int, dict[str, str]]] = queue.Queue(_MOST_UNSENT)
        self._starting = threading.Lock()
        self._sender: threading.Thread | None = None
        self._complaints = Seldom(_LOG_PAUSE_SECONDS)

    def ring(self, task_ids: tuple[int, ...]) -> None:
        """See the port."""
        self._start()
        headers = self._headers()
        for task_id in task_ids:
            try:
                self._unsent.put_nowait((task_id, headers))
            except queue.Full:
                self._complain("too many rings wait to be sent")
                return

    def unheard(self) -> int:
        """See the port. Raises ``Unreachable``."""
        try:
            with self._channel() as channel:
                return int(channel.queue_declare(QUEUE, passive=True).message_count)
        except ChannelError:
            return 0  # nobody has sent anything yet

    def check(self) -> None:
        """Prove that the broker takes what is sent. Raises ``Unreachable``."""
        with self._channel() as channel:
            # As each ring does: a Redis that is a replica, or has no memory left, refuses it.
            self._application.amqp.queues[QUEUE].bind(channel).declare()

    def flush(self) -> None:
        """Return when all rings so far were sent or dropped."""
        self._unsent.join()

    @contextmanager
    def _channel(self) -> Iterator[Any]:
        with self._application.connection_for_write() as connection:
            # Of the broker's own driver: kombu wraps them where it connects, and not where something is asked.
            refusals: tuple[type[BaseException], ...] = connection.channel_errors
            no_answer: tuple[type[BaseException], ...] = (OperationalError, OSError, *connection.connection_errors)
            try:
                connection.ensure_connection(max_retries=1, interval_start=0, timeout=3)
                yield connection.default_channel
            except ChannelError:
                raise  # an answer to what was asked
            except no_answer as error:
                raise Unreachable("The broker doesn't answer.", detail_for_log=str(error)) from error
            except refusals as error:
                raise Unreachable("The broker takes no messages.", detail_for_log=str(error)) from error

    def _start(self) -> None:
        with self._starting:
            if self._sender is None or not self._sender.is_alive():
                self._sender = threading.Thread(target=self._send_all, name="doorbell", daemon=True)
                self._sender.start()

    def _send_all(self) -> None:
        while True:
            task_id, headers = self._unsent.get()
            try:
                self._application.send_task(
                    START_CONVERSION, args=[task_id], headers=headers, retry=False, ignore_result=True
                )
            except Exception as error:  # noqa: BLE001 - whatever the broker's driver raises, the ring is lost and repeated later
                self._complain(str(error))
            finally:
                self._unsent.task_done()

    def _complain(self, detail: str) -> None:
        event = "a ring was lost; the janitor will repeat it"
        if self._complaints.may_tell(event):
            _log.warning(event, detail=detail)
