"""The grading process: it imports what labs need, starts the sandbox, and forks workers, which fork a
`score.run` each.

So one import serves all of a machine's workers, and each submission meets a process that nothing has
happened in.
"""

import contextlib
import gc
import json
import os
import resource
import select
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback
from pathlib import Path

from rnncourse.grading.cell.sandbox import Keeper, NoIsolation, Sandbox
from rnncourse.grading.judge import cells, refused, score
from rnncourse.grading.judge.libraries import imported, load
from rnncourse.grading.judge.licence import UNLICENSED
from rnncourse.grading.judge.outcome import Outcome

RUNS = 2  # of a notebook, at most
NO_SANDBOX = 2  # exit status of a scoring process whose sandbox is gone
STUCK = -signal.SIGPROF  # of one that was in code that no Python interrupts
LATE = "late"  # of one that was ended here
RECURSION = 3000  # calls of the test's functions lie on the stack, and what is nested
GRACE = 15  # seconds more before a scoring process itself is ended
SCRATCH = "/dev/shm" if os.path.isdir("/dev/shm") else None  # a disk takes its time to remove a folder


def main() -> None:
    control, options = socket.socket(fileno=int(sys.argv[1])), json.loads(sys.argv[2])
    try:
        sandbox = _sandbox(options) if options["isolated"] else None
        if sandbox:
            sandbox.wait()
    except NoIsolation as reason:
        control.send(json.dumps({"error": str(reason)}).encode())
        return
    with contextlib.suppress(BrokenPipeError):  # the parent may be gone
        control.send(b"{}")
    load(("numpy.testing", *options["libraries"]))
    if not sandbox:
        sandbox = _sandbox(options)  # a fork of this process, with its imports
        sandbox.wait()
    if "torch.testing" in options["libraries"] and (torch := sys.modules.get("torch")):
        torch.testing.assert_close(torch.ones(1), torch.ones(1))  # the first call imports for half a second
    gc.collect()
    gc.freeze()
    workers = []
    while True:
        data, fds, _, _ = socket.recv_fds(control, 1, 1)
        if not data:
            break
        wire = socket.socket(fileno=fds[0])
        pid = os.fork()
        if pid == 0:
            control.close()
            # nobody waits for the answer any more
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                _work(wire, options, sandbox, len(workers))
            os._exit(0)
        wire.close()
        workers.append(pid)
    for pid in workers:  # so that what they used is known to whoever waits for this process
        os.waitpid(pid, 0)
    sandbox.close()


def _work(wire: socket.socket, options: dict, sandbox: Sandbox, number: int) -> None:
    """A worker: answer each job, a line of JSON, with a line."""
    shared, keepers = sandbox, {}  # one for each set of libraries, of labs that forbid the same
    licences: dict[str, list[str]] = {}  # of each lab, once a submission has asked for it
    forbidden = None
    with wire.makefile("rwb") as lines:
        for line in lines:
            job = json.loads(line) | {"stuck": [], "cwd": options["cwd"]}
            needed = tuple(imported(job))
            end = time.monotonic() + RUNS * job["notebook_timeout"] + GRACE
            outcomes, tries = {}, 3
            asked = _reference(job)
            lab = json.dumps([asked["cells"], sorted(asked["files"].items())])
            if lab in licences:
                job["licence"] = licences[lab]
            while True:
                if forbidden != job["forbid"]:  # torn out of the keepers themselves
                    _close(keepers)
                    forbidden = job["forbid"]
                if needed not in keepers:
                    sandbox, keepers[needed] = _keeper(sandbox, options, number)
                    keepers[needed].libraries = needed
                status, place = _run(job, keepers[needed], outcomes, end, wire)
                if status == UNLICENSED and "licence" not in job:
                    until = time.monotonic() + job["notebook_timeout"] + GRACE
                    _run(asked, keepers[needed], {}, until, wire)
                    job["licence"] = licences[lab] = asked.get("licence", [])
                    end = time.monotonic() + RUNS * job["notebook_timeout"] + GRACE
                    outcomes.clear()
                    continue
                if status == 0:
                    break
                keepers.pop(needed).close()  # nobody knows what was said between those two
                tries -= status == NO_SANDBOX
                if status == STUCK and place:  # once more, without that cell
                    job["stuck"].append(place)
                elif status == NO_SANDBOX and tries:  # once more: it has died of something else
                    time.sleep(0.5)  # one that is dying still takes a message
                else:
                    break
            reply = {
                "outcomes": list(outcomes.values()), "told": status == 0 or bool(place and place[0]),
                "complete": status in (0, LATE),
            }  # fmt: skip
            lines.write(json.dumps(reply).encode() + b"\n")
            lines.flush()
    _close(keepers)
    if sandbox is not shared:
        sandbox.close()


