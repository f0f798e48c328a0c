"""The command `rnncourse`: one function per verb, run from the folder that holds nbgrader_config.py."""

import json
import os
import signal
import sys
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from tqdm import tqdm

bar = partial(tqdm, disable=None)  # a bar that moves is for a terminal: in a pipe or a file its pieces would be glued together
sys.modules.setdefault("rfc3987_syntax", None)  # jsonschema, of nbformat, would take a second to make a parser of it

NEEDS_A_PERSON = 3  # exit status: everything was graded that can be, and something needs a person
EXTRAS = {"nbgrader": "course", "sqlalchemy": "course", "nbclient": "models", "torch": "models"}  # what brings them


class Commands(click.Group):
    """The verbs. SIGTERM and a terminal's SIGHUP end one as Ctrl-C does, all that was begun is cleared away; one that
    needs an extra of the package which isn't installed says which.
    """

    def invoke(self, ctx):
        by = [signal.SIGINT]

        def interrupt(number, _):
            by[0] = signal.Signals(number)
            raise KeyboardInterrupt

        ours = [s for s in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(s) is signal.SIG_DFL]  # not under nohup
        before = {number: signal.signal(number, interrupt) for number in ours}
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            with suppress(OSError):  # the terminal may be gone
                click.echo(f"ended by {by[0].name}; run it again to go on", err=True)
            ctx.exit(128 + by[0])
        except ModuleNotFoundError as error:
            extra = EXTRAS.get(str(error.name).partition(".")[0])
            if not extra:
                raise
            raise click.ClickException(f"this needs {error.name}: pip install 'rnncourse[{extra}]'") from error
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="rnncourse")
def main():
    """Build, check and grade the course on recurrent networks."""
    for stream in (sys.stdout, sys.stderr):  # a name that the terminal can't write must not end a run
        with suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")


@main.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def notebooks(files):
    """Re-execute the pages of the book (or FILES) in place, with their numbers and the table of claims."""
    from rnncourse.notebooks import execute, write_claims

    for path in files or sorted(Path("book").rglob("*.ipynb")):
        with _plain_errors():
            changed = execute(path)
        click.echo(f"{path}: {'written' if changed else 'unchanged'}")
    if Path("book/said.json").exists():
        with _plain_errors():
            for path in write_claims(Path("book")):
                click.echo(f"{path}: written")


@main.command()
@click.option("--verify", is_flag=True, help="Grade the reference and the empty lab as nbgrader alone does and as we do.")
@click.option("--no-isolation", is_flag=True, help="With --verify on a machine that has no bubblewrap.")
def labs(verify, no_isolation):
    """Write what students receive of each lab: labs/ from solutions/, or as the course names these folders.

    Exit status 1: a lab can't be written, or --verify found a cell that differs or that an empty answer earns.
    """
    from rnncourse.grading.books import course

    config = _config(Path())
    names = course.labs(config)
    source, target = (os.path.relpath(course.folder(config, step)) for step in ("source", "release"))
    if not names:
        raise click.ClickException(f"no lab in {source}/: a lab is a folder there with notebooks in it")
    made = course.Made(config, Path())
    stale = [lab for lab in names if not made.is_current(lab)]
    for lab in names:
        if lab not in stale:
            click.echo(f"{target}/{lab}: up to date")
    failed = 0
    for lab in bar(stale, desc="labs", unit="lab", leave=False):
        from rnncourse.grading.books.release import release  # nbgrader: two seconds that only who has to wait waits for

        try:
            tqdm.write(f"{target}/{lab}: {'written' if release(config, lab) else 'up to date'}")
            made.note(lab)
        except (RuntimeError, OSError) as error:  # stops no other lab
            failed = 1
            tqdm.write(f"Error: {error}", file=sys.stderr)
    sys.exit(_verify(config, [lab for lab in names if made.is_current(lab)], no_isolation) or failed if verify else failed)


