"""Says that there may be work: on one machine by a named pipe, on several by Celery."""

from soundmill.adapters.doorbell.broker import QUEUE, START_CONVERSION, CeleryDoorbell, celery_application
from soundmill.adapters.doorbell.local import FifoDoorbell

__all__ = ["QUEUE", "START_CONVERSION", "CeleryDoorbell", "FifoDoorbell", "celery_application"]
