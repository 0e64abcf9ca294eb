"""Says that there may be work: on one machine by a named pipe; on several by Celery, in ``broker``, which one machine never loads."""

from soundmill.adapters.doorbell.local import FifoDoorbell
from soundmill.adapters.doorbell.names import QUEUE, START_CONVERSION

__all__ = ["QUEUE", "START_CONVERSION", "FifoDoorbell"]
