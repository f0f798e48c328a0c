"""What the lab's own cells do on the trusted side beside plain Python: their magics, and their imports of
files that the lab comes with.

A file that a student may hand in is data here: nothing imports or runs it.
"""

import importlib.machinery
import itertools
import json
import os
import shlex
import sys
from pathlib import Path

from rnncourse.grading.judge.source import parsed


class StudentsFile(ImportError):
    """A module that the student handed in, which this side does not run."""


class Importer:
    """Stands before Python's own finders: modules of the folder are the lab's, but for what students handed
    in.
    """

    def __init__(self, theirs: list[str]):
        self.theirs = set(theirs)  # files, by their paths in the folder

    def __enter__(self):
        self.before = sys.path[:], sys.meta_path[:]
        self.last = [next(reversed(table), None) for table in (sys.modules, sys.path_importer_cache)]
        sys.path.insert(0, "")  # as a kernel has it
        sys.meta_path[:0] = [self] if self.theirs else []
        sys.dont_write_bytecode = True

    def __exit__(self, *_):
        """Leave no trace of the lab's imports for the next run."""
        sys.path[:], sys.meta_path[:] = self.before
        modules, finders = map(_since, (sys.modules, sys.path_importer_cache), self.last)
        for name in modules:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(f"{Path.cwd()}{os.sep}"):
                del sys.modules[name]
        for path in finders:  # which remember what a folder held
            del sys.path_importer_cache[path]

    def add(self, file: str) -> None:
        """Another file of the student's has come into the folder."""
        self.theirs.add(file)
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def find_spec(self, name, path=None, target=None):
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec and spec.origin and self.is_theirs(spec.origin):
            raise StudentsFile(f"{name} is a file of the student's: nothing of it runs here")

    def is_theirs(self, path: str) -> bool:
        path, folder = Path(path).resolve(), Path.cwd()
        return path.is_relative_to(folder) and str(path.relative_to(folder)) in self.theirs


def _since(table: dict, last: str | None) -> list[str]:
    """The keys that were entered after `last`: to look at all costs a fork the memory that it shares."""
    return list(itertools.takewhile(lambda key: key != last, reversed(table)))


class Shell:
    """Stands for IPython's shell here. What binds names for the tests is done; the rest a magic does in the
    student's process alone.
    """

    def __init__(self, names: dict, importer: Importer):
        self.user_ns, self.importer = names, importer

    def run_cell_magic(self, magic, line, body):
        if magic in ("writefile", "file"):
            *options, name = shlex.split(line)
            with open(name, "a" if "-a" in options else "w") as file:
                file.write(body)
            self.importer.theirs.discard(str(Path(name)))
        elif magic == "time":
            self._exec(body, self.user_ns)
        elif magic == "capture":
            from IPython.utils.capture import capture_output

            with capture_output() as captured:
                self._exec(body, self.user_ns)
            names = [word for word in line.split() if not word.startswith("-")]
            self.user_ns.update(dict.fromkeys(names, captured))
        else:
            raise RuntimeError(f"%%{magic} does nothing in a test")  # and must not pass for a test that did

    def run_line_magic(self, magic, line, *_, **__):
        if magic == "time":
            self._exec(line, self.user_ns)
        elif magic == "run":
            self._run(shlex.split(line))
        elif magic == "pylab":
            from IPython.core.pylabtools import import_pylab

            import_pylab(self.user_ns, import_all="--no-import-all" not in line)

    def getoutput(self, command, **_):
        raise RuntimeError(f"!{command} is not run here")

    def __getattr__(self, name):
        return lambda *arguments, **keywords: None

    def _run(self, words: list[str]) -> None:
        """A script, or a notebook's code cells, in names of its own, as %run does it."""
        path = Path(next(word for word in words if not word.startswith("-")))
        path = path if path.suffix else path.with_suffix(".py")
        if self.importer.is_theirs(str(path)):
            raise StudentsFile(f"{path} is a file of the student's: nothing of it runs here")
        sources = [path.read_text()]
        if path.suffix == ".ipynb":
            cells = json.loads(sources[0])["cells"]
            sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        names = {"__name__": "__main__", "__file__": str(path), "get_ipython": lambda: self}
        names = self.user_ns if "-i" in words else names
        for source in sources:
            self._exec(source, names, "<lab>")
        if names is not self.user_ns:
            self.user_ns.update({name: value for name, value in names.items() if not name.startswith("__")})

    @staticmethod
    def _exec(source: str, names: dict, file: str = "<test>") -> None:
        exec(compile(parsed(source), file, "exec"), names)
