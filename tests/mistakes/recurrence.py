"""Mistakes of the lab `recurrence`, 24 points: each costs the points of its own task, also where a later one calls it."""

from . import Mistake

A_T = "x_t @ W_xh.T + h_prev @ W_hh.T + b_h"
LOOP = """\
    h_t = h0  # (B, H)
    states = []
    for t in range(x.shape[1]):
        h_t = rnn_step(x[:, t], h_t, W_xh, W_hh, b_h)
        states.append(h_t)
    return np.stack(states, axis=1)  # (B, T, H)"""
LOOP_IN_ARRAY = """\
    h_t, states = h0, {array}
    for t in range(x.shape[1]):
        states[:, t] = h_t = rnn_step(x[:, t], h_t, W_xh, W_hh, b_h)
    return states"""
LOOP_OF_TORCH = """\
    import torch

    x, h0, W_xh, W_hh, b_h = (torch.tensor(a) for a in (x, h0, W_xh, W_hh, b_h))
    rnn = torch.nn.RNN(x.shape[2], h0.shape[1], batch_first=True, dtype=x.dtype)
    rnn.load_state_dict(dict(zip(rnn.state_dict(), (W_xh, W_hh, b_h, 0 * b_h))))
    return rnn(x, h0[None])[0].detach().numpy()"""
LAST = "h[np.arange(len(lengths)), lengths - 1]"
WITH_PADDING = ("logits[mask], targets[mask]", "logits.reshape(-1, logits.shape[-1]), targets.ravel()")
SHIFTED = "y - y.max(axis=-1, keepdims=True)"
LOG_P = "y - np.log(np.exp(y).sum(axis=-1, keepdims=True))"
PICKED = "log_p[np.arange(len(target)), target]"
MEAN = "-log_p[np.arange(len(target)), target].mean()"
TEMPERED = "y = logits / temperature"

