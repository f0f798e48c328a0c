"""Every lab: what students receive, and what each answer scores, graded by nbgrader as an instructor would."""

import ast
import importlib
import itertools
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from rnncourse.grading.books.course import course_config, labs
from rnncourse.grading.books.release import release
from tests import stock
from tests.mistakes import classroom, submission
from tests.trials import run, tasks

ROOT = Path(__file__).parents[1]
WORDS = labs(course_config(ROOT, ROOT))
MISTAKES = {word: importlib.import_module(f"tests.mistakes.{word}").MISTAKES for word in WORDS}
VARIANTS = {word: importlib.import_module(f"tests.variants.{word}").VARIANTS for word in WORDS}
HANDED_IN = [(word, mistake) for word in WORDS for mistake in MISTAKES[word]]
RIGHT = [(word, variant) for word in WORDS for variant in VARIANTS[word]]


def graded_cells(path):
    nb = nbformat.read(path, as_version=4)
    return {c.metadata.nbgrader.grade_id: c for c in nb.cells if c.metadata.get("nbgrader", {}).get("grade")}


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def grade(folder, *arguments):
    """`rnncourse grade --json` on a course folder: exit status and results."""
    command = [Path(sys.executable).with_name("rnncourse"), "grade", *arguments, "--course", folder, "--json"]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert outcome.returncode in (0, 3), outcome.stderr
    return outcome.returncode, {(r["lab"], r["student"]): r for r in json.loads(outcome.stdout)}


def hand_in(folder, student, word, nb):
    path = folder / "submitted" / student / word / f"{word}.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(nb, path)


def uses(word):
    """By test cell, the test cells of the functions that the tested one may call."""
    own = {name: [test.id for test in task.tests] for task in tasks(word) for name in task.solution.defines}
    cells = graded_cells(ROOT / "solutions" / word / f"{word}.ipynb")
    names = {cell: node.metadata.get("rnncourse", {}).get("uses", []) for cell, node in cells.items()}
    return {cell: [test for name in used for test in own[name]] for cell, used in names.items()}


@pytest.fixture(scope="session")
def course(tmp_path_factory):
    """A course where each mistake, each right variant, the reference and the untouched lab were handed in and graded once."""
    folder = tmp_path_factory.mktemp("course")
    for word in WORDS:
        hand_in(folder, "reference", word, submission(word))
        hand_in(folder, "untouched", word, nbformat.read(ROOT / "labs" / word / f"{word}.ipynb", as_version=4))
        for number, mistake in enumerate(MISTAKES[word]):
            hand_in(folder, f"mistake-{number}", word, submission(word, [mistake]))
        for number, variant in enumerate(VARIANTS[word]):
            hand_in(folder, f"variant-{number}", word, submission(word, [variant]))
    status, results = grade(folder)
    assert status == 0, [r for r in results.values() if not r["graded"]]
    return folder, results


def rounds(word):
    """The reference, and submissions with a mistake in every cell: all mistakes of the catalogue in as few as can be."""
    by_cell = {}
    for mistake in MISTAKES[word]:
        by_cell.setdefault(mistake.cell, []).append(mistake)
    columns = itertools.zip_longest(*by_cell.values())
    return [submission(word), *(submission(word, filter(None, mistakes)) for mistakes in columns)]


def test_honest_work_scores_what_nbgrader_as_it_comes_gives_it(tmp_path):
    texts, courses = {}, {}
    for word in WORDS:
        texts[word] = {f"student-{i}": nbformat.writes(nb) for i, nb in enumerate(rounds(word))}
        stock.hand_in(tmp_path / "ours", word, texts[word])
        courses[word] = stock.course(tmp_path / word, word, texts[word])

    def autograde(word):
        outcome = subprocess.run(courses[word], cwd=tmp_path / word, env=stock.environment(), capture_output=True, text=True)
        assert outcome.returncode == 0, outcome.stderr[-3000:]
        return stock.scores(tmp_path / word, word, texts[word])

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        expected = dict(zip(WORDS, pool.map(autograde, WORDS), strict=True))
    grade(tmp_path / "ours")
    for word in WORDS:
        ours = stock.scores(tmp_path / "ours", word, texts[word])
        called = uses(word)
        for student, scores in expected[word].items():
            for cell, score in scores.items():
                # a mistake costs once, here alone: where an earlier function is wrong, a task may have more
                wrong = any(scores[name] < ours["student-0"][name] for name in called.get(cell, ()))
                assert ours[student][cell] >= score if wrong else ours[student][cell] == score, (word, student, cell)


@pytest.mark.parametrize("word", WORDS)
def test_labs_are_what_nbgrader_generates_today(word, tmp_path):
    config = course_config(ROOT, ROOT)
    config.CourseDirectory.release_directory = str(tmp_path)
    release(config, word)
    assert files(tmp_path / word) == files(ROOT / "labs" / word), "run `make labs`"


