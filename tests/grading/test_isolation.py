"""The student's process seen from inside: what it may see, reach and use."""

import ast
import os
import struct
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rnncourse.grading.cell import sandbox, walls
from rnncourse.grading.judge.engine import LIMITS, Engine, Worker
from tests.grading.test_score import run


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    os.environ["RNNCOURSE_PRIVATE"] = "1"
    engine = Engine(hidden=(tmp_path_factory.mktemp("course"),))
    yield engine
    engine.close()
    del os.environ["RNNCOURSE_PRIVATE"]


@pytest.fixture(scope="module")
def worker(engine):
    worker = Worker(engine)
    yield worker
    worker.close()


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


HELP = """
import ctypes, fcntl, os, socket, subprocess, sys, time
from resource import getrlimit, RLIMIT_MSGQUEUE, RLIMIT_NICE, RLIMIT_RTPRIO, RLIMIT_SIGPENDING

libc = ctypes.CDLL(None, use_errno=True)

def call(number, *arguments):
    libc.syscall(number, *arguments)
    return os.strerror(ctypes.get_errno())

def tried(function, *arguments):
    try:
        return function(*arguments)
    except OSError as error:
        return error.strerror
"""
REFUSED = "Function not implemented"


def does(worker, body):
    """What a function with that body returns there."""
    source = f"{HELP}\ndef body():\n{textwrap.indent(body, '    ')}\ndef f(x):\n    return repr(body())"
    (result,) = run(worker, source, "raise Exception(f(0))")
    return ast.literal_eval(result.message.removeprefix("Exception: "))


def test_it_can_not_make_namespaces_by_any_call(worker):
    clone, clone3, unshare, setns = 56, 435, 272, 308
    kinds = [1 << bit for bit in (17, 25, 26, 27, 28, 29, 30)]
    assert does(worker, f"return [call({clone}, kind | 17, 0, 0, 0, 0) for kind in {kinds}]") == [REFUSED] * 7
    assert does(worker, f"return [call(n, 0, 0) for n in ({clone3}, {unshare}, {setns})]") == [REFUSED] * 3


def test_terminals_are_out_of_sight_of_others(engine, worker):
    other = Worker(engine)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(does, other, "os.openpty()\ntime.sleep(2)\nreturn sorted(os.listdir('/dev/pts'))")
        seen = []
        while not held.done():
            seen.append(does(worker, "return os.listdir('/dev/pts')"))
    other.close()
    assert held.result() == ["0", "ptmx"] and seen and all(names == ["ptmx"] for names in seen)


def test_terminals_are_counted(worker):
    takes = "import os\ntry:\n    while True: os.openpty()\nexcept OSError: print(flush=True), input()"
    body = f"""
takers = [subprocess.Popen([sys.executable, '-ISc', {takes!r}], stdin=-1, stdout=-1) for _ in range(3)]
for taker in takers:
    taker.stdout.readline()
return len(os.listdir('/dev/pts')) - 1"""
    assert does(worker, body) == LIMITS["processes"]


def test_terminals_serve_honest_commands(worker):
    assert does(worker, "ours, theirs = os.openpty()\nos.write(theirs, b'word')\nreturn os.read(ours, 9)") == b"word"
    assert does(worker, "get_ipython().system('tty > name; echo word')\nreturn open('name').read()") == "/dev/pts/0\n"
    assert does(worker, "get_ipython().run_cell_magic('bash', '', 'echo $((6 * 7)) > n')\nreturn open('n').read()") == "42\n"


@pytest.mark.parametrize("path", ["os.__file__", "'/usr/bin/env'", "'/dev/null'", "'own'"])
def test_no_file_can_be_held_watched_or_marked(worker, path):
    lease, hint, hint_of_file, signal = 1024, 1036, 1038, 10
    body = f"open('own', 'w')\nreturn [tried(fcntl.fcntl, open({path}), n, 0) for n in {lease, hint, hint_of_file, signal}]"
    assert does(worker, body) == [REFUSED] * 4


def test_no_folder_can_be_watched_and_no_disk_kept_busy(worker):
    notice, inotify_init, inotify_init1, fanotify_init, sync, syncfs, quotactl = 1026, 253, 294, 300, 162, 306, 179
    assert does(worker, f"return tried(fcntl.fcntl, os.open('/usr/lib', 0), {notice}, 1)") == REFUSED
    calls = inotify_init, inotify_init1, fanotify_init, sync, syncfs, quotactl
    assert does(worker, f"return [call(n, 0, 0) for n in {calls}]") == [REFUSED] * 6
    merge, cold, page_out = 12, 20, 21
    memory = "memory = __import__('mmap').mmap(-1, 4096, 34)\n"
    body = f"{memory}return [tried(memory.madvise, n) for n in {merge, cold, page_out, 4}]"
    assert does(worker, body) == [REFUSED] * 3 + [None]