MISTAKES = [
    # lost at the visible test of rnn_step
    Mistake("forgets the bias", "rnn_step", ((" + b_h", ""),), 20),
    Mistake("adds the bias twice, as torch has two", "rnn_step", ((" + b_h", " + 2 * b_h"),), 20),
    Mistake("forgets tanh", "rnn_step", (("np.tanh", ""),), 20),
    Mistake("uses the row convention", "rnn_step", (("W_xh.T", "W_xh"), ("W_hh.T", "W_hh")), 20),
    Mistake("transposes W_xh alone", "rnn_step", (("W_hh.T", "W_hh"),), 20),
    Mistake("computes the first sequence alone", "rnn_step", (("x_t @", "x_t[:1] @"), ("h_prev @", "h_prev[:1] @")), 20),
    Mistake("takes the first sequence's state for all", "rnn_step", (("h_prev @", "h_prev[0] @"),), 20),
    Mistake("adds the bias outside tanh", "rnn_step", ((" + b_h)", ") + b_h"),), 20),
    Mistake("adds the bias as a column", "rnn_step", ((" + b_h", " + b_h[:, None]"),), 20),
    Mistake("takes the logistic function for tanh", "rnn_step", ((f"np.tanh({A_T})", f"1 / (1 + np.exp(-({A_T})))"),), 20),
    Mistake("swaps the matrices", "rnn_step", (("x_t @ W_xh.T + h_prev @ W_hh.T", "x_t @ W_hh.T + h_prev @ W_xh.T"),), 20),
    Mistake("multiplies element by element", "rnn_step", (("h_prev @ W_hh.T", "(h_prev[:, None] * W_hh).sum(axis=1)"),), 20),
    Mistake("forgets the state before", "rnn_step", ((" + h_prev @ W_hh.T", ""),), 20),
    # lost at its hidden test
    Mistake("computes in float64 whatever comes in", "rnn_step", (("x_t @", "x_t.astype(float) @"),), 21),
    Mistake(
        "writes tanh out in exponentials",
        "rnn_step",
        ((f"np.tanh({A_T})", "(np.exp(a) - np.exp(-a)) / (np.exp(a) + np.exp(-a))"), ("return", f"a = {A_T}\n    return")),
        21,
    ),
    Mistake("cuts the pre-activation off at 10", "rnn_step", ((A_T, f"np.clip({A_T}, -10, 10)"),), 21),
    Mistake(
        "computes in float32",
        "rnn_step",
        (
            ("x_t @", "x_t.astype(np.float32) @"),
            ("h_prev @", "h_prev.astype(np.float32) @"),
            ("W_xh.T", "W_xh.T.astype(np.float32)"),
            ("W_hh.T", "W_hh.T.astype(np.float32)"),
            (" + b_h)", " + b_h.astype(np.float32))"),
        ),
        21,
    ),
    Mistake(
        "copies the numbers of the visible test",
        "rnn_step",
        """
def rnn_step(x_t, h_prev, W_xh, W_hh, b_h):
    return np.array([[-0.5915, 0.8917, 0.9545], [0.9827, -0.7857, -0.9727]])
""",
        21,
    ),
    Mistake(
        "calls math.tanh for each number",
        "rnn_step",
        ((f"np.tanh({A_T})", f"np.vectorize(math.tanh)({A_T})"), ("def rnn_step", "import math\n\n\ndef rnn_step")),
        21,
    ),
    # lost at the visible test of rnn_sequence
    Mistake("starts every step from h0", "rnn_sequence", (("x[:, t], h_t,", "x[:, t], h0,"),), 19),
    Mistake("counts h0 among the states", "rnn_sequence", (("states = []", "states = [h0]"),), 19),
    Mistake("puts time before the batch", "rnn_sequence", ((", axis=1", ""),), 19),
    Mistake("loops over the batch", "rnn_sequence", (("x.shape[1]", "x.shape[0]"), ("x[:, t]", "x[t]")), 19),
    Mistake("appends one array T times", "rnn_sequence", (("= h0", "= h0.copy()"), ("h_t = rnn", "h_t[:] = rnn")), 19),
    Mistake("uses torch.nn.RNN", "rnn_sequence", ((LOOP, LOOP_OF_TORCH),), 19),
    Mistake("starts every sequence from zeros", "rnn_sequence", (("= h0", "= np.zeros_like(h0)"),), 19),
    Mistake("starts every sequence from the first row of h0", "rnn_sequence", (("= h0", "= h0[:1]"),), 19),
    Mistake("gives the states the shape of x", "rnn_sequence", ((LOOP, LOOP_IN_ARRAY.format(array="np.zeros_like(x)")),), 19),
    Mistake("returns the last state alone", "rnn_sequence", (("np.stack(states, axis=1)", "h_t"),), 19),
    Mistake("returns a list of the steps", "rnn_sequence", (("np.stack(states, axis=1)", "states"),), 19),
    Mistake("reads from the end", "rnn_sequence", (("range(x.shape[1])", "reversed(range(x.shape[1]))"),), 19),
    Mistake(
        "returns the state before each step",
        "rnn_sequence",
        (("np.stack(states, axis=1)", "np.stack([h0, *states[:-1]], axis=1)"),),
        19,
    ),
    Mistake(
        "returns the last state beside the states, as torch does",
        "rnn_sequence",
        (("return np.stack(states, axis=1)", "return np.stack(states, axis=1), h_t"),),
        19,
    ),
    Mistake("stops one step early", "rnn_sequence", (("range(x.shape[1])", "range(x.shape[1] - 1)"),), 19),
    Mistake(
        "hands the state on from sequence to sequence",
        "rnn_sequence",
        (
            (
                "    return np.stack",
                "    before = [np.roll(h_t, 1, axis=0) for h_t in [h0, *states[:-1]]]\n"
                "    states = [rnn_step(x[:, t], h_t, W_xh, W_hh, b_h) for t, h_t in enumerate(before)]\n    return np.stack",
            ),
        ),
        19,
    ),
    # lost at its hidden test
    Mistake("drops the axis of a single step", "rnn_sequence", (("axis=1)", "axis=1) if len(states) > 1 else h_t"),), 20),
    Mistake(
        "collects the states in float64",
        "rnn_sequence",
        ((LOOP, LOOP_IN_ARRAY.format(array="np.zeros((*x.shape[:2], h0.shape[1]))")),),
        20,
    ),
    Mistake("writes into h0", "rnn_sequence", (("h_t = rnn", "h_t[:] = rnn"), ("append(h_t)", "append(h_t.copy())")), 20),
    Mistake("always runs four steps", "rnn_sequence", (("range(x.shape[1])", "range(4)"),), 20),
    # lost at the visible half of last_states
    Mistake("reads the last column", "last_states", ((LAST, "h[:, -1]"),), 21),
    Mistake("reads one step too late", "last_states", (("lengths - 1", "lengths"),), 21),
    Mistake("reads every length from every sequence", "last_states", (("np.arange(len(lengths))", ":"),), 21),
    Mistake("takes the sequences to be sorted by length", "last_states", (("lengths - 1", "np.sort(lengths) - 1"),), 21),
    Mistake(
        "averages over the real steps",
        "last_states",
        ((LAST, "np.array([h[b, :n].mean(axis=0) for b, n in enumerate(lengths)])"),),
        21,
    ),
    Mistake("swaps batch and time", "last_states", ((LAST, "h[lengths - 1, np.arange(len(lengths))]"),), 21),
    Mistake("takes the largest length for all", "last_states", (("lengths - 1", "lengths.max() - 1"),), 21),
    Mistake("takes these steps from every sequence", "last_states", ((LAST, "np.take(h, lengths - 1, axis=1)"),), 21),
    Mistake(
        "looks for the last step that isn't zero",
        "last_states",
        (
            (
                LAST,
                "np.array([[step for step in h[b, : n + 1] if np.any(step != 0)][-1] for b, n in enumerate(lengths)])",
            ),
        ),
        21,
    ),
    # lost at its hidden half
    Mistake(
        "multiplies by a mask and sums",
        "last_states",
        ((LAST, "(h * (np.arange(h.shape[1]) == lengths[:, None] - 1)[..., None].astype(h.dtype)).sum(axis=1)"),),
        21,
    ),
    Mistake("drops the axis of a batch of one", "last_states", ((LAST, f"{LAST}.squeeze()"),), 21),
    Mistake("collects the states in float64", "last_states", ((LAST, f"np.array({LAST}, dtype=float)"),), 21),
    # lost at the visible test of cross_entropy
    Mistake("forgets the minus", "cross_entropy", (("-log_p", "log_p"),), 18),
    Mistake("takes logits for log-probabilities", "cross_entropy", ((LOG_P, "y"),), 18),
    Mistake("normalises over the tokens", "cross_entropy", (("sum(axis=-1,", "sum(axis=0,"),), 18),
    Mistake("divides by the batch size", "cross_entropy", ((".mean()", ".sum() / len(logits)"),), 18),
    Mistake("ignores the mask", "cross_entropy", (WITH_PADDING,), 18),
    Mistake("divides by all B·T tokens", "cross_entropy", ((".mean()", ".sum() / mask.size"),), 18),
    Mistake(
        "averages the means of the sequences",
        "cross_entropy",
        ((MEAN, f"-({PICKED} / np.repeat(mask.sum(axis=1), mask.sum(axis=1))).sum() / len(logits)"),),
        18,
    ),
    Mistake("gives bits", "cross_entropy", (("np.log(", "np.log2("),), 18),
    Mistake(
        "takes -100 for the padding, not the mask",
        "cross_entropy",
        (("    y, target =", "    mask = targets != -100\n    y, target ="),),
        22,
    ),
    Mistake("adds up over time, and averages over the batch", "cross_entropy", ((".mean()", ".sum() / mask.shape[0]"),), 18),
    Mistake("takes the log of the mean probability", "cross_entropy", ((MEAN, f"-np.log(np.exp({PICKED}).mean())"),), 18),
    Mistake("gives the perplexity", "cross_entropy", ((f"float({MEAN})", f"float(np.exp({MEAN}))"),), 18),
    Mistake(
        "gives a loss for each sequence",
        "cross_entropy",
        ((f"float({MEAN})", f"-np.array([p.mean() for p in np.split({PICKED}, mask.sum(axis=1).cumsum()[:-1])])"),),
        18,
    ),
    # lost at its hidden test
    Mistake(
        "multiplies the padding by 0",
        "cross_entropy",
        (WITH_PADDING, (MEAN, f"-({PICKED.replace(', target', ', target % y.shape[1]')} * mask.ravel()).sum() / mask.sum()")),
        20,
    ),
    Mistake("lets exponentials overflow", "cross_entropy", ((SHIFTED, "y"),), 20),
    Mistake("subtracts one maximum for all", "cross_entropy", ((SHIFTED, "y - y.max()"),), 20),
    Mistake(
        "adds 1e-12 in the log",
        "cross_entropy",
        ((LOG_P, "np.log(np.exp(y) / np.exp(y).sum(axis=-1, keepdims=True) + 1e-12)"),),
        20,
    ),
    Mistake("cuts the logits off at 700", "cross_entropy", ((SHIFTED, "np.clip(y, -700, 700)"),), 20),
    Mistake(
        "turns NaN into 0 and multiplies by the mask",
        "cross_entropy",
        (
            WITH_PADDING,
            ("y - y.max(", "np.nan_to_num(y) - np.nan_to_num(y).max("),
            (MEAN, f"-({PICKED} * mask.ravel()).sum() / mask.sum()"),
        ),
        20,
    ),
    Mistake(
        "subtracts the logit of the target", "cross_entropy", ((SHIFTED, "y - y[np.arange(len(target)), target][:, None]"),), 20
    ),
    # lost at the visible test of sample_tokens
    Mistake("takes the likeliest token always", "sample_tokens", (("temperature == 0", "True"),), 20),
    Mistake("counts tokens from 1", "sample_tokens", (("sum(axis=-1)", "sum(axis=-1) + 1"),), 20),
    Mistake("compares u with the probabilities", "sample_tokens", (("np.cumsum(p, axis=-1)", "p"), ("c[:, -1:]", "1")), 20),
    Mistake("forgets the exponential", "sample_tokens", ((f"np.exp({SHIFTED})", "y"),), 20),
    Mistake("returns tokens as floats", "sample_tokens", (("sum(axis=-1)", "sum(axis=-1, dtype=float)"),), 23),
    Mistake("multiplies by the temperature", "sample_tokens", ((TEMPERED, "y = logits * temperature"),), 20),
    Mistake("forgets the temperature unless it is 0", "sample_tokens", ((TEMPERED, "y = logits"),), 20),
    Mistake("draws by itself", "sample_tokens", (("u[:, None]", "np.random.random((len(u), 1))"),), 20),
    Mistake("takes the first u for all", "sample_tokens", (("u[:, None]", "u[0]"),), 20),
    Mistake("sorts the probabilities first", "sample_tokens", (("p = np.exp", "y = np.sort(y, axis=-1)\n    p = np.exp"),), 20),
    Mistake(
        "divides the probabilities by the temperature",
        "sample_tokens",
        (
            (TEMPERED, "y = logits"),
            ("np.cumsum(p, axis=-1)", "np.cumsum(p / temperature, axis=-1)"),
        ),
        20,
    ),
    Mistake(
        "returns a column",
        "sample_tokens",
        (("(c <= u[:, None]).sum(axis=-1)", "(c <= u[:, None]).sum(axis=-1, keepdims=True)"),),
        20,
    ),
    Mistake("counts from the end", "sample_tokens", (("(c <= u[:, None])", "(c > u[:, None])"),), 20),
    # lost at its hidden test
    Mistake("divides by a temperature of 0", "sample_tokens", (("temperature == 0", "False"),), 21),
    Mistake("lets exponentials overflow", "sample_tokens", ((SHIFTED, "y"),), 21),
    Mistake("draws a token of probability 0", "sample_tokens", (("c <= u", "c < u"),), 21),
    Mistake(
        "returns V where the sums end below u",
        "sample_tokens",
        (("cumsum(p,", "cumsum(p / p.sum(axis=-1, keepdims=True),"), ("c / c[:, -1:]", "c")),
        21,
    ),
    Mistake("divides logits in place", "sample_tokens", ((TEMPERED, "logits /= temperature\n    y = logits"),), 21),
    Mistake(
        "takes a temperature of 1e-8 for 0",
        "sample_tokens",
        (("temperature == 0", "False"), (TEMPERED, "y = logits / max(temperature, 1e-8)")),
        21,
    ),
    Mistake(
        "draws token 0 where the sums end below u",
        "sample_tokens",
        (
            ("    c = np.cumsum(p, axis=-1)\n", "    c = np.cumsum(p / p.sum(axis=-1, keepdims=True), axis=-1)\n"),
            ("    c = c / c[:, -1:]  # the last is exactly 1, so above every u\n", ""),
            ("(c <= u[:, None]).sum(axis=-1)", "(c > u[:, None]).argmax(axis=-1)"),
        ),
        21,
    ),
    # lost at the visible half of lm_cost
    Mistake("forgets the embedding", "lm_cost", (("V * D + ", ""),), 22),
    Mistake("counts two biases, as torch has", "lm_cost", (("+ H + V  #", "+ 2 * H + V  #"),), 22),
    Mistake("leaves the read-out's FLOPs out", "lm_cost", (("2 * matrices", "2 * (H * D + H * H)"),), 22),
    Mistake("counts a multiply-add as one FLOP", "lm_cost", (("2 * matrices", "matrices"),), 22),
    Mistake("forgets the batch", "lm_cost", ((" * B", ""),), 22),
    Mistake("counts the look-up as a product", "lm_cost", (("2 * matrices", "2 * (matrices + V * D)"),), 22),
    Mistake("shares the embedding with the read-out", "lm_cost", (("V * D + matrices", "matrices"),), 22),
    Mistake("returns the FLOPs first", "lm_cost", (("return parameters, flops", "return flops, parameters"),), 22),
    Mistake("counts the biases' additions", "lm_cost", (("2 * matrices * B * T", "(2 * matrices + H + V) * B * T"),), 22),
    Mistake(
        "reads out at the last step alone",
        "lm_cost",
        (("2 * matrices * B * T", "2 * (H * D + H * H) * B * T + 2 * V * H * B"),),
        22,
    ),
    Mistake(
        "counts the weights of every step", "lm_cost", (("V * D + matrices + H + V", "V * D + (matrices + H + V) * T"),), 22
    ),
    # lost at its hidden half
    Mistake("copies the numbers of the visible test", "lm_cost", (("return parameters, flops", "return 60, 1440"),), 22),
]
