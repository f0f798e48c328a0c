# ruff: noqa: E501
"""The form of a student's page: one file, no script, light and dark, for a phone, a screen and paper."""

import jinja2

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2127; --dim: #57606a; --paper: #fff; --soft: #f3f5f7;
  --line: #d5dae0; --link: #0a5fa3; --good: #1a6b2f; --bad: #a3260f; --mark: #fff1c9; --bar: #2f9e4f;
  --word: #8a2a75; --text: #0b6170; --note: #5c6670; --name: #7a4a00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ec; --dim: #a4adb8; --paper: #14181d;
  --soft: #1e242b; --line: #3a434d; --link: #7cc0ff; --good: #7fd694; --bad: #ff9e8a; --mark: #4a3b0c;
  --bar: #4cbf6c; --word: #f0a3dc; --text: #84d5e3; --note: #9aa5b1; --name: #f0c27a; } }
@media print { :root { color-scheme: light; --ink: #000; --dim: #444; --paper: #fff; --soft: #f6f6f6;
  --line: #bbb; --link: #00417a; --good: #14541f; --bad: #8a1f0c; --mark: #fff1c9;
  --word: #6b1f5a; --text: #084b57; --note: #555; --name: #5e3900; } }
* { box-sizing: border-box; }
body { font: 1rem/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 54rem; margin: 0 auto; padding: 1rem 1.2rem 3rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 1rem 0 .2rem; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 0; }
h3 { font-size: 1rem; margin: 0; }
a { color: var(--link); } .dim { color: var(--dim); } .good { color: var(--good); } .bad { color: var(--bad); }
.total { font-size: 1.35rem; margin: .8rem 0 .3rem; }
.bar { height: .6rem; border-radius: .3rem; background: var(--line); overflow: hidden; margin: 0 0 1.4rem; }
.bar div { height: 100%; background: var(--bar); }
.first { border-left: .3rem solid var(--link); background: var(--soft); padding: .7rem 1rem; margin: 1.2rem 0; }
.first ol { margin: .4rem 0 0; padding: 0; list-style: none; } .first li { margin: .25rem 0; }
table { border-collapse: collapse; }
.tasks { width: 100%; margin: 1.2rem 0 0; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem .4rem 0; border-bottom: 1px solid var(--line); }
.tasks th:nth-child(2), .tasks td:nth-child(2) { white-space: nowrap; }
.tasks tbody th { font-weight: 400; }
.task { border-top: 2px solid var(--line); margin-top: 2.4rem; padding-top: 1.1rem; scroll-margin-top: .5rem; }
.head { display: flex; flex-wrap: wrap; gap: .2rem 1rem; justify-content: space-between; align-items: baseline; }
.points { white-space: nowrap; }
.test { margin: .9rem 0; padding: .6rem .9rem; border: 1px solid var(--line); border-radius: .4rem; }
.test.no { border-left: .3rem solid var(--bad); } .test.yes { border-left: .3rem solid var(--good); }
.test p { margin: .4rem 0; }
.hint { border-left: .2rem solid var(--dim); padding-left: .7rem; }
details { margin: .8rem 0; } summary { cursor: pointer; padding: .3rem 0; color: var(--link); }
pre, code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .875rem; }
pre { background: var(--soft); border-radius: .3rem; padding: .6rem .8rem; margin: .5rem 0; line-height: 1.45;
  white-space: pre-wrap; overflow-wrap: anywhere; }
pre.code { counter-reset: line; padding-left: 0; }
.line { display: inline-block; width: 100%; padding-left: 3.6rem; text-indent: 0; position: relative; }
.line::before { counter-increment: line; content: counter(line); position: absolute; left: 0; width: 2.7rem;
  text-align: right; color: var(--dim); }
.line:empty::after { content: " "; } .here { background: var(--mark); }
.py-k, .py-kn, .py-kc, .py-ow, .py-kd { color: var(--word); font-weight: 600; }
[class^=py-s] { color: var(--text); } [class^=py-c] { color: var(--note); font-style: italic; }
[class^=py-m], .py-nb, .py-bp { color: var(--name); } .py-nf, .py-nc, .py-nd { color: var(--link); font-weight: 600; }
.wide, .formula { display: block; overflow-x: auto; max-width: 100%; } .formula { padding: .4rem 0; }
.wide table { font-size: .95rem; } .heading { margin-bottom: .2rem; }
.said { font-size: 1rem; font-family: inherit; background: none; padding: 0; }
math { font-size: 1.08em; }
mtd[columnalign=right] { text-align: right; padding-inline: 0; } mtd[columnalign=left] { text-align: left; padding-inline: 0; }
mtd[columnalign=right]:not(:first-child) { padding-left: 2em; }
img { max-width: 100%; background: #fff; border-radius: .3rem; }
.comment { border-left: .3rem solid var(--name); padding: .1rem 0 .1rem .9rem; margin: .9rem 0; }
.comment p { white-space: pre-line; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.2rem; } dt { font-weight: 600; } dd { margin: 0; }
@media (max-width: 40rem) { body { padding: .6rem .8rem 2rem; font-size: .97rem; } dl { display: block; }
  dd { margin-bottom: .5rem; } .line { padding-left: 2.5rem; } .line::before { width: 1.8rem; }
  .tasks th, .tasks td { font-size: .92rem; } }
@media print { body { max-width: none; padding: 0; font-size: 10.5pt; } .test.yes, pre, .first, tr { break-inside: avoid; }
  h2, h3, summary, .head { break-after: avoid; } summary { list-style: none; }
  details::details-content { content-visibility: visible; display: block; block-size: auto; }
  a { text-decoration: none; } }
"""

_PAGE = """
{%- macro number(score, points) -%}
{{ "%g" % score }} of {{ "%g" % points }}{% endmacro -%}
{%- macro word(n, one) -%}
{{ "%g" % n }} {{ one }}{{ "s" if n != 1 }}{% endmacro -%}
{%- macro marks(task) -%}
{{ number(task.score, task.known) ~ (" points" if task.known == task.points) if task.known }}
{{- ", " if task.known and task.unknown }}{{ "%g hidden" % task.unknown if task.unknown }}
{{- word(task.points, "point") if not task.known and not task.unknown }}{% endmacro -%}
{%- macro colour(test) -%}
{{ "dim" if test.state in ("not here", "a person grades it", "for a person to grade") else "good" if test.passed else "bad" if test.state[:2] == "no" }}{% endmacro -%}
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none';
  form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}: {{ "checked at home" if home else "feedback for " ~ student }}</title>
<style>{{ style | safe }}</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
<p class="dim">{{ "Checked at home" if home else "Feedback for " ~ student }}
{%- if chapter %} · <a href="{{ chapter }}">the chapter</a>{% endif %}</p>
{% if home %}
<p class="total"><strong>{{ number(score, sure) }} points</strong> that can be known at home</p>
{% if unknown %}
<p>{{ word(unknown, "more point") }} can't be known at home: hidden tests try other sizes, types and values.</p>
{% endif %}
{% else %}
{% set final = [score - late, 0] | max %}
<p class="total"><strong>{{ number(final, max_score) }} points</strong>
{% if late %} ({{ "%g" % score }} less {{ "%g" % late }} for lateness){% endif %}</p>
<div class="bar" aria-hidden="true"><div style="width: {{ "%.1f" % ([100 * final / (max_score or 1), 100] | min) }}%">
</div></div>
{% endif %}
{% if run.problem %}
<p>Your notebook could not be graded: {{ run.problem }}. A person will look at it.</p>
{% else %}
{% if advice %}
<section class="first" aria-labelledby="first">
<h2 id="first">What to do first</h2>
<ol>
{% for task, why in advice[:4] %}
<li>{{ "Then " if not loop.first else "Begin with " }}<a href="#task-{{ task.number }}">{{ task.title }}</a>: {{ why }}.</li>
{% endfor %}
</ol>
{% if advice | length > 4 %}<p>{{ word(advice | length - 4, "more task") }} after that, in the order of the lab.</p>{% endif %}
</section>
{% elif not home and score >= max_score %}
<p>All tests passed.</p>
{% endif %}
<table class="tasks">
<thead><tr><th scope="col">Task</th><th scope="col">Points</th><th scope="col">Result</th></tr></thead>
<tbody>
{% for t in tasks if t.of.tests %}
<tr>
<th scope="row"><a href="#task-{{ t.of.number }}">{{ t.of.title }}</a></th>
<td>{{ marks(t.of) | replace(" points", "") | replace(" point", "") }}</td>
<td>
{% set states = t.tests | map("first") | map(attribute="state") | unique | list %}
{% for test, _ in (t.tests if states | length > 1 else t.tests[:1]) %}
<span class="{{ colour(test) }}">{{ test.label | lower ~ " " if states | length > 1 }}{{ test.state }}</span>
{{- "," if not loop.last }}
{% endfor %}
</td>
</tr>
{% endfor %}
</tbody>
</table>
{% for t in tasks %}
<section class="task" id="task-{{ t.of.number }}" aria-labelledby="title-{{ t.of.number }}">
<div class="head"><h2 id="title-{{ t.of.number }}">{{ t.of.title }}</h2>
{% if t.of.tests %}<span class="points">{{ marks(t.of) }}</span>{% endif %}</div>
{% if t.text %}
<details{{ " open" if not t.of.passed }}><summary>The task</summary>
{{ t.text }}
</details>
{% endif %}
{% for test, source in t.tests %}
<div class="test {{ "" if test.score is none else "yes" if test.passed else "no" }}">
<div class="head"><h3>{{ test.label }}: <span class="{{ colour(test) }}">{{ test.state }}</span></h3>
<span class="points">{{ number(test.score, test.points) if test.score is not none else word(test.points, "point") }}
{%- if test.extra %}, {{ "%g" % test.extra }} of it extra{% endif %}</span></div>
{% if test.about %}<p class="dim">{{ test.about }}</p>{% endif %}
{% if test.note %}<p>{{ test.note }}</p>{% endif %}
{% if test.at %}
<p>{{ test.kind or "It stops" }} in {% if test.at.cell in numbers -%}
<a href="#code-{{ numbers[test.at.cell] }}">{{ test.at.name }}</a>{% else %}{{ test.at.name }}{% endif %}, line {{ test.at.line }}:</p>
<pre class="code">{{ test.at.text }}</pre>
{% endif %}
{% if test.said %}<pre class="said">{{ test.said }}</pre>{% endif %}
{% if test.dump %}<details><summary>{{ "What the test says" if t.of.unanswered else "The values that were compared" }}</summary><pre>{{ test.dump }}</pre></details>{% endif %}
{% if test.hint %}
<p>A hidden test did not pass. Its author asks or says:</p>
<p class="hint">{{ test.hint }}</p>
{% elif test.hidden and not test.passed and not (test.source or test.said or test.note or t.of.unanswered) %}
<p>A hidden test did not pass.</p>
{% endif %}
{% if test.source %}
<details open><summary>The visible test</summary><pre tabindex="0" class="code">{{ source }}</pre></details>
{% endif %}
</div>
{% endfor %}
{% for comment in t.comments %}
<div class="comment"><p>Comment:</p>{{ comment | safe }}</div>
{% endfor %}
{% for a in t.answers %}
{% if a.of.unanswered %}
<p class="dim">The cell is as it was handed out.</p>
{% else %}
<details id="code-{{ t.of.number }}{{ "-%d" % loop.index if loop.index > 1 }}"{{ " open" if not t.of.passed or a.of.added }}>
<summary>{{ "A cell of yours: " ~ a.of.name if a.of.added else "Your answer, as it ran" }}</summary>
<pre tabindex="0" class="code">{{ a.source }}</pre>
{% if a.of.fault %}<p>The grader says: {{ a.of.fault }}.</p>{% endif %}
{% for o in a.outputs %}
{% if o.picture %}<img src="{{ o.picture }}" alt="output {{ loop.index }} of {{ a.of.name }}">
{% elif o.html %}<div class="wide" tabindex="0">{{ o.html | safe }}</div>
{% else %}<pre tabindex="0">{{ o.text }}</pre>
{% endif %}
{% endfor %}
</details>
{% endif %}
{% endfor %}
</section>
{% endfor %}
{% endif %}
{% if not home %}
<section class="task" aria-labelledby="receipt">
<h2 id="receipt">Receipt</h2>
<dl>
<dt>Graded</dt><dd>{{ run.graded }}</dd>
<dt>Your file {{ notebook }}.ipynb (SHA-256)</dt><dd><code>{{ run.sha256 }}</code></dd>
<dt>Seed of the random tests</dt><dd><code>{{ run.seed }}</code></dd>
</dl>
</section>
{% endif %}
</main>
</body>
</html>
"""

_ENVIRONMENT = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
_ENVIRONMENT.globals["style"] = _STYLE
TEMPLATE = _ENVIRONMENT.from_string(_PAGE.lstrip())
