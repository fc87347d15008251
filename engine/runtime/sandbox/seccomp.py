"""System calls a room has no use for, refused by a BPF program of our own. No library; Linux on x86-64 and arm64.

The filter answers EPERM, so that a library which merely tries goes on. Two filters stack: the zygote's, and the child's, which is
stricter because the child forks no rooms.
"""

import ctypes
import errno
import platform
import struct

from engine.runtime.sandbox.linux import ANY_NAMESPACE, checked, libc, no_new_privileges

# name: (x86-64, arm64); -1: the architecture has no such call. From 424 on numbers are the same everywhere.
_ZYGOTE: dict[str, tuple[int, int]] = {
    "socket": (41, 198), "connect": (42, 203), "accept": (43, 202), "bind": (49, 200), "listen": (50, 201),
    "accept4": (288, 242), "execve": (59, 221), "execveat": (322, 281), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "personality": (135, 92), "syslog": (103, 116),
    "acct": (163, 89), "quotactl": (179, 60), "quotactl_fd": (443, 443),
    "swapon": (167, 224), "swapoff": (168, 225), "reboot": (169, 142), "sethostname": (170, 161),
    "setdomainname": (171, 162), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "clock_adjtime": (305, 266), "adjtimex": (159, 171), "iopl": (172, -1), "ioperm": (173, -1),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "bpf": (321, 280),
    "perf_event_open": (298, 241), "fanotify_init": (300, 262), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "lookup_dcookie": (212, 18),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442), "setns": (308, 268),
}  # fmt: skip
_CHILD: dict[str, tuple[int, int]] = {
    "unshare": (272, 97), "socketpair": (53, 199), "sendto": (44, 206), "sendmsg": (46, 211),
    "sendmmsg": (307, 269), "recvfrom": (45, 207), "recvmsg": (47, 212), "recvmmsg": (299, 243),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "mq_open": (240, 180), "shmget": (29, 194),
    "semget": (64, 190), "msgget": (68, 186), "vmsplice": (278, 75), "mbind": (237, 235),
    "set_mempolicy": (238, 237), "migrate_pages": (256, 238), "move_pages": (279, 239),
    "ioprio_set": (251, 30), "setuid": (105, 146), "setgid": (106, 144), "setresuid": (117, 147),
    "setresgid": (119, 149), "setgroups": (116, 159),
}  # fmt: skip
_CLONE, _CLONE3 = (56, 220), (435, 435)
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_X32 = 0x40000000
_SECCOMP, _FILTER = 22, 2


def available() -> bool:
    """Whether a filter can be written for this machine."""
    return platform.machine() in _ARCHITECTURES


def restrict(*, child: bool) -> None:
    """Refuse those calls for ever, here and in everything forked from here. Raises OSError."""
    program = filter_of(platform.machine(), child=child)
    no_new_privileges()
    code = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    checked(libc().prctl(_SECCOMP, _FILTER, head, 0, 0), "seccomp")


def filter_of(machine: str, *, child: bool) -> bytes:
    """The BPF program for `machine`, eight bytes an instruction. Raises OSError for one we have no table of."""
    if machine not in _ARCHITECTURES:
        raise OSError(0, f"seccomp: no table of system calls for {machine}")
    column, architecture = _ARCHITECTURES[machine]
    names = {**_ZYGOTE, **(_CHILD if child else {})}
    refused = _ERROR | errno.EPERM
    out = [_op(_LOAD, _ARCHITECTURE), _op(_EQUAL, architecture, yes=1), _op(_RETURN, _KILL)]
    out.append(_op(_LOAD, _NUMBER))
    if machine == "x86_64":
        out += [_op(_AT_LEAST, _X32, no=1), _op(_RETURN, refused)]
    for numbers in names.values():
        if numbers[column] >= 0:
            out += [_op(_EQUAL, numbers[column], no=1), _op(_RETURN, refused)]
    if child:
        # The flags of clone3 are in memory a filter can't read: without it, the C library falls back to clone.
        out += [_op(_EQUAL, _CLONE3[column], no=1), _op(_RETURN, _ERROR | errno.ENOSYS)]
        out += [_op(_EQUAL, _CLONE[column], no=3), _op(_LOAD, _FIRST_ARGUMENT)]
        out += [_op(_ANY_BIT, ANY_NAMESPACE, no=1), _op(_RETURN, refused)]
    out.append(_op(_RETURN, _ALLOW))
    return b"".join(out)


def _op(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    """One instruction; `yes` and `no` are how many to skip after a comparison."""
    return struct.pack("HBBI", code, yes, no, value)
