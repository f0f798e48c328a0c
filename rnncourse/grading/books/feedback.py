"""The page a student gets back: what each task earned, what its test says, and a receipt.

It is one file without any script.
"""

import base64
import binascii

import jinja2
import nh3
from nbformat import NotebookNode

from rnncourse.grading.books.collect import text

_PICTURES = {"image/png": b"\x89PNG\r\n", "image/jpeg": b"\xff\xd8\xff", "image/svg+xml": b"<"}
MAX_TAGS = 1000  # of a table: to clean ill-nested ones takes time and room that grow with their square
_TAGS = {
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "p",
    "b",
    "i",
    "em",
    "strong",
    "code",
    "pre",
    "ul",
    "ol",
    "li",
    "br",
    "sub",
    "sup",
}


def page(nb: NotebookNode, names: dict) -> str:
    """The HTML of an autograded notebook whose cells hold their scores; `names` say whose it is."""
    tasks, answers = [], {}
    for cell in nb.cells:
        own, flags = cell.metadata.get("rnncourse", {}), cell.metadata.get("nbgrader", {})
        kind = own.get("kind", "")
        if flags.get("grade"):
            tasks.append(_task(cell, own, flags))
        if kind in ("solution", "manual", "added"):
            answers[flags.get("grade_id") or f"added {len(answers) + 1}"] = cell
    run = nb.metadata.get("rnncourse", {})
    score, points = sum(t["score"] or 0 for t in tasks), sum(t["points"] for t in tasks)
    return _TEMPLATE.render(
        student=text(names["student"]), lab=text(names["assignment"]),
        notebook=text(names["notebook"]), run=run, tasks=tasks, late=names.get("late_penalty") or 0,
        score=names.get("score", score), max_score=names.get("max_score", points),
        answers=[_answer(name, cell) for name, cell in answers.items()],
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
    if own.get("score") is None and own.get("kind") == "manual":
        state = "graded by a person" if score else "for a person to grade"
    hidden, fault = own.get("where") == "hidden", own.get("fault", "")
    said = [own["message"]] if own.get("where") == "visible" and not fault else []
    return {
        "name": text(flags.get("grade_id", "")), "about": text(about) if cell.cell_type == "code" else "",
        "score": score or 0, "points": points,
        "state": state, "hidden": hidden, "said": [text(s) for s in said if s],
        "hint": text(own.get("hint", "")) if hidden else "", "fault": text(fault),
        "comment": text(flags.get("comment") or ""),
    }  # fmt: skip


def _answer(name: str, cell) -> dict:
    outputs = []
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
    comment = cell.metadata.get("nbgrader", {}).get("comment")
    return {
        "name": text(name),
        "source": text(cell.source),
        "outputs": outputs,
        "comment": text(comment or ""),
        "fault": text(cell.metadata.get("rnncourse", {}).get("fault", "")),
    }


def _picture(data: dict) -> str:
    """A data: address of a picture, inside which no script runs."""
    for mime, magic in _PICTURES.items():
        value = data.get(mime)
        if not value:
            continue
        try:
            raw = (
                value.encode()
                if mime == "image/svg+xml"
                else base64.b64decode(value.replace("\n", ""), validate=True)
            )
        except (binascii.Error, ValueError):
            continue
        if raw.startswith(magic):
            return f"data:{mime};base64,{base64.b64encode(raw).decode()}"
    return ""


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
<td class="points">{{ "%g" % t.score }} / {{ "%g" % t.points }}</td>
<td>{{ t.state }}</td>
<td>
{% if t.about %}<p>{{ t.about }}</p>{% endif %}
{% if t.hidden %}<p>A hidden test did not pass. {{ t.hint }}</p>{% endif %}
{% if t.fault %}<p>The grader says: {{ t.fault }}.</p>{% endif %}
{% for said in t.said %}<pre>{{ said }}</pre>{% endfor %}
{% if t.comment %}<p>Comment: {{ t.comment }}</p>{% endif %}
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
{% if a.comment %}<p>Comment: {{ a.comment }}</p>{% endif %}
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
