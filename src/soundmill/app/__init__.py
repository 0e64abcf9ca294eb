"""The one place where settings choose adapters and everything is wired."""

from soundmill.adapters.doorbell import QUEUE as BATCH_QUEUE
from soundmill.adapters.doorbell import START_CONVERSION
from soundmill.adapters.metrics import shared_figures
from soundmill.app.converting import conversion_limits, open_mill
from soundmill.app.wiring import App
from soundmill.settings import Settings, describe_settings
from soundmill.settings import read_settings as load_settings

__all__ = [
    "BATCH_QUEUE",
    "START_CONVERSION",
    "App",
    "Settings",
    "conversion_limits",
    "describe_settings",
    "load_settings",
    "open_mill",
    "shared_figures",
]
