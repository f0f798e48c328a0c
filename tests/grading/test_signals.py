"""A run that is ended, and one that can't begin: nothing of ours lives on, nothing is left half done, the next run goes on."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from tests.grading.course import HONEST, Course

MARK = "ended-4716"  # a file of the lab, which lies in each run's folder
ENDLESS = HONEST | {"mean": "import time\nwhile True:\n    time.sleep(1)"}
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGKILL: -signal.SIGKILL}
SCRATCH = Path("/dev/shm")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    course = Course(tmp_path_factory.mktemp("course"), timeout=60)
    (course.folder / "solutions/small" / MARK).write_text("")
    return course


@pytest.fixture
def course(made, tmp_path):
    """A course of its own for each test: `made`, as it is before anything is handed in."""
    course = Course.__new__(Course)
    course.folder = tmp_path / "course"
    subprocess.run(["cp", "-r", made.folder, course.folder], check=True)
    return course


def wait_for(condition, seconds: float = 120):
    end = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < end:
        time.sleep(0.1)
    return value


def family(pid: int) -> set[tuple[int, str]]:
    """A process and all that it has started, behind walls or not: each with the time of its start."""
    fields = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields[int(path.parent.name)] = path.read_text().rpartition(")")[2].split()
    found, todo = set(), [pid]
    while todo:
        one = todo.pop()
        if one in fields:
            found.add((one, fields[one][19]))
            todo += [other for other, own in fields.items() if int(own[1]) == one]
    return found


def living(processes: set[tuple[int, str]]) -> set[tuple[int, str]]:
    """Those of them that are there still, zombies that nobody has waited for aside."""
    found = set()
    for pid, start in processes:
        with contextlib.suppress(OSError):
            own = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            found |= {(pid, start)} if own[19] == start and own[0] != "Z" else set()
    return found


def folders() -> list[Path]:
    return list(SCRATCH.glob(f"*/*/{MARK}"))


def ended(course, number, begun, *arguments, group: bool = False) -> tuple[int, str]:
    """Start the command, end it by a signal once it has `begun`; its exit status, and what it said."""
    said, temporary = course.folder.with_name("said.txt"), course.folder.with_name("tmp")
    temporary.mkdir()
    command = [sys.executable, "-c", "from rnncourse.cli import main; main()", *arguments]
    environment = course.environment(TMPDIR=str(temporary))
    with open(said, "w") as file:
        process = subprocess.Popen(
            command, cwd=course.folder, env=environment, stdout=file, stderr=file, start_new_session=True
        )
    started = set()
    try:
        assert wait_for(lambda: begun(process.pid)), said.read_text()
        started = family(process.pid)
        (os.killpg if group else os.kill)(process.pid, number)
        status = process.wait(30)
        assert wait_for(lambda: not living(started), 20), "a process lives on"
    finally:
        for pid, _ in {(process.pid, ""), *living(started)}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(30)
    assert not folders(), "the folder of a run is left"
    if number != signal.SIGKILL:
        assert wait_for(lambda: not os.listdir(temporary), 5) is True, os.listdir(temporary)
    return status, said.read_text()


def graded(course, student):
    return (course.folder / f"autograded/{student}/small.json").exists()


@pytest.mark.parametrize(("number", "group"), [(number, number == signal.SIGHUP) for number in STATUS])
def test_grading_ends_at_once_and_the_next_run_goes_on(course, number, group):
    for student, answers in {"ada": HONEST, "ben": ENDLESS, "eva": ENDLESS}.items():
        course.hand_in(student, course.notebook(answers))

    def begun(pid):
        return graded(course, "ada") and len(folders()) >= 2

    status, said = ended(course, number, begun, "grade", "--workers", "2", group=group)
    assert status == STATUS[number] and "Traceback" not in said
    assert not graded(course, "ben") and not graded(course, "eva")
    assert not list(course.folder.rglob("*.part"))
    for student in ("ben", "eva"):
        course.hand_in(student, course.notebook(HONEST))
    assert {student: result["score"] for student, result in course.grade().items()} == {"ada": 9, "ben": 9, "eva": 9}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_grading_without_walls_ends_too(course, number):
    course.hand_in("ben", course.notebook(ENDLESS))
    status, _ = ended(course, number, lambda pid: len(family(pid)) >= 7, "grade", "--no-isolation")
    assert status == STATUS[number]


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
def test_a_check_ends_at_once(course, number):
    notebook = course.notebook(ENDLESS)
    nbformat.write(notebook, course.folder / "mine.ipynb")
    status, said = ended(course, number, lambda pid: len(family(pid)) >= 7, "check", "mine.ipynb")
    assert status == STATUS[number] and "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_labs_are_written_whole_or_not_at_all(course, number):
    subprocess.run(["rm", "-r", course.folder / "labs"], check=True)
    for name in "ab":
        (course.folder / "solutions" / name).mkdir()
        text = (course.folder / "solutions/small/small.ipynb").read_text()
        (course.folder / f"solutions/{name}/{name}.ipynb").write_text(text)

    def begun(pid):  # with the second one
        one, temporary = course.folder / "labs/a", course.folder.with_name("tmp")
        return one.exists() and list(temporary.glob("*/gradebook.db")) and not list(temporary.glob("*/labs/a"))

    status, said = ended(course, number, begun, "labs")
    assert status == STATUS[number] and "Traceback" not in said and "can't generate" not in said
    made = [path.name for path in (course.folder / "labs").glob("[!.]*")]
    assert "a" in made and "small" not in made
    assert all((course.folder / f"labs/{name}/{name}.ipynb").stat().st_size for name in made)
    outcome = course.command("labs")
    assert outcome.returncode == 0, outcome.stderr
    assert sorted(path.name for path in (course.folder / "labs").iterdir()) == [".made.json", "a", "b", "small"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_verifying_ends_with_nbgraders_own_run_and_its_kernel(course, number):
    source = course.folder / "solutions/small/small.ipynb"
    nb = nbformat.read(source, as_version=4)
    nb.cells[1].source += "\nimport time\ntime.sleep(50)"
    nbformat.write(nb, source)

    def begun(pid):
        commands = [Path(f"/proc/{one}/cmdline").read_bytes() for one, _ in family(pid)]
        return any(b"ipykernel" in command for command in commands)

    status, said = ended(course, number, begun, "labs", "--verify")
    assert status == STATUS[number] and "Traceback" not in said
    assert not (course.folder / "labs/.verified.json").exists()


def test_a_run_that_goes_on_without_its_terminal_may(course):
    course.hand_in("ada", course.notebook(HONEST))
    command = [sys.executable, "-c", "from rnncourse.cli import main; main()", "grade", "--json"]
    process = subprocess.Popen(["nohup", *command], cwd=course.folder, env=course.environment(),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
    assert wait_for(lambda: (course.folder / "received.json").exists())
    process.send_signal(signal.SIGHUP)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and json.loads(said)[0]["score"] == 9


# --- a run that can't begin ---------------------------------------------------------------------------------------------

BWRAP = {  # what bubblewrap says, by what the machine lacks
    "not installed": None,
    "user namespaces": "No permissions to create new namespace, likely because the kernel does not allow non-privileged user "
    "namespaces. See <https://deb.li/bubblewrap> or <file:///usr/share/doc/bubblewrap/README.Debian.gz>.",
    "so many of them": "Creating new namespace failed: nesting depth or /proc/sys/user/max_*_namespaces exceeded (ENOSPC)",
    "a map of users": "setting up uid map: Permission denied",
    "a network of its own": "loopback: Failed RTM_NEWADDR: Operation not permitted",
    "its own /proc": "Can't mount proc on /newroot/proc: Operation not permitted",
}


def test_what_a_machine_lacks_is_said_with_the_cure_before_anything_is_written(course, tmp_path):
    course.hand_in("ada", course.notebook(HONEST))
    course.hand_in("ben", course.notebook(HONEST))
    course.grade()
    subprocess.run(["rm", "-r", course.folder / "submitted/ada"], check=True)  # who would be withdrawn
    (course.folder / "feedback/ben/small/small.html").unlink()  # which would be written anew
    course.hand_in("eva", course.notebook(HONEST))
    before, programs = everything(course.folder), tmp_path / "programs"
    programs.mkdir()
    (programs / "alembic").symlink_to(Path(sys.executable).with_name("alembic"))  # nbgrader starts it
    for words in BWRAP.values():
        if words:
            (programs / "bwrap").write_text(f'#!/bin/sh\necho "bwrap: {words}" >&2\nexit 1\n')
            (programs / "bwrap").chmod(0o755)
        outcome = course.command("grade", PATH=str(programs))
        assert outcome.returncode == 1 and outcome.stderr.startswith("Error: ") and outcome.stderr.count("\n") == 1
        cure = "allow user namespaces (sysctl -w" if words else "apt-get install bubblewrap"
        assert (words or "bubblewrap is not installed").rstrip(".") in outcome.stderr
        assert cure in outcome.stderr and "--no-isolation" in outcome.stderr
        assert everything(course.folder) == before


def everything(folder: Path) -> dict[str, tuple]:
    stats = {path: path.stat() for path in sorted(folder.rglob("*"))}
    return {str(path): (stat.st_mode, stat.st_mtime_ns, stat.st_size) for path, stat in stats.items()}
