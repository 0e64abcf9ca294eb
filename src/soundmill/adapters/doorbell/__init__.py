"""Says that there may be work: on one machine by a named pipe."""

from soundmill.adapters.doorbell.local import FifoDoorbell

__all__ = ["FifoDoorbell"]
