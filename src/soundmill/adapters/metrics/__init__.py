"""What Prometheus scrapes: each process counts what it does; the state of queue, parts and disk is read at each scrape."""

from soundmill.adapters.metrics.figures import Figures, shared_figures
from soundmill.adapters.metrics.janitor import JanitorFigures
from soundmill.adapters.metrics.state import StateCollector
from soundmill.adapters.metrics.traffic import TrafficFigures
from soundmill.adapters.metrics.worker import MeteredBoard, MeteredSeats, WorkerFigures

__all__ = [
    "Figures",
    "JanitorFigures",
    "MeteredBoard",
    "MeteredSeats",
    "StateCollector",
    "TrafficFigures",
    "WorkerFigures",
    "shared_figures",
]
