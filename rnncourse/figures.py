"""One style for the figures of the book, and the drawings that chapters share.

Every figure is SVG that depends on its data alone: no date, no random id, glyphs as paths. The colours keep a contrast
of 4.5 : 1 with a white page, and with a black one where a dark page inverts the image (`filter: invert(1)
hue-rotate(180deg)`). Lines differ by dashes as well as by colour.
"""

import io

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from IPython import get_ipython
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, GREY = "#1a1a1a", "#666666"
BLUE, ORANGE, GREEN, PURPLE, OLIVE = COLOURS = ("#0a5fa3", "#b84a00", "#00754a", "#9a3f8f", "#7a6a00")

STYLE = {
    "figure.figsize": (6.4, 3.2),
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.prop_cycle": cycler(color=COLOURS, linestyle=["-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1))]),
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "rnncourse",
}
SVG_METADATA = {"Date": None, "Creator": None}


def use_style():
    """Draw every figure of this Python process in the book's style; in a notebook, as SVG without a date."""
    plt.rcParams.update(STYLE)
    if get_ipython() is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg", metadata=SVG_METADATA)


def to_svg(fig: Figure) -> str:
    """The figure as the text of one <svg> element: the same figure gives the same text."""
    text = io.StringIO()
    with plt.rc_context({key: STYLE[key] for key in ("svg.fonttype", "svg.hashsalt")}):
        fig.savefig(text, format="svg", metadata=SVG_METADATA)
    return text.getvalue()[text.getvalue().index("<svg") :]


def boxes_and_arrows(nodes: dict, edges: list, ax: Axes | None = None, bold=()) -> Axes:
    """Draw labelled boxes and the arrows between them: a graph, a map.

    Args:
        nodes: name -> (x, y, label) or (x, y, label, colour); a box is as large as its label, (x, y) is its centre, in
            units of about three lines of text, y upwards.
        edges: (from, to) or (from, to, label), each a name in nodes; the label stands beside the middle of the arrow.
        ax: where to draw; a new figure of fitting size by default.
        bold: names of nodes, and edges as (from, to), that are drawn with thicker lines.

    Returns:
        The axes drawn on.

    Raises:
        ValueError: no node, or an edge names a node that is not there.
    """
    if not nodes:
        raise ValueError("nodes: got none, expected at least one")
    for edge in edges:
        for name in edge[:2]:
            if name not in nodes:
                raise ValueError(f"edges: got {name!r} in {edge!r}, expected a name in nodes: {list(nodes)}")
    x, y = np.array([node[:2] for node in nodes.values()], dtype=float).T
    if ax is None:
        _, ax = plt.subplots(figsize=(0.62 * np.ptp(x) + 1.4, 0.62 * np.ptp(y) + 0.8))
    ax.set(xlim=(x.min() - 1, x.max() + 1), ylim=(y.min() - 0.7, y.max() + 0.7))
    ax.axis("off")
    boxes = {}
    for name, (x_node, y_node, label, *colour) in nodes.items():
        edgecolor = colour[0] if colour else BLUE
        width = 2.8 if name in bold else 1.4
        box = {"boxstyle": "round,pad=0.45", "facecolor": "white", "edgecolor": edgecolor, "linewidth": width}
        boxes[name] = ax.text(x_node, y_node, label, ha="center", va="center", linespacing=1.3, bbox=box)
    for start, end, *label in edges:
        a, b = nodes[start][:2], nodes[end][:2]
        colour, width = (INK, 2.2) if (start, end) in bold else (GREY, 1.2)
        arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": width, "shrinkA": 1, "shrinkB": 1}
        arrow |= {"patchA": boxes[start].get_bbox_patch(), "patchB": boxes[end].get_bbox_patch()}
        ax.annotate("", b, a, arrowprops=arrow)
        if label:
            level = abs(b[0] - a[0]) > abs(b[1] - a[1])
            offset, ha, va = ((0, 3), "center", "bottom") if level else ((5, 0), "left", "center")
            if level and a[1] != b[1]:  # beside a slope, above it
                ha = "right" if (b[1] - a[1]) * (b[0] - a[0]) > 0 else "left"
            middle = ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
            style = {"color": INK, "fontsize": plt.rcParams["font.size"] - 1, "ha": ha, "va": va}
            ax.annotate(label[0], middle, offset, textcoords="offset points", **style)
    return ax


