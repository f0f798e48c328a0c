"""The walls around one student's process: namespaces of its own, what it sees of the file system, and its
limits.
"""

import contextlib
import ctypes
import errno
import os
import platform
import resource
import signal
import struct
from pathlib import Path

NEWUSER = 0x10000000
NAMESPACES = 0x20000 | 0x4000000 | 0x8000000 | 0x20000000 | 0x40000000  # mount, uts, ipc, pid, net
NOBODY = 65534

_CLONE3 = 435  # on every architecture
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# What is refused, by its numbers on these two: each takes memory that no limit counts, opens a part of the
# kernel that no lab needs, reaches another submission through a file that both are shown, or leaves word for
# a later one.
_REFUSED = {
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "semget": (64, 190),
    "msgget": (68, 186), "mq_open": (240, 180), "add_key": (248, 217), "request_key": (249, 218),
    "keyctl": (250, 219), "vmsplice": (278, 75), "io_setup": (206, 0), "modify_ldt": (154, None),
    "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "bpf": (321, 280), "quotactl": (179, 60),
    "quotactl_fd": (443, 443), "perf_event_open": (298, 241), "unshare": (272, 97), "setns": (308, 268),
    "clone3": (435, 435),  # instead of which the C library takes clone, whose flags can be seen
    "inotify_init": (253, None), "inotify_init1": (294, 26), "fanotify_init": (300, 262),  # who opens what
    "fadvise64": (221, 223), "readahead": (187, 213), "mincore": (27, 232), "preadv2": (327, 286),
    "cachestat": (451, 451), "process_madvise": (440, 440), "mlock": (149, 228), "mlock2": (325, 284),
    "munlock": (150, 229), "mlockall": (151, 230), "munlockall": (152, 231), "sync": (162, 81),
    "syncfs": (306, 267), "sched_setaffinity": (203, 122),  # off the core that a worker's students share
}  # fmt: skip
_UNIX, _INET, _INET6, _NETLINK, _TCP, _UDP = 1, 2, 10, 16, 6, 17
_NEW_NAMESPACE = [1 << bit for bit in (17, 25, 26, 27, 28, 29, 30)]
# What is refused for its arguments, each (index, mask, value): a call of _ONLY must meet one entry, of
# _NEVER none.
_ONLY = {
    "socket": ((41, 198), [
        [(0, ~0, _UNIX)], [(0, ~0, _NETLINK), (2, ~0, 0)],  # the latter names interfaces
        *([(0, ~0, family), (1, 0xF, kind), (2, ~0, protocol)] for family in (_INET, _INET6)
          for kind, protocol in ((1, 0), (1, _TCP), (2, 0), (2, _UDP))),
    ]),
    "socketpair": ((53, 199), [[(0, ~0, _UNIX)]]),
    # Descriptors, their flags, owners and locks; not leases, notices, hints and the sizes of pipes.
    "fcntl": ((72, 25), [[(1, ~0, command)] for command in (*range(10), 36, 37, 38, 1027, 1030, 1032)]),
}  # fmt: skip
_NEVER = {
    "mmap": ((9, 222), [[(3, 0x21, 0x21)]]),  # shared and anonymous is nobody's once its pages are given up
    "clone": ((56, 220), [[(0, flag, flag)] for flag in _NEW_NAMESPACE]),
    "madvise": ((28, 233), [[(2, ~0, advice)] for advice in (12, 20, 21)]),  # merge with others', push out
    # larger buffers, filters, pages by reference, other protocols on top
    "setsockopt": ((54, 208), [[(1, ~0, level), (2, ~0, option)] for level, option in (
        *((1, option) for option in (7, 8, 26, 32, 33, 50, 51, 52, 60)), (_TCP, 31), (_UDP, 100))]),
}  # fmt: skip
_SINCE_BOOT = Path("/proc/stat")  # its counters stand still for students, at what they are now
_STAT = _SINCE_BOOT.read_bytes() if _SINCE_BOOT.exists() else b""
# Of /proc, beside the processes, what programs ask for; the rest is the machine's: counters, keys, settings.
_PROC = {
    "self", "thread-self", "mounts", "net", "cpuinfo", "meminfo", "stat", "uptime", "loadavg", "version",
    "filesystems",
}  # fmt: skip
_READ_ONLY, _NOSUID, _NODEV, _NOEXEC = 1, 2, 4, 8
_REMOUNT, _BIND, _REC, _PRIVATE = 0x20, 0x1000, 0x4000, 0x40000

