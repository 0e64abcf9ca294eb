"""How a confined process may end, as a client reads it."""

from __future__ import annotations

import signal

from soundmill.model.conversion import ConversionError, FailureCode

OUT_OF_MEMORY = 3
"""Exit status of a process that got no more memory."""

_BY_SIGNAL: dict[int, tuple[FailureCode, str]] = {
    signal.SIGXCPU: (FailureCode.CPU_LIMIT, "The conversion took more processor time than is allowed."),
    signal.SIGVTALRM: (FailureCode.CPU_LIMIT, "The file's beginning is too complicated: it may hold too many tags."),
    signal.SIGXFSZ: (FailureCode.OUTPUT_LIMIT, "The result would be larger than is allowed."),
}


def by_signal(number: int, detail: str) -> ConversionError:
    """Of a process that this signal ended, or none (0)."""
    if number == signal.SIGKILL:
        # Nothing that a file can bring about: the kernel ends so whom it picks where the machine's memory is used up.
        sentence = "The conversion was killed from outside, which happens where the machine has too little memory."
        return ConversionError(FailureCode.CRASHED, sentence, retryable=True, detail_for_log=detail)
    known = _BY_SIGNAL.get(number)
    return crash(detail) if known is None else ConversionError(*known, detail_for_log=detail)


def crash(detail: str) -> ConversionError:
    """What nobody foresaw. It may be the machine's fault: it is tried again."""
    sentence = "The conversion crashed; this file may be built to do that."
    return ConversionError(FailureCode.CRASHED, sentence, retryable=True, detail_for_log=detail)


def out_of_memory(detail: str = "") -> ConversionError:
    """It would have gone past its limit."""
    sentence = "The conversion needs more memory than is allowed."
    return ConversionError(FailureCode.MEMORY_LIMIT, sentence, detail_for_log=detail)