def unrolled_graph(T: int, inputs=None, states=None, outputs=None, weights=True, ax: Axes | None = None) -> Axes:
    """Draw a recurrent network unrolled over T steps: inputs below, states in a row, outputs above.

    Args:
        T: number of steps.
        inputs: T labels, by default x_1 … x_T; None in the place of a label leaves the node out.
        states: T + 1 labels, by default h_0 … h_T; the first may be None.
        outputs: T labels, by default y_1 … y_T; None leaves the node out.
        weights: write W_xh, W_hh or W_hy on every arrow, the same at every step; or not.
        ax: where to draw; a new figure by default.

    Returns:
        The axes drawn on.

    Raises:
        ValueError: a list of labels of another length.
    """
    inputs = [f"$x_{{{t}}}$" for t in range(1, T + 1)] if inputs is None else inputs
    states = [f"$h_{{{t}}}$" for t in range(T + 1)] if states is None else states
    outputs = [f"$y_{{{t}}}$" for t in range(1, T + 1)] if outputs is None else outputs
    for name, labels, expected in (("inputs", inputs, T), ("states", states, T + 1), ("outputs", outputs, T)):
        if len(labels) != expected:
            raise ValueError(f"{name}: got {len(labels)} labels, expected {expected} for T = {T}")
    rows = {"x": (-1.6, [None, *inputs], ORANGE), "h": (0, states, BLUE), "y": (1.6, [None, *outputs], GREEN)}
    nodes = {
        (row, t): (2.2 * t, y, label, colour)
        for row, (y, labels, colour) in rows.items()
        for t, label in enumerate(labels)
        if label is not None
    }
    edges = []
    for t in range(1, T + 1):
        for start, end in ((("h", t - 1), ("h", t)), (("x", t), ("h", t)), (("h", t), ("y", t))):
            if start in nodes and end in nodes:
                edges.append((start, end, f"$W_{{{start[0]}{end[0]}}}$") if weights else (start, end))
    return boxes_and_arrows(nodes, edges, ax)


def heatmap(values, rows, columns, limits=(-1, 1), form: str | None = ".2f", label="", ax: Axes | None = None) -> Axes:
    """Draw a matrix as coloured cells with a colour bar, red to blue where the limits are ±a, else light to dark.

    Args:
        values: (R, C) numbers. rows, columns: R and C labels.
        limits: the values at the two ends of the colour bar.
        form: the format in which each cell shows its number; None shows none.
        label: of the colour bar.
        ax: where to draw; a new figure by default.

    Returns:
        The axes drawn on.

    Raises:
        ValueError: labels that do not fit the matrix.
    """
    values = np.asarray(values, dtype=float)
    if values.shape != (len(rows), len(columns)):
        raise ValueError(f"values: got shape {values.shape}, expected {(len(rows), len(columns))}, that of the labels")
    if ax is None:
        _, ax = plt.subplots(figsize=(0.62 * len(columns) + 2, 0.34 * len(rows) + 0.9))
    cmap = "RdBu" if sum(limits) == 0 else "Blues"
    image = ax.imshow(values, cmap=cmap, vmin=limits[0], vmax=limits[1], aspect="auto")
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.figure.colorbar(image, ax=ax, label=label).outline.set_visible(False)
    if form is not None:
        for (r, c), value in np.ndenumerate(values):
            luminance = np.array(image.to_rgba(value)[:3]) ** 2.2 @ np.array([0.2126, 0.7152, 0.0722])
            colour = "white" if luminance < 0.18 else "black"  # at 0.18 both have a contrast of 4.6 : 1
            ax.text(c, r, format(value, form), ha="center", va="center", fontsize=9, color=colour)
    return ax


