"""Where the student's process lives: a fork server behind bubblewrap's walls, whose every child has walls of
its own.

The server (`server.py`) sees the system and the Python environment read-only and nothing of the course; it
holds no submission. For each worker it forks a keeper, and for each submission the keeper forks a child with
user, pid, mount, network and ipc namespaces of its own and a capped tmpfs: so one submission can't see
another's process, and all of its processes die with it.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import traceback
from collections.abc import Iterable
from pathlib import Path

START = 120  # seconds that the server may take to answer: the first fork waits for its imports

# What students' code is shown of the system: programs, libraries, and the data without which they don't run.
# Nothing because it is there: a /usr/share or /usr/local may hold a course, or nbgrader's exchange.
SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64")
USR = (
    "bin", "sbin", "lib", "lib32", "lib64", "libexec", "include", "local/lib", "local/lib64",
    "local/share/fonts",
)  # fmt: skip
SHARE = (
    "awk", "file", "fontconfig", "fonts", "ghostscript", "graphviz", "i18n", "locale", "mime", "misc",
    "perl", "perl5", "tabset", "tcltk", "terminfo", "texlive", "texmf", "texmf-dist", "zoneinfo",
)  # fmt: skip
ENVIRONMENTS = ("bin", "lib", "lib64", "pyvenv.cfg")  # of a Python's own folder
ETC = (
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/localtime",
)
LARGE_PAGES = "/sys/kernel/mm/transparent_hugepage"  # malloc asks whether there are any
NO_ANSWER = {"error": "the server does not answer"}
CURE = "or grade only what you wrote yourself with --no-isolation"


# One thread, for a fork has no other (and macOS kills one whose parent might have had); all memory from
# malloc, in large pages: a fork of such a process takes a third of the time.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1", "OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES",
    "PYTHONMALLOC": "malloc", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}  # fmt: skip


class NoIsolation(RuntimeError):
    """Students' code can't be shut in on this machine; the message names the cure."""


class Sandbox:
    """A running fork server; `keeper()` gives what keeps one student's process at a time."""

    def __init__(self, isolated: bool = True, hidden: tuple[Path, ...] = (), cwd: Path | None = None,
                 libraries: Iterable[str] = ()):  # fmt: skip
        """Start it; `hidden` folders are covered where they lie within what the server sees; `cwd` is for
        the unisolated; `libraries` are imported once for all.
        """
        self.control, theirs = socket.socketpair()
        programs = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])
        environment = ENVIRONMENT | {
            "PATH": programs, "HOME": "/lab", "TMPDIR": "/lab/tmp", "USER": "student", "LANG": "C.UTF-8",
            "MPLBACKEND": "module://matplotlib_inline.backend_inline", "MPLCONFIGDIR": "/lab/tmp",
            "PYTHONPATH": os.pathsep.join(_python_path()),
            "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "random",
            "NBGRADER_EXECUTION": os.environ.get("NBGRADER_EXECUTION", "autograde"),
        }  # fmt: skip
        self.ready = False
        if not isolated:
            self.process, self.pid = None, os.fork()  # which has this process's imports
            if self.pid == 0:
                _without_walls(theirs, environment, cwd)
            theirs.close()
            return
        command = [
            *_walls(hidden),
            sys.executable,
            "-m",
            "rnncourse.grading.cell.server",
            str(theirs.fileno()),
            *libraries,
        ]
        with theirs:
            self.process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                env=environment,
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd="/",
            )

    def wait(self) -> None:
        """Until the server has seen that it can isolate; its imports go on.

        Raises:
            NoIsolation: it can't.
        """
        if self.ready:
            return
        reply = _reply(self.control)
        if reply is NO_ANSWER and self.process:
            self.process.kill()
            said = self.process.stderr.read().decode(errors="replace").strip().splitlines()
            reply = {"error": _cure(said[-1])} if said else reply
        if "error" in reply:
            self.close()
            raise NoIsolation(f"students' code can't be isolated here: {reply['error']}; {CURE}")
        self.ready = True

    def keeper(self, number: int = 0) -> "Keeper":
        """A keeper of its own for a worker, whose number says on which of the machine's cores its students
        run.

        Raises:
            BrokenPipeError, ConnectionResetError: the server has died.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            # one byte, for several workers write here
            socket.send_fds(self.control, [bytes([number % 256])], [theirs.fileno()])
        return Keeper(ours)

    def close(self) -> None:
        """End it; its keepers must have been closed before."""
        self.control.close()
        if not self.process:
            os.waitpid(self.pid, 0)
            return
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()


class Keeper:
    """A fork of the server; `fork()` gives the wire to a fresh student's process, one at a time."""

    def __init__(self, control: socket.socket):
        self.control = control
        self.libraries = ()  # that it imports before the first fork

    def fork(self, first: bool, limits: dict, rules: list[str]) -> socket.socket:
        """A fresh student's process, and an end of the wire to it; `first` of a submission: its CPU time
        starts at zero.

        Raises, as `kill` does:
            NoIsolation: it can't be had, or this keeper has died.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            request = {"do": "fork", "first": first, "limits": limits, "rules": rules}
            request["libraries"] = self.libraries
            self._ask(request, [theirs.fileno()])
        return ours

    def kill(self) -> str:
        """End the student's process and all that it started; return the limit it broke, or nothing."""
        return self._ask({"do": "kill"})["why"]

    def _ask(self, request: dict, descriptors: list[int] = ()) -> dict:
        try:
            socket.send_fds(self.control, [json.dumps(request).encode()], descriptors)
            reply = _reply(self.control)
        except (BrokenPipeError, ConnectionResetError):
            reply = NO_ANSWER
        if "error" in reply:
            raise NoIsolation(f"students' code can't be isolated here: {_cure(reply['error'])}")
        return reply

    def close(self) -> None:
        self.control.close()


