"""The task board of a worker that holds no database credentials."""

from soundmill.adapters.board.client import WorkerClient
from soundmill.adapters.board.http import HttpBoard
from soundmill.adapters.board.seats import HttpSeats

__all__ = ["HttpBoard", "HttpSeats", "WorkerClient"]
