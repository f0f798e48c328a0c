"""Inside the sandbox: the student's process, which answers one request at a time. Nothing here is trusted
once a cell has run.

It runs a cell in IPython's shell, gets, sets or deletes a name, calls a function.
"""

import base64
import builtins
import contextlib
import getpass
import os
import random
import signal
import socket
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.random

from rnncourse.grading.cell import forbid
from rnncourse.grading.wire import NotPlain, Wire, decode, encode

KEPT_TEXT = 64 << 10  # characters of each output stream of a cell
KEPT_OUTPUTS = 50  # of a cell
KEPT_DATA = 1 << 20  # characters of one picture
_ATOMS = (type(None), bool, int, float, complex, str)
KINDS = ("image/png", "image/jpeg", "image/svg+xml", "text/html", "text/latex", "text/plain")


def live(sock: socket.socket) -> None:
    """Answer over the socket until killed."""
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        os.dup2(sock.detach(), 3)
        os.closerange(4, 4096)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        random.seed()
        np.random.seed()
        if "torch" in sys.modules:
            sys.modules["torch"].default_generator.seed()
        Child(Wire(socket.socket(fileno=3))).serve()
    finally:
        os._exit(0)


class Child:
    def __init__(self, wire: Wire):
        self.wire, self.shell, self.handles = wire, make_shell(), {}
        folder = os.environ.get("TMPDIR")
        self.streams = [tempfile.TemporaryFile(dir=folder) for _ in range(2)]  # noqa: SIM115 (as long as the process)
        for number, stream in enumerate(self.streams, 1):
            os.dup2(stream.fileno(), number)
        sys.stdout, sys.stderr = map(_stream, (1, 2))

    def serve(self) -> None:
        while True:
            number, operation, *arguments = decode(self.wire.receive(), self.resolve)
            try:
                reply = getattr(self, operation)(*arguments)
                data = encode((number, *reply))
            except NotPlain as error:
                data = encode((number, "opaque", str(error)[:200]))
            except BaseException as error:
                data = encode((number, "raised", _lineage(type(error)), _text(error)))
            self.wire.send(data)

    def start(self, files: dict) -> tuple:
        for name, content in files.items():
            path = Path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.tobytes())
        sys.path.insert(0, "")  # as a kernel has it
        forbid.active = True
        return ("done",)

    def run(self, source: str, is_theirs: bool, names: list[str]) -> tuple:
        """The cell's outputs, and which of `names` are functions after it."""
        self.shell.kept = kept = []
        self.shell.printed = lambda: kept.extend(self.printed() if len(kept) < KEPT_OUTPUTS else ())
        self.room = {"stdout": KEPT_TEXT, "stderr": KEPT_TEXT}
        forbid.active = is_theirs
        try:
            self.shell.run_cell(source, store_history=True)
        finally:
            forbid.active = True
        outputs, found = kept[:KEPT_OUTPUTS] + self.printed(), self.shell.user_ns
        functions = [name for name in names if name in found and callable(found[name])]
        return "ran", outputs, {name: self.handle(found[name]) for name in functions}

    def handle(self, value) -> int:
        """By which the trusted side can call it."""
        self.handles[len(self.handles)] = value
        return len(self.handles) - 1

    def printed(self) -> list[dict]:
        """What was written to the streams since the last look."""
        outputs = []
        for name, stream in zip(("stdout", "stderr"), self.streams, strict=True):
            with contextlib.suppress(Exception):
                getattr(sys, name).flush()
            size, room = os.fstat(stream.fileno()).st_size, self.room[name]
            if size:
                text = os.pread(stream.fileno(), room, 0).decode(errors="replace")
                text += "\n… cut here …\n" if size > room > 0 else ""
                outputs += [{"output_type": "stream", "name": name, "text": text}] if text else []
                self.room[name] = max(0, room - size)
                os.ftruncate(stream.fileno(), 0)
                os.lseek(stream.fileno(), 0, os.SEEK_SET)
        return outputs

    def get(self, name: str) -> tuple:
        if name not in self.shell.user_ns:
            return ("missing",)
        value = self.shell.user_ns[name]
        if not callable(value):
            return "value", value
        return "callable", self.handle(value)

    def set(self, name: str, value) -> tuple:
        self.shell.user_ns[name] = value
        return ("done",)

    def delete(self, name: str) -> tuple:
        self.shell.user_ns.pop(name, None)
        return ("done",)

    def call(self, handle: int, arguments: tuple, keywords: dict) -> tuple:
        """The result, and the arguments that the function changed, for the tests must see that too."""
        given = [*arguments, *keywords.values()]
        before = [_frozen(value) for value in given]
        places: dict[int, list] = {}
        _places(given, [], places)
        value = self.handles[handle](*arguments, **keywords)
        changed = {
            i: (v, _old(v, places))
            for i, v in enumerate(given)
            if before[i] is not None and _frozen(v) != before[i]
        }
        same = next((i for i, v in enumerate(given) if v is value and type(v) not in _ATOMS), None)
        return "value", None if same is not None else value, changed, same

    def resolve(self, name):
        """What the trusted side means by a name: a function it got from here, one of the lab's, or one of a
        library.
        """
        kind, *path = name
        if kind == "handle":
            return self.handles[path[0]]
        if kind == "ours":
            return self.shell.user_ns[path[0]]
        value = __import__(path[0], fromlist=["_"])
        for part in path[1].split("."):
            value = getattr(value, part)
        return value


