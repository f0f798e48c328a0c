"""Inside the sandbox: the student's process, which answers one request at a time. Nothing here is trusted
once a cell has run.

It runs a cell in IPython's shell, gets, sets or deletes a name, calls a function.
"""

import base64
import builtins
import contextlib
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

    def run(self, source: str, is_theirs: bool) -> tuple:
        self.shell.kept = kept = []
        forbid.active = is_theirs
        try:
            self.shell.run_cell(source, store_history=True)
        finally:
            forbid.active = True
        outputs = []
        for name, stream in zip(("stdout", "stderr"), self.streams, strict=True):
            with contextlib.suppress(Exception):
                getattr(sys, name).flush()
            size = os.fstat(stream.fileno()).st_size
            text = os.pread(stream.fileno(), KEPT_TEXT, 0).decode(errors="replace")
            if size:
                text += "\n… cut here …\n" if size > KEPT_TEXT else ""
                outputs.append({"output_type": "stream", "name": name, "text": text})
                os.ftruncate(stream.fileno(), 0)
                os.lseek(stream.fileno(), 0, os.SEEK_SET)
        return "ran", outputs + kept[:50]

    def get(self, name: str) -> tuple:
        if name not in self.shell.user_ns:
            return ("missing",)
        value = self.shell.user_ns[name]
        if not callable(value):
            return "value", value
        handle = len(self.handles)
        self.handles[handle] = value
        return "callable", handle, str(getattr(value, "__name__", name))[:80]

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
    """IPython's shell as a kernel has it, with what it shows kept in `shell.kept`."""
    from IPython.core.displayhook import DisplayHook
    from IPython.core.displaypub import DisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    if InteractiveShell.initialized():
        return InteractiveShell.instance()

    class Publisher(DisplayPublisher):
        def publish(self, data, metadata=None, **_):
            _keep(self.shell, "display_data", data)

    class Hook(DisplayHook):
        def start_displayhook(self):
            pass

        def write_output_prompt(self):
            pass

        def write_format_data(self, format_dict, md_dict=None):
            _keep(self.shell, "execute_result", format_dict)

        def finish_displayhook(self):
            pass

    class Shell(InteractiveShell):
        display_pub_class, displayhook_class = Publisher, Hook

        def _showtraceback(self, etype, evalue, stb):
            lines = [str(line)[:2000] for line in stb][-30:]
            name = str(etype.__name__)[:80]
            self.kept.append(
                {"output_type": "error", "ename": name, "evalue": _text(evalue), "traceback": lines}
            )

        def enable_gui(self, gui=None):
            pass

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.xmode = "Plain"
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.autocall = 0
    shell = Shell.instance(config=config)
    shell.kept = []
    return shell


def warm_shell() -> None:
    """Import and compile what a first value, magic and error would, and leave no trace of them."""
    shell = make_shell()
    names = dict(shell.user_ns)
    for source in ("1", "%pwd", "1 / 0"):
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


def _keep(shell, kind: str, data: dict) -> None:
    kept = {}
    for mime in KINDS:
        value = data.get(mime)
        if isinstance(value, bytes):
            value = base64.b64encode(value).decode()
        if isinstance(value, str):
            limit = KEPT_TEXT if mime.startswith("text") else KEPT_DATA
            left_out = {"text/plain": f"… {mime} of {len(value)} characters left out …"}
            kept |= {mime: value} if len(value) <= limit else left_out
    output = {"output_type": kind, "data": kept, "metadata": {}}
    shell.kept.append(output | ({"execution_count": None} if kind == "execute_result" else {}))
