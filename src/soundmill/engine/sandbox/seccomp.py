"""seccomp-BPF: system calls that a conversion never needs are refused (``Documentation/userspace-api/seccomp_filter.rst``)."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from dataclasses import dataclass

_PR_SET_SECCOMP, _FILTER_MODE = 22, 2
_PR_GET_SECCOMP = 21
_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _JUMP_EQUAL, _JUMP_SET, _JUMP_GREATER_EQUAL, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_NUMBER_OFFSET, _ARCHITECTURE_OFFSET, _FIRST_ARGUMENT_OFFSET = 0, 4, 16
_CLONE_THREAD = 0x10000
_X32_BIT = 0x40000000


@dataclass(frozen=True, slots=True)
class _Architecture:
    audit: int
    clone: int
    of_oneself: tuple[int, ...]
    """Whose first argument is a process: ours, or 0 for ours."""
    refused: tuple[int, ...]


_CLONE3 = 435
# io_uring_setup, pidfd_open, pidfd_getfd, pidfd_send_signal, and the mount calls of 5.2: one number everywhere.
_REFUSED_EVERYWHERE = (
    *(425, 434, 438, 424, 428, 429, 430, 431, 432, 433, 442),
    *(440, 448),  # process_madvise, process_mrelease
    *(452, 463, 466, 469),  # fchmodat2, setxattrat, removexattrat, file_setattr
)

_ARCHITECTURES = {
    "x86_64": _Architecture(
        audit=0xC000003E,
        clone=56,
        of_oneself=(234, 302),  # tgkill, which ends a process that aborts, and prlimit64, which tells limits
        refused=(
            *(41, 42, 43, 44, 46, 49, 50, 53, 288, 307),  # socket, connect, accept, send…, bind, listen, socketpair
            *(57, 58, 59, 322),  # fork, vfork, execve, execveat
            *(62, 200, 101, 310, 311),  # kill, tkill, ptrace, process_vm_readv and writev
            *(129, 297),  # rt_sigqueueinfo, rt_tgsigqueueinfo
            *(141, 142, 144, 203, 251, 256, 279, 314),  # priorities, schedulers, processors and memory of others
            *(90, 91, 268, 92, 93, 94, 260),  # chmod, chown, and what is like them: Landlock doesn't ask who does that
            *(132, 235, 261, 280, 188, 189, 190, 197, 198, 199),  # utime…, setxattr…, removexattr…
            *(
                29,
                30,
                31,
                67,
                64,
                65,
                66,
                220,
                68,
                69,
                70,
                71,
                240,
                241,
            ),  # memory, semaphores and queues of System V and POSIX
            *(303, 304),  # name_to_handle_at, open_by_handle_at
            *(159, 163, 164, 167, 168, 170, 171, 172, 173, 227, 305),  # clocks, names, swap and ports of the machine
            *(155, 161, 165, 166, 272, 308),  # pivot_root, chroot, mount, umount2, unshare, setns
            *(169, 175, 176, 246, 313, 320),  # reboot, modules, kexec
            *(248, 249, 250, 298, 321, 323),  # keys, perf_event_open, bpf, userfaultfd
        ),
    ),
    "aarch64": _Architecture(
        audit=0xC00000B7,
        clone=220,
        of_oneself=(131, 261),
        refused=(
            *(198, 199, 200, 201, 202, 203, 206, 211, 242, 269),
            *(221, 281),
            *(117, 129, 130, 270, 271),
            *(138, 240),
            *(140, 118, 119, 122, 30, 238, 239, 274),
            *(52, 53, 54, 55),
            *(88, 5, 6, 7, 14, 15, 16),
            *(194, 195, 196, 197, 190, 191, 192, 193, 186, 187, 188, 189, 180, 181),
            *(264, 265),
            *(171, 89, 170, 224, 225, 161, 162, 112, 266),
            *(39, 40, 41, 51, 97, 268),
            *(104, 105, 106, 142, 273, 294),
            *(217, 218, 219, 241, 280, 282),
        ),
    ),
}

_libc = ctypes.CDLL(None, use_errno=True)


def is_available() -> bool:
    """True when this kernel filters system calls and we know this machine's numbers."""
    return platform.machine() in _ARCHITECTURES and _libc.prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) >= 0


def refuse_dangerous_calls() -> None:
    """From here on this process has no network, starts no program or process, touches no other process, and changes no file's owner, mode or times.

    Threads stay possible. ``no_new_privs`` must be set before. Raises ``OSError``.
    """
    program = _program(_ARCHITECTURES[platform.machine()])
    code = ctypes.create_string_buffer(b"".join(program))
    # struct sock_fprog: a count, padded to a pointer's size, and the pointer.
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    if _libc.prctl(_PR_SET_SECCOMP, _FILTER_MODE, header, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {os.strerror(number)}")


def _program(machine: _Architecture) -> list[bytes]:
    refused = sorted({*machine.refused, *_REFUSED_EVERYWHERE})
    return [
        _step(_LOAD, _ARCHITECTURE_OFFSET),
        _step(_JUMP_EQUAL, machine.audit, if_true=1),
        _step(_RETURN, _KILL_PROCESS),
        _step(_LOAD, _NUMBER_OFFSET),
        # Calls of the x32 ABI would pass by other numbers.
        _step(_JUMP_GREATER_EQUAL, _X32_BIT, if_false=1),
        _step(_RETURN, _KILL_PROCESS),
        *(
            step
            for number in refused
            for step in (_step(_JUMP_EQUAL, number, if_false=1), _step(_RETURN, _ERRNO | errno.EPERM))
        ),
        *(step for number in machine.of_oneself for step in _only_of_oneself(number)),
        # "No such call" makes the C library fall back to clone, whose flags can be looked at.
        _step(_JUMP_EQUAL, _CLONE3, if_false=1),
        _step(_RETURN, _ERRNO | errno.ENOSYS),
        _step(_JUMP_EQUAL, machine.clone, if_false=3),
        _step(_LOAD, _FIRST_ARGUMENT_OFFSET),
        _step(_JUMP_SET, _CLONE_THREAD, if_true=1),
        _step(_RETURN, _ERRNO | errno.EPERM),
        _step(_RETURN, _ALLOW),
    ]


def _only_of_oneself(number: int) -> tuple[bytes, ...]:
    return (
        _step(_JUMP_EQUAL, number, if_false=5),
        _step(_LOAD, _FIRST_ARGUMENT_OFFSET),
        _step(_JUMP_EQUAL, os.getpid(), if_true=2),
        _step(_JUMP_EQUAL, 0, if_true=1),
        _step(_RETURN, _ERRNO | errno.EPERM),
        _step(_RETURN, _ALLOW),
    )


def _step(code: int, operand: int, *, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, operand)