@pytest.mark.parametrize("word", WORDS)
def test_labs_hold_no_solution_and_no_hidden_test(word):
    text = (ROOT / "labs" / word / f"{word}.ipynb").read_text(encoding="utf-8")
    assert "BEGIN SOLUTION" not in text
    assert "HIDDEN TESTS" not in text
    source = nbformat.read(ROOT / "solutions" / word / f"{word}.ipynb", as_version=4)
    secret = [part for cell in source.cells for part in lines(cell.source, secret=True)]
    shown = {
        line.strip() for cell in source.cells for line in lines(cell.source, secret=False)
    }  # a hidden test may repeat them
    released = {line.strip() for cell in nbformat.reads(text, as_version=4).cells for line in cell.source.splitlines()}
    assert secret
    assert not [line for line in secret if len(line) > 20 and line in released - shown]


def lines(source, secret):
    """The lines of a cell between BEGIN and END markers, or the others."""
    inside = False
    for line in source.splitlines():
        if line.strip().startswith(("### BEGIN", "### END")):
            inside = line.strip().startswith("### BEGIN")
        elif inside == secret:
            yield line.strip()


@pytest.mark.parametrize("word", WORDS)
def test_a_lab_has_enough_graded_cells_and_most_points_are_hidden(word):
    cells = graded_cells(ROOT / "solutions" / word / f"{word}.ipynb")
    points = {name: cell.metadata.nbgrader.points for name, cell in cells.items()}
    hidden = {name for name, cell in cells.items() if "### BEGIN HIDDEN TESTS" in cell.source}
    assert 6 <= len(cells) <= 10
    assert sum(points.values()) >= 20
    assert sum(points[name] for name in hidden) > sum(points.values()) / 2


@pytest.mark.parametrize("word", WORDS)
def test_the_reference_has_full_marks_and_the_untouched_lab_none(word, course):
    _, results = course
    reference, untouched = results[word, "reference"], results[word, "untouched"]
    assert reference["score"] == reference["max_score"] >= 20
    assert untouched["score"] == 0


@pytest.mark.parametrize(("word", "mistake"), HANDED_IN, ids=lambda value: getattr(value, "name", value))
def test_a_mistake_scores_what_the_catalogue_says(word, mistake, course):
    _, results = course
    result = results[word, f"mistake-{MISTAKES[word].index(mistake)}"]
    assert result["score"] == mistake.score < result["max_score"]


@pytest.mark.parametrize(("word", "variant"), RIGHT, ids=lambda value: getattr(value, "name", value))
def test_a_right_variant_has_full_marks(word, variant, course):
    _, results = course
    result = results[word, f"variant-{VARIANTS[word].index(variant)}"]
    assert result["score"] == result["max_score"], result["note"]


@pytest.mark.parametrize("word", WORDS)
def test_every_task_has_right_variants(word):
    assert len(VARIANTS[word]) >= 24
    for task in tasks(word):
        assert sum(variant.cell == task.solution.id for variant in VARIANTS[word]) >= 2, task.solution.id


@pytest.mark.parametrize("word", WORDS)
def test_a_function_that_a_task_calls_stands_in_its_metadata_and_in_its_text(word):
    """One mistake costs once only where the lab says so."""
    cells = graded_cells(ROOT / "solutions" / word / f"{word}.ipynb")
    earlier = []
    for task in tasks(word):
        names = {node.id for node in ast.walk(ast.parse(task.solution.source)) if isinstance(node, ast.Name)}
        called = [name for name in earlier if name in names]
        for test in task.tests:
            used = cells[test.id].metadata.get("rnncourse", {}).get("uses", [])
            assert set(called) <= set(used) <= set(earlier), f"{test.id} calls {called} and names {used}"
            assert all(f"`{name}`" in task.text for name in used), f"{test.id}: its text doesn't say that it uses {used}"
        earlier += task.solution.defines


@pytest.mark.parametrize("word", WORDS)
def test_three_mistakes_or_more_fail_at_each_graded_cell(word, course):
    folder, _ = course
    failed = dict.fromkeys(graded_cells(ROOT / "solutions" / word / f"{word}.ipynb"), 0)
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}", "rnncourse") as gradebook:
        for number in range(len(MISTAKES[word])):
            for grade in gradebook.find_submission_notebook(word, word, f"mistake-{number}").grades:
                failed[grade.name] += grade.auto_score < grade.max_score
    assert min(failed.values()) >= 3, failed


