"""The parent's handles of the grading processes: an engine, warm once, and the workers that are forks of it.

Nothing heavy is imported here, so that an engine can warm up while its parent still imports.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from rnncourse.grading.cell.sandbox import ENVIRONMENT, NoIsolation
from rnncourse.grading.judge.libraries import LIBRARIES
from rnncourse.grading.judge.outcome import Outcome

LIMITS = {"memory": 2 << 30, "cpu": 60.0, "processes": 32, "files": 64, "size": 32 << 20}
NOTEBOOK = 5  # times the time of a cell: the time of a notebook


class WorkerEnded(RuntimeError):
    """The worker died, of the machine's lack of memory for one."""


@dataclass(frozen=True)
class Run:
    """What came of a notebook: the outcome of each code cell that was reached, by its index."""

    scores: dict[int, Outcome]
    shown: dict[int, Outcome]  # of the run for what the student reads
    told: bool  # all that the student reads is there
    complete: bool  # False: something died that should not have, so another run may come further


class Engine:
    """The process that imports what labs need, starts the sandbox, and forks workers."""

    def __init__(self, hidden: tuple[Path, ...] = (), isolated: bool = True, cwd: Path | None = None,
                 libraries: tuple[str, ...] = LIBRARIES):  # fmt: skip
        """`hidden` folders are covered for students' code where it would see them; it runs in `cwd`, if not
        isolated;
        `libraries` are what the labs themselves use."""
        options = {"hidden": [str(path) for path in hidden], "isolated": isolated, "cwd": cwd and str(cwd)}
        self.libraries, self.options = libraries, json.dumps(options | {"libraries": libraries})
        execution = "autograde" if cwd is None else "validate"  # labs written for nbgrader ask
        self.environment = os.environ | ENVIRONMENT | {"NBGRADER_EXECUTION": execution, "MPLBACKEND": "Agg"}
        path = [str(Path(__file__).parents[3]), *filter(None, [self.environment.get("PYTHONPATH")])]
        self.environment["PYTHONPATH"] = os.pathsep.join(path)
        self.lock, self.used = threading.Lock(), False
        self.start()

    def start(self) -> None:
        self.ready = False
        self.control, theirs = socket.socketpair()
        with theirs:
            command = [
                sys.executable,
                "-m",
                "rnncourse.grading.judge.worker",
                str(theirs.fileno()),
                self.options,
            ]
            self.process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # it ends when our end of a socket does, whatever we end of
            )

    def wait(self) -> None:
        """Until it has seen whether it can isolate students' code.

        Raises:
            NoIsolation: it can't; the message names the cure.
        """
        if not self.ready:
            reply = json.loads(self.control.recv(1 << 16) or b'{"error": "the grading process ended"}')
            if "error" in reply:
                raise NoIsolation(reply["error"])
            self.ready = True

    def fork(self) -> socket.socket:
        """The wire to a new worker; a dead engine is started again."""
        ours, theirs = socket.socketpair()
        with self.lock, theirs:
            self.wait()
            self.used = True
            try:
                socket.send_fds(self.control, [b"+"], [theirs.fileno()])
            except (BrokenPipeError, ConnectionResetError):
                self.close()
                self.start()
                self.wait()
                socket.send_fds(self.control, [b"+"], [theirs.fileno()])
        return ours

    def close(self) -> None:
        """End it; its workers must have been closed before."""
        if not self.used:  # it may still import, but nothing runs in it
            self.process.kill()
        self.control.close()
        self.process.wait()


def _shared(cells) -> list[str]:
    from rnncourse.grading.judge.source import shared_names  # IPython: the parent has it by now

    return shared_names(cells)


class Worker:
    """One worker: it runs one notebook at a time."""

    def __init__(self, engine: Engine):
        self.engine, self.socket, self.wire, self.ended = engine, None, None, False

    def run(
        self,
        cells,
        forbid=(),
        files=None,
        seed: int | None = None,
        timeout: float = 20.0,
        theirs=(),
        lab=None,
    ) -> Run:
        """Run a notebook's `Cell`s; `files`, in hexadecimal digits, are in the folder of both sides, and
        those of them that the student handed in are `theirs`; `lab` is the instructor's copy, which at home
        nobody has.

        Raises:
            NoIsolation: students' code can't be isolated on this machine.
            WorkerEnded: it did; the next run starts another.
        """
        names = ("kind", "id", "source", "points", "defines", "imports", "is_code", "uses")
        job = {
            "cells": [{name: getattr(cell, name) for name in names} for cell in cells],
            "forbid": list(forbid), "files": files or {}, "seed": seed, "limits": LIMITS,
            "timeout": timeout, "notebook_timeout": NOTEBOOK * timeout, "theirs": list(theirs),
            "reference": lab.reference if lab else {}, "shared": lab.shared if lab else _shared(cells),
        }  # fmt: skip
        outcomes = {True: {}, False: {}}
        reply = self._ask(json.dumps(job).encode() + b"\n")
        for outcome in (Outcome(**fields) for fields in reply["outcomes"]):
            outcomes[outcome.shown][outcome.index] = outcome
        return Run(outcomes[False], outcomes[True], reply["told"], reply["complete"])

    def _ask(self, line: bytes) -> dict:
        if self.wire is None:
            self.socket = self.engine.fork()
            self.wire = self.socket.makefile("rwb")
        if self.ended:
            raise WorkerEnded("the grading process was ended")
        try:
            self.wire.write(line)
            self.wire.flush()
            line = self.wire.readline()
        except (BrokenPipeError, ConnectionResetError):
            line = b""
        if not line:
            self.close()
            raise WorkerEnded("the grading process ended")
        return json.loads(line)

    def end(self) -> None:
        """End it from another thread than the one that waits for its answer, which is then WorkerEnded."""
        self.ended, wire = True, self.socket
        if wire:
            with contextlib.suppress(OSError):  # it has just been closed
                wire.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End it."""
        if self.wire:
            with contextlib.suppress(BrokenPipeError):
                self.wire.close()
            self.socket.close()
            self.socket = self.wire = None
