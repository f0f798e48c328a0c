"""Inside the sandbox: the fork server. It imports what labs need once, and forks a keeper for each worker.

A keeper forks one student's process at a time, and watches what it uses. It is told to fork and to kill over
its control socket, and never sees a submission.
"""

import contextlib
import functools
import gc
import importlib
import io
import json
import os
import re
import resource
import select
import shutil
import signal
import socket
import sys
import tempfile
import traceback
from pathlib import Path

from rnncourse.grading.cell import forbid, shell, student, walls

TICK = 0.05  # seconds between two looks at what the child uses
USED = re.compile(rb"sockets: used (\d+)")


def warm() -> None:
    """What makes a fork worth it; no thread starts here, for a fork would lose it."""
    ipython = shell.make_shell()
    if "matplotlib.pyplot" in sys.modules:
        import matplotlib.pyplot
        from IPython.core.pylabtools import activate_matplotlib
        from matplotlib_inline.backend_inline import configure_inline_support

        backend = os.environ["MPLBACKEND"]
        activate_matplotlib(backend)  # as a kernel does at a notebook's first figure
        configure_inline_support(ipython, backend)
        figure, axes = matplotlib.pyplot.subplots()
        axes.plot([1, 2])
        figure.savefig(io.BytesIO())  # finds the fonts
        matplotlib.pyplot.close()
    shell.warm_shell()


def load(libraries: list[str]) -> None:
    """Import those that are not there yet, and do what each does at its first use."""
    for name in libraries:
        with contextlib.suppress(Exception):  # whoever uses it will see why
            importlib.import_module(name)
    warm()
    gc.collect()
    gc.freeze()


class Keeper:
    """Forks one student's process at a time, watches it and ends it."""

    def __init__(self, control: socket.socket, isolated: bool, cwd: str | None):
        self.control, self.isolated, self.cwd = control, isolated, cwd
        self.child = None  # the first process in the namespaces
        self.rules, self.hide, self.libraries = None, [], None
        self.why, self.cpu, self.folder = "", 0.0, None

    def serve(self) -> None:
        """Do what comes over the control socket, until it is closed."""
        while True:
            ready, _, _ = select.select([self.control], [], [], TICK if self.child else None)
            if self.child:
                self.watch()
            if ready:
                data, fds, _, _ = socket.recv_fds(self.control, 1 << 16, 1)
                if not data:
                    return self.end()
                request = json.loads(data)
                if request["do"] == "fork":
                    self.say(self.fork(socket.socket(fileno=fds[0]), **request))
                else:
                    self.end()
                    self.say({"why": self.why})

    def say(self, reply: dict) -> None:
        self.control.sendall(json.dumps(reply).encode())

    def try_out(self) -> dict:
        """Whether a student's process can be had here."""
        ours, theirs = socket.socketpair()
        with ours:
            limits = {"memory": 1 << 30, "cpu": 10, "processes": 32, "files": 64, "size": 1 << 20}
            reply = self.fork(theirs, None, True, limits, None)
        self.end()
        return reply

    def fork(self, sock: socket.socket, do, first: bool, limits: dict, rules: list[str] | None,
             libraries: list[str] = ()) -> dict:  # fmt: skip
        self.end()
        if self.libraries is None and set(libraries) - sys.modules.keys():
            load(libraries)
        self.libraries = libraries  # one that isn't installed is not looked for again
        if rules is not None and rules != self.rules:
            if self.rules is not None:
                return {"error": "a server forbids what one lab forbids"}
            self.hide = forbid.module_files(rules) if self.isolated else []
            forbid.install(rules)  # once here, instead of in each child
            self.rules = rules
        self.why, self.limits, self.seen, self.own = "", limits, 0.0, {}
        self.cpu = 0.0 if first else self.cpu
        if not self.isolated and not self.cwd:
            self.folder = tempfile.mkdtemp()
        read, write = os.pipe()
        ids = os.getuid(), os.getgid()
        flags = walls.NAMESPACES | (walls.NEWUSER if ids[0] else 0)
        try:
            self.child = walls.clone(flags) if self.isolated else os.fork()
        except OSError as error:
            return {"error": str(error)}
        if self.child == 0:
            os.close(read)
            self.become(sock, write, limits, ids)
        os.close(write)
        sock.close()
        with open(read) as pipe:
            error = pipe.read()
        if error:
            self.end()
            return {"error": error}
        return {}

    def become(self, sock, write: int, limits: dict, ids: tuple[int, int]) -> None:
        """In the child: build the walls, say whether they stand, and answer until killed."""
        try:
            self.control.close()
            if self.isolated:
                walls.build(limits, self.hide, *ids)
            else:
                os.setpgid(0, 0)  # what is killed together
            walls.limit(limits, self.isolated)
            os.chdir(self.cwd or self.folder or "/lab/work")
            os.close(write)
        except BaseException as error:
            os.write(write, f"{type(error).__name__}: {error}".encode())
            os._exit(1)
        student.live(sock)

    def watch(self) -> None:
        """End the child when it uses more than it may."""
        memory, cpu, own = _usage(self.child) if self.isolated else (0, 0.0, {})
        memory += _sockets(self.child) if self.isolated else 0
        self.own.update(own)  # what a process used that nobody waited for is in no other's sum
        cpu = self.seen = max(self.seen, cpu, sum(self.own.values()))
        if memory > self.limits["memory"]:
            self.why = f"used more than {self.limits['memory'] >> 20} MiB of memory"
        elif self.cpu + cpu > self.limits["cpu"]:
            self.why = f"used more than {self.limits['cpu']:g} s of processor time"
        if self.why:
            self.end()

    def end(self) -> None:
        """Kill the first process of the namespace, and with it all; return when they are gone."""
        if self.child:
            with contextlib.suppress(ProcessLookupError):
                (os.kill if self.isolated else os.killpg)(self.child, signal.SIGKILL)
            used = os.wait4(self.child, 0)[
                2
            ]  # its own and what it had waited for, but not what died with it
            self.cpu += max(self.seen, used.ru_utime + used.ru_stime)
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.child = self.folder = None