def _stream(descriptor: int):
    return open(descriptor, "w", encoding="utf-8", errors="replace", closefd=False)


def _places(value, path: list, places: dict) -> None:
    """Where in the arguments each object stands, by its id."""
    items = (
        enumerate(value) if type(value) in (list, tuple) else value.items() if type(value) is dict else ()
    )
    for key, item in items:
        if type(item) not in _ATOMS:
            places.setdefault(id(item), [*path, key])
            _places(item, [*path, key], places)


def _old(value, places: dict):
    """For each item of a container: where in the arguments it stood before the call, or None; and the same
    of its own items.
    """
    items = (
        enumerate(value) if type(value) in (list, tuple) else value.items() if type(value) is dict else ()
    )
    return {
        key: (places.get(id(item)), _old(item, places)) for key, item in items if type(item) not in _ATOMS
    }


def _frozen(value) -> bytes | None:
    if type(value) in _ATOMS:
        return None
    try:
        return encode(value)
    except NotPlain:
        return None


def _lineage(kind: type) -> list[str]:
    return [base.__name__ for base in kind.__mro__ if getattr(builtins, base.__name__, None) is base]


def _text(error: BaseException) -> str:
    try:
        return str(error)[:2000]
    except BaseException:
        return ""


def make_shell():
    """IPython's shell as a kernel has it, with what it shows kept in `shell.kept`.

    Source: ipykernel's zmqshell.py, which does the same over sockets, and kernelbase.py without a person.
    """
    from IPython.core import page
    from IPython.core.displayhook import DisplayHook
    from IPython.core.displaypub import DisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    if InteractiveShell.initialized():
        return InteractiveShell.instance()

    class Publisher(DisplayPublisher):
        def publish(self, data, metadata=None, *, transient=None, update=False, **_):
            shown = (transient or {}).get("display_id")
            if not update:
                _keep(self.shell, "display_data", data, shown)
            elif shown is not None:  # in this cell: what an earlier one showed has been handed over
                for output in self.shell.kept:
                    if output.get("display_id") == shown:
                        output["data"] = _shown(data)

        def clear_output(self, wait=False):
            self.shell.printed()
            self.shell.kept.clear()

    class Hook(DisplayHook):
        def start_displayhook(self):
            pass

        def write_output_prompt(self):
            pass

        def write_format_data(self, format_dict, md_dict=None):
            _keep(self.shell, "execute_result", format_dict)

        def finish_displayhook(self):
            pass

    class ZMQInteractiveShell(InteractiveShell):  # by this name libraries know that they are in a notebook
        display_pub_class, displayhook_class = Publisher, Hook

        def init_environment(self):
            os.environ |= {"PAGER": "cat", "GIT_PAGER": "cat"}

        def init_hooks(self):
            super().init_hooks()
            self.set_hook("show_in_pager", page.as_hook(lambda *_, **__: None), 99)

        def _showtraceback(self, etype, evalue, stb):
            self.printed()
            lines = [str(line)[:2000] for line in stb][-30:]
            name = str(etype.__name__)[:80]
            self.kept.append(
                {"output_type": "error", "ename": name, "evalue": _text(evalue), "traceback": lines}
            )

        def enable_gui(self, gui=None):
            pass

        def ask_exit(self):
            pass

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.xmode = "Plain"
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.autocall = 0
    config.IPKernelApp.parent_appname = ""  # by which others know it
    shell = ZMQInteractiveShell.instance(config=config)
    shell.kept, shell.printed = [], lambda: None
    builtins.input = getpass.getpass = _nobody_answers
    return shell


def _nobody_answers(prompt="", *_, **__):
    from IPython.core.error import StdinNotImplementedError

    raise StdinNotImplementedError("input was asked for, but nobody is there to answer")


def warm_shell() -> None:
    """Import and compile what a first value, magic and error would, and leave no trace of them."""
    shell = make_shell()
    names = dict(shell.user_ns)
    plot = (
        ["__import__('matplotlib.pyplot').pyplot.plot([1, 2])"] if "matplotlib.pyplot" in sys.modules else []
    )
    for source in ("1", "%pwd", "1 / 0", *plot):
        shell.run_cell(source, store_history=True)
    shell.reset(new_session=True)
    history = shell.history_manager
    history._i = history._ii = history._iii = history._i00 = ""
    shell.user_ns.clear()
    inputs, outputs = history.input_hist_parsed, history.output_hist
    shell.user_ns.update(names, In=inputs, _ih=inputs, Out=outputs, _oh=outputs, _dh=history.dir_hist)
    for name in [name for name in vars(sys) if name.startswith("last_")]:
        delattr(sys, name)
    shell.kept = []


def _keep(shell, kind: str, data: dict, display_id: str | None = None) -> None:
    shell.printed()  # what was printed before it stands before it
    output = {"output_type": kind, "data": _shown(data), "metadata": {}, "display_id": display_id}
    shell.kept.append(output | ({"execution_count": None} if kind == "execute_result" else {}))


def _shown(data: dict) -> dict[str, str]:
    kept = {}
    for mime in KINDS:
        value = data.get(mime)
        if isinstance(value, bytes):
            value = base64.b64encode(value).decode()
        if isinstance(value, str):
            limit = KEPT_TEXT if mime.startswith("text") else KEPT_DATA
            left_out = {"text/plain": f"… {mime} of {len(value)} characters left out …"}
            kept |= {mime: value} if len(value) <= limit else left_out
    return kept
