"""The libraries that labs use and that are slow to import: a grading process has imported them before it
forks.
"""

import contextlib
import importlib
import json
import sys
from pathlib import Path

LIBRARIES = ("matplotlib.pyplot", "torch", "torch.testing")


def mentioned(*notebooks: Path) -> tuple[str, ...]:
    """Those that the notebooks of labs name, or that their locked cells import; all, where one can't be
    read.
    """
    text = []
    try:
        for path in notebooks:
            for cell in json.loads(path.read_bytes())["cells"]:
                source = "".join(cell["source"]) if cell["cell_type"] == "code" else ""
                locked = cell["metadata"].get("nbgrader", {}).get("locked")
                text += [line for line in source.splitlines() if "import" in line] if locked else [source]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return LIBRARIES
    return tuple(name for name in LIBRARIES if all(part in "\n".join(text) for part in name.split(".")))


def load(names: tuple[str, ...]) -> None:
    """Import them, as far as they are installed, for processes of one thread."""
    for name in names:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
