"""The page a student gets back: what each task earned, what its test says, and a receipt.

It is one file without any script.
"""

import base64
import re
from pathlib import Path

import jinja2
import nh3
from nbformat import NotebookNode

from rnncourse.grading.books.collect import regular, text
from rnncourse.grading.judge.picture import PICTURES, decoded, kind_of

MAX_TAGS = 1000  # of a table: to clean ill-nested ones takes time and room that grow with their square
MAX_PICTURES = 8 << 20  # bytes of the files beside the notebook that a page shows
_TAGS = {
    "table", "thead", "tbody", "tr", "th", "td", "p", "b", "i", "em", "strong", "code", "pre", "ul", "ol",
    "li", "br", "sub", "sup",
}  # fmt: skip
_COMMENT_TAGS = _TAGS | {
    "a",
    "blockquote",
    "del",
    "div",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "span",
    "u",
}
_REFERENCE = re.compile(
    r"!\[[^\]\n]{0,500}\]\(<?([^()<>\s]{1,300})|&lt;img\b[^>\n]{0,300}?\bsrc *= *[\"']?([^\"'>\s]{1,300})"
)


def page(nb: NotebookNode, names: dict, folder: Path) -> str:
    """The HTML of an autograded notebook whose cells hold their scores; `names` say whose it is, `folder`
    holds the files beside it.
    """
    tasks, answers = [], {}
    for cell in nb.cells:
        own, flags = cell.metadata.get("rnncourse", {}), cell.metadata.get("nbgrader", {})
        kind = own.get("kind", "")
        if flags.get("grade") or flags.get("task"):
            tasks.append(_task(cell, own, flags))
        if kind in ("solution", "manual") or own.get("added"):
            answers[flags.get("grade_id") or f"added {len(answers) + 1}"] = cell
    run = nb.metadata.get("rnncourse", {})
    score, points = sum(t["score"] or 0 for t in tasks), sum(t["points"] for t in tasks)
    files = _Files(folder)
    return _TEMPLATE.render(
        student=text(names["student"]), lab=text(names["assignment"]),
        notebook=text(names["notebook"]), run=run, tasks=tasks, late=names.get("late_penalty") or 0,
        score=names.get("score", score), max_score=names.get("max_score", points),
        answers=[_answer(name, cell, files) for name, cell in answers.items()],
    )  # fmt: skip


def _task(cell, own: dict, flags: dict) -> dict:
    score, points = flags.get("score", own.get("score")), flags.get("points", 0)
    about = next(
        (
            line.lstrip("# ").strip()
            for line in cell.source.splitlines()
            if line.startswith("#") and "###" not in line
        ),
        "",
    )
    state = "passed" if score is not None and score >= points else "partly" if score else "not yet"
    if flags.get("waits"):
        state = "for a person to grade"
    elif own.get("score") is None:
        state = "graded by a person"
    hidden, fault = own.get("where") == "hidden", own.get("fault", "")
    said = own.get("message", "") if own.get("where") == "visible" and not fault else ""
    return {
        "name": text(flags.get("grade_id", "")), "about": text(about) if cell.cell_type == "code" else "",
        "score": score or 0, "points": points,
        "extra": flags.get("extra_credit") or 0, "state": state, "hidden": hidden,
        "said": text(said), "hint": text(own.get("hint", "")) if hidden else "", "fault": text(fault),
        "comment": _comment(flags) if flags.get("task") else "",
    }  # fmt: skip


def _comment(flags: dict) -> str:
    """A person's comment as nbgrader's own feedback shows it: Markdown, formulas as written."""
    if not flags.get("comment"):
        return ""
    from nbconvert.filters import markdown2html  # half a second that only a person's words are worth

    html = markdown2html(text(flags["comment"]))
    return nh3.clean(
        html, tags=_COMMENT_TAGS, attributes={"a": {"href"}}, url_schemes={"http", "https", "mailto"}
    ).strip()


class _Files:
    """The pictures in a folder, each once, up to a limit."""

    def __init__(self, folder: Path):
        self.folder, self.shown, self.room = folder, set(), MAX_PICTURES

    def pictures(self, source: str) -> list[str]:
        """Addresses of those that Markdown refers to."""
        found = []
        for name in (one or other for one, other in _REFERENCE.findall(source)):
            path = Path(name.removeprefix("./"))
            if path.is_absolute() or ".." in path.parts or path in self.shown:
                continue
            self.shown.add(path)
            data = regular(self.folder / path, self.room) or b""
            if kind_of(data):
                self.room -= len(data)
                found.append(_address(kind_of(data), data))
        return found


