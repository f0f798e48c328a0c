"""What a cell shows here and in a notebook's own kernel: the same kinds of outputs, in the same order.

Not the same is a bar of `tqdm.auto`, which looks for ipykernel's own module: it is text on stderr here. And nothing is in
the loop of asyncio while a cell without `await` runs.
"""

import base64
import struct

import nbclient
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from rnncourse.grading.judge.notebook import Lab, Raw
from rnncourse.grading.judge.outputs import KINDS
from tests.grading.course import meta

PLOT = "import matplotlib.pyplot as plt\n"
NOTEBOOKS = {
    "a plot": [PLOT + "plt.plot([1, 2])"],
    "a plot without its value": [PLOT + "plt.plot([1, 2]);"],
    "show": [PLOT + "plt.plot([1, 2])\nplt.show()"],
    "a figure as value": [PLOT + "fig, ax = plt.subplots()\nax.plot([1, 2])\nfig"],
    "a figure displayed": [PLOT + "fig, ax = plt.subplots()\ndisplay(fig)\nplt.close()"],
    "a figure in a later cell": [PLOT + "fig, ax = plt.subplots()\nplt.close(fig)", "ax.plot([1, 2]);", "fig"],
    "figures are closed": [PLOT + "plt.plot([1, 2]);", "print(plt.get_fignums())", "plt.plot([2, 1]);"],
    "two figures": [PLOT + "plt.plot([1])\nplt.figure()\nplt.plot([2]);"],
    "a figure before an error": [PLOT + "plt.plot([1])\n1 / 0"],
    "print, plot, print": [PLOT + "print(1)\nplt.plot([1])\nplt.show()\nprint(2)"],
    "a table's plot": ["import pandas as pd\npd.DataFrame({'a': [1, 2]}).plot();"],
    "a table": ["import pandas as pd\npd.DataFrame({'a': [1, 2]})"],
    "figures as svg": ["%config InlineBackend.figure_formats = ['svg']\n" + PLOT + "plt.plot([1]);"],
    "inline, said": ["%matplotlib inline\n" + PLOT + "plt.plot([1]);"],
    "another backend": [PLOT + "plt.switch_backend('agg')\nplt.plot([1]);"],
    "a figure never shown": [PLOT + "plt.plot([1]);", "plt.ioff()\nplt.plot([1]);", "plt.gcf()"],
    "a magic shows": ["%pylab inline\nplot([1, 2]);"],
    "the figure's size": [PLOT + "print(plt.rcParams['figure.figsize'], plt.rcParams['figure.dpi'], plt.get_backend())"],
    "html": ["from IPython.display import HTML, display\ndisplay(HTML('<b>x</b>'))\nHTML('<i>y</i>')"],
    "latex, a picture": ["from IPython.display import Latex, SVG, display\ndisplay(Latex('$x$'), SVG('<svg></svg>'))"],
    "cleared": ["from IPython.display import clear_output\nprint(1)\ndisplay(2)\nclear_output()\nprint(3)"],
    "cleared, and waited": [
        "from IPython.display import clear_output\nfor i in range(3):\n    clear_output(wait=True)\n    display(i)"
    ],
    "updated": ["h = display('one', display_id=True)\nprint('x')\nh.update('two')"],
    "updated by its name": [
        "from IPython.display import update_display\ndisplay('one', display_id='a')\nupdate_display('two', display_id='a')"
    ],
    "streams": ["import sys\nprint('out')\ndisplay(1)\nprint('err', file=sys.stderr)\ndisplay(2)\nprint('more')"],
    "values": ["1 + 1", "_ * 2", "Out[1], In[1], _2", "None", "3;"],
    "a warning": ["import warnings\nwarnings.warn('careful')"],
    "an error": ["def f():\n    raise ValueError('x')\nf()"],
    "no Python": ["for"],
    "a person asked": ["input('name? ')", "import getpass\ngetpass.getpass()"],
    "left": ["print(1)\nimport sys\nsys.exit(3)", "raise SystemExit"],
    "await": ["import asyncio\nawait asyncio.sleep(0, 7)", "async def f():\n    return 8\nawait f()"],
    "help": ["len?", "help(len)", "%pinfo len"],
    "a command": ["!echo hello", "x = !echo hello\nx", "%%bash\necho out\necho err >&2"],
    "captured": ["%%capture c\nprint(1)\ndisplay(2)", "c.stdout, len(c.outputs)"],
    "timed": ["%time 1 + 1", "%%time\n2 + 2"],
    "its name": ["__name__", "get_ipython().__class__.__name__", "'IPKernelApp' in get_ipython().config"],
    "pickled": ["class C:\n    pass\nimport pickle\ntype(pickle.loads(pickle.dumps(C()))) is C"],
    "a bar of its own": ["from IPython.display import ProgressBar\nfor _ in ProgressBar(2):\n    pass"],
}  # fmt: skip


