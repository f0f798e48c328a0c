"""The libraries that labs use and that are slow to import: a process has imported them before it forks, and
no others, for each makes every fork dearer. A course adds its own by `c.Grader.libraries`.
"""

import contextlib
import importlib
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path

LIBRARIES = ("matplotlib.pyplot", "torch", "torch.testing")


def mentioned(*files: Path, among: tuple[str, ...] = LIBRARIES) -> tuple[str, ...]:
    """Those that the notebooks of labs name, or that their locked cells import, and what modules beside them
    name; all, where one can't be read.
    """
    text = []
    try:
        for path in files:
            if path.suffix != ".ipynb":
                text.append(path.read_text())
                continue
            for cell in json.loads(path.read_bytes())["cells"]:
                source = "".join(cell["source"]) if cell["cell_type"] == "code" else ""
                locked = cell["metadata"].get("nbgrader", {}).get("locked")
                text += [line for line in source.splitlines() if "import" in line] if locked else [source]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return among
    words = "\n".join(text)
    return tuple(name for name in among if all(part in words for part in name.split(".")))


def imported(job: dict) -> list[str]:
    """Those that the cells of a notebook, or the files beside it, seem to import: what comes in another way
    is imported when it is run.
    """
    texts = [cell["source"] for cell in job["cells"] if cell["is_code"]]
    texts += [bytes.fromhex(data).decode(errors="replace") for name, data in job["files"].items()
              if name.endswith(".py")]  # fmt: skip
    lines = "\n".join(
        line for text in texts for line in text.splitlines() if "import" in line or "%" in line
    )
    roots = {name.partition(".")[0]: name for name in reversed(LIBRARIES)}
    return [name for root, name in roots.items() if re.search(rf"\b{root}\b", lines)]


def load(names: Iterable[str]) -> None:
    """Import them, as far as that can be done, for processes of one thread."""
    for name in names:
        with contextlib.suppress(Exception):  # whoever uses it will see why
            importlib.import_module(name)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
