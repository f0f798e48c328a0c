"""Right answers to the lab `lstm`: each has full marks."""

from tests.mistakes import Answer

VARIANTS = [
    # lstm_step
    Answer(
        "writes einsum, returns a list and writes the sigmoid with np.where",
        "lstm_step",
        """
def sigmoid(a):
    e = np.exp(-np.abs(a))
    return np.where(a >= 0, 1 / (1 + e), e / (1 + e))


def lstm_step(x_t, h_prev, c_prev, W_ih, W_hh, b_ih, b_hh):
    a = np.einsum("bd,kd->bk", x_t, W_ih) + np.einsum("bh,kh->bk", h_prev, W_hh) + b_ih + b_hh
    i, f, g, o = np.split(a, 4, axis=-1)
    c = sigmoid(f) * c_prev + sigmoid(i) * np.tanh(g)
    return [sigmoid(o) * np.tanh(c), c]
""",
    ),
    Answer(
        "names its results",
        "lstm_step",
        """
from typing import NamedTuple


class State(NamedTuple):
    h: np.ndarray
    c: np.ndarray


def sigmoid(a):
    return np.exp(-np.logaddexp(0, -a))


def lstm_step(x_t, h_prev, c_prev, W_ih, W_hh, b_ih, b_hh):
    H = h_prev.shape[1]
    a = x_t @ W_ih.T + h_prev @ W_hh.T + (b_ih + b_hh)
    i, f, o = (sigmoid(a[:, k * H : (k + 1) * H]) for k in (0, 1, 3))
    c = f * c_prev + i * np.tanh(a[:, 2 * H : 3 * H])
    return State(o * np.tanh(c), c)
""",
    ),
    Answer(
        "multiplies columns, as the formula stands",
        "lstm_step",
        """
def sigmoid(a):
    return (np.tanh(a / 2) + 1) / 2


def lstm_step(x_t, h_prev, c_prev, W_ih, W_hh, b_ih, b_hh):
    columns = W_ih @ x_t.T + W_hh @ h_prev.T + b_ih[:, None] + b_hh[:, None]  # (4H, B)
    a_i, a_f, a_g, a_o = columns.reshape(4, -1, len(x_t))
    c = sigmoid(a_f) * c_prev.T + sigmoid(a_i) * np.tanh(a_g)
    h = sigmoid(a_o) * np.tanh(c)
    return h.T, c.T
""",
    ),
    Answer(
        "computes in place, in arrays of its own",
        "lstm_step",
        """
def sigmoid(a):
    out = np.empty_like(a)
    positive = a >= 0
    out[positive] = 1 / (1 + np.exp(-a[positive]))
    e = np.exp(a[~positive])
    out[~positive] = e / (1 + e)
    return out


def lstm_step(x_t, h_prev, c_prev, W_ih, W_hh, b_ih, b_hh):
    a = x_t @ W_ih.T
    a += h_prev @ W_hh.T
    a += b_ih
    a += b_hh
    i, f, g, o = np.hsplit(a, 4)
    c_t = c_prev.copy()
    c_t *= sigmoid(f)
    c_t += sigmoid(i) * np.tanh(g, out=g)
    h_t = np.tanh(c_t)
    h_t *= sigmoid(o)
    return h_t, c_t
""",
    ),
    Answer(
        "stacks both matrices and goes row by row",
        "lstm_step",
        """
def sigmoid(a):
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-a))


def lstm_step(x_t, h_prev, c_prev, W_ih, W_hh, b_ih, b_hh):
    W, hs, cs = np.hstack((W_ih, W_hh)), [], []
    for x, h, c in zip(x_t, h_prev, c_prev):
        a_i, a_f, a_g, a_o = (W @ np.concatenate((x, h)) + b_ih + b_hh).reshape(4, -1)
        cs.append(sigmoid(a_f) * c + sigmoid(a_i) * np.tanh(a_g))
        hs.append(sigmoid(a_o) * np.tanh(cs[-1]))
    return np.array(hs), np.array(cs)
""",
    ),
    Answer(
        "returns one array of both states, and sums products by broadcasting",
        "lstm_step",
        """
def sigmoid(a):
    return np.exp(np.minimum(a, 0)) / (1 + np.exp(-np.abs(a)))


def lstm_step(x_t, h_prev, c_prev, W_ih, W_hh, b_ih, b_hh):
    a = (x_t[:, None, :] * W_ih).sum(axis=2) + (h_prev[:, None, :] * W_hh).sum(axis=2) + b_ih + b_hh
    a_i, a_f, a_g, a_o = a.reshape(len(a), 4, -1).swapaxes(0, 1)
    c = sigmoid(a_f) * c_prev + sigmoid(a_i) * np.tanh(a_g)
    return np.stack([sigmoid(a_o) * np.tanh(c), c])
""",
    ),
    Answer(
        "names gates in a dictionary, and writes the sigmoid in pieces",
        "lstm_step",
        """
def sigmoid(a):
    return np.piecewise(a, [a >= 0], [lambda a: 1 / (1 + np.exp(-a)), lambda a: np.exp(a) / (1 + np.exp(a))])


def lstm_step(x_t, h_prev, c_prev, W_ih, W_hh, b_ih, b_hh):
    gates = {}
    for name, W_x, W_h, b_x, b_h in zip("ifgo", *(np.array_split(W, 4) for W in (W_ih, W_hh, b_ih, b_hh))):
        a = np.dot(x_t, W_x.T) + np.dot(h_prev, W_h.T) + b_x + b_h
        gates[name] = np.tanh(a) if name == "g" else sigmoid(a)
    c_t = gates["f"] * c_prev + gates["i"] * gates["g"]
    h_t = gates["o"] * np.tanh(c_t)
    return h_t, c_t
""",
    ),
    Answer(
        "appends a column of ones for the bias",
        "lstm_step",
        """
def sigmoid(a):
    return np.reciprocal(1 + np.exp(-a))


def lstm_step(x_t, h_prev, c_prev, W_ih, W_hh, b_ih, b_hh):
    B, H = h_prev.shape
    W = np.column_stack([W_ih, W_hh, b_ih + b_hh])
    v = np.column_stack([x_t, h_prev, np.ones_like(x_t[:, 0])])
    a = np.matmul(v, W.T)
    i, f, o = (sigmoid(a[:, s : s + H]) for s in (0, H, 3 * H))
    c_t = np.add(f * c_prev, i * np.tanh(a[:, 2 * H : 3 * H]))
    return [o * np.tanh(c_t), c_t]
""",
    ),
    # lstm_sequence
    Answer(
        "steps with the real rows alone",
        "lstm_sequence",
        """
def lstm_sequence(x, mask, h0, c0, W_ih, W_hh, b_ih, b_hh):
    h_n, c_n = h0, c0
    h = np.zeros((x.shape[0], x.shape[1], h0.shape[1]), dtype=x.dtype)
    for t in range(x.shape[1]):
        rows = mask[:, t]
        if not rows.any():
            continue
        h_n[rows], c_n[rows] = lstm_step(x[rows, t], h_n[rows], c_n[rows], W_ih, W_hh, b_ih, b_hh)
        h[rows, t] = h_n[rows]
    return h, h_n, c_n
""",
    ),
    Answer(
        "goes through one sequence after the other",
        "lstm_sequence",
        """
from collections import namedtuple

Result = namedtuple("Result", ["h", "h_n", "c_n"])


def lstm_sequence(x, mask, h0, c0, W_ih, W_hh, b_ih, b_hh):
    B, T, _ = x.shape
    h, h_n, c_n = np.zeros_like(h0, shape=(B, T, h0.shape[1])), np.empty_like(h0), np.empty_like(c0)
    for b in range(B):
        h_t, c_t = h0[b : b + 1], c0[b : b + 1]
        for t in range(T):
            if mask[b, t]:
                h_t, c_t = lstm_step(x[b : b + 1, t], h_t, c_t, W_ih, W_hh, b_ih, b_hh)
                h[b, t] = h_t[0]
        h_n[b], c_n[b] = h_t[0], c_t[0]
    return Result(h, h_n, c_n)
""",
    ),
    Answer(
        "computes the inputs' share of all steps first, and clears the padding of NaN",
        "lstm_sequence",
        """
def lstm_sequence(x, mask, h0, c0, W_ih, W_hh, b_ih, b_hh):
    x = np.where(mask[:, :, None], x, 0)
    inputs = np.einsum("btd,kd->tbk", x, W_ih) + b_ih
    h, c, states = h0, c0, []
    for a, m in zip(inputs, mask.T[:, :, None]):
        i, f, g, o = np.split(a + h @ W_hh.T + b_hh, 4, axis=1)
        new_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        new_h = sigmoid(o) * np.tanh(new_c)
        c = m * new_c + (1 - m).astype(c.dtype) * c
        h = m * new_h + (1 - m).astype(h.dtype) * h
        states.append(h * m)
    return [np.stack(states, 1), h, c]
""",
    ),
    Answer(
        "overwrites new states where there is padding",
        "lstm_sequence",
        """
def lstm_sequence(x, mask, h0, c0, W_ih, W_hh, b_ih, b_hh):
    h, c = h0.copy(), c0.copy()
    outputs = np.empty(x.shape[:2] + h.shape[1:], x.dtype)
    t = 0
    while t < x.shape[1]:
        h_new, c_new = lstm_step(x[:, t], h, c, W_ih, W_hh, b_ih, b_hh)
        padding = ~mask[:, t]
        h_new[padding] = h[padding]
        c_new[padding] = c[padding]
        h, c = h_new, c_new
        outputs[:, t] = h
        outputs[padding, t] = 0
        t += 1
    return outputs, h, c
""",
    ),
    Answer(
        "copies where the step is real, over time-major arrays",
        "lstm_sequence",
        """
def lstm_sequence(x, mask, h0, c0, W_ih, W_hh, b_ih, b_hh):
    state = [h0, c0]
    outputs = np.zeros_like(x, shape=(x.shape[1], *h0.shape))
    for x_t, m, out in zip(np.moveaxis(x, 1, 0), mask.T[..., None], outputs):
        for old, new in zip(state, lstm_step(x_t, *[s.copy() for s in state], W_ih, W_hh, b_ih, b_hh)):
            np.copyto(old, new, where=m)
        np.copyto(out, state[0], where=m)
    return [outputs.transpose(1, 0, 2), *state]
""",
    ),
    Answer(
        "clears the padding of x, and keeps the states of every step",
        "lstm_sequence",
        """
def lstm_sequence(x, mask, h0, c0, W_ih, W_hh, b_ih, b_hh):
    x[~mask] = 0
    hs, cs = [h0], [c0]
    for t in range(mask.shape[1]):
        h, c = lstm_step(x[:, t, :], hs[-1], cs[-1], W_ih, W_hh, b_ih, b_hh)
        m = mask[:, t : t + 1].astype(x.dtype)
        hs.append(m * h + (1 - m) * hs[-1])
        cs.append(m * c + (1 - m) * cs[-1])
    h = np.array(hs[1:]).swapaxes(0, 1)
    return h * mask[:, :, None], hs[-1], cs[-1]
""",
    ),
    # lstm_step_backward
    Answer(
        "adds up outer products, one sequence after the other",
        "lstm_step_backward",
        """
def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, W_ih, W_hh, b_ih, b_hh):
    dx, dh, dc = np.zeros_like(x_t), np.zeros_like(h_prev), np.zeros_like(c_prev)
    dW_ih, dW_hh, db = np.zeros_like(W_ih), np.zeros_like(W_hh), np.zeros_like(b_ih)
    for k in range(len(x_t)):
        a = W_ih @ x_t[k] + W_hh @ h_prev[k] + b_ih + b_hh
        i, f, g, o = np.split(a, 4)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        t = np.tanh(f * c_prev[k] + i * g)
        back = dc_t[k] + dh_t[k] * o * (1 - t * t)
        da = np.hstack([
            back * g * i * (1 - i), back * c_prev[k] * f * (1 - f), back * i * (1 - g * g), dh_t[k] * t * o * (1 - o)
        ])
        dx[k], dh[k], dc[k] = W_ih.T @ da, W_hh.T @ da, back * f
        dW_ih += np.outer(da, x_t[k])
        dW_hh += np.outer(da, h_prev[k])
        db += da
    return dx, dh, dc, dW_ih, dW_hh, db
""",
    ),
    Answer(
        "fills the blocks of one array, writes einsum and returns a list",
        "lstm_step_backward",
        """
def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, W_ih, W_hh, b_ih, b_hh):
    B, H = h_prev.shape
    a = (x_t @ W_ih.T + h_prev @ W_hh.T + b_ih + b_hh).reshape(B, 4, H)
    i, f, g, o = sigmoid(a[:, 0]), sigmoid(a[:, 1]), np.tanh(a[:, 2]), sigmoid(a[:, 3])
    h_t, c_t = lstm_step(x_t, h_prev, c_prev, W_ih, W_hh, b_ih, b_hh)
    dc_t += dh_t * (o - h_t * np.tanh(c_t))
    da = np.empty_like(a)
    da[:, 0] = dc_t * g * (i - i**2)
    da[:, 1] = dc_t * c_prev * (f - f**2)
    da[:, 2] = dc_t * i * (1 - g**2)
    da[:, 3] = dh_t * np.tanh(c_t) * (o - o**2)
    da = da.reshape(B, 4 * H)
    grads = [np.einsum("bk,kd->bd", da, W) for W in (W_ih, W_hh)]
    weights = [np.einsum("bk,bd->kd", da, a) for a in (x_t, h_prev)]
    return [*grads, dc_t * f, *weights, np.ones(B, dtype=da.dtype) @ da]
""",
    ),
    Answer(
        "works block by block, and names the gradients",
        "lstm_step_backward",
        """
from typing import NamedTuple


class Gradients(NamedTuple):
    dx_t: np.ndarray
    dh_prev: np.ndarray
    dc_prev: np.ndarray
    dW_ih: np.ndarray
    dW_hh: np.ndarray
    db: np.ndarray


def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, W_ih, W_hh, b_ih, b_hh):
    H = h_prev.shape[1]
    W_x, W_h, b = W_ih.reshape(4, H, -1), W_hh.reshape(4, H, H), (b_ih + b_hh).reshape(4, H)
    a_i, a_f, a_g, a_o = (x_t @ W_x[k].T + h_prev @ W_h[k].T + b[k] for k in range(4))
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)
    c_t = f * c_prev + i * g
    dc = dc_t + dh_t * o * (1 - np.tanh(c_t)) * (1 + np.tanh(c_t))
    da = (dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g) * (1 + g), dh_t * np.tanh(c_t) * o * (1 - o))
    return Gradients(
        sum(d @ W for d, W in zip(da, W_x)),
        sum(d @ W for d, W in zip(da, W_h)),
        dc * f,
        np.concatenate([d.T @ x_t for d in da]),
        np.concatenate([d.T @ h_prev for d in da]),
        np.concatenate([d.sum(axis=0) for d in da]),
    )
""",
    ),
    Answer(
        "differentiates sigmoid with a helper, over columns",
        "lstm_step_backward",
        """
def slope(s):
    return s - s * s


def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, W_ih, W_hh, b_ih, b_hh):
    dh, dc, x, h, c = dh_t.T, dc_t.T, x_t.T, h_prev.T, c_prev.T
    a = W_ih @ x + W_hh @ h + (b_ih + b_hh).reshape(-1, 1)
    i, f, g, o = np.vsplit(a, 4)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    m = np.tanh(f * c + i * g)
    dc = dc + o * dh * (1 - np.square(m))
    da = np.vstack((slope(i) * g * dc, slope(f) * c * dc, (1 - np.square(g)) * i * dc, slope(o) * m * dh))
    dW_ih, dW_hh = np.tensordot(da, x, axes=(1, 1)), np.tensordot(da, h, axes=(1, 1))
    return (W_ih.T @ da).T, (W_hh.T @ da).T, (f * dc).T, dW_ih, dW_hh, np.add.reduce(da, axis=1)
""",
    ),
    # forget_bias
    Answer(
        "reshapes copies into blocks",
        "forget_bias",
        """
def forget_bias(b_ih, b_hh, value):
    results = []
    for b, v in ((b_ih, value), (b_hh, 0)):
        blocks = np.array(b).reshape(4, -1)
        blocks[1, :] = v
        results.append(blocks.ravel())
    return results
""",
    ),
    Answer(
        "joins blocks anew, and returns one array of both",
        "forget_bias",
        """
def forget_bias(b_ih, b_hh, value):
    H = b_ih.shape[0] // 4
    new_ih = np.r_[b_ih[:H], np.ones(H) * value, b_ih[2 * H :]]
    new_hh = np.r_[b_hh[:H], np.zeros(H), b_hh[2 * H :]]
    return np.array([new_ih, new_hh], dtype=b_ih.dtype)
""",
    ),
    # lstm_cost
    Answer(
        "counts layer by layer",
        "lstm_cost",
        """
def lstm_cost(D, H, num_layers, B, T):
    parameters = flops = 0
    for layer in range(num_layers):
        width = D if layer == 0 else H
        matrices = 4 * H * width + 4 * H * H
        parameters += matrices + 8 * H
        flops += 2 * matrices
    return [parameters, flops * T * B, num_layers * B * 2 * H * np.dtype("float32").itemsize]
""",
    ),
    Answer(
        "returns an array of three counts",
        "lstm_cost",
        """
def lstm_cost(D, H, num_layers, B, T):
    widths = np.array([D] + [H] * (num_layers - 1))
    matrices = 4 * H * (widths + H)
    return np.array([np.sum(matrices + 8 * H), 2 * B * T * matrices.sum(), 8 * B * H * num_layers])
""",
    ),
    Answer(
        "counts in floats that are whole",
        "lstm_cost",
        """
def lstm_cost(D, H, num_layers, B, T):
    first, upper = 4 * (H * D + H**2), 4 * (H * H + H**2)
    weights = first + (num_layers - 1) * upper
    return weights + num_layers * 8.0 * H, 2.0 * weights * B * T, num_layers * 2 * B * H * 32 / 8
""",
    ),
    # half_life
    Answer(
        "treats both signs apart",
        "half_life",
        """
def half_life(bias):
    softplus = np.maximum(-bias, 0) + np.log1p(np.exp(-np.abs(bias)))
    return np.log(2.0) / softplus
""",
    ),
    Answer(
        "goes through the array one bias after the other",
        "half_life",
        """
import math


def half_life(bias):
    out = np.empty(bias.shape)
    for index, b in np.ndenumerate(bias):
        b = float(b)
        softplus = math.log1p(math.exp(-b)) if b > 0 else -b + math.log1p(math.exp(b))
        out[index] = math.log(2) / softplus
    return out
""",
    ),
    Answer(
        "divides logarithms to the base 2",
        "half_life",
        """
def half_life(bias):
    return 1 / np.logaddexp2(0, -bias / np.log(2))
""",
    ),
    # bias_of_half_life
    Answer(
        "takes both logarithms",
        "bias_of_half_life",
        """
def bias_of_half_life(steps):
    log_f = -np.log(2) / np.asarray(steps, dtype=float)
    return log_f - np.log(-np.expm1(log_f))
""",
    ),
    Answer(
        "searches with half_life",
        "bias_of_half_life",
        """
def bias_of_half_life(steps):
    low, high = np.full_like(steps, -800.0), np.full_like(steps, 700.0)
    for _ in range(200):
        middle = (low + high) / 2
        short = half_life(middle) < steps
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return low
""",
    ),
    Answer(
        "makes a list of lists an array",
        "bias_of_half_life",
        """
def bias_of_half_life(steps):
    q = np.log(2) / np.array(steps)
    return -q - np.log(-np.expm1(-q))
""",
    ),
]
