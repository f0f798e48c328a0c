"""Mistakes of the lab `lstm`, 24 points. One mistake costs once: what calls a wrong function is tested with a right one."""

from . import Mistake

SIGMOID = "0.5 * (1 + np.tanh(0.5 * a))"
SPLIT = "np.split(a_t, 4, axis=1)"
GATES = "i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)"
C_T = "f * c_prev + i * g"
H_AND_C = "return o * np.tanh(c_t), c_t"
IN_FLOAT64 = "a_t = x_t.astype(float) @"
HOLD = "h_t, c_t = np.where(real, h_new, h_t), np.where(real, c_new, c_t)"
OUTPUT = "np.where(real, h_t, 0)"
STACKED = "np.stack(outputs, axis=1)"
STEP = "lstm_step(x[:, t], h_t, c_t, W_ih, W_hh, b_ih, b_hh)"
STARTS = "h_t, c_t = h0, c0"
OF_TORCH = """\
    import torch

    x, h0, c0, *weights = (torch.tensor(a) for a in (x, h0, c0, W_ih, W_hh, b_ih, b_hh))
    lstm = torch.nn.LSTM(x.shape[2], h0.shape[1], batch_first=True, dtype=x.dtype)
    lstm.load_state_dict(dict(zip(lstm.state_dict(), weights)))
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, mask.sum(axis=1), batch_first=True, enforce_sorted=False)
    h, (h_n, c_n) = lstm(packed, (h0[None], c0[None]))
    h, _ = torch.nn.utils.rnn.pad_packed_sequence(h, batch_first=True, total_length=x.shape[1])
    return tuple(a.detach().numpy() for a in (h, h_n[0], c_n[0]))
"""
ALL_OF_DC = "dc = dc_t + dh_t * o * (1 - tanh_c**2)"
DA = "np.concatenate([di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)], axis=1)"
DW = "da.T @ x_t, da.T @ h_prev"
SET = "b_ih[H : 2 * H], b_hh[H : 2 * H] = value, 0"
COPIED = "b_ih, b_hh = b_ih.copy(), b_hh.copy()"
WEIGHTS = "4 * H * (D + H) + (num_layers - 1) * 4 * H * (H + H)"
RATE = "np.logaddexp(0, -bias)"
GATE = "0.5 ** (1 / steps)"
LOGIT = "-np.log(np.expm1(np.log(2) / steps))"

