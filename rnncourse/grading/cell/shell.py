"""IPython's shell as a kernel has it, with what its cells show kept for the trusted side."""

import base64
import builtins
import getpass
import os
import sys

KEPT_TEXT = 64 << 10  # characters of each output stream of a cell
KEPT_OUTPUTS = 50  # of a cell
KEPT_DATA = 1 << 20  # characters of one picture
KINDS = ("image/png", "image/jpeg", "image/svg+xml", "text/html", "text/latex", "text/plain")


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
                {"output_type": "error", "ename": name, "evalue": text_of(evalue), "traceback": lines}
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


def text_of(error: BaseException) -> str:
    """What an error says, of whoever's class."""
    try:
        return str(error)[:2000]
    except BaseException:
        return ""


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
