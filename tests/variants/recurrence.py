"""Right answers to the lab `recurrence`: each has full marks."""

from tests.mistakes import Answer

VARIANTS = [
    # rnn_step
    Answer(
        "writes einsum",
        "rnn_step",
        """
def rnn_step(x_t, h_prev, W_xh, W_hh, b_h):
    return np.tanh(np.einsum("bd,hd->bh", x_t, W_xh) + np.einsum("bk,hk->bh", h_prev, W_hh) + b_h)
""",
    ),
    Answer(
        "multiplies columns, as the formula stands",
        "rnn_step",
        """
def rnn_step(x_t, h_prev, W_xh, W_hh, b_h):
    columns = W_xh @ x_t.T + W_hh @ h_prev.T + b_h[:, None]
    return np.tanh(columns).T
""",
    ),
    Answer(
        "stacks both matrices and the bias",
        "rnn_step",
        """
def rnn_step(x_t, h_prev, W_xh, W_hh, b_h):
    W = np.hstack([W_xh, W_hh, b_h[:, None]])
    ones = np.ones((len(x_t), 1), dtype=x_t.dtype)
    return np.tanh(np.hstack([x_t, h_prev, ones]) @ W.T)
""",
    ),
    Answer(
        "goes through the batch row by row",
        "rnn_step",
        """
def rnn_step(x_t, h_prev, W_xh, W_hh, b_h):
    rows = []
    for x_b, h_b in zip(x_t, h_prev):
        rows.append(np.tanh(W_xh @ x_b + W_hh @ h_b + b_h))
    return np.array(rows)
""",
    ),
    Answer(
        "adds up in place",
        "rnn_step",
        """
def rnn_step(x_t, h_prev, W_xh, W_hh, b_h):
    a_t = np.dot(x_t, W_xh.T)
    a_t += np.dot(h_prev, W_hh.T)
    a_t += b_h
    np.tanh(a_t, out=a_t)
    return a_t
""",
    ),
    Answer(
        "writes tanh out so that nothing overflows",
        "rnn_step",
        """
def my_tanh(a):
    e = np.exp(-2 * np.abs(a))
    return np.sign(a) * (1 - e) / (1 + e)


def rnn_step(x_t, h_prev, W_xh, W_hh, b_h):
    return my_tanh(x_t @ W_xh.T + h_prev @ W_hh.T + b_h)
""",
    ),
    # rnn_sequence
    Answer(
        "writes into an array of the right type",
        "rnn_sequence",
        """
def rnn_sequence(x, h0, W_xh, W_hh, b_h):
    B, T, D = x.shape
    H = h0.shape[1]
    h = np.zeros((B, T, H), dtype=x.dtype)
    prev = h0
    for t in range(T):
        h[:, t, :] = rnn_step(x[:, t, :], prev, W_xh, W_hh, b_h)
        prev = h[:, t, :]
    return h
""",
    ),
    Answer(
        "computes the inputs' part for all steps at once",
        "rnn_sequence",
        """
def rnn_sequence(x, h0, W_xh, W_hh, b_h):
    from_inputs = x @ W_xh.T + b_h
    h = np.empty_like(from_inputs)
    last = h0
    for t in range(x.shape[1]):
        last = np.tanh(from_inputs[:, t] + last @ W_hh.T)
        h[:, t] = last
    return h
""",
    ),
    Answer(
        "swaps the axes, loops and swaps back",
        "rnn_sequence",
        """
def rnn_sequence(x, h0, W_xh, W_hh, b_h):
    states = [h0]
    for x_t in np.swapaxes(x, 0, 1):
        states.append(rnn_step(x_t, states[-1], W_xh, W_hh, b_h))
    return np.swapaxes(np.array(states[1:]), 0, 1)
""",
    ),
    Answer(
        "calls itself for the steps before",
        "rnn_sequence",
        """
def rnn_sequence(x, h0, W_xh, W_hh, b_h):
    if x.shape[1] == 1:
        return rnn_step(x[:, 0], h0, W_xh, W_hh, b_h)[:, None]
    before = rnn_sequence(x[:, :-1], h0, W_xh, W_hh, b_h)
    last = rnn_step(x[:, -1], before[:, -1], W_xh, W_hh, b_h)
    return np.concatenate([before, last[:, None]], axis=1)
""",
    ),
    # last_states
    Answer(
        "loops over the batch",
        "last_states",
        """
def last_states(h, lengths):
    return np.array([h[b, lengths[b] - 1] for b in range(len(h))])
""",
    ),
    Answer(
        "takes along the axis of time",
        "last_states",
        """
def last_states(h, lengths):
    index = (lengths - 1)[:, None, None]
    return np.take_along_axis(h, index, axis=1)[:, 0]
""",
    ),
    Answer(
        "chooses by a mask of one True in each row",
        "last_states",
        """
def last_states(h, lengths):
    B, T, H = h.shape
    is_last = np.arange(T) == lengths.reshape(-1, 1) - 1
    return h[is_last]
""",
    ),
    # cross_entropy
    Answer(
        "loops over sequences and steps",
        "cross_entropy",
        """
def cross_entropy(logits, targets, mask):
    total, count = 0.0, 0
    for b in range(logits.shape[0]):
        for t in range(logits.shape[1]):
            if mask[b, t]:
                y = logits[b, t]
                m = max(y)
                total += m + np.log(sum(np.exp(v - m) for v in y)) - y[targets[b, t]]
                count += 1
    return total / count
""",
    ),
    Answer(
        "uses logaddexp",
        "cross_entropy",
        """
def cross_entropy(logits, targets, mask):
    real, k = logits[mask], targets[mask]
    return np.mean(np.logaddexp.reduce(real, axis=1) - real[np.arange(len(k)), k])
""",
    ),
    Answer(
        "replaces the padding first",
        "cross_entropy",
        """
def cross_entropy(logits, targets, mask):
    logits = np.where(mask[..., None], logits, 0.0)
    targets = np.where(mask, targets, 0)
    logits = logits - np.max(logits, axis=-1, keepdims=True)
    log_z = np.log(np.sum(np.exp(logits), axis=-1))
    picked = np.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    return np.sum((log_z - picked) * mask) / np.sum(mask)
""",
    ),
    Answer(
        "works in place on the logits",
        "cross_entropy",
        """
def cross_entropy(logits, targets, mask):
    logits -= logits.max(axis=2, keepdims=True)
    y = logits[mask]
    lse = np.log(np.exp(y).sum(axis=1))
    return np.array((lse - y[range(len(y)), targets[mask]]).mean())
""",
    ),
    # sample_tokens
    Answer(
        "loops with searchsorted",
        "sample_tokens",
        """
def sample_tokens(logits, temperature, u):
    tokens = []
    for row, number in zip(logits, u):
        if temperature == 0:
            tokens.append(int(np.argmax(row)))
            continue
        y = row / temperature
        p = np.exp(y - y.max())
        p /= p.sum()
        k = int(np.searchsorted(np.cumsum(p), number, side="right"))
        tokens.append(min(k, int(np.flatnonzero(p)[-1])))
    return tokens
""",
    ),
    Answer(
        "takes argmax of c > u, with the last sum set to 1",
        "sample_tokens",
        """
def sample_tokens(logits, temperature, u):
    if temperature == 0.0:
        return np.argmax(logits, axis=1)
    y = logits - logits.max(axis=1, keepdims=True)
    p = np.exp(y / temperature)
    p = p / p.sum(axis=1, keepdims=True)
    c = p.cumsum(axis=1)
    c[:, -1] = 1.0
    return (c > u.reshape(-1, 1)).argmax(axis=1)
""",
    ),
    # lm_cost
    Answer(
        "returns a named tuple",
        "lm_cost",
        """
from typing import NamedTuple


class Cost(NamedTuple):
    parameters: int
    flops: int


def lm_cost(V, D, H, B, T):
    parameters = V * D + H * D + H * H + H + V * H + V
    return Cost(parameters, 2 * B * T * (H * D + H * H + V * H))
""",
    ),
    Answer(
        "returns a list, in floats",
        "lm_cost",
        """
def lm_cost(V, D, H, B, T):
    sizes = [(V, D), (H, D), (H, H), (H, 1), (V, H), (V, 1)]
    parameters = sum(a * b for a, b in sizes)
    per_token = 2.0 * H * D + 2.0 * H**2 + 2.0 * H * V
    return [parameters, per_token * B * T]
""",
    ),
    # a second round
    Answer(
        "calls math.tanh for each number, and restores the type",
        "rnn_step",
        """
import math


def rnn_step(x_t, h_prev, W_xh, W_hh, b_h):
    a = np.matmul(x_t, np.transpose(W_xh)) + np.matmul(h_prev, np.transpose(W_hh)) + b_h
    return np.vectorize(math.tanh)(a).astype(x_t.dtype)
""",
    ),
    Answer(
        "takes tanh from the logistic function",
        "rnn_step",
        """
def rnn_step(x_t, h_prev, W_xh, W_hh, b_h):
    a = x_t.dot(W_xh.T) + h_prev.dot(W_hh.T) + b_h.reshape(1, -1)
    return 2 / (1 + np.exp(-2 * a)) - 1
""",
    ),
    Answer(
        "accumulates",
        "rnn_sequence",
        """
from itertools import accumulate


def rnn_sequence(x, h0, W_xh, W_hh, b_h):
    def step(h, x_t):
        return rnn_step(x_t, h, W_xh, W_hh, b_h)

    steps = np.moveaxis(x, 1, 0)
    states = list(accumulate(steps, step, initial=h0))[1:]
    return np.stack(states).transpose(1, 0, 2)
""",
    ),
    Answer(
        "takes one sequence after the other",
        "rnn_sequence",
        """
def rnn_sequence(x, h0, W_xh, W_hh, b_h):
    result = []
    for x_b, h_b in zip(x, h0):
        h = h_b[None]
        rows = []
        for x_bt in x_b:
            h = rnn_step(x_bt[None], h, W_xh, W_hh, b_h)
            rows.append(h[0])
        result.append(np.stack(rows))
    return np.stack(result)
""",
    ),
    Answer(
        "concatenates what it has with each new state",
        "rnn_sequence",
        """
def rnn_sequence(x, h0, W_xh, W_hh, b_h):
    h = np.empty((len(x), 0, h0.shape[1]), dtype=h0.dtype)
    state = h0.copy()
    t = 0
    while t < x.shape[1]:
        state = rnn_step(x[:, t], state, W_xh, W_hh, b_h)
        h = np.concatenate((h, np.expand_dims(state, 1)), axis=1)
        t += 1
    return h
""",
    ),
    Answer(
        "chooses with np.where, and adds up",
        "last_states",
        """
def last_states(h, lengths):
    steps = np.arange(h.shape[1])[None, :, None]
    chosen = np.where(steps == lengths[:, None, None] - 1, h, 0)
    return chosen.sum(axis=1)
""",
    ),
    Answer(
        "indexes the states laid out in one row",
        "last_states",
        """
def last_states(h, lengths):
    B, T, H = h.shape
    flat = h.reshape(B * T, H)
    return flat[T * np.arange(B) + lengths - 1]
""",
    ),
    Answer(
        "copies the last state to the end, step by step",
        "last_states",
        """
def last_states(h, lengths):
    for t in range(1, h.shape[1]):
        over = t >= lengths
        h[over, t] = h[over, t - 1]
    return h[:, -1]
""",
    ),
    Answer(
        "takes the mean without NaN",
        "cross_entropy",
        """
def cross_entropy(logits, targets, mask):
    top = logits.max(axis=-1, keepdims=True)
    log_z = top[..., 0] + np.log(np.exp(logits - top).sum(axis=-1))
    safe = np.clip(targets, 0, logits.shape[-1] - 1)
    b, t = np.indices(targets.shape)
    surprise = log_z - logits[b, t, safe]
    return np.nanmean(np.where(mask, surprise, np.nan))
""",
    ),
    Answer(
        "adds up with math.fsum",
        "cross_entropy",
        """
import math


def cross_entropy(logits, targets, mask):
    losses = []
    for y, k in zip(logits[mask].tolist(), targets[mask].tolist()):
        high = max(y)
        losses.append(math.log(math.fsum(math.exp(v - high) for v in y)) + high - y[k])
    return math.fsum(losses) / len(losses)
""",
    ),
    Answer(
        "takes the power of the probabilities",
        "sample_tokens",
        """
def sample_tokens(logits, temperature, u):
    if not temperature:
        return logits.argmax(1)
    p = np.exp(logits - logits.max(1)[:, None]) ** (1 / temperature)
    p /= p.sum(1)[:, None]
    tokens = np.zeros(len(u), dtype=int)
    for i in range(len(u)):
        total = 0.0
        for k in range(p.shape[1]):
            total += p[i, k]
            if p[i, k] > 0:
                tokens[i] = k
            if total > u[i]:
                break
    return tokens
""",
    ),
    Answer(
        "scales u instead of the sums",
        "sample_tokens",
        """
def sample_tokens(logits, temperature, u):
    if temperature == 0:
        return [int(row.argmax()) for row in logits]
    z = (logits - logits.max(axis=1, keepdims=True)) / temperature
    sums = np.cumsum(np.exp(z), axis=1)
    below = sums <= u[:, None] * sums[:, -1:]
    return np.minimum(below.sum(axis=1), logits.shape[1] - 1)
""",
    ),
    Answer(
        "counts from a table of shapes",
        "lm_cost",
        """
def lm_cost(V, D, H, B, T):
    shapes = {"E": (V, D), "W_xh": (H, D), "W_hh": (H, H), "b_h": (H,), "W_hy": (V, H), "b_y": (V,)}
    sizes = {name: np.prod(shape) for name, shape in shapes.items()}
    per_token = sum(2 * sizes[name] for name in ("W_xh", "W_hh", "W_hy"))
    return np.array([sum(sizes.values()), per_token * B * T])
""",
    ),
]