# What a comparison may hold for right without a number in it, or after its own numbers are gone.
_SHAPES = [(0,), (0, 1), (1, 0), (0, 0), (0, 1, 1), (1, 0, 1), (0, 1, 1, 1), (1, 1, 0, 1), (1, 1, 1, 1), (1,), ()]
_ODD = [
    *("None", "True", "False", "0", "1", "-1", "nan", "inf", "-inf", "1j", "complex(nan, nan)", "''", "'nan'"),
    *("[]", "()", "{}", "[[]]", "[[[]]]", "[()]", "[None]", "[nan]"),
    *("np.array(None, dtype=float)", "np.array('')", "np.array([''])"),
    *(f"np.full({shape}, {value})" for shape in _SHAPES for value in ("nan", "1.0", "0") if value == "nan" or 0 not in shape),
    *(f"np.zeros({shape}, {kind})" for shape in _SHAPES[:5] for kind in ("np.float32", "bool", "int", "'U1'")),
    *(f"(np.zeros({shape}),) * {k}" for shape in [(0,), (0, 1), (0, 1, 1)] for k in range(1, 7)),
    *(f"{each} * {k}" for each in ("([],)", "[[]]", "(nan,)", "(None,)", "(True,)", "''", "((),)") for k in range(2, 7)),
    *("a[0]", "a[-1]", "a", "list(a)", "(a[0], a[0])", "a[0][..., :0]", "a[0][:0]", "(a[0][:0],) * 2", "a[0][None]"),
    *("every(nan) or a[0]", "every(nan) or a", "every(nan) or nan", "every(nan) or tuple(a[1:])", "every(0) or a[0]"),
    *("every(0) or tuple(a[1:])", "every(0) or 0", "every(inf) or a[0]"),
    *("clear() or []", "clear() or a[0]", "clear() or (a[0], nan)"),
]  # fmt: skip
_HELPERS = """
nan, inf = float("nan"), float("inf")
def every(value):
    for b in arguments:
        for c in b if isinstance(b, list) else [b]:
            if isinstance(c, np.ndarray):
                c[...] = value if c.dtype.kind == "f" else 0
def clear():
    for b in arguments:
        b.clear() if isinstance(b, list) else None
"""


@pytest.mark.parametrize("word", WORDS)
def test_odd_results_earn_nothing(word):
    """Each function gives each odd result, the others being right: none of its tests may take that for an answer."""
    trials = [(name, f"{name} = honest['{name}']", task.whole) for task in tasks(word) for name in task.solution.defines]
    assert all(all(passed) for passed in run(word, trials)), "the reference passes here"
    odd = [
        (name, f"def {name}(*a, **k):\n    global arguments\n    arguments = [*a, *k.values()]\n    return {result}", tests)
        for (name, _, tests), result in itertools.product(trials, _ODD)
    ]
    accepted = [
        (code.rpartition("return ")[2], test.id)
        for (_, code, tests), passed in zip(odd, run(word, odd, _HELPERS), strict=True)
        for test, right in zip(tests, passed, strict=True)
        if right
    ]
    assert not accepted


def test_a_bad_submission_costs_itself_only(tmp_path):
    classroom.write(tmp_path)
    status, results = grade(tmp_path, "recurrence")
    scores = {student: result["score"] for (_, student), result in results.items()}
    notes = {student: result["note"] for (_, student), result in results.items()}
    full = results["recurrence", "ada-perfect"]["max_score"]
    assert status == 3
    assert len(scores) >= 8
    assert scores["ada-perfect"] == full
    assert scores["dan-all-wrong"] < min(scores["ben-one-mistake"], scores["chloe-two-mistakes"])
    assert max(scores["ben-one-mistake"], scores["chloe-two-mistakes"]) < full
    assert scores["eve-blank"] == scores["gus-not-json"] == scores["iris-no-notebook"] == 0
    assert 0 < scores["finn-raises"] < full and "ZeroDivisionError" in notes["finn-raises"]
    assert 0 < scores["hana-never-ends"] < full and "ran over" in notes["hana-never-ends"]
    needs_a_person = {student for (_, student), result in results.items() if not result["graded"]}
    assert needs_a_person == {"gus-not-json", "iris-no-notebook"}
    assert "not a notebook" in notes["gus-not-json"] and "missing" in notes["iris-no-notebook"]


def test_only_what_is_new_or_changed_is_graded_again(tmp_path):
    hand_in(tmp_path, "ada", "recurrence", submission("recurrence"))
    hand_in(tmp_path, "ben", "recurrence", submission("recurrence"))
    grade(tmp_path)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.glob("autograded/*/recurrence.json")}
    (mistake, *_) = MISTAKES["recurrence"]
    nbformat.write(submission("recurrence", [mistake]), tmp_path / "submitted/ben/recurrence/recurrence.ipynb")
    _, results = grade(tmp_path)
    assert results["recurrence", "ben"]["score"] == mistake.score
    again = {path.parent.name for path, time in written.items() if path.stat().st_mtime_ns != time}
    assert again == {"ben"}


def test_checking_at_home_shows_each_visible_test(tmp_path):
    command = [Path(sys.executable).with_name("rnncourse"), "check"]
    nbformat.write(submission("recurrence"), tmp_path / "done.ipynb")
    done = subprocess.run([*command, tmp_path / "done.ipynb"], capture_output=True, text=True)
    blank = subprocess.run([*command, ROOT / "labs/recurrence/recurrence.ipynb"], capture_output=True, text=True)
    assert done.returncode == 0 and "not yet" not in done.stdout, done.stdout + done.stderr
    assert blank.returncode == 1 and "passed" not in blank.stdout
    (tmp_path / "bad.ipynb").write_text("{")
    bad = subprocess.run([*command, tmp_path / "bad.ipynb"], capture_output=True, text=True)
    assert bad.returncode == 1 and bad.stderr.startswith("Error: ") and "not a notebook" in bad.stderr