MISTAKES = [
    # lost at the visible test of lstm_step
    Mistake("takes the blocks to be i, f, o, g", "lstm_step", (("a_i, a_f, a_g, a_o =", "a_i, a_f, a_o, a_g ="),), 20),
    Mistake("swaps input and forget gate", "lstm_step", (("a_i, a_f, a_g, a_o =", "a_f, a_i, a_g, a_o ="),), 20),
    Mistake("adds one bias of two", "lstm_step", ((" + b_hh", ""),), 20),
    Mistake("makes the candidate a gate", "lstm_step", (("np.tanh(a_g)", "sigmoid(a_g)"),), 20),
    Mistake("adds the old cell ungated, as in 1997", "lstm_step", ((C_T, "c_prev + i * g"),), 20),
    Mistake("forgets tanh of the cell", "lstm_step", (("o * np.tanh(c_t)", "o * c_t"),), 20),
    Mistake("returns c_t first", "lstm_step", ((H_AND_C, "return c_t, o * np.tanh(c_t)"),), 20),
    Mistake("forgets the minus in the sigmoid", "lstm_step", ((SIGMOID, "1 / (1 + np.exp(a))"),), 20),
    Mistake("interleaves the gates", "lstm_step", ((SPLIT, "(a_t[:, k::4] for k in range(4))"),), 20),
    Mistake("takes the first sequence's cell for all", "lstm_step", ((C_T, "f * c_prev[0] + i * g"),), 20),
    Mistake("takes the first sequence's state for all", "lstm_step", (("h_prev @", "h_prev[:1] @"),), 20),
    Mistake(
        "has a helper of its own and no sigmoid",
        "lstm_step",
        (
            (SIGMOID, "42"),
            ("\n\ndef lstm_step", "\n\ndef sig(a):\n    return 0.5 * (1 + np.tanh(0.5 * a))\n\n\ndef lstm_step"),
            (GATES, "i, f, g, o = sig(a_i), sig(a_f), np.tanh(a_g), sig(a_o)"),
        ),
        20,
    ),
    Mistake(
        "writes the sigmoid for one number",
        "lstm_step",
        (
            (SIGMOID, "1 / (1 + math.exp(-a))"),
            ("def sigmoid", "import math\n\n\ndef sigmoid"),
        ),
        20,
    ),
    Mistake(
        "transposes the blocks of W_hh",
        "lstm_step",
        (("h_prev @ W_hh.T", "np.hstack([h_prev @ W for W in np.split(W_hh, 4)])"),),
        20,
    ),
    Mistake("forgets the return", "lstm_step", ((H_AND_C, "h_t = o * np.tanh(c_t)"),), 20),
    Mistake("adds a second input gate", "lstm_step", ((C_T, "(1 - i) * c_prev + i * g"),), 20),
    Mistake(
        "adds a bias in place",
        "lstm_step",
        (
            (
                "    a_t = x_t @ W_ih.T + b_ih + h_prev @ W_hh.T + b_hh",
                "    b_ih += b_hh\n    a_t = x_t @ W_ih.T + b_ih + h_prev @ W_hh.T",
            ),
        ),
        23,
    ),
    Mistake("carries tanh of the cell", "lstm_step", (("c_t = f * c_prev + i * g", "c_t = np.tanh(f * c_prev + i * g)"),), 20),
    Mistake("lets the gates see the cell", "lstm_step", (("sigmoid(a_f)", "sigmoid(a_f + c_prev)"),), 20),
    # lost at its hidden test
    Mistake("computes in float64 whatever comes in", "lstm_step", (("a_t = x_t @", IN_FLOAT64),), 21),
    Mistake("divides exponentials", "lstm_step", ((SIGMOID, "np.exp(a) / (1 + np.exp(a))"),), 21),
    Mistake("clips at 20 in the sigmoid", "lstm_step", ((SIGMOID, "1 / (1 + np.exp(-np.clip(a, -20, 20)))"),), 21),
    Mistake(
        "vectorises math.exp",
        "lstm_step",
        (
            (SIGMOID, "np.vectorize(lambda v: 0.0 if v < -700 else 1 / (1 + math.exp(-v)))(a)"),
            ("def sigmoid", "import math\n\n\ndef sigmoid"),
        ),
        21,
    ),
    Mistake("rounds the sigmoid", "lstm_step", ((SIGMOID, "np.round(1 / (1 + np.exp(-a)), 8)"),), 21),
    Mistake(
        "goes through rows and columns",
        "lstm_step",
        (
            (SIGMOID, "np.array([[0.5 * (1 + math.tanh(0.5 * v)) for v in row] for row in a], a.dtype)"),
            ("def sigmoid", "import math\n\n\ndef sigmoid"),
        ),
        21,
    ),
    Mistake(
        "rounds its inputs to float32",
        "lstm_step",
        (("    a_t = x_t @", "    x_t, h_prev = x_t.astype(np.float32), h_prev.astype(np.float32)\n    a_t = x_t @"),),
        21,
    ),
    # lost at the visible test of lstm_sequence
    Mistake("ignores the mask", "lstm_sequence", ((HOLD, "h_t, c_t = h_new, c_new"), (OUTPUT, "h_t")), 19),
    Mistake("runs on through the padding", "lstm_sequence", ((HOLD, "h_t, c_t = h_new, c_new"),), 19),
    Mistake("holds the hidden state and not the cell", "lstm_sequence", (("np.where(real, c_new, c_t)", "c_new"),), 19),
    Mistake("repeats the last state in the padding", "lstm_sequence", ((OUTPUT, "h_t"),), 19),
    Mistake(
        "clears the states in the padding", "lstm_sequence", (("h_new, h_t)", "h_new, 0)"), ("c_new, c_t)", "c_new, 0)")), 19
    ),
    Mistake("carries the hidden state alone", "lstm_sequence", ((STEP, STEP.replace("c_t", "c0")),), 19),
    Mistake("puts time before the batch", "lstm_sequence", ((STACKED, "np.stack(outputs)"),), 19),
    Mistake("returns the cell states as outputs", "lstm_sequence", ((OUTPUT, "np.where(real, c_t, 0)"),), 19),
    Mistake("uses torch.nn.LSTM", "lstm_sequence", (("    h_t, c_t = h0", OF_TORCH + "    h_t, c_t = h0"),), 19),
    Mistake("starts every sequence from zeros", "lstm_sequence", ((STARTS, "h_t, c_t = 0 * h0, 0 * c0"),), 19),
    Mistake("starts every cell from zeros", "lstm_sequence", ((STARTS, "h_t, c_t = h0, 0 * c0"),), 19),
    Mistake("starts every sequence from the first row of h0", "lstm_sequence", ((STARTS, "h_t, c_t = h0[:1], c0"),), 19),
    Mistake(
        "takes the last outputs for the last states",
        "lstm_sequence",
        """\
def lstm_sequence(x, mask, h0, c0, W_ih, W_hh, b_ih, b_hh):
    h_t, c_t, outputs = h0, c0, []
    for t in range(x.shape[1]):
        h_t, c_t = lstm_step(x[:, t], h_t, c_t, W_ih, W_hh, b_ih, b_hh)
        outputs.append(np.where(mask[:, t, None], h_t, 0))
    h = np.stack(outputs, axis=1)
    return h, h[:, -1], c_t
""",
        19,
    ),
    Mistake(
        "stops when a sequence is over",
        "lstm_sequence",
        (
            ("    outputs = []\n", "    outputs = []\n    h_n, c_n = h0, c0\n"),
            ("        outputs.append", "        if not mask[:, t].all():\n            break\n        outputs.append"),
        ),
        19,
    ),
    Mistake(
        "appends one array that it writes over",
        "lstm_sequence",
        (
            (
                "        h_t, c_t = np.where(real, h_new, h_t), np.where(real, c_new, c_t)\n"
                "        outputs.append(np.where(real, h_t, 0))",
                "        h_t[:], c_t = np.where(real, h_new, h_t), np.where(real, c_new, c_t)\n        outputs.append(h_t)",
            ),
        ),
        19,
    ),
    Mistake(
        "starts every step from h0 and c0",
        "lstm_sequence",
        (("lstm_step(x[:, t], h_t, c_t,", "lstm_step(x[:, t], h0, c0,"),),
        19,
    ),
    # lost at its hidden test
    Mistake(
        "takes the padding to be at the end",
        "lstm_sequence",
        (("mask[:, t, None]", "(t < mask.sum(axis=1))[:, None]"),),
        20,
    ),
    Mistake(
        "multiplies the states by the mask",
        "lstm_sequence",
        ((HOLD, "h_t, c_t = real * h_new + ~real * h_t, real * c_new + ~real * c_t"),),
        20,
    ),
    Mistake("multiplies the outputs by a float mask", "lstm_sequence", ((OUTPUT, "h_t * real.astype(float)"),), 20),
    Mistake("drops axes of length 1", "lstm_sequence", ((STACKED, f"{STACKED} if len(outputs) > 1 else outputs[0]"),), 20),
    Mistake(
        "drops the axis of a batch of one",
        "lstm_sequence",
        ((f"{STACKED}, h_t, c_t", f"{STACKED}, *(s if len(s) > 1 else s[0] for s in (h_t, c_t))"),),
        20,
    ),
    Mistake(
        "reads the last states at lengths - 1",
        "lstm_sequence",
        """\
def lstm_sequence(x, mask, h0, c0, W_ih, W_hh, b_ih, b_hh):
    h_t, c_t, hs, cs = h0, c0, [], []
    for t in range(x.shape[1]):
        h_t, c_t = lstm_step(x[:, t], h_t, c_t, W_ih, W_hh, b_ih, b_hh)
        hs.append(h_t)
        cs.append(c_t)
    h, c = np.stack(hs, axis=1), np.stack(cs, axis=1)
    rows, last = np.arange(len(x)), mask.sum(axis=1) - 1
    return np.where(mask[:, :, None], h, 0), h[rows, last], c[rows, last]
""",
        20,
    ),
    Mistake(
        "collects the outputs in np.zeros",
        "lstm_sequence",
        (
            ("outputs = []", "outputs = np.zeros((x.shape[0], x.shape[1], h0.shape[1]))"),
            ("outputs.append(np.where(real, h_t, 0))", "outputs[:, t] = np.where(real, h_t, 0)"),
            (STACKED, "outputs"),
        ),
        20,
    ),
    Mistake(
        "leaves out steps that are padding for all",
        "lstm_sequence",
        (("        h_new, c_new", "        if not real.any():\n            continue\n        h_new, c_new"),),
        20,
    ),
    # lost at the visible test of lstm_step_backward
    Mistake("leaves out what reaches the cell through h_t", "lstm_step_backward", ((ALL_OF_DC, "dc = dc_t"),), 17),
    Mistake("forgets the output gate on the way to the cell", "lstm_step_backward", (("dh_t * o * (1", "dh_t * (1"),), 17),
    Mistake("forgets tanh' at the cell", "lstm_step_backward", ((" * (1 - tanh_c**2)", ""),), 17),
    Mistake("takes tanh' of tanh(c)", "lstm_step_backward", (("(1 - tanh_c**2)", "(1 - np.tanh(tanh_c) ** 2)"),), 17),
    Mistake(
        "forgets σ' of the gates", "lstm_step_backward", ((DA, "np.concatenate([di, df, dg * (1 - g**2), do], axis=1)"),), 17
    ),
    Mistake("takes σ' for tanh' at the candidate", "lstm_step_backward", (("dg * (1 - g**2)", "dg * g * (1 - g)"),), 17),
    Mistake("takes the new cell for the old", "lstm_step_backward", (("dc * c_prev", f"dc * ({C_T})"),), 17),
    Mistake("swaps the gradients of i and g", "lstm_step_backward", (("di, df, dg, do =", "dg, df, di, do ="),), 17),
    Mistake("takes c for tanh(c) at the output gate", "lstm_step_backward", (("dh_t * tanh_c\n", f"dh_t * ({C_T})\n"),), 17),
    Mistake("passes the cell's gradient on without the gate", "lstm_step_backward", ((" dc * f,", " dc,"),), 17),
    Mistake("sums over the units", "lstm_step_backward", (("da.sum(axis=0)", "da.sum(axis=1)"),), 17),
    Mistake("transposes the weights' gradients", "lstm_step_backward", ((DW, "x_t.T @ da, h_prev.T @ da"),), 17),
    Mistake("ignores dc_t", "lstm_step_backward", ((ALL_OF_DC, "dc = dh_t * o * (1 - tanh_c**2)"),), 17),
    Mistake("adds dc_t behind the forget gate", "lstm_step_backward", ((" dc * f,", " (dc - dc_t) * f + dc_t,"),), 17),
    Mistake("averages over the batch", "lstm_step_backward", (("da.sum(axis=0)", "da.mean(axis=0)"),), 17),
    Mistake("divides the weights' gradients by the batch", "lstm_step_backward", ((DW, f"{DW} / len(x_t)"),), 17),
    Mistake("adds one bias of two", "lstm_step_backward", ((" + b_hh", ""),), 17),
    Mistake(
        "goes back by W_hh transposed",
        "lstm_step_backward",
        (("da @ W_hh,", "da @ W_hh.reshape(4, -1, W_hh.shape[1]).transpose(0, 2, 1).reshape(W_hh.shape),"),),
        17,
    ),
    Mistake("adds dh_t and dc_t", "lstm_step_backward", ((ALL_OF_DC, "dc = (dc_t + dh_t) * o * (1 - tanh_c**2)"),), 17),
    Mistake("takes tanh of the old cell", "lstm_step_backward", (("np.tanh(f * c_prev + i * g)", "np.tanh(c_prev)"),), 17),
    Mistake("leaves dc_t out of dc_prev", "lstm_step_backward", (("dc * f,", "(dc - dc_t) * f,"),), 17),
    Mistake(
        "takes the outer product of means",
        "lstm_step_backward",
        (("da.T @ x_t", "np.outer(da.sum(axis=0), x_t.mean(axis=0))"),),
        17,
    ),
    # lost at its hidden test
    Mistake("computes in float64 whatever comes in", "lstm_step_backward", (("a_t = x_t @", IN_FLOAT64),), 19),
    Mistake(
        "writes σ' with exponentials of a_t",
        "lstm_step_backward",
        (("df * f * (1 - f)", "df * np.exp(-a_f) / (1 + np.exp(-a_f)) ** 2"),),
        19,
    ),
    # lost at the visible half of forget_bias
    Mistake("sets both biases", "forget_bias", ((SET, SET.replace("value, 0", "value, value")),), 22),
    Mistake("leaves the other bias as it was", "forget_bias", ((SET, "b_ih[H : 2 * H] = value"),), 22),
    Mistake("sets the input gate's block", "forget_bias", (("b_ih[H : 2 * H], b_hh[H : 2 * H]", "b_ih[:H], b_hh[:H]"),), 22),
    Mistake("sets all blocks", "forget_bias", (("b_ih[H : 2 * H], b_hh[H : 2 * H]", "b_ih[:], b_hh[:]"),), 22),
    Mistake("adds to what is there", "forget_bias", ((SET, "b_ih[H : 2 * H] += value"),), 22),
    Mistake("takes H to be 2", "forget_bias", (("len(b_ih) // 4", "2"),), 22),
    Mistake("sets b_hh and clears b_ih", "forget_bias", (("= value, 0", "= 0, value"),), 22),
    # lost at its hidden half
    Mistake("sets 1 whatever the value", "forget_bias", ((SET, SET.replace("value", "1")),), 22),
    Mistake("takes one value for all units", "forget_bias", ((SET, SET.replace("value", "np.ravel(value)[0]")),), 22),
    Mistake("returns float64", "forget_bias", ((".copy(), b_hh.copy()", ".astype(float), b_hh.astype(float)"),), 22),
    Mistake("writes into the arguments", "forget_bias", ((f"    {COPIED}\n", ""),), 22),
    Mistake(
        "writes through a reshaped view",
        "forget_bias",
        (
            (
                "    b_ih, b_hh = b_ih.copy(), b_hh.copy()\n    b_ih[H : 2 * H], b_hh[H : 2 * H] = value, 0\n",
                "    b_ih.reshape(4, -1)[1] = value\n    b_hh.reshape(4, -1)[1] = 0\n",
            ),
        ),
        22,
    ),
    # lost at the visible half of lstm_cost
    Mistake("counts one bias", "lstm_cost", (("num_layers * 2 * 4 * H", "num_layers * 4 * H"),), 22),
    Mistake("counts three blocks", "lstm_cost", ((WEIGHTS, WEIGHTS.replace("4", "3")),), 22),
    Mistake("counts a multiply-add as one FLOP", "lstm_cost", (("2 * weights", "weights"),), 22),
    Mistake("counts the biases' FLOPs", "lstm_cost", (("2 * weights", "2 * parameters"),), 22),
    Mistake("keeps one state of two", "lstm_cost", (("B * (H + H)", "B * H"),), 22),
    Mistake("gives every layer the width of the input", "lstm_cost", ((WEIGHTS, "num_layers * 4 * H * (D + H)"),), 22),
    Mistake("counts one layer", "lstm_cost", ((" + (num_layers - 1) * 4 * H * (H + H)", ""),), 22),
    Mistake("forgets the batch", "lstm_cost", (("weights * B * T", "weights * T"),), 22),
    Mistake("keeps the state of one layer", "lstm_cost", (("4 * num_layers * B", "4 * B"),), 22),
    Mistake(
        "copies the numbers of the visible test",
        "lstm_cost",
        (("return parameters, flops, state_bytes", "return 84, 600, 24"),),
        22,
    ),
    Mistake("counts the state of one sequence", "lstm_cost", (("4 * num_layers * B", "4 * num_layers"),), 22),
    # lost at its hidden half
    Mistake(
        "counts the upper layers once",
        "lstm_cost",
        (("(num_layers - 1) * 4 * H * (H + H)", "(num_layers > 1) * 4 * H * (H + H)"),),
        22,
    ),
    # lost at the visible half of half_life
    Mistake("gives the time to 1/e", "half_life", (("np.log(2)", "1"),), 22),
    Mistake("takes the bias for the gate", "half_life", ((f"np.log(2) / {RATE}", "np.log(0.5) / np.log(np.abs(bias))"),), 22),
    Mistake("forgets the minus", "half_life", (("np.log(2)", "-np.log(2)"),), 22),
    Mistake("counts whole steps", "half_life", ((f"np.log(2) / {RATE}", f"np.ceil(np.log(2) / {RATE})"),), 22),
    Mistake("flattens the array", "half_life", ((RATE, "np.logaddexp(0, -bias).ravel()"),), 22),
    Mistake("copies the approximation", "half_life", (("np.log(2) / np.logaddexp(0, -bias)", "np.log(2) * np.exp(bias)"),), 22),
    # lost at its hidden half
    Mistake("takes the log of the gate", "half_life", ((RATE, "-np.log(1 / (1 + np.exp(-bias)))"),), 22),
    Mistake("takes log1p of the exponential", "half_life", ((RATE, "np.log1p(np.exp(-bias))"),), 22),
    Mistake("adds 1e-12 in the log", "half_life", ((RATE, "-np.log(1 / (1 + np.exp(-bias)) + 1e-12)"),), 22),
    Mistake(
        "adds a small exponential to 1",
        "half_life",
        ((RATE, "(np.maximum(0, -bias) + np.log(1 + np.exp(-np.abs(bias))))"),),
        22,
    ),
    Mistake(
        "takes the approximation from a bias of 3 on",
        "half_life",
        (
            (
                "np.log(2) / np.logaddexp(0, -bias)",
                "np.where(bias > 3, np.log(2) * np.exp(bias), np.log(2) / np.logaddexp(0, -bias))",
            ),
        ),
        22,
    ),
    # lost at the visible half of bias_of_half_life
    Mistake("returns the gate", "bias_of_half_life", ((LOGIT, GATE),), 22),
    Mistake("forgets the minus", "bias_of_half_life", ((LOGIT, LOGIT.removeprefix("-")),), 22),
    Mistake("takes the steps for the time to 1/e", "bias_of_half_life", (("np.log(2)", "1"),), 22),
    Mistake("copies the chrono rule", "bias_of_half_life", ((LOGIT, "np.log(steps)"),), 22),
    Mistake("flattens the array", "bias_of_half_life", ((LOGIT, f"({LOGIT}).ravel()"),), 22),
    Mistake("inverts the approximation", "bias_of_half_life", ((LOGIT, "np.log(steps / np.log(2))"),), 22),
    # lost at its hidden half
    Mistake("subtracts the gate from 1", "bias_of_half_life", ((LOGIT, f"np.log({GATE} / (1 - {GATE}))"),), 22),
    Mistake("subtracts 1 from the exponential", "bias_of_half_life", ((LOGIT, "-np.log(2 ** (1 / steps) - 1)"),), 22),
    Mistake("adds 1e-12 in the log", "bias_of_half_life", ((LOGIT, "-np.log(2 ** (1 / steps) - 1 + 1e-12)"),), 22),
    Mistake(
        "takes the approximation from 20 steps on",
        "bias_of_half_life",
        ((LOGIT, "np.where(steps > 20, np.log(steps / np.log(2)), -np.log(np.expm1(np.log(2) / steps)))"),),
        22,
    ),
]
