"""A Celery worker for :mod:`tests.contracts.test_celery_worker`: each task takes as long as a file is there."""

from __future__ import annotations

import os
import time
from pathlib import Path

from soundmill.adapters.doorbell import START_CONVERSION
from soundmill.adapters.doorbell.broker import celery_application

celery = celery_application(os.environ["BROKER"])
_directory = Path(os.environ["DIRECTORY"])


@celery.task(name=START_CONVERSION, ignore_result=True)
def start_conversion(task_id: int) -> None:
    (_directory / f"begun {task_id}").touch()
    while (_directory / "hold").exists():
        time.sleep(0.01)
    (_directory / f"done {task_id}").touch()