_libc = ctypes.CDLL(None, use_errno=True)
_with_gil = ctypes.PyDLL(None, use_errno=True)


def clone(flags: int) -> int:
    """Fork into new namespaces, in one step, for each fork of a process with torch in it costs milliseconds.

    Raises:
        OSError: the kernel does not allow it.
    """
    ctypes.pythonapi.PyOS_BeforeFork()
    pid = _with_gil.syscall(_CLONE3, ctypes.byref((ctypes.c_uint64 * 8)(flags, 0, 0, 0, signal.SIGCHLD)), 64)
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0
    code = ctypes.get_errno()
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(code, f"unshare: {os.strerror(code)}")
    return pid


def build(limits: dict, hide: list[str], uid: int, gid: int) -> None:
    """In the child: mount what it may see, and give up every right; `uid` and `gid` are those of the parent.

    Raises:
        OSError: something of it failed, so nothing of a student's may run here.
    """
    if uid != 0:
        _map_user(uid, gid)
    _mount("none", "/", None, _REC | _PRIVATE)
    _mount("tmpfs", "/lab", "tmpfs", _NOSUID | _NODEV, f"size={limits['size'] * 2},nr_inodes=4096,mode=0777")
    _mount("tmpfs", "/dev/shm", "tmpfs", _NOSUID | _NODEV, "size=16m,nr_inodes=64,mode=0777")
    terminals = f"newinstance,ptmxmode=0666,mode=0620,max={limits['processes']}"
    _mount("devpts", "/dev/pts", "devpts", _NOSUID | _NOEXEC, terminals)
    _mount("proc", "/proc", "proc", _NOSUID | _NODEV | _NOEXEC)
    for name in (
        "null",
        "full",
        "random",
        "urandom",
        "tty",
    ):  # the machine's own: their times are not to be set
        kept = os.statvfs(f"/dev/{name}").f_flag & (_NOSUID | _NODEV | _NOEXEC)
        _mount("none", f"/dev/{name}", None, _REMOUNT | _BIND | _READ_ONLY | kept)
    Path("/lab/.stat").write_bytes(_STAT)
    _mount("/lab/.stat", str(_SINCE_BOOT), None, _BIND)
    os.remove("/lab/.stat")
    os.mkdir("/lab/.empty")
    of_machine = [
        entry for entry in os.scandir("/proc") if entry.name not in _PROC and not entry.name.isdigit()
    ]
    masked = [(path, os.path.isdir(path)) for path in (*hide, "/dev/zero")]
    for path, is_folder in masked + [(entry.path, entry.is_dir()) for entry in of_machine]:
        _mount("/lab/.empty" if is_folder else "/dev/null", path, None, _BIND)
    os.rmdir("/lab/.empty")  # so nothing can be put into it
    os.umask(0o022)
    if uid == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        _call("prctl", 4, 1, 0, 0, 0)  # PR_SET_DUMPABLE, or /proc/self is root's
        _call("unshare", NEWUSER)
        _map_user(NOBODY, NOBODY)
    _call("prctl", 38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    _call(
        "capset", ctypes.byref((ctypes.c_uint32 * 2)(0x20080522, 0)), ctypes.byref((ctypes.c_uint32 * 6)())
    )
    _call("prctl", 1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG: it ends with its keeper
    _filter()
    os.mkdir("/lab/work")
    os.mkdir("/lab/tmp")


def _filter() -> None:
    """Let the kernel answer some system calls with 'not implemented' (a seccomp filter)."""
    if platform.machine() not in _AUDIT:
        raise OSError(errno.ENOSYS, f"no list of system calls for {platform.machine()}")
    code = ctypes.create_string_buffer(_PROGRAM)
    _call(
        "prctl", 22, 2, struct.pack("HxxxxxxP", len(_PROGRAM) // 8, ctypes.addressof(code)), 0, 0
    )  # PR_SET_SECCOMP


def program(machine: str) -> bytes:
    """The filter for an architecture as `platform.machine` calls it: classic BPF, 8 bytes a line."""
    here = list(_AUDIT).index(machine)
    load, equal, at_least, mask, answer = 0x20, 0x15, 0x35, 0x54, 0x06
    allow, refuse = (answer, 0, 0, 0x7FFF0000), (answer, 0, 0, 0x00050000 | errno.ENOSYS)
    lines = [(load, 0, 0, 4), (equal, 1, 0, _AUDIT[machine]), refuse]
    lines += [(load, 0, 0, 0), (at_least, 0, 1, 1 << 30), refuse]  # from there on x86's third set of numbers
    for numbers in _REFUSED.values():
        if numbers[here] is not None:
            lines += [(equal, 0, 1, numbers[here]), refuse]
    for calls, met, otherwise in ((_ONLY, allow, refuse), (_NEVER, refuse, allow)):
        for numbers, entries in calls.values():
            tests = []
            for entry in entries:
                for left, (index, bits, value) in zip(range(len(entry), 0, -1), entry, strict=True):
                    tests += [(load, 0, 0, 16 + 8 * index), (mask, 0, 0, bits & 0xFFFFFFFF)]
                    tests += [(equal, 0, 3 * left - 2, value)]  # on to the next entry
                tests += [met]
            tests += [otherwise]
            lines += [(equal, 1, 0, numbers[here]), (0x05, 0, 0, len(tests)), *tests]  # a jump of any length
    return b"".join(struct.pack("HBBI", *line) for line in [*lines, allow])


_PROGRAM = (
    program(platform.machine()) if platform.machine() in _AUDIT else b""
)  # once, and not in each child


def _map_user(uid: int, gid: int) -> None:
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"1000 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"1000 {gid} 1")


def _mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    _call("mount", source.encode(), target.encode(), kind and kind.encode(), flags, data and data.encode())


def _call(name: str, *arguments) -> None:
    if getattr(_libc, name)(*arguments) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def limit(limits: dict, isolated: bool) -> None:
    """Set what the kernel limits for each process."""
    _at_most(resource.RLIMIT_CORE, 0)
    _at_most(resource.RLIMIT_CPU, int(limits["cpu"]) + 1)
    _at_most(resource.RLIMIT_FSIZE, limits["size"])
    _at_most(resource.RLIMIT_NOFILE, limits["files"])
    for name, value in (("SIGPENDING", 1024), ("MSGQUEUE", 0), ("RTPRIO", 0), ("NICE", 0)):
        if hasattr(resource, f"RLIMIT_{name}"):  # Linux's own
            _at_most(getattr(resource, f"RLIMIT_{name}"), value)
    if isolated:  # they count what else this user runs, or how much the machine maps
        _at_most(resource.RLIMIT_NPROC, limits["processes"])
        limit_memory(limits["memory"])


def limit_memory(size: int) -> None:
    """Let this process map so many bytes more, where the system can say how many it maps."""
    with contextlib.suppress(FileNotFoundError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        _at_most(resource.RLIMIT_AS, pages * resource.getpagesize() + size)


def _at_most(what: int, value: int) -> None:
    with contextlib.suppress(ValueError, OSError):  # lower already, or not known on this system
        resource.setrlimit(what, (value, value))