def _reply(control: socket.socket) -> dict:
    control.settimeout(START)
    try:
        data = control.recv(4096)
    except (TimeoutError, ConnectionResetError):
        data = b""
    control.settimeout(None)
    return json.loads(data) if data else NO_ANSWER


def _without_walls(control: socket.socket, environment: dict[str, str], cwd: Path | None) -> None:
    """In a fork: be the server, with the rights and the folders of whoever runs it."""
    from rnncourse.grading.cell import server

    # a Ctrl-C ends the parent, and the closed socket tells this one to end its child
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    mine = ("HOME", "TMPDIR", "USER", "MPLCONFIGDIR")
    os.environ.update({name: value for name, value in environment.items() if name not in mine})
    os.dup2(control.fileno(), 3)
    os.closerange(4, 4096)
    os.chdir("/")
    try:
        server.main(3, isolated=False, cwd=cwd and str(cwd))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def _walls(hidden: tuple[Path, ...]) -> list[str]:
    """The bwrap command in front of the server's own."""
    bwrap = shutil.which("bwrap")
    if sys.platform != "linux" or not bwrap:
        raise NoIsolation(f"bubblewrap is not installed: apt-get install bubblewrap (Linux only), {CURE}")
    walls = [
        bwrap,
        "--unshare-pid",
        "--unshare-net",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-cgroup-try",
    ]
    walls += ["--die-with-parent", "--new-session", "--tmpfs", "/tmp"]
    if os.getuid() != 0:  # root keeps its right to mount, and each child drops to nobody
        walls += ["--unshare-user"]
    for path in map(Path, SYSTEM):
        if path.is_symlink():
            walls += ["--symlink", os.readlink(path), str(path)]
        else:
            walls += ["--ro-bind-try", str(path), str(path)]
    shown = _shown()
    covered = [path for path in hidden if any(path.is_relative_to(outer) for outer in shown)]
    for path in shown:
        if path in covered:
            raise NoIsolation(
                f"{path}, which students' code must see, holds the course: move one of them, {CURE}"
            )
        for parent in reversed(path.parents[:-1]):  # which bwrap would make for its own user alone
            walls += ["--perms", "0755", "--dir", str(parent)]
        walls += ["--ro-bind", str(path), str(path)]
    for path in covered:
        walls += ["--tmpfs", str(path)]
    walls += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/lab"]
    for path in ("/", "/tmp", "/dev", *map(str, covered)):  # /lab is covered by each child's own
        walls += ["--remount-ro", path]
    return walls


def _shown() -> list[Path]:
    """What of this machine students' code sees, outermost folders only."""
    homes = dict.fromkeys((sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parents[1])))
    paths = [
        *map(Path, ETC),
        *(Path("/usr", name) for name in (*USR, *(f"share/{name}" for name in SHARE))),
        *(Path(LARGE_PAGES, name) for name in ("enabled", "hpage_pmd_size")),
        *(Path(home, name) for home in homes for name in ENVIRONMENTS),
        *map(Path, _site_packages()),
        Path(__file__).parents[2],
    ]
    there = [path for path in dict.fromkeys(paths) if path.exists()]
    return [path for path in there if not any(outer in path.parents for outer in there)]


def _site_packages() -> list[str]:
    paths = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    return [
        path for path in sys.path if path in paths or Path(path).name in ("site-packages", "dist-packages")
    ]


def _python_path() -> list[str]:
    """The folder of the package itself first: in the sandbox it holds nothing else."""
    return [str(Path(__file__).parents[3]), *_site_packages()]


def _cure(said: str) -> str:
    if any(
        words in said for words in ("uid map", "namespace", "RTM_", "unshare", "Operation not permitted")
    ):
        return (
            f"{said.rstrip('.')}: allow user namespaces (sysctl -w kernel.unprivileged_userns_clone=1, or "
            "user.max_user_namespaces=10000, on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0, in a "
            "container --security-opt seccomp=unconfined --security-opt systempaths=unconfined)"
        )
    return said
