"""Mistakes of the lab `gru`, 23 points. One mistake costs once: what calls a wrong function is tested with a right one."""

from . import Mistake

SIGMOID = "0.5 * (1 + np.tanh(0.5 * a))"
SPLIT_X = "np.split(x_t @ W_ih.T + b_ih, 3, axis=1)"
SPLIT_H = "np.split(h_prev @ W_hh.T + b_hh, 3, axis=1)"
N = "np.tanh(x_n + r * h_n)"
H_T = "(1 - z) * n + z * h_prev"
BOTH_BIASES = "np.split(x_t @ W_ih.T + b_ih + b_hh, 3, axis=1)"
BEFORE = "x_n + (r * h_prev) @ W_hh[2 * H :].T"
W = "np.concatenate([W_r, -W_z, W_n])"
B = "np.concatenate([b_r, -b_z, b_n])"
CONVERTED = "return W[:, H:], W[:, :H], b_ih, np.zeros_like(b_ih)"
DA_Z = "dh_t * (h_prev - n) * z * (1 - z)"
SIDES = "dh_side = np.concatenate([da_r, da_z, du * r], axis=1)"
COSTS = "(gates * (block + 2 * H), gates * 2 * block * B * T) for gates in (4, 3)"
BUDGET = "4 * H * (D + H + 2)"
COUNT = "3 * (size + 1) * (D + size + 1 + 2)"
LOOP = f"""\
    size, budget = H, {BUDGET}
    while {COUNT} <= budget:
        size += 1
    return size"""
ROOT = """\
    budget = 4 * H * (D + H + 2) / 3
    return int(np.{rounding}((np.sqrt((D + 2) ** 2 + 4 * budget) - (D + 2)) / 2))"""