def _verify(config, names, no_isolation) -> int:
    """Print what is wrong with released labs that weren't verified yet; 1 where anything is."""
    from rnncourse.grading.books import course

    known, source = course.Known(config, Path()), course.folder(config, "source")
    new = [lab for lab in names if not known.is_current(lab)]
    for lab in names:
        if lab not in new:
            click.echo(f"{lab}: verified")
    if not new:
        return 0
    from rnncourse.grading.books import table
    from rnncourse.grading.books.verify import verify
    from rnncourse.grading.judge.engine import Engine
    from rnncourse.grading.judge.libraries import mentioned

    libraries, _ = course.libraries(config)
    needed = mentioned(*(path for name in new for path in course.sources(source / name)), among=libraries)
    findings = []
    with _plain_errors(), ExitStack() as stack:
        engine = Engine(course.own_folders(config.CourseDirectory.root, source), not no_isolation, libraries=needed)
        stack.enter_context(closing(engine))
        workers = min(len(os.sched_getaffinity(0)), len(new))
        done = stack.enter_context(closing(verify(config, Path.cwd(), new, engine, workers)))
        for one in bar(done, total=len(new), desc="verify", unit="lab", leave=False):
            findings += one.findings
            if not one.findings:
                known.note(one.lab)
                tqdm.write(f"{one.lab}: {table.verified(one)}")
    if findings:
        Console(emoji=False).print(table.findings(sorted(findings, key=lambda f: f.lab)))
    return int(bool(findings))