# A cell is drawn in stages, in one layout: along the top runs what is carried to the next step, at the bottom come the
# inputs in. name -> nodes for `boxes_and_arrows`, and for each stage the edges that it adds and those that it replaces.
_TOP, _MIDDLE, _GATES, _BOTTOM = 4.8, 3.2, 1.6, 0
_STATE = {"h": (0, _TOP, "$h_{t-1}$", GREEN), "out": (9.3, _TOP, "$h_t$", GREEN)}
CELLS = {
    "rnn": (
        _STATE | {
            "in": (4.5, _MIDDLE, "$x_t$", ORANGE), "sum": (4.5, _TOP, "+", GREY), "tanh": (6.8, _TOP, "tanh"),
        },
        [
            ([("h", "out", "$W_{hh}$")], []),
            ([("h", "sum", "$W_{hh}$"), ("in", "sum", "$W_{xh}$"), ("sum", "out")], [("h", "out", "$W_{hh}$")]),
            ([("sum", "tanh"), ("tanh", "out")], [("sum", "out")]),
        ],
    ),
    "lstm": (
        {
            "c": (0, _TOP, "$c_{t-1}$", GREEN), "c_t": (9.3, _TOP, "$c_t$", GREEN),
            "in": (4.5, _BOTTOM, "$h_{t-1},\\ x_t$", ORANGE),
            "f": (1.6, _GATES, "forget $f_t$\n$\\sigma$"), "forget": (1.6, _TOP, "$\\odot$", GREY),
            "i": (3.5, _GATES, "input $i_t$\n$\\sigma$"), "g": (5.5, _GATES, "candidate $g_t$\ntanh", PURPLE),
            "write": (4.5, _MIDDLE, "$\\odot$", GREY), "sum": (4.5, _TOP, "+", GREY),
            "o": (7.4, _GATES, "output $o_t$\n$\\sigma$"), "tanh": (9.3, _MIDDLE, "tanh", GREY),
            "read": (9.3, _GATES, "$\\odot$", GREY), "out": (9.3, _BOTTOM, "$h_t$", ORANGE),
        },
        [
            ([("c", "c_t")], []),
            ([("in", "f"), ("f", "forget"), ("c", "forget"), ("forget", "c_t")], [("c", "c_t")]),
            (
                [("in", "i"), ("in", "g"), ("i", "write"), ("g", "write"), ("write", "sum"), ("forget", "sum"), ("sum", "c_t")],
                [("forget", "c_t")],
            ),
            ([("in", "o"), ("c_t", "tanh"), ("tanh", "read"), ("o", "read"), ("read", "out")], []),
        ],
    ),
    "gru": (
        _STATE | {
            "in": (2.4, _BOTTOM, "$h_{t-1},\\ x_t$", ORANGE), "z": (1.6, _GATES, "update $z_t$\n$\\sigma$"),
            "keep": (1.6, _TOP, "$\\odot$", GREY), "rest": (2.9, _MIDDLE, "$1 - z_t$", GREY),
            "write": (4.5, _MIDDLE, "$\\odot$", GREY),
            "sum": (4.5, _TOP, "+", GREY), "n": (8.2, _GATES, "new $n_t$\ntanh", PURPLE),
            "r": (3.6, _GATES, "reset $r_t$\n$\\sigma$"), "past": (5.5, _BOTTOM, "$h_{t-1}$", ORANGE),
            "x": (8.2, _BOTTOM, "$x_t$", ORANGE), "reset": (5.5, _GATES, "$\\odot$", GREY),
        },
        [
            ([("h", "out")], []),
            ([("in", "z"), ("z", "keep"), ("h", "keep"), ("keep", "out")], [("h", "out")]),
            (
                [
                    ("z", "rest"), ("rest", "write"), ("past", "n", "$W_{hn}$"), ("x", "n", "$W_{xn}$"), ("n", "write"),
                    ("write", "sum"), ("keep", "sum"), ("sum", "out"),
                ],
                [("keep", "out")],
            ),
            (
                [("in", "r"), ("r", "reset"), ("past", "reset", "$W_{hn}$"), ("reset", "n")],
                [("past", "n", "$W_{hn}$")],
            ),
        ],
    ),
}  # fmt: skip


