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

_libc = ctypes.CDLL(None, use_errno=True)
_with_gil = ctypes.PyDLL(None, use_errno=True)
_CLONE3 = 435  # on every architecture
# Memory that no limit counts (memfd_create, memfd_secret, shmget, add_key) and parts of the kernel that no
# lab needs (request_key, keyctl, userfaultfd, io_uring_setup, bpf, perf_event_open), by their numbers on
# each architecture. Then more memory (semget, msgget), what one process could tell a later one by
# (fadvise64, mincore, preadv2, cachestat, mlock, munlock, mlockall, munlockall, mlock2), and the way off the
# core that a worker's students share (sched_setaffinity).
_REFUSED = {
    "x86_64": (0xC000003E, (319, 447, 29, 248, 249, 250, 323, 425, 321, 298,
                            64, 68, 221, 27, 327, 451, 149, 150, 151, 152, 325, 203)),
    "aarch64": (0xC00000B7, (279, 447, 194, 217, 218, 219, 282, 425, 280, 241,
                             190, 186, 223, 232, 286, 451, 228, 229, 230, 231, 284, 122)),
}  # fmt: skip
_MMAP = {"x86_64": 9, "aarch64": 222}
_SHARED_ANONYMOUS = 0x21  # such memory is nobody's once its pages are given up
_COUNTERS = (
    "vmstat",
    "zoneinfo",
    "buddyinfo",
    "pagetypeinfo",
    "schedstat",
    "softirqs",
    "interrupts",
    "diskstats",
)  # of the machine
_NOSUID, _NODEV, _NOEXEC, _BIND, _REC, _PRIVATE = 2, 4, 8, 0x1000, 0x4000, 0x40000


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
    for path in hide:
        empty = "/lab/.empty"
        os.mkdir(empty) if os.path.isdir(path) else open(empty, "w").close()
        _mount(empty, path, None, _BIND)
        os.rmdir(empty) if os.path.isdir(empty) else os.remove(empty)
    _mount("proc", "/proc", "proc", _NOSUID | _NODEV | _NOEXEC)
    for path in ("/dev/zero", *(f"/proc/{name}" for name in _COUNTERS)):
        if os.path.exists(path):
            _mount("/dev/null", path, None, _BIND)
    os.umask(0o022)
    if uid == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        _call("prctl", 4, 1, 0, 0, 0)  # PR_SET_DUMPABLE, or /proc/self is root's
        _call("unshare", NEWUSER)
        _map_user(NOBODY, NOBODY)
    Path("/proc/sys/user/max_user_namespaces").write_text("0")
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
    if platform.machine() not in _REFUSED:
        raise OSError(errno.ENOSYS, f"no list of system calls for {platform.machine()}")
    architecture, numbers = _REFUSED[platform.machine()]
    load, equal, at_least, mask, answer = 0x20, 0x15, 0x35, 0x54, 0x06
    refuse = len(numbers) + 5
    program = [
        (load, 0, 0, 4),
        (equal, 0, refuse + 2, architecture),
        (load, 0, 0, 0),
        (at_least, refuse, 0, 1 << 30),
    ]
    program += [
        (equal, refuse - 1 - i, 0, number) for i, number in enumerate(numbers)
    ]  # 1 << 30: x86's third set of numbers
    program += [
        (equal, 0, 3, _MMAP[platform.machine()]),
        (load, 0, 0, 40),
    ]  # the fourth argument is its flags
    program += [(mask, 0, 0, _SHARED_ANONYMOUS), (equal, 1, 0, _SHARED_ANONYMOUS)]
    program += [(answer, 0, 0, 0x7FFF0000), (answer, 0, 0, 0x00050000 | errno.ENOSYS)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    _call(
        "prctl", 22, 2, struct.pack("HxxxxxxP", len(program), ctypes.addressof(code)), 0, 0
    )  # PR_SET_SECCOMP


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