def test_devices_bear_no_mark(worker):
    body = "return {tried(os.utime, f'/dev/{name}') for name in ('null', 'full', 'random', 'urandom', 'tty', 'zero')}"
    assert does(worker, body) == {"Read-only file system"}
    assert does(worker, "return open('/dev/null', 'wb', 0).write(b'x'), len(open('/dev/urandom', 'rb').read(9))") == (1, 9)


def test_locks_on_its_own_files_work(worker):
    body = """
import sqlite3
base = sqlite3.connect('base')
base.execute('create table t(x)')
base.execute('insert into t values(7)')
base.commit()
return base.execute('select x from t').fetchall()"""
    assert does(worker, body) == [(7,)]
    of_description, write = 37, b"\x01".ljust(32, b"\0")
    body = f"""
own = open('own', 'w')
fcntl.lockf(own, fcntl.LOCK_EX)
fcntl.flock(own, fcntl.LOCK_EX)
fcntl.fcntl(open('another', 'w'), {of_description}, {write})
if os.fork() == 0:
    os._exit(tried(fcntl.lockf, open('own', 'w'), fcntl.LOCK_EX | fcntl.LOCK_NB) is None)
return os.wait()[1]"""
    assert does(worker, body) == 0


def test_of_the_system_it_is_shown_what_programs_need(worker):
    for prefix in {sys.prefix, sys.base_prefix} - {"/usr"}:
        assert set(os.listdir(prefix)) - set(sandbox.ENVIRONMENTS), "nothing there to hide"
        assert does(worker, f"return set(os.listdir({prefix!r}))") <= set(sandbox.ENVIRONMENTS)
    there = does(worker, "return {*os.listdir('/usr'), *os.listdir('/usr/share'), *os.listdir('/etc'), *os.listdir('/')}")
    assert not there & {"src", "games", "doc", "nbgrader", "passwd", "hosts", "home", "srv", "opt", "var", "mnt", "run", "boot"}
    assert does(worker, "return len(os.listdir('/sys/kernel/mm/transparent_hugepage'))") <= 2
    programs = "for name in python bash ls sed grep tar gzip; do $name --version | head -1; done"
    assert len(does(worker, f"return list(get_ipython().getoutput({programs!r}))")) == 7
    body = "import matplotlib.font_manager as fonts\nreturn fonts.findfont('DejaVu Sans').endswith('.ttf')"
    assert does(worker, body) is True


@pytest.mark.parametrize(
    "folder",
    ["/usr/local/share/nbgrader/exchange", "/usr/share/course", "/usr/src/course", "/usr/local/course", "/usr/games/course",
     f"{sys.prefix}/course", f"{sys.prefix}/share/course", f"{sys.base_prefix}/etc/course"],
)  # fmt: skip
def test_a_course_in_a_folder_of_the_system_is_not_shown(folder):
    assert not any(Path(folder).is_relative_to(path) for path in sandbox._shown())


def test_a_course_among_what_is_shown_is_covered(tmp_path, monkeypatch):
    (tmp_path / "course").mkdir()
    (tmp_path / "course" / "secret").touch()
    (tmp_path / "other").touch()
    shown = [*sandbox._shown(), tmp_path]
    monkeypatch.setattr(sandbox, "_shown", lambda: shown)
    command = [*sandbox._walls((tmp_path / "course",)), "ls", "-R", str(tmp_path)]
    listed = subprocess.run(command, capture_output=True, text=True).stdout
    assert "other" in listed and "course" in listed and "secret" not in listed
    with pytest.raises(sandbox.NoIsolation, match="holds the course"):
        sandbox._walls((tmp_path,))


def test_of_the_machine_it_is_shown_no_counter_key_or_setting(worker):
    body = """
names = [name for name in os.listdir('/proc') if not name.isdigit()]
folders = [name for name in names if os.path.isdir('/proc/' + name)]
filled = {name for name in folders if os.listdir('/proc/' + name)}
return filled | {name for name in names if name not in folders and tried(open('/proc/' + name, 'rb').read, 1)}"""
    assert does(worker, body) == walls._PROC
    body = """
before = open('/proc/stat').read()
for _ in range(9):
    os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)
return before.startswith('cpu ') and before == open('/proc/stat').read()"""
    assert does(worker, body) is True