def cell(name: str, stage: int | None = None, reset_after: bool = True, ax: Axes | None = None) -> Axes:
    """Draw one step of a recurrent cell, which value goes where, as far as one stage of its explanation has come.

    Args:
        name: "rnn" (3 stages), "lstm" (4) or "gru" (4; in PyTorch's convention, z keeps the old state).
        stage: 1, 2 …: what this stage adds is drawn in bold, what later ones add is left out; None draws the whole cell.
        reset_after: of a GRU, whether r multiplies after the product with W_hn, or before it.
        ax: where to draw; a new figure by default, of one size for all stages of a cell.

    Returns:
        The axes drawn on.

    Raises:
        ValueError: another name, or no such stage.
    """
    if name not in CELLS:
        raise ValueError(f"name: got {name!r}, expected one of {', '.join(CELLS)}")
    nodes, stages = CELLS[name]
    if stage not in (None, *range(1, len(stages) + 1)):
        raise ValueError(f"stage: got {stage!r}, expected 1 to {len(stages)}, or None for the whole cell")
    before, edges, added = [], [], []
    for added, replaced in stages[:stage]:
        before, edges = edges, [edge for edge in edges if edge not in replaced] + added
    if name == "gru" and not reset_after:
        moved = {("past", "reset"): ("past", "reset"), ("reset", "n"): ("reset", "n", "$W_{hn}$")}
        edges = [moved.get(edge[:2], edge) for edge in edges]
    ends = {end for edge in edges for end in edge[:2]}
    left, right, bottom, top = -0.9, 10.2, min(node[1] for node in nodes.values()) - 0.65, _TOP + 0.65
    if ax is None:
        _, ax = plt.subplots(figsize=(0.57 * (right - left), 0.57 * (top - bottom)))
    known = {end for edge in before for end in edge[:2]}
    bold = {end for edge in added for end in edge[:2]} - known | {edge[:2] for edge in added} if stage else ()
    with plt.rc_context({"font.size": 11.5}):
        boxes_and_arrows({key: node for key, node in nodes.items() if key in ends}, edges, ax, bold)
    ax.set(xlim=(left, right), ylim=(bottom, top))  # those of the whole cell, at every stage
    return ax


def gradient_lag(norms: dict, bounds: dict | None = None, ax: Axes | None = None) -> Axes:
    """Draw how the norm of a gradient changes with the lag, on a logarithmic axis.

    Args:
        norms: label -> the norm at lag 0, 1, 2 …; a norm of exactly 0 has no place on the axis, and the curve ends there.
        bounds: label -> a bound at each lag, drawn thin.
        ax: where to draw; a new figure by default.

    Returns:
        The axes drawn on.

    Raises:
        ValueError: no curve, or norms that are no sequence of numbers of 0 or more.
    """
    if not norms:
        raise ValueError("norms: got none, expected at least one curve")
    if ax is None:
        _, ax = plt.subplots()
    for curves, width in ((norms, 1.6), (bounds or {}, 0.8)):
        for label, values in curves.items():
            values = np.asarray(values, dtype=float)
            if values.ndim != 1 or not (values >= 0).all():
                raise ValueError(f"{label}: got shape {values.shape}, expected numbers of 0 or more, one for each lag")
            ax.semilogy(np.where(values > 0, values, np.nan), label=label, linewidth=width)
    ax.set(xlabel="lag in steps", ylabel="norm of the gradient")
    ax.legend()
    return ax
