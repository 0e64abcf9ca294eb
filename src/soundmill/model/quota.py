"""How many bytes one account's files may take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from soundmill.model.errors import OverQuota

_ASK_AGAIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Quota:
    """``limit_bytes`` for the sources and results of an account together; ``None`` for no limit.

    Uploads are refused past it. A result never is: its upload was accepted, so an account may end above its limit.
    """

    limit_bytes: int | None

    def left(self, used_bytes: int) -> int | None:
        """How many more bytes may be uploaded; ``None`` for any."""
        return None if self.limit_bytes is None else max(0, self.limit_bytes - used_bytes)

    def largest_upload(self, used_bytes: int, most_bytes: int, *, is_repeated: bool) -> int:
        """How many bytes to read of an upload of unknown size, where the service takes ``most_bytes``: what is refused at last shall not fill
        the disk before. One that was accepted before is read as if nothing were used.
        """
        left = self.limit_bytes if is_repeated else self.left(used_bytes)
        return most_bytes if left is None else min(most_bytes, left)

    def refuse_overflow(self, used_bytes: int, more_bytes: int) -> None:
        """Raise ``OverQuota`` when ``more_bytes`` don't fit."""
        if self.limit_bytes is None or used_bytes + more_bytes <= self.limit_bytes:
            return
        if more_bytes > self.limit_bytes:
            raise OverQuota(f"This is more than the {self.limit_bytes:,} bytes that you may keep at all.", _ASK_AGAIN)
        raise OverQuota(
            f"Your files take {used_bytes:,} of the {self.limit_bytes:,} bytes that you may keep. Nothing was accepted: delete some tasks first.",
            _ASK_AGAIN,
        )


UNLIMITED = Quota(None)
