"""A program that does its worst inside a room. It says what it managed; the tests look from outside, too."""

import ctypes
import glob
import itertools
import os
import signal
import socket
import time

served: list[object] = []


def main(given, ask):
    """`given["do"]` names one of the functions below."""
    return globals()[given["do"]](given, ask)


def count(given, ask):
    """How many attempts this process has served."""
    served.append(1)
    return len(served)


def who(given, ask):
    return {"uid": os.getuid(), "gid": os.getgid(), "groups": os.getgroups(), "env": dict(os.environ)}


def echo(given, ask):
    return [ask({"question": one}) for one in given["words"]]


def bomb(given, ask):
    """Fork up to 500 times; every child forks on and stays."""
    made = 0
    for _ in range(500):
        try:
            child = os.fork()
        except OSError:
            break
        if child == 0:
            for _ in range(50):
                try:
                    os.fork()
                except OSError:
                    break
            time.sleep(600)
        made += 1
    return made


def memory(given, ask):
    """Ten gigabytes, page by page."""
    return len([bytearray(10_000_000) for _ in range(1000)])


def memory_at_once(given, ask):
    return len(bytearray(10_000_000_000))


def disk(given, ask):
    """Every place a program may think of writing to. Says which worked."""
    places = [
        "/",
        "/tmp",
        "/var/tmp",
        "/dev/shm",
        "/run",
        "/home",
        os.path.dirname(__file__),
        given["outside"],
    ]
    worked = []
    for place in places:
        path = os.path.join(place, "steward-hostile")
        try:
            with open(path, "wb") as file:
                file.write(b"x" * 1_000_000)
            worked.append(path)
        except OSError:
            pass
        try:
            os.mkdir(path + ".d")
            worked.append(path + ".d")
        except OSError:
            pass
    return worked


def flood(given, ask):
    """Say yes for ever, into the answer pipe itself."""
    while True:
        os.write(4, b"\x00\x00\x80\x00" + b"y" * 32768)


def shout(given, ask):
    """A hundred megabytes to the standard streams."""
    for _ in range(1000):
        os.write(1, b"y" * 50_000)
        os.write(2, b"y" * 50_000)
    return "done"


def boast(given, ask):
    return "y" * 50_000_000


def nest(given, ask):
    os.write(4, (200_000).to_bytes(4, "big") + b"[" * 200_000)
    time.sleep(600)


def surrogate(given, ask):
    body = b'{"done":"\\ud800"}'
    os.write(4, len(body).to_bytes(4, "big") + body)
    time.sleep(600)


def descriptors(given, ask):
    opened = []
    for _ in range(100_000):
        try:
            opened.append(os.dup(3))
        except OSError:
            break
    return len(opened)


def loop(given, ask):
    if given.get("said"):
        ask({"question": "is anybody there?"})
    for one in range(1, 32):
        try:
            signal.signal(one, signal.SIG_IGN)
        except OSError:
            pass
    while True:
        pass


def daemon(given, ask):
    """Daemonise twice over, ignore everything, and let the first process answer as if nothing were."""
    try:
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.setsid()
                for one in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                    signal.signal(one, signal.SIG_IGN)
                while True:
                    time.sleep(1)
            os._exit(0)
    except OSError:
        return "no process"
    if given.get("stay"):
        time.sleep(600)
    return "left"


def crash(given, ask):
    os.kill(os.getpid(), signal.SIGSEGV)
    ctypes.string_at(0)


def silent(given, ask):
    """Hang up and stay."""
    os.closerange(3, 64)
    time.sleep(600)


def listing(given, ask):
    """What of the machine can be seen."""
    seen: dict[str, list[str] | None] = {}
    for place in ("/", "/home", "/proc", "/tmp", given["outside"]):
        try:
            seen[place] = sorted(os.listdir(place))
        except OSError:
            seen[place] = None
    return seen


def exfiltrate(given, ask):
    """Send what can be found to wherever can be reached, by every way there is. Says which ways raised nothing."""
    word = given["word"].encode()
    worked = [name for name, way in _ways(given, word).items() if _works(way)]
    try:
        others = glob.glob("/proc/[0-9]*/environ")
    except OSError:
        others = []
    for path in (given["file"], *given["environs"], *others):
        try:
            with open(path, "rb") as file:
                if given["planted"].encode() in file.read():
                    worked.append(f"read {path}")
        except OSError:
            pass
    if given["planted"] in str(dict(os.environ)):
        worked.append("read the environment")
    return worked


def _works(way):
    try:
        way()
    except Exception:
        return False
    return True


def _ways(given, word):
    tcp, udp, dns, tcp6, unix, abstract = (
        given[one] for one in ("tcp", "udp", "dns", "tcp6", "unix", "abstract")
    )
    query = bytes(12) + bytes([len(word)]) + word + b"\x07invalid\x00\x00\x01\x00\x01"

    def dial(family, address):
        with socket.socket(family, socket.SOCK_STREAM) as out:
            out.settimeout(2)
            out.connect(address)
            out.sendall(word)

    def throw(family, address, what=word):
        with socket.socket(family, socket.SOCK_DGRAM) as out:
            out.sendto(what, address)

    def pair():
        left, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        left.sendto(word, unix + ".dgram")

    return {
        "tcp": lambda: dial(socket.AF_INET, ("127.0.0.1", tcp)),
        "udp": lambda: throw(socket.AF_INET, ("127.0.0.1", udp)),
        "dns": lambda: throw(socket.AF_INET, ("127.0.0.1", dns), query),
        "tcp6": lambda: dial(socket.AF_INET6, ("::1", tcp6)),
        "unix": lambda: dial(socket.AF_UNIX, unix),
        "abstract": lambda: dial(socket.AF_UNIX, "\0" + abstract),
        "unix datagram": lambda: throw(socket.AF_UNIX, unix + ".dgram"),
        "pair": pair,
        "program": lambda: os.posix_spawn("/bin/sh", ["sh", "-c", "exit 0"], {}),
    }


def kernel(given, ask):
    """System calls a room has no use for. Says which went through."""
    libc = ctypes.CDLL(None, use_errno=True)
    calls = {
        "ptrace": lambda: libc.ptrace(16, 1, 0, 0),
        "unshare": lambda: libc.unshare(0x10000000),
        "mount": lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None),
        "keyctl": lambda: libc.syscall(250, 0, -3, 0, 0, 0),
        "bpf": lambda: libc.syscall(321, 0, 0, 0),
        "io_uring": lambda: libc.syscall(425, 1, ctypes.create_string_buffer(120)),
        "memfd": lambda: libc.syscall(319, b"x", 0),
        "chroot": lambda: libc.chroot(b"/"),
        "new namespace by clone": lambda: libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0),
        "socket": lambda: libc.socket(2, 1, 0),
        "x32 socket": lambda: libc.syscall(0x40000000 + 41, 2, 1, 0),
        "setuid": lambda: libc.setuid(0),
    }
    return [name for name, call in calls.items() if call() >= 0]


def endless(given, ask):
    """Ask for ever."""
    for one in itertools.count():
        ask({"question": one})
