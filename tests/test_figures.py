"""Figures: what they draw, that they are the same every time, that their colours can be read; and `Explore`."""

import gzip
import itertools
import json
import re
import subprocess
import sys

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from rnncourse import figures
from rnncourse.explore import Explore

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def style():
    with plt.rc_context():
        figures.use_style()
        yield
    plt.close("all")


def texts(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def arrows(ax):
    """Arrows as (start, end), in the coordinates of the boxes."""
    return [(text.get_position(), text.xy) for text in ax.texts if getattr(text, "arrow_patch", None)]


def luminance(rgb):
    """Relative luminance of WCAG 2.2."""
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a, b):
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def inverted(rgb):
    """`filter: invert(1) hue-rotate(180deg)` of CSS (Filter Effects Module Level 1)."""
    rotate = [[-0.574, 1.43, 0.144], [0.426, 0.43, 0.144], [0.426, 1.43, -0.856]]
    return np.clip(np.array(rotate) @ (1 - np.array(rgb)), 0, 1)


@pytest.mark.parametrize("colour", [*figures.COLOURS, figures.INK, figures.GREY])
def test_colours_can_be_read_on_a_white_page_and_on_a_dark_one(colour):
    rgb = to_rgb(colour)
    assert contrast(rgb, (1, 1, 1)) >= 4.5
    assert contrast(inverted(rgb), inverted((1, 1, 1))) >= 4.5


def test_lines_differ_by_their_dashes_too():
    _, ax = plt.subplots()
    dashes = [ax.plot([0, 1])[0]._unscaled_dash_pattern for _ in figures.COLOURS]
    assert len({str(dash) for dash in dashes}) == len(figures.COLOURS)


def test_a_figure_is_the_same_text_in_another_process():
    code = (
        "import matplotlib; matplotlib.use('Agg')\n"
        "from rnncourse import figures\n"
        "figures.use_style()\n"
        "print(figures.to_svg(figures.unrolled_graph(2).figure), end='')"
    )
    first, second = (subprocess.run([sys.executable, "-c", code], capture_output=True, text=True) for _ in range(2))
    assert first.stdout.startswith("<svg") and first.stdout == second.stdout, first.stderr
    assert figures.to_svg(figures.unrolled_graph(2).figure) == first.stdout
    assert not re.search(r"<dc:date>|<dc:creator>|\d{4}-\d\d-\d\d", first.stdout)


def test_to_svg_does_not_depend_on_the_style_around_it():
    fig = figures.boxes_and_arrows({"a": (0, 0, "a")}, []).figure
    expected = figures.to_svg(fig)
    plt.rcParams.update({"svg.hashsalt": None, "svg.fonttype": "none"})
    assert figures.to_svg(fig) == expected


def test_boxes_and_arrows_draws_each_box_and_each_edge():
    nodes = {"a": (0, 0, "first"), "b": (3, 1, "second", figures.ORANGE)}
    ax = figures.boxes_and_arrows(nodes, [("a", "b", "then")])
    assert sorted(texts(ax)) == ["first", "second", "then"]
    assert arrows(ax) == [((0, 0), (3, 1))]
    boxes = {text.get_text(): text.get_bbox_patch() for text in ax.texts if text.get_bbox_patch()}
    assert to_rgb(boxes["second"].get_edgecolor()) == to_rgb(figures.ORANGE)


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [({}, [], "nodes: got none"), ({"a": (0, 0, "a")}, [("a", "b")], "edges: got 'b'")],
)
def test_boxes_and_arrows_names_what_is_wrong(nodes, edges, message):
    with pytest.raises(ValueError, match=message):
        figures.boxes_and_arrows(nodes, edges)


def test_unrolled_graph_has_every_state_input_and_output_and_their_weights():
    ax = figures.unrolled_graph(3)
    drawn = texts(ax)
    for t in (1, 2, 3):
        assert {f"$x_{{{t}}}$", f"$h_{{{t}}}$", f"$y_{{{t}}}$"} <= set(drawn)
    assert "$h_{0}$" in drawn and len(arrows(ax)) == 9
    assert all(drawn.count(f"$W_{{{name}}}$") == 3 for name in ("xh", "hh", "hy"))
    states = [text.get_position() for text in ax.texts if text.get_text().startswith("$h_")]
    recurrent = [(start, end) for start, end in arrows(ax) if start[1] == end[1]]
    assert recurrent == list(itertools.pairwise(states))