def _usage(child: int) -> tuple[int, float, dict[tuple[int, int], float]]:
    """Bytes of memory and seconds of processor time of a student's process and all that it started, and the
    seconds of each.

    Whatever loses its parent in there becomes a child of the first process, so all are its descendants.
    """
    children: dict[int, list[int]] = {}
    used = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # the name before the bracket is the student's
                fields = Path(entry.path, "stat").read_bytes().rpartition(b")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
                used[int(entry.name)] = list(map(int, fields[11:15])), int(fields[19]), int(fields[21])
    memory = ticks = 0
    own, hertz = {}, os.sysconf("SC_CLK_TCK")
    todo = [child]
    while todo:
        pid = todo.pop()
        todo += children.get(pid, [])
        spent, start, pages = used.get(pid, ([0], 0, 0))
        memory, ticks = memory + pages, ticks + sum(spent)
        own[pid, start] = sum(spent[:2]) / hertz
    return memory * resource.getpagesize(), ticks / hertz, own


def _sockets(child: int) -> int:
    """Bytes that the sockets of a student's network may hold at most: nothing tells what they do hold.

    Counted are also those that no process has any more, or not yet: closed ones whose data nobody has read,
    and connections that nobody has accepted.
    """
    with contextlib.suppress(OSError):  # it has just ended
        used = USED.search(Path(f"/proc/{child}/net/sockstat").read_bytes())
        return int(used[1]) * _most_of_a_socket()
    return 0


@functools.cache
def _most_of_a_socket() -> int:
    with socket.socket(socket.AF_UNIX) as one:  # the loopback is down, so no other kind carries anything
        options = (socket.SO_SNDBUF, socket.SO_RCVBUF)  # as the machine has them: a student can't raise them
        return sum(one.getsockopt(socket.SOL_SOCKET, option) for option in options)


def main(control: int, isolated: bool = True, cwd: str | None = None, libraries: list[str] = ()) -> None:
    """Say whether students' processes can be had, warm up, and fork a keeper for each socket that comes."""
    control = socket.socket(fileno=control)
    with contextlib.suppress(BrokenPipeError):  # it may be wanted no more
        control.send(json.dumps(Keeper(control, isolated, cwd).try_out()).encode())
    shell.make_shell()  # before libraries that ask whether they are in a notebook
    load(libraries)
    while True:
        data, fds, _, _ = socket.recv_fds(control, 1, 1)
        if not data:
            return
        number = data[0]
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        wire = socket.socket(fileno=fds[0])
        if os.fork() == 0:
            control.close()
            if isolated:  # what one worker's student starts takes no time from another's
                cores = sorted(os.sched_getaffinity(0))
                os.sched_setaffinity(0, {cores[number % len(cores)]})
            try:
                Keeper(wire, isolated, cwd).serve()
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        wire.close()


if __name__ == "__main__":
    # as a module of its own, so that students' pickles and tracebacks don't say __main__
    from rnncourse.grading.cell import server

    server.main(int(sys.argv[1]), libraries=sys.argv[2:])
    os._exit(0)
