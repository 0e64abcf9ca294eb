"""The task board of a worker that holds no database credentials."""

from soundmill.adapters.board.http import HttpBoard

__all__ = ["HttpBoard"]