def test_unrolled_graph_leaves_out_what_is_none():
    ax = figures.unrolled_graph(2, ["the", None], [None, "$h$", "$h$"], [None, "cat"], weights=False)
    assert sorted(texts(ax)) == ["$h$", "$h$", "cat", "the"]
    assert len(arrows(ax)) == 3


def test_unrolled_graph_counts_labels():
    with pytest.raises(ValueError, match="states: got 2 labels, expected 3 for T = 2"):
        figures.unrolled_graph(2, states=["$h_1$", "$h_2$"])


def test_heatmap_writes_the_numbers_and_the_labels():
    values = np.array([[0.25, -1.0, 0.5], [1.0, 0.0, -0.5]])
    ax = figures.heatmap(values, ["a", "b"], ["x", "y", "z"], label="state")
    assert texts(ax) == ["0.25", "-1.00", "0.50", "1.00", "0.00", "-0.50"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["x", "y", "z"]
    image = ax.images[0]
    assert np.array_equal(image.get_array(), values) and image.get_clim() == (-1, 1)
    assert texts(figures.heatmap(values, ["a", "b"], ["x", "y", "z"], form=None)) == []


@pytest.mark.parametrize("limits", [(-1, 1), (0, 1)])
def test_heatmap_numbers_can_be_read_on_every_colour(limits):
    values = np.linspace(*limits, 101)[None]
    ax = figures.heatmap(values, [""], [""] * 101, limits=limits)
    for text, value in zip(ax.texts, values[0], strict=True):
        assert contrast(to_rgb(text.get_color()), ax.images[0].to_rgba(value)[:3]) >= 4.5


def test_heatmap_refuses_labels_that_do_not_fit():
    with pytest.raises(ValueError, match=r"values: got shape \(2, 3\), expected \(3, 2\)"):
        figures.heatmap(np.zeros((2, 3)), ["a", "b", "c"], ["x", "y"])


def line(slope, colour="red"):
    """A line
    through the origin.

    This is no part of the alt text.
    """
    fig, ax = plt.subplots(figsize=(2, 2))
    ax.plot([0, 1], [0, slope], color=colour)
    return fig


def test_explore_has_a_frame_and_an_alt_text_for_each_setting():
    explore = Explore(line, slope=[1, 2.5, 4], colour=["red", "blue"])
    assert explore.spec == [
        {"label": "slope", "values": ["1", "2.5", "4"]},
        {"label": "colour", "values": ["red", "blue"]},
    ]
    frames = gzip.decompress(explore.frames).decode().split("\0")
    assert len(frames) == len(explore.alts) == 6 and len(set(frames)) == 6
    assert explore.alts[3] == "A line through the origin; slope = 2.5, colour = blue"
    assert explore.index == [1, 1] and frames[3] == figures.to_svg(line(2.5, "blue"))
    assert plt.get_fignums() == [1]  # the one just drawn: frames are closed, or a notebook would show them all


def test_explore_shows_the_chosen_frame_where_widgets_are_not_shown():
    explore = Explore(line, slope=[1, 2, 3])
    explore.index = [2]
    data, _ = explore._repr_mimebundle_()
    assert data["image/svg+xml"] == figures.to_svg(line(3))
    assert data["text/plain"] == "A line through the origin; slope = 3"
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == explore.model_id


def test_explore_is_the_same_in_another_process_and_never_shares_a_live_model():
    code = (
        "import matplotlib; matplotlib.use('Agg')\n"
        "import json\n"
        "from rnncourse import figures\n"
        "from tests.test_figures import Explore, line\n"
        "figures.use_style()\n"
        "made = [Explore(line, slope=[1, 2]) for _ in range(2)]\n"
        "print(json.dumps([[e.model_id, e.layout.model_id, e.frames.hex()] for e in made]))"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True) for _ in range(2)]
    assert runs[0].returncode == 0, runs[0].stderr
    assert runs[0].stdout == runs[1].stdout
    ids = [name for *names, _ in json.loads(runs[0].stdout) for name in names]
    assert len(set(ids)) == 4


@pytest.mark.parametrize(
    ("draw", "grid", "message"),
    [
        (line, {}, "grid: got no parameter"),
        (line, {"slope": []}, "slope: got no values"),
        (lambda slope: line(slope), {"slope": [1]}, "draw: got <lambda> without docstring"),
    ],
)
def test_explore_names_what_is_wrong(draw, grid, message):
    with pytest.raises(ValueError, match=message):
        Explore(draw, **grid)