def _reference(job: dict) -> dict:
    """The same lab with its own answers, to see what its tests do with objects."""
    cells = [
        cell | {"source": job["reference"].get(cell["id"], cell["source"])}
        for cell in job["cells"]
        if cell["kind"] != "added"
    ]
    files = {name: data for name, data in job["files"].items() if name not in job["theirs"]}
    return job | {"cells": cells, "files": files, "theirs": [], "stuck": [], "recording": True}


def _close(keepers: dict) -> None:
    for keeper in keepers.values():
        keeper.close()
    keepers.clear()


def _sandbox(options: dict) -> Sandbox:
    cwd = options["cwd"] and Path(options["cwd"])
    return Sandbox(options["isolated"], tuple(map(Path, options["hidden"])), cwd, options["libraries"])


def _keeper(sandbox: Sandbox, options: dict, number: int) -> tuple[Sandbox, Keeper]:
    try:
        return sandbox, sandbox.keeper(number)
    except (BrokenPipeError, ConnectionResetError):  # it has died
        sandbox = _sandbox(options)
        sandbox.wait()
        return sandbox, sandbox.keeper(number)


def _run(
    job: dict, keeper: Keeper, outcomes: dict, end: float, asker: socket.socket
) -> tuple[int, list | None]:
    """Score in a fork, until `end` at most; its exit status, and the place of the cell that it had come to.

    Each outcome that it gave is entered in `outcomes`, where there is none of that cell: they count when it
    ends badly, too.

    Raises:
        BrokenPipeError: `asker` was closed, so nobody waits for the answer any more.
    """
    cells.prepare(job)
    refused.prepare(job)
    read, write = os.pipe()
    job["scratch"] = tempfile.mkdtemp(dir=SCRATCH)
    pid = os.fork()
    if pid == 0:
        try:
            gc.disable()  # it does not live long enough
            sys.setrecursionlimit(RECURSION)
            _limit_memory(job["limits"]["memory"])  # a test may make much of what a function returns
            os.close(read)
            own_errors = os.dup(2)
            null = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):  # a test may print what it likes
                os.dup2(null, stream)
            with open(write, "w") as out:

                def emit(said) -> None:
                    # an outcome goes out with the next place: nothing of a student's runs in between
                    is_place = type(said) is list
                    print(
                        json.dumps(vars(said) if isinstance(said, Outcome) else said),
                        file=out,
                        flush=is_place,
                    )

                score.run(job, keeper, emit)
            os._exit(0)
        except NoIsolation:
            os._exit(NO_SANDBOX)
        except BaseException:
            os.write(own_errors, traceback.format_exc().encode())
        finally:
            os._exit(1)
    os.close(write)
    late = alone = False
    data = b""
    while ready := select.select([read, asker], [], [], max(0.0, end - time.monotonic()))[0]:
        alone = asker in ready  # whoever asks says nothing before it has the answer
        part = b"" if alone else os.read(read, 1 << 16)
        if not part:
            break
        data += part
    else:
        late = True
    if late or alone:
        os.kill(pid, signal.SIGKILL)
    os.close(read)
    _, status = os.waitpid(pid, 0)
    shutil.rmtree(job["scratch"], ignore_errors=True)
    if alone:
        raise BrokenPipeError
    place = None
    for said in map(json.loads, data.split(b"\n")[:-1]):
        if type(said) is list:
            place = said
        elif "licence" in said:
            job |= said
        else:
            outcomes.setdefault((said["shown"], said["index"]), said)
    return LATE if late else os.waitstatus_to_exitcode(status), place


def _limit_memory(size: int) -> None:
    """Let this process map so many bytes more, where the system can say how many it maps."""
    with contextlib.suppress(FileNotFoundError, ValueError, OSError):
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + size, mapped + size))


if __name__ == "__main__":
    main()
    os._exit(0)  # to take torch down takes a quarter of a second
