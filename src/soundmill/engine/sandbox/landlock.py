"""Landlock: a process gives up the file system but for what it names (Linux 5.13 and newer).

The kernel's interface is in ``Documentation/userspace-api/landlock.rst``; the numbers are those of ``linux/landlock.h``.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION_QUERY = 1
_PATH_BENEATH = 1

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_FILE, _MAKE_REGULAR, _TRUNCATE = 1 << 5, 1 << 8, 1 << 14
_FILE_SYSTEM_RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15}  # how many of the rights' bits each version knows
_NEWEST_FILE_SYSTEM_RIGHTS = 16
_ABI_WITH_TRUNCATE, _ABI_WITH_NETWORK, _ABI_WITH_SCOPES = 3, 4, 6
_TCP_BIND_AND_CONNECT = 0b11
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11

_libc = ctypes.CDLL(None, use_errno=True)


def abi_version() -> int:
    """The kernel's Landlock version; 0 where there is none."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_QUERY)))


def restrict_to(readable: Iterable[Path], writable: Path | None) -> None:
    """Let this process read some files and read and write inside one directory, if any, and nothing else of the file system.

    Also takes away TCP and signals to other processes where the kernel can. ``no_new_privs`` must be set before.
    Raises ``OSError``.
    """
    abi = abi_version()
    rights = (1 << _FILE_SYSTEM_RIGHTS_BY_ABI.get(abi, _NEWEST_FILE_SYSTEM_RIGHTS)) - 1
    ruleset = _create_ruleset(abi, rights)
    try:
        for each in readable:
            _allow(ruleset, each, _READ_FILE)
        if writable is not None:
            inside = _READ_FILE | _READ_DIR | _WRITE_FILE | _MAKE_REGULAR | _REMOVE_FILE
            _allow(ruleset, writable, inside | (_TRUNCATE if abi >= _ABI_WITH_TRUNCATE else 0))
        _checked(_libc.syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def _create_ruleset(abi: int, rights: int) -> int:
    attributes = struct.pack("<Q", rights)
    if abi >= _ABI_WITH_NETWORK:
        attributes += struct.pack("<Q", _TCP_BIND_AND_CONNECT)
    if abi >= _ABI_WITH_SCOPES:
        attributes += struct.pack("<Q", _ABSTRACT_SOCKETS_AND_SIGNALS)
    return _checked(_libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0))


def _allow(ruleset: int, path: Path, rights: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("<Qi", rights, descriptor)
        _checked(_libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0))
    finally:
        os.close(descriptor)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {os.strerror(number)}")
    return int(result)
