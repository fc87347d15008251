"""What Linux gives an unprivileged process to give its own rights up: namespaces, Landlock, capabilities, by bare system calls.

Standard library and ctypes only. Everything raises OSError with the call's name when the kernel says no.
"""

import ctypes
import os
import signal
import struct
import sys
from collections.abc import Iterable

NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = (
    0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
ANY_NAMESPACE = NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET

_PDEATHSIG, _DUMPABLE, _NO_NEW_PRIVS = 1, 4, 38
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
# How many file rights, then network rights, then scopes each version of Landlock knows.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_NET_SINCE, _SCOPE_SINCE = 4, 6
_CAPABILITY_VERSION_3 = 0x20080522


def libc() -> ctypes.CDLL:
    """The C library, keeping errno."""
    return ctypes.CDLL(None, use_errno=True)


def checked(result: int, call: str) -> int:
    """The result, or OSError when it is negative."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    """Leave the parent's namespaces."""
    checked(libc().unshare(ctypes.c_int(flags)), "unshare")


def no_new_privileges() -> None:
    """No program started from here gains rights by its file; what seccomp asks for."""
    checked(libc().prctl(_NO_NEW_PRIVS, 1, 0, 0, 0), "no-new-privs")


def die_with_parent() -> None:
    """Be killed when the thread that forked this process ends. Changing user id takes it back, so it comes after that."""
    if sys.platform == "linux":
        checked(libc().prctl(_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0), "pdeathsig")


def undumpable() -> None:
    """No core file, and no neighbour with the same user id may look into this process."""
    if sys.platform == "linux":
        checked(libc().prctl(_DUMPABLE, 0, 0, 0, 0), "dumpable")


def drop_capabilities() -> None:
    """Give every capability up for good."""
    head = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    checked(libc().capset(head, bytes(24)), "capset")


def landlock_version() -> int:
    """Which Landlock this kernel has; 0: none."""
    return max(0, int(libc().syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(1))))


def landlock(readable: Iterable[str]) -> None:
    """From now on: read files below `readable`, and nothing else; write, make or run nothing; no TCP; no signal to outside."""
    version = landlock_version()
    if version < 1:
        raise OSError(0, "landlock: this kernel has none")
    rights = (1 << _FILE_RIGHTS[min(version, max(_FILE_RIGHTS))]) - 1
    rule_set = struct.pack("Q", rights)
    if version >= _NET_SINCE:
        rule_set += struct.pack("Q", 0b11)
    if version >= _SCOPE_SINCE:
        rule_set += struct.pack("Q", 0b11)
    call = libc().syscall
    rules = checked(
        call(_LANDLOCK_CREATE, rule_set, ctypes.c_size_t(len(rule_set)), ctypes.c_uint(0)), "landlock"
    )
    try:
        for path in readable:
            try:
                place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                allowed = _READ_FILE | (_READ_DIR if os.path.isdir(path) else 0)
                rule = struct.pack("=Qi", allowed, place)
                checked(call(_LANDLOCK_ADD, rules, ctypes.c_int(1), rule, ctypes.c_uint(0)), "landlock rule")
            finally:
                os.close(place)
        checked(call(_LANDLOCK_RESTRICT, rules, ctypes.c_uint(0)), "landlock restrict")
    finally:
        os.close(rules)