def _answer(name: str, cell, files: _Files) -> dict:
    outputs = []
    for kinds in cell.get("attachments", {}).values():
        outputs += [
            {"picture": _address(kind_of(data), data)} for data in map(decoded, kinds.values()) if data
        ]
    if cell.cell_type != "code":
        outputs += [{"picture": address} for address in files.pictures(cell.source)]
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            outputs.append({"text": text(output.text)})
        elif output.output_type == "error":
            outputs.append({"text": text("\n".join(output.traceback) or f"{output.ename}: {output.evalue}")})
        elif picture := _picture(output.data):
            outputs.append({"picture": picture})
        elif "text/html" in output.data and output.data["text/html"].count("<") <= MAX_TAGS:
            outputs.append({"html": nh3.clean(output.data["text/html"], tags=_TAGS, attributes={})})
        else:
            outputs.append({"text": text(output.data.get("text/plain", ""))})
    flags, fault = cell.metadata.get("nbgrader", {}), cell.metadata.get("rnncourse", {}).get("fault", "")
    return {
        "name": text(name), "source": text(cell.source), "outputs": outputs,
        "fault": text(fault), "comment": _comment(flags),
    }  # fmt: skip


def _picture(data: dict) -> str:
    """A data: address of a picture, inside which no script runs."""
    for mime in PICTURES:
        if data.get(mime) and (picture := decoded(data[mime])):
            return _address(kind_of(picture), picture)
    drawing = data.get("image/svg+xml", "")
    return _address("image/svg+xml", drawing.encode()) if drawing.startswith("<") else ""


def _address(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


_ENVIRONMENT = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
_TEMPLATE = _ENVIRONMENT.from_string("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none';
  form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ lab }}: feedback for {{ student }}</title>
<style>
:root { color-scheme: light dark; --line: #8886; --soft: #8881; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2rem; } h3 { font-size: 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid var(--line); }
td.points { white-space: nowrap; } tbody th, td p { overflow-wrap: anywhere; }
td p, td pre { min-width: 7rem; margin: 0 0 .3rem; } tbody th { min-width: 4.5rem; }
@media (max-width: 40rem) { th, td { padding: .4rem .2rem; font-size: .8rem; } td pre { padding: .3rem; } }
pre { background: var(--soft); padding: .6rem; overflow-x: auto;
  white-space: pre-wrap; overflow-wrap: anywhere; }
.comment > p { white-space: pre-line; overflow-wrap: anywhere; }
.wide { overflow-x: auto; } .total { font-size: 1.2rem; } img { max-width: 100%; background: #fff; }
dt { font-weight: 600; } dd { margin: 0 0 .4rem; overflow-wrap: anywhere; }
</style>
</head>
<body>
<main>
<h1>{{ lab }}: feedback for {{ student }}</h1>
<p class="total"><strong>{{ "%g" % ([score - late, 0] | max) }} of {{ "%g" % max_score }} points</strong>
{% if late %} ({{ "%g" % score }} less {{ "%g" % late }} for lateness){% endif %}</p>
{% if run.problem %}
<p>Your notebook could not be graded: {{ run.problem }}. A person will look at it.</p>
{% else %}
<h2>Tasks</h2>
<table>
<thead><tr><th scope="col">Test</th><th scope="col">Points</th>
<th scope="col">Result</th><th scope="col">What to look at</th></tr></thead>
<tbody>
{% for t in tasks %}
<tr>
<th scope="row"><code>
{%- for word in t.name.split("_") %}{{ "_" if not loop.first }}<wbr>{{ word }}{% endfor -%}
</code></th>
<td class="points">{{ "%g" % t.score }} / {{ "%g" % t.points }}
{% if t.extra %}<br>{{ "%g" % t.extra }} of it extra{% endif %}</td>
<td>{{ t.state }}</td>
<td>
{% if t.about %}<p>{{ t.about }}</p>{% endif %}
{% if t.hidden %}<p>A hidden test did not pass. {{ t.hint }}</p>{% endif %}
{% if t.fault %}<p>The grader says: {{ t.fault }}.</p>{% endif %}
{% if t.said %}<pre>{{ t.said }}</pre>{% endif %}
{% if t.comment %}<div class="comment"><p>Comment:</p>{{ t.comment | safe }}</div>{% endif %}
</td>
</tr>
{% endfor %}
</tbody>
</table>
<h2>Your answers as they ran</h2>
{% for a in answers %}
<h3><code>{{ a.name }}</code></h3>
<pre tabindex="0">{{ a.source }}</pre>
{% if a.fault %}<p>The grader says: {{ a.fault }}.</p>{% endif %}
{% if a.comment %}<div class="comment"><p>Comment:</p>{{ a.comment | safe }}</div>{% endif %}
{% for o in a.outputs %}
{% if o.picture %}<img src="{{ o.picture }}" alt="output {{ loop.index }} of {{ a.name }}">
{% elif o.html %}<div class="wide" tabindex="0">{{ o.html | safe }}</div>
{% else %}<pre tabindex="0">{{ o.text }}</pre>
{% endif %}
{% endfor %}
{% endfor %}
{% endif %}
<h2>Receipt</h2>
<dl>
<dt>Graded</dt><dd>{{ run.graded }}</dd>
<dt>Your file {{ notebook }}.ipynb (SHA-256)</dt><dd><code>{{ run.sha256 }}</code></dd>
<dt>Seed of the random tests</dt><dd><code>{{ run.seed }}</code></dd>
</dl>
</main>
</body>
</html>
""")