@main.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("--html", "page", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write it as a page, too, with your code beside what its tests say.")  # fmt: skip
def check(notebook, page):
    """Run the visible tests of a lab's NOTEBOOK at home; the notebook stays as it is."""
    from rnncourse.grading.judge.engine import Engine
    from rnncourse.grading.judge.libraries import mentioned

    if not notebook.is_file():
        raise click.ClickException(f"{notebook}: there is no such file")
    if page and page.resolve() == notebook.resolve():
        raise click.ClickException(f"{page} is the notebook: name another file for the page")
    engine = Engine(isolated=False, cwd=notebook.absolute().parent, libraries=mentioned(notebook))
    with closing(engine):  # warms up while we import
        from rnncourse.grading.books.check import check, show

        with _plain_errors(), Console(stderr=True).status(f"running {escape(notebook.name)}"):
            checked = check(notebook, engine)
    # in a pipe or a file no line is broken for a terminal that isn't there
    show(checked, Console() if sys.stdout.isatty() or "COLUMNS" in os.environ else Console(width=1000))
    if page:
        from rnncourse.grading.books.feedback import page as page_of

        names = {"student": "", "assignment": notebook.stem, "notebook": notebook.stem}
        with _plain_errors():
            page.write_text(page_of(checked.notebook, names, notebook.absolute().parent, home=True), encoding="utf-8")
        click.echo(f"The page: {page}")
    sys.exit(0 if checked.passed else 1)


@main.command()
@click.argument("lab", required=False)
@click.option("--course", "folder", default=".", type=click.Path(file_okay=False, path_type=Path),
              help="The folder that holds submitted/; grades and gradebook.db go there.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1), help="Processes that grade at once; default: one for each core.")
@click.option("--student", help="Grade this student alone, and again if need be.")
@click.option("--seed", type=int, help="Seed of the random tests, as it stands in the feedback; with --student.")
@click.option("--no-isolation", is_flag=True, help="Run what was handed in with your own rights: for your own work alone.")
@click.option("--force", is_flag=True, help="Grade again what hasn't changed, too.")
@click.option("--tasks", is_flag=True, help="Print the points of each task, too.")
@click.option("--csv", type=click.Path(dir_okay=False, writable=True, path_type=Path),
              help="Write a row for each student and lab into this file, with the points of each task.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON instead of a table.")
def grade(lab, folder, workers, student, seed, no_isolation, force, tasks, csv, as_json):
    """Grade what is new or changed in submitted/STUDENT/LAB/, and print all scores.

    Exit status 0: all is graded; 3: something needs a person, as the table says.
    """
    from rnncourse.grading.books import course, table
    from rnncourse.grading.books.collect import line, strays
    from rnncourse.grading.books.state import state_of
    from rnncourse.grading.judge.engine import Engine
    from rnncourse.grading.judge.libraries import mentioned

    with _plain_errors():
        config = _config(folder)
        known = course.labs(config)
        if csv and not csv.parent.is_dir():
            raise click.ClickException(f"{csv}: there is no folder {csv.parent}")
        if lab and lab not in known:
            where = os.path.relpath(course.folder(config, "source"))
            raise click.ClickException(f"no lab {lab!r} in {where}/; there are: {', '.join(known) or 'none'}")
        submitted = course.folder(config, "submitted")
        state = state_of(config, Path.cwd(), [lab] if lab else known, student, _watched, force)
        left_out = [] if student else strays(Path(os.path.relpath(submitted)), known)
    for said in left_out:
        click.echo(f"not graded: {line(said)}", err=True)
    if state.received.damaged:
        click.echo(state.received.damaged, err=True)
    results = state.results
    if not (results or state.changed or state.to_do or state.gone):
        where = submitted / (student or "STUDENT") / (lab or "LAB")
        raise click.ClickException(f"nothing handed in: no folder {os.path.relpath(where)}")
    with _plain_errors(), ExitStack() as stack:
        if state.to_do:
            source = course.folder(config, "source")
            names = {task.submission.lab for task in state.to_do}
            libraries, missing = course.libraries(config)
            for name in missing:
                click.echo(f"{name} is not installed, though c.Grader.libraries names it", err=True)
            needed = mentioned(*(path for name in names for path in course.sources(source / name)), among=libraries)
            hidden = course.own_folders(config.CourseDirectory.root, source)
            engine = Engine(hidden, not no_isolation, libraries=needed)
            stack.enter_context(closing(engine))  # warms up while we import
        if state.to_do or state.changed or state.gone:
            from rnncourse.grading.books.report import grade_all, publish_again, withdraw
        if state.to_do:
            engine.wait()  # what this machine lacks is said before anything is written
        if state.changed or state.gone:
            withdraw(config, state.gone)
            for one in state.gone:
                click.echo(f"taken back: {line(one.student)}/{one.lab} is no longer handed in", err=True)
            fresh = publish_again(config, state.changed, state.received)
            results += bar(fresh, total=len(state.changed), desc="write anew", unit="submission", delay=1)
        if state.to_do:
            workers = min(workers or len(os.sched_getaffinity(0)), len(state.to_do))
            fresh = stack.enter_context(closing(grade_all(config, state.to_do, state.received, engine, workers, seed)))
            results += bar(fresh, total=len(state.to_do), desc="grade", unit="submission")
    results.sort(key=lambda r: (r.lab, r.student))
    if csv:
        with _plain_errors():
            table.write_csv(csv, results)
    if as_json:
        click.echo(json.dumps(list(map(table.record, results)), indent=1))
    else:
        console = Console(emoji=False)
        console.print(table.scores(results))
        for one in table.tasks(results, console.width) if tasks else ():
            console.print(one)
        click.echo(table.summary(results))
    needs_a_person = left_out or state.received.damaged or not all(r.graded for r in results)
    sys.exit(NEEDS_A_PERSON if needs_a_person else 0)


def _watched(found, lab):
    return bar(found, desc=f"read {lab}", unit="submission", delay=1, leave=False)


def _config(folder: Path):
    from rnncourse.grading.books.course import course_config

    if not Path("nbgrader_config.py").exists():
        raise click.ClickException(f"no nbgrader_config.py in {Path.cwd()}: run this in the course's folder")
    with _plain_errors():
        return course_config(Path.cwd(), folder.absolute())


@contextmanager
def _plain_errors():
    """A reason of ours is printed as one message; anything else is a fault of the program and keeps its traceback."""
    from traitlets import TraitError

    try:
        yield
    except (RuntimeError, ValueError, OSError, TraitError) as error:
        raise click.ClickException(str(error)) from error
    except Exception as error:
        if type(error).__module__ != "sqlalchemy.exc":
            raise
        raise click.ClickException(f"the gradebook: {getattr(error, 'orig', error)}") from error