@pytest.mark.parametrize("index", [[2], [-1], [0, 0], [True]])
def test_explore_refuses_an_index_outside_its_sliders(index):
    explore = Explore(line, slope=[1, 2])
    with pytest.raises(ValueError, match="index: got"):
        explore.index = index
    assert explore.index == [1]


def drawn(ax):
    """What is drawn of a cell: its boxes as (label, place), its arrows as (start, end) of places."""
    return {(t.get_text(), t.get_position()) for t in ax.texts if t.get_bbox_patch()}, set(arrows(ax))


@pytest.mark.parametrize(("name", "gates", "state"), [("rnn", "", "out"), ("lstm", "figo", "c_t"), ("gru", "rz", "out")])
def test_cell_feeds_every_gate_with_the_input_and_leaves_no_box_alone(name, gates, state):
    ax = figures.cell(name)
    nodes, _ = figures.CELLS[name]
    boxes, edges = drawn(ax)
    assert boxes == {(node[2], node[:2]) for node in nodes.values()}
    assert nodes[state][2] in ("$c_t$", "$h_t$") and nodes[state][:2] in {end for _, end in edges}
    for gate in gates:
        assert (nodes["in"][:2], nodes[gate][:2]) in edges
    assert {place for edge in edges for place in edge} == {node[:2] for node in nodes.values()}


@pytest.mark.parametrize(("name", "products"), [("lstm", 3), ("gru", 3)])
def test_cell_draws_every_product_with_its_two_factors(name, products):
    ax = figures.cell(name)
    places = [text.get_position() for text in ax.texts if text.get_text() == "$\\odot$"]
    assert len(places) == products
    for place in places:
        assert [end for _, end in arrows(ax)].count(place) == 2
        assert [start for start, _ in arrows(ax)].count(place) == 1


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_cell_grows_by_stages_in_one_layout(name):
    _, stages = figures.CELLS[name]
    drawings = [figures.cell(name, stage) for stage in range(1, len(stages) + 1)]
    assert len({(ax.get_xlim(), ax.get_ylim(), *ax.figure.get_size_inches()) for ax in drawings}) == 1
    for ax, after in itertools.pairwise(drawings):
        assert drawn(ax)[0] <= drawn(after)[0] and drawn(ax)[1] != drawn(after)[1]
    assert drawn(drawings[-1]) == drawn(figures.cell(name))
    for ax in drawings:  # and what a stage adds is bold
        widths = {t.arrow_patch.get_linewidth() for t in ax.texts if getattr(t, "arrow_patch", None)}
        assert max(widths) > 2
    assert {t.arrow_patch.get_linewidth() for t in figures.cell(name).texts if getattr(t, "arrow_patch", None)} == {1.2}


def test_cell_places_the_weights_of_the_candidate_behind_or_before_the_reset():
    nodes, _ = figures.CELLS["gru"]
    for reset_after, start, end in ((True, "past", "reset"), (False, "reset", "n")):
        (label,) = (text for text in figures.cell("gru", reset_after=reset_after).texts if text.get_text() == "$W_{hn}$")
        middle = np.mean([nodes[start][:2], nodes[end][:2]], axis=0)
        assert label.xy == tuple(middle)


def test_gradient_lag_draws_each_curve_and_ends_it_where_the_gradient_is_zero():
    ax = figures.gradient_lag({"a": [1, 0.1, 0.0], "b": [1, 2, 4]}, {"bound": [1, 1, 1]})
    a, b, bound = (line.get_ydata() for line in ax.get_lines())
    assert np.isnan(a[2]) and list(a[:2]) == [1, 0.1]
    assert list(b) == [1, 2, 4] and list(bound) == [1, 1, 1]
    assert ax.get_yscale() == "log"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b", "bound"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: figures.cell("esn"), "name: got 'esn', expected one of rnn, lstm, gru"),
        (lambda: figures.cell("lstm", 5), "stage: got 5, expected 1 to 4"),
        (lambda: figures.gradient_lag({}), "norms: got none"),
        (lambda: figures.gradient_lag({"a": [-1.0]}), "a: got shape"),
    ],
)
def test_cell_and_gradient_lag_name_what_does_not_fit(call, message):
    with pytest.raises(ValueError, match=message):
        call()
