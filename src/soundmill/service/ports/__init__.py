"""The ports: what the use cases need of the outside world, with what each implementation guarantees.

A port with several implementations has one contract test suite under ``tests/contracts``, which all of them pass.
"""

from soundmill.service.ports.accounts import (
    Account,
    AccountStore,
    Passwords,
    Throttle,
    Token,
    TokenMint,
)
from soundmill.service.ports.board import Board, Doorbell, QueueGauge, QueueState, Upkeep
from soundmill.service.ports.conversion import Converter, LocalSource
from soundmill.service.ports.events import EventLog, Expiry, TaskEvent, TaskProgress, UsageLedger
from soundmill.service.ports.seats import Seat, Seats, SeatUpkeep
from soundmill.service.ports.storage import Incoming, Room, Storage, StorageMark, StorageRecord, StoredFile, Workbench
from soundmill.service.ports.tasks import (
    FileIndex,
    FilesWaveforms,
    NamedFile,
    Once,
    OnceMemory,
    Order,
    PageRequest,
    TaskStore,
    Watch,
    WaveformIndex,
)

__all__ = [
    "Account",
    "AccountStore",
    "Board",
    "Converter",
    "Doorbell",
    "EventLog",
    "Expiry",
    "FileIndex",
    "FilesWaveforms",
    "Incoming",
    "LocalSource",
    "NamedFile",
    "Once",
    "OnceMemory",
    "Order",
    "PageRequest",
    "Passwords",
    "QueueGauge",
    "QueueState",
    "Room",
    "Seat",
    "SeatUpkeep",
    "Seats",
    "Storage",
    "StorageMark",
    "StorageRecord",
    "StoredFile",
    "TaskEvent",
    "TaskProgress",
    "TaskStore",
    "Throttle",
    "Token",
    "TokenMint",
    "Upkeep",
    "UsageLedger",
    "Watch",
    "WaveformIndex",
    "Workbench",
]