def test_sockets_are_of_the_families_that_labs_need(worker):
    unix, inet, inet6, netlink = 1, 2, 10, 16
    body = f"""
families = [n for n in range(64) if n not in {unix, inet, inet6, netlink}]
return {{tried(socket.socket, n, kind) for n in families for kind in (1, 2, 3, 5)}}"""
    assert does(worker, body) == {REFUSED}
    assert does(worker, "return {tried(socket.socketpair, n, kind) for n in range(2, 64) for kind in (1, 2)}") == {REFUSED}
    icmp, sctp, udplite, mptcp = 1, 132, 136, 262
    xfrm, diagnosis, events, generic = 6, 4, 15, 16
    kinds = [(inet, 5, 0), (inet, 6, 0), (inet, 3, 0), (inet, 1, sctp), (inet6, 1, mptcp), (inet, 2, udplite), (inet6, 2, icmp)]
    kinds += [(netlink, 3, protocol) for protocol in (xfrm, diagnosis, events, generic)]
    assert does(worker, f"return {{tried(socket.socket, *kind) for kind in {kinds}}}") == {REFUSED}
    tcp, udp = 6, 17
    kinds = [(family, *kind) for family in (inet, inet6) for kind in ((1, 0), (1, tcp), (2, 0), (2, udp))]
    kinds += [(unix, 1), (unix, 2), (unix, 5), (netlink, 3), (netlink, 2, 0)]
    assert does(worker, f"return [socket.socket(*kind).fileno() > 0 for kind in {kinds}]") == [True] * len(kinds)
    assert does(worker, "import asyncio\nreturn asyncio.run(asyncio.sleep(0, 7)), socket.if_nameindex()[0][1]") == (7, "lo")


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_of_each_architecture_stays_within_itself_and_ends(machine):
    lines = list(struct.iter_unpack("HBBI", walls.program(machine)))
    jump, answer = 0x05, 0x06
    for at, (code, true, false, value) in enumerate(lines):
        next_ones = [at + 1 + value] if code == jump else [at + 1 + true, at + 1 + false]
        assert code == answer or max(next_ones) < len(lines)
    assert lines[-1][0] == answer and len(lines) < 4096


def test_buffers_are_not_to_be_made_larger(worker):
    options = 7, 8, 26, 32, 33, 50, 51, 52, 60
    body = f"return {{tried(s.setsockopt, 1, n, 1 << 22) for n in {options} for s in (socket.socket(), socket.socket(1))}}"
    assert does(worker, body) == {REFUSED}
    assert does(worker, "return tried(socket.socket().setsockopt, 6, 31, b'tls')") == REFUSED
    assert does(worker, "return tried(socket.socket().setsockopt, 1, socket.SO_REUSEADDR, 1)") is None
    assert does(worker, "return tried(fcntl.fcntl, os.pipe()[0], 1031, 1 << 20)") == REFUSED


def test_what_the_kernel_keeps_for_a_process_is_limited(worker):
    body = "return [getrlimit(n)[1] for n in (RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE, RLIMIT_RTPRIO, RLIMIT_NICE)]"
    assert does(worker, body) == [1024, 0, 0, 0]
    vmsplice, io_setup, modify_ldt, mq_open, add_key = 278, 206, 154, 240, 248
    calls = vmsplice, io_setup, modify_ldt, mq_open, add_key
    assert does(worker, f"return [call(n, 0, 0, 0, 0) for n in {calls}]") == [REFUSED] * 5


HOARDS = {
    "pairs": "a, b = socket.socketpair()\nkept += [a, b]",
    "of which one end is closed": "a, b = socket.socketpair()\nkept += [b]",
    "that nobody has accepted": """
if len(kept) < 9:
    kept += [socket.socket(1)]
    kept[-1].bind(f"\\0{os.getpid()} {len(kept)}")
    kept[-1].listen(4096)
a = socket.socket(1)
a.setblocking(False)
a.connect(random.choice(kept).getsockname())""",
    "of datagrams": """
if len(kept) < 50:
    kept += [socket.socket(1, 2)]
    kept[-1].bind(f"\\0{os.getpid()} {len(kept)}")
a = socket.socket(1, 2)
a.connect(random.choice(kept).getsockname())""",
    "that are on their way": """
a, b = socket.socketpair()
c, d = socket.socketpair()
socket.send_fds(a, [b"x"], [c.fileno(), d.fileno()])
kept += [b]
c.close(), d.close()""",
}


@pytest.mark.parametrize("way", HOARDS)
def test_memory_in_sockets_counts(engine, way, monkeypatch):
    """The limit is above what the processes themselves take, and below what their sockets can."""
    monkeypatch.setitem(LIMITS, "memory", 500 << 20)
    hoard = f"""
import os, random, socket
kept = []
while True:
    try:
{textwrap.indent(HOARDS[way], " " * 8)}
        a.setblocking(False)
        while True:
            a.send(bytes(60000))
    except OSError:
        pass
"""
    answer = f"""
import subprocess, sys, time
def f(x):
    for _ in range(20):
        subprocess.Popen([sys.executable, "-ISc", {hoard!r}])
    time.sleep(19)
"""
    own = Worker(engine)
    (result,) = run(own, answer, "f(0)")
    own.close()
    assert result.message == "used more than 500 MiB of memory"