def kinds(outputs):
    """What matters of a cell's outputs: kinds, texts of streams and values but for what differs from run to run."""
    found = []
    for output in outputs:
        kind = output["output_type"]
        if kind == "stream":
            if found and found[-1][:2] == (kind, output["name"]):
                found.pop()
            found.append((kind, output["name"]))
        elif kind == "error":
            found.append((kind, output["ename"]))
        else:
            mimes = {mime for mime in output["data"] if mime in KINDS}
            plain = output["data"].get("text/plain", "")
            found.append((kind, frozenset(mimes), plain if "0x" not in plain and "widget" not in plain else ""))
    return found


def in_a_kernel(sources):
    nb = new_notebook(cells=[new_code_cell(source) for source in sources])
    nbclient.NotebookClient(nb, allow_errors=True, timeout=60).execute()
    return [cell.outputs for cell in nb.cells]


def here(worker, sources):
    """The outputs of cells that a student has answered."""
    names = [f"c{i}" for i in range(len(sources))]
    lab = Lab(nbformat.from_dict(new_notebook(cells=[new_code_cell("", metadata=meta(n, solution=True)) for n in names])))
    answers = [Raw("code", "", name, source) for name, source in zip(names, sources, strict=True)]
    outcomes = worker.run(lab.rebuild(answers)).scores
    return [outcomes[i].outputs for i in range(len(sources))]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_cell_shows_what_it_shows_in_a_notebook(name, worker):
    ours, theirs = here(worker, NOTEBOOKS[name]), in_a_kernel(NOTEBOOKS[name])
    assert [kinds(outputs) for outputs in ours] == [kinds(outputs) for outputs in theirs]


def test_a_picture_is_as_large_as_in_a_notebook(worker):
    source = [PLOT + "plt.figure(figsize=(5, 3))\nplt.plot([1, 2]);"]
    pictures = [base64.b64decode(run_it[0][0]["data"]["image/png"]) for run_it in (here(worker, source), in_a_kernel(source))]
    sizes = [struct.unpack(">II", picture[16:24]) for picture in pictures]
    assert sizes[0] == sizes[1]


def test_who_leaves_goes_on(worker):
    """A kernel would end with it, and the rest of the notebook."""
    assert [kinds(outputs) for outputs in here(worker, ["exit", "quit()", "print(1)"])] == [[], [], [("stream", "stdout")]]


def test_many_outputs_are_cut_and_their_text_kept(worker):
    (outputs,) = here(worker, ["for i in range(100):\n    display(i)\n    print(i)"])
    assert len(outputs) <= 60 and outputs[-1]["output_type"] == "stream" and outputs[-1]["text"].endswith("99\n")
    (outputs,) = here(worker, ["for i in range(100):\n    display(i)\n    print('x' * 9999)"])
    assert sum(len(output["text"]) for output in outputs if output["output_type"] == "stream") < 70000