MISTAKES = [
    # lost at the visible test of gru_step_after
    Mistake(
        "takes the blocks to be z, r, n",
        "gru_step_after",
        (("x_r, x_z, x_n =", "x_z, x_r, x_n ="), ("h_r, h_z, h_n =", "h_z, h_r, h_n =")),
        19,
    ),
    Mistake("lets z write", "gru_step_after", ((H_T, "z * n + (1 - z) * h_prev"),), 19),
    Mistake(
        "resets what is kept, not what is seen",
        "gru_step_after",
        ((N, "np.tanh(x_n + h_n)"), (H_T, "(1 - z) * n + z * r * h_prev")),
        19,
    ),
    Mistake("forgets the reset gate", "gru_step_after", ((N, "np.tanh(x_n + h_n)"),), 19),
    Mistake(
        "resets the state before the product",
        "gru_step_after",
        ((N, "np.tanh(x_n + (r * h_prev) @ W_hh[len(W_hh) // 3 * 2 :].T + b_hh[len(b_hh) // 3 * 2 :])"),),
        19,
    ),
    Mistake(
        "adds both biases beside the input",
        "gru_step_after",
        ((SPLIT_X, BOTH_BIASES), (SPLIT_H, "np.split(h_prev @ W_hh.T, 3, axis=1)")),
        19,
    ),
    Mistake("makes the candidate a gate", "gru_step_after", ((N, N.replace("np.tanh", "sigmoid")),), 19),
    Mistake("forgets the minus in the sigmoid", "gru_step_after", ((SIGMOID, "1 / (1 + np.exp(a))"),), 19),
    Mistake(
        "interleaves the blocks",
        "gru_step_after",
        (
            (SPLIT_X, "((x_t @ W_ih.T + b_ih)[:, k::3] for k in range(3))"),
            (SPLIT_H, "((h_prev @ W_hh.T + b_hh)[:, k::3] for k in range(3))"),
        ),
        19,
    ),
    Mistake("takes the first sequence's state for all", "gru_step_after", ((H_T, "(1 - z) * n + z * h_prev[0]"),), 19),
    Mistake(
        "has a helper of its own and no sigmoid",
        "gru_step_after",
        (
            (SIGMOID, "42"),
            ("\n\ndef gru_step", "\n\ndef sig(a):\n    return 0.5 * (1 + np.tanh(0.5 * a))\n\n\ndef gru_step"),
            ("r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)", "r, z = sig(x_r + h_r), sig(x_z + h_z)"),
        ),
        19,
    ),
    Mistake(
        "transposes the blocks of W_hh",
        "gru_step_after",
        (("h_prev @ W_hh.T", "np.hstack([h_prev @ W for W in np.split(W_hh, 3)])"),),
        19,
    ),
    Mistake(
        "adds what belongs to x and to h before it splits",
        "gru_step_after",
        """\
def sigmoid(a):
    return 0.5 * (1 + np.tanh(0.5 * a))


def gru_step_after(x_t, h_prev, W_ih, W_hh, b_ih, b_hh):
    a = x_t @ W_ih.T + b_ih + h_prev @ W_hh.T + b_hh
    r, z, n = np.split(a, 3, axis=1)
    r, z, n = sigmoid(r), sigmoid(z), np.tanh(r * n)
    return (1 - z) * n + z * h_prev
""",
        19,
    ),
    Mistake(
        "copies the chapter's unit",
        "gru_step_after",
        """\
import math


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def gru_step_after(x_t, h_prev, W_ih, W_hh, b_ih, b_hh):
    r = sigmoid(W_ih[0] * x_t + W_hh[0] * h_prev + b_ih[0])
    z = sigmoid(W_ih[1] * x_t + W_hh[1] * h_prev + b_ih[1])
    n = np.tanh(W_ih[2] * x_t + r * W_hh[2] * h_prev + b_ih[2])
    return z * h_prev + (1 - z) * n
""",
        19,
    ),
    Mistake(
        "resets the product and not its bias",
        "gru_step_after",
        ((N, "np.tanh(x_n + r * (h_n - b_hh[-h_n.shape[1]:]) + b_hh[-h_n.shape[1]:])"),),
        19,
    ),
    Mistake(
        "adds the biases in place",
        "gru_step_after",
        (
            ("    x_r, x_z, x_n = ", "    b_ih[: 2 * h_prev.shape[1]] += b_hh[: 2 * h_prev.shape[1]]\n    x_r, x_z, x_n = "),
            ("h_prev @ W_hh.T + b_hh", "h_prev @ W_hh.T + np.where(np.arange(len(b_hh)) < 2 * h_prev.shape[1], 0, b_hh)"),
        ),
        22,
    ),
    Mistake("adds b_hh once more", "gru_step_after", ((N, "np.tanh(x_n + r * (h_n + b_hh[-h_n.shape[1]:]))"),), 19),
    Mistake(
        "writes the new state over the old",
        "gru_step_after",
        (("    return (1 - z) * n + z * h_prev", "    h_prev *= z\n    h_prev += (1 - z) * n\n    return h_prev"),),
        22,
    ),
    # lost at its hidden test
    Mistake(
        "computes in float64 whatever comes in", "gru_step_after", (("np.split(x_t @", "np.split(x_t.astype(float) @"),), 20
    ),
    Mistake("divides exponentials", "gru_step_after", ((SIGMOID, "np.exp(a) / (1 + np.exp(a))"),), 20),
    Mistake("clips at 20 in the sigmoid", "gru_step_after", ((SIGMOID, "1 / (1 + np.exp(-np.clip(a, -20, 20)))"),), 20),
    Mistake("rounds the sigmoid", "gru_step_after", ((SIGMOID, "np.round(1 / (1 + np.exp(-a)), 8)"),), 20),
    Mistake(
        "computes in float32 whatever comes in",
        "gru_step_after",
        (("    return (1 - z) * n + z * h_prev", "    return ((1 - z) * n + z * h_prev).astype(np.float32)"),),
        20,
    ),
    Mistake(
        "goes through rows and columns",
        "gru_step_after",
        (
            (SIGMOID, "np.array([[0.5 * (1 + math.tanh(0.5 * v)) for v in row] for row in a], a.dtype)"),
            ("def sigmoid", "import math\n\n\ndef sigmoid"),
        ),
        20,
    ),
    # lost at the visible test of gru_step_before
    Mistake("resets after the product", "gru_step_before", ((BEFORE, "x_n + r * (h_prev @ W_hh[2 * H :].T)"),), 19),
    Mistake("lets z write", "gru_step_before", ((H_T, "z * n + (1 - z) * h_prev"),), 19),
    Mistake("resets with the update gate", "gru_step_before", (("(r * h_prev)", "(z * h_prev)"),), 19),
    Mistake("multiplies by W_hn untransposed", "gru_step_before", (("W_hh[2 * H :].T", "W_hh[2 * H :]"),), 19),
    Mistake("keeps the reset state", "gru_step_before", ((H_T, "(1 - z) * n + z * r * h_prev"),), 19),
    Mistake("takes the first sequence's reset for all", "gru_step_before", (("(r * h_prev)", "(r[:1] * h_prev)"),), 19),
    Mistake(
        "resets both the state and the product",
        "gru_step_before",
        (("(r * h_prev) @ W_hh[2 * H :].T", "r * ((r * h_prev) @ W_hh[2 * H :].T)"),),
        19,
    ),
    Mistake(
        "takes r from the reset state",
        "gru_step_before",
        (("    n = np.tanh", "    r = sigmoid(x_r + (r * h_prev) @ W_hh[:H].T)\n    n = np.tanh"),),
        19,
    ),
    Mistake(
        "calls the step after",
        "gru_step_before",
        """\
def gru_step_before(x_t, h_prev, W_ih, W_hh, b_ih, b_hh):
    H = h_prev.shape[1]
    r = sigmoid((x_t @ W_ih.T + b_ih + h_prev @ W_hh.T + b_hh)[:, :H])
    return gru_step_after(x_t, r * h_prev, W_ih, W_hh, b_ih, b_hh)
""",
        19,
    ),
    Mistake(
        "writes the reset state over the old",
        "gru_step_before",
        (("(r * h_prev) @", "np.multiply(r, h_prev, out=h_prev) @"),),
        19,
    ),
    # lost at its hidden test
    Mistake("forgets b_hh", "gru_step_before", ((" + b_hh", ""),), 20),
    Mistake("resets b_hh as well", "gru_step_before", ((BEFORE, f"{BEFORE} + (r - 1) * b_hh[2 * H :]"),), 20),
    Mistake(
        "computes in float64 whatever comes in", "gru_step_before", (("np.split(x_t @", "np.split(x_t.astype(float) @"),), 20
    ),
    Mistake(
        "forgets the biases of the gates beside the state",
        "gru_step_before",
        (("x_t @ W_ih.T + b_ih + b_hh", "x_t @ W_ih.T + b_ih + np.where(np.arange(3 * H) < 2 * H, 0, b_hh)"),),
        20,
    ),
    Mistake("takes H to be 2", "gru_step_before", (("H = h_prev.shape[1]", "H = 2"),), 20),
    # lost at the visible half of convert_weights
    Mistake("turns no gate round", "convert_weights", ((W, W.replace("-", "")), (B, B.replace("-", ""))), 20),
    Mistake("leaves the bias as it was", "convert_weights", ((B, B.replace("-", "")),), 20),
    Mistake("turns the bias alone", "convert_weights", ((W, W.replace("-", "")),), 20),
    Mistake("subtracts from 1", "convert_weights", (("-W_z", "1 - W_z"), ("-b_z", "1 - b_z")), 20),
    Mistake(
        "turns the reset gate",
        "convert_weights",
        ((W, "np.concatenate([-W_r, W_z, W_n])"), (B, "np.concatenate([-b_r, b_z, b_n])")),
        20,
    ),
    Mistake(
        "puts z first",
        "convert_weights",
        ((W, "np.concatenate([-W_z, W_r, W_n])"), (B, "np.concatenate([-b_z, b_r, b_n])")),
        20,
    ),
    Mistake(
        "takes the input to be first",
        "convert_weights",
        ((CONVERTED, "return W[:, :-H], W[:, -H:], b_ih, np.zeros_like(b_ih)"),),
        20,
    ),
    Mistake("gives both biases", "convert_weights", (("np.zeros_like(b_ih)", "b_ih"),), 20),
    Mistake("takes the first column for the state", "convert_weights", (("H = len(b_r)", "H = 1"),), 20),
    Mistake("takes both widths to be equal", "convert_weights", (("H = len(b_r)", "H = W_r.shape[1] // 2"),), 20),
    Mistake(
        "interleaves the blocks",
        "convert_weights",
        (
            (W, "np.stack([W_r, -W_z, W_n], axis=1).reshape(-1, W_r.shape[1])"),
            (B, "np.stack([b_r, -b_z, b_n], axis=1).ravel()"),
        ),
        20,
    ),
    Mistake("swaps W_ih and W_hh", "convert_weights", (("return W[:, H:], W[:, :H]", "return W[:, :H], W[:, H:]"),), 20),
    Mistake(
        "turns the product with the state alone",
        "convert_weights",
        (
            (
                "return W[:, H:], W[:, :H]",
                "W = np.concatenate([W_r, W_z, W_n])\n    return W[:, H:], np.concatenate([W_r, -W_z, W_n])[:, :H]",
            ),
        ),
        20,
    ),
    Mistake("takes D for H", "convert_weights", (("H = len(b_r)", "H = W_r.shape[1] - len(b_r)"),), 20),
    # lost at its hidden half
    Mistake("returns a bias in float64", "convert_weights", (("np.zeros_like(b_ih)", "np.zeros(len(b_ih))"),), 20),
    Mistake(
        "turns the weights round in place",
        "convert_weights",
        (("    W = np.concatenate([W_r, -W_z, W_n])", "    W_z *= -1\n    W = np.concatenate([W_r, W_z, W_n])"),),
        20,
    ),
    Mistake("takes H to be 2", "convert_weights", (("H = len(b_r)", "H = 2"),), 20),
    # lost at the visible test of gru_step_backward
    Mistake("forgets the share that z lets through", "gru_step_backward", ((" + dh_t * z", ""),), 16),
    Mistake("forgets the reset gate beside the state", "gru_step_backward", ((SIDES, "dh_side = dx_side"),), 16),
    Mistake("takes z to write", "gru_step_backward", (("(h_prev - n)", "(n - h_prev)"),), 16),
    Mistake("forgets h_prev in the gradient of z", "gru_step_backward", (("(h_prev - n)", "(-n)"),), 16),
    Mistake("forgets σ' of the update gate", "gru_step_backward", ((DA_Z, "dh_t * (h_prev - n)"),), 16),
    Mistake("forgets tanh'", "gru_step_backward", ((" * (1 - n**2)", ""),), 16),
    Mistake(
        "takes h_prev for what r multiplies", "gru_step_backward", (("du * v * r * (1 - r)", "du * h_prev * r * (1 - r)"),), 16
    ),
    Mistake(
        "takes the blocks to be z, r, n",
        "gru_step_backward",
        (("np.concatenate([da_r, da_z, du], axis=1)", "np.concatenate([da_z, da_r, du], axis=1)"),),
        16,
    ),
    Mistake(
        "returns one bias for two",
        "gru_step_backward",
        (("        dh_side.sum(axis=0),\n", "        dx_side.sum(axis=0),\n"),),
        16,
    ),
    Mistake(
        "adds b_hh beside the input",
        "gru_step_backward",
        ((SPLIT_X, BOTH_BIASES), (SPLIT_H, "np.split(h_prev @ W_hh.T, 3, axis=1)")),
        16,
    ),
    Mistake(
        "averages over the batch",
        "gru_step_backward",
        (("        dh_side.sum(axis=0),\n", "        dh_side.mean(axis=0),\n"),),
        16,
    ),
    Mistake("goes back through z of the first sequence", "gru_step_backward", (("dh_t * z,", "dh_t * z[0],"),), 16),
    Mistake("takes dW_hh from the side of the input", "gru_step_backward", (("dh_side.T @ h_prev", "dx_side.T @ h_prev"),), 16),
    Mistake("takes dh_prev from the side of the input", "gru_step_backward", (("dh_side @ W_hh", "dx_side @ W_hh"),), 16),
    Mistake("forgets the second way to h_prev", "gru_step_backward", (("dh_side @ W_hh + dh_t * z", "dh_t * z"),), 16),
    Mistake(
        "computes in half precision",
        "gru_step_backward",
        (("    du = dh_t", "    dh_t = dh_t.astype(np.float16)\n    du = dh_t"),),
        16,
    ),
    Mistake("takes σ' of the gate's σ", "gru_step_backward", (("v * r * (1 - r)", "v * sigmoid(r) * (1 - sigmoid(r))"),), 16),
    Mistake(
        "resets before the product",
        "gru_step_backward",
        (("dh_side @ W_hh + dh_t * z", "np.concatenate([da_r, da_z, du], axis=1) @ W_hh * r + dh_t * z"),),
        16,
    ),
    Mistake(
        "goes back with the new state",
        "gru_step_backward",
        (("dh_side.T @ h_prev", "dh_side.T @ ((1 - z) * n + z * h_prev)"),),
        16,
    ),
    # lost at its hidden test
    Mistake(
        "computes in float64 whatever comes in", "gru_step_backward", (("np.split(x_t @", "np.split(x_t.astype(float) @"),), 18
    ),
    Mistake(
        "writes σ' with exponentials",
        "gru_step_backward",
        (("* v * r * (1 - r)", "* v * np.exp(-(x_r + h_r)) / (1 + np.exp(-(x_r + h_r))) ** 2"),),
        18,
    ),
    # lost at the visible half of compare_costs
    Mistake("counts one bias", "compare_costs", (("block + 2 * H", "block + H"),), 21),
    Mistake("counts three gates and two", "compare_costs", (("(4, 3)", "(3, 2)"),), 21),
    Mistake("puts the GRU first", "compare_costs", (("(4, 3)", "(3, 4)"),), 21),
    Mistake("counts a multiply-add as one FLOP", "compare_costs", (("gates * 2 * block", "gates * block"),), 21),
    Mistake("counts the biases' FLOPs", "compare_costs", (("gates * 2 * block", "gates * 2 * (block + 2 * H)"),), 21),
    Mistake("forgets the batch", "compare_costs", ((" * B * T", " * T"),), 21),
    Mistake(
        "copies the numbers of the visible test",
        "compare_costs",
        ((f"return tuple({COSTS})", "return (84, 600), (63, 450)"),),
        21,
    ),
    Mistake(
        "returns a flat list of four",
        "compare_costs",
        (
            (
                "    return tuple((gates * (block + 2 * H), gates * 2 * block * B * T) for gates in (4, 3))",
                "    return tuple(n for gates in (4, 3) for n in (gates * (block + 2 * H), gates * 2 * block * B * T))",
            ),
        ),
        21,
    ),
    Mistake("counts with four blocks for both", "compare_costs", (("in (4, 3)", "in (4, 4)"),), 21),
    # lost at its hidden half
    Mistake("takes T to be 5", "compare_costs", ((" * B * T", " * 5 * B"),), 21),
    # lost at the visible half of equal_hidden_size
    Mistake("takes 4/3 of H", "equal_hidden_size", ((LOOP, "    return 4 * H // 3"),), 20),
    Mistake("rounds up", "equal_hidden_size", ((LOOP, ROOT.format(rounding="ceil")),), 20),
    Mistake("rounds to the nearest", "equal_hidden_size", ((LOOP, ROOT.format(rounding="round")),), 20),
    Mistake("returns the first size that is too large", "equal_hidden_size", (("return size", "return size + 1"),), 20),
    Mistake("returns H", "equal_hidden_size", ((LOOP, "    return H"),), 20),
    Mistake("takes the root of 4/3 of H", "equal_hidden_size", ((LOOP, "    return int(np.sqrt(4 / 3) * H)"),), 20),
    Mistake(
        "forgets the input", "equal_hidden_size", ((BUDGET, "4 * H * (H + 2)"), (COUNT, "3 * (size + 1) * (size + 1 + 2)")), 20
    ),
    Mistake(
        "takes the nearest count",
        "equal_hidden_size",
        """\
def equal_hidden_size(D, H):
    budget = 4 * H * (D + H + 2)
    return min(range(1, 2 * H + 1), key=lambda n: abs(3 * n * (D + n + 2) - budget))
""",
        20,
    ),
    Mistake(
        "multiplies by the root for wide inputs, too",
        "equal_hidden_size",
        """\
def equal_hidden_size(D, H):
    return int(H * (4 / 3 if D > H else (4 / 3) ** 0.5))
""",
        20,
    ),
    # lost at its hidden half
    Mistake(
        "forgets the biases", "equal_hidden_size", ((BUDGET, "4 * H * (D + H)"), (COUNT, "3 * (size + 1) * (D + size + 1)")), 20
    ),
    Mistake("wants fewer parameters", "equal_hidden_size", (("<=", "<"),), 20),
    Mistake(
        "compares FLOPs",
        "equal_hidden_size",
        (
            ("size, budget = H, 4 * H * (D + H + 2)", "size, budget = H, 4 * H * (D + H)"),
            (COUNT, "3 * (size + 1) * (D + size + 1)"),
        ),
        20,
    ),
    Mistake(
        "counts one bias of two",
        "equal_hidden_size",
        (
            (BUDGET, "4 * H * (D + H + 1)"),
            ("(D + size + 1 + 2)", "(D + size + 1 + 1)"),
        ),
        20,
    ),
    Mistake("tries 50 sizes at most", "equal_hidden_size", (("    while 3", "    while size < H + 50 and 3"),), 20),
]
