"""The student's process seen from inside: what it may see, reach and use."""

import os

import pytest

from rnncourse.grading.judge.engine import Engine, Worker
from tests.grading.test_score import run


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    os.environ["RNNCOURSE_PRIVATE"] = "1"
    engine = Engine(hidden=(tmp_path_factory.mktemp("course"),))
    worker = Worker(engine)
    yield worker
    worker.close()
    engine.close()
    del os.environ["RNNCOURSE_PRIVATE"]


def inside(worker, expression):
    """The value of an expression there."""
    source = f"import os, socket, sys\ndef f(x):\n    return {expression}"
    (result,) = run(worker, source, "raise Exception(repr(f(0)))")
    return result.message.removeprefix("Exception: ")


def test_it_is_nobody_without_any_right(worker):
    assert inside(worker, "os.getuid() != 0 and os.getgid() != 0") == "True"
    status = "[l.split()[1] for l in open('/proc/self/status') if l.startswith(('CapEff', 'CapPrm', 'CapBnd'))][0]"
    assert int(inside(worker, status).strip("'"), 16) == 0
    assert inside(worker, "[l.split()[1] for l in open('/proc/self/status') if l.startswith('NoNewPrivs')]") == "['1']"


def test_it_sees_no_process_but_its_own(worker):
    assert inside(worker, "(os.getpid(), sorted(int(p) for p in os.listdir('/proc') if p.isdigit()))") == "(1, [1])"


def test_it_has_no_network_but_its_own_loopback(worker):
    assert inside(worker, "[name for _, name in socket.if_nameindex()]") == "['lo']"


def test_its_environment_is_a_short_list(worker):
    names = inside(worker, "sorted(os.environ)")
    assert "RNNCOURSE_PRIVATE" not in names and "SSH" not in names
    assert len(names.split(",")) < 25


def test_it_writes_in_its_own_empty_folder_and_nowhere_else(worker):
    assert inside(worker, "(os.getcwd(), os.listdir('.'))") == "('/lab/work', [])"
    places = "[p for p in ('/', '/usr', '/etc', '/tmp', '/dev', sys.prefix) if os.access(p, os.W_OK)]"
    assert inside(worker, places) == "[]"


def test_it_can_not_make_namespaces_of_its_own(worker):
    call = "__import__('ctypes').CDLL(None).unshare(0x10000000)"
    assert inside(worker, call) == "-1"


def test_nothing_of_one_run_is_seen_by_the_next(worker):
    assert inside(worker, "open('left', 'w').close() or os.listdir('.')") == "['left']"
    assert inside(worker, "os.listdir('.')") == "[]"


def test_memory_that_no_limit_counts_is_not_to_be_had(worker):
    call = "__import__('ctypes').CDLL(None, use_errno=True)"
    assert inside(worker, f"[{call}.memfd_create(b'x', 0), {call}.shmget(0, 4096, 0o1666)]") == "[-1, -1]"
    io_uring_setup, memfd_secret = 425, 447
    assert inside(worker, f"[{call}.syscall(n, 0, 0, 0, 0) for n in ({io_uring_setup}, {memfd_secret})]") == "[-1, -1]"
    assert inside(worker, f"[{call}.semget(0, 9, 0o1600), {call}.msgget(0, 0o1600)]") == "[-1, -1]"
    shared, private, anonymous = 1, 2, 0x20
    worked = "[bool(__import__('mmap').mmap(-1, 4096, flags=n)) for n in ({},)]"
    assert inside(worker, worked.format(private | anonymous)) == "[True]"
    assert "not implemented" in inside(worker, worked.format(shared | anonymous))
    assert "not implemented" in inside(worker, "os.sched_setaffinity(0, {0})")


def test_a_process_finds_no_place_to_leave_word_for_a_later_one(worker):
    assert inside(worker, "[open(f'/proc/{name}').read() for name in ('vmstat', 'softirqs')]") == "['', '']"
    assert "not implemented" in inside(worker, "os.posix_fadvise(os.open('/usr/bin/env', 0), 0, 0, 4)")
    call = "__import__('ctypes').CDLL(None, use_errno=True)"
    assert inside(worker, f"[{call}.mlock(0, 0), {call}.mincore(0, 0, 0)]") == "[-1, -1]"
