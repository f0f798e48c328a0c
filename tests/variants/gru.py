"""Right answers to the lab `gru`: each has full marks."""

from tests.mistakes import Answer

VARIANTS = [
    # gru_step_after
    Answer(
        "writes einsum, and the sigmoid with np.where",
        "gru_step_after",
        """
def sigmoid(a):
    e = np.exp(-np.abs(a))
    return np.where(a >= 0, 1 / (1 + e), e / (1 + e))


def gru_step_after(x_t, h_prev, W_ih, W_hh, b_ih, b_hh):
    H = h_prev.shape[1]
    u = np.einsum("bd,kd->bk", x_t, W_ih) + b_ih
    v = np.einsum("bj,kj->bk", h_prev, W_hh) + b_hh
    r = sigmoid(u[:, :H] + v[:, :H])
    z = sigmoid(u[:, H : 2 * H] + v[:, H : 2 * H])
    n = np.tanh(u[:, 2 * H :] + r * v[:, 2 * H :])
    return n + z * (h_prev - n)
""",
    ),
    Answer(
        "multiplies columns, as the formula stands",
        "gru_step_after",
        """
def sigmoid(a):
    return np.exp(-np.logaddexp(0, -a))


def gru_step_after(x_t, h_prev, W_ih, W_hh, b_ih, b_hh):
    W_xr, W_xz, W_xn = np.split(W_ih, 3)
    W_hr, W_hz, W_hn = np.split(W_hh, 3)
    b_xr, b_xz, b_xn = np.split(b_ih[:, None], 3)
    b_hr, b_hz, b_hn = np.split(b_hh[:, None], 3)
    x, h = x_t.T, h_prev.T
    r = sigmoid(W_xr @ x + b_xr + W_hr @ h + b_hr)
    z = sigmoid(W_xz @ x + b_xz + W_hz @ h + b_hz)
    n = np.tanh(W_xn @ x + b_xn + r * (W_hn @ h + b_hn))
    return (z * h + (1 - z) * n).T
""",
    ),
    Answer(
        "computes in place, in arrays of its own",
        "gru_step_after",
        """
def sigmoid(a):
    out = np.empty_like(a)
    positive = a >= 0
    out[positive] = 1 / (1 + np.exp(-a[positive]))
    e = np.exp(a[~positive])
    out[~positive] = e / (1 + e)
    return out


def gru_step_after(x_t, h_prev, W_ih, W_hh, b_ih, b_hh):
    H = len(b_ih) // 3
    a = x_t @ W_ih.T
    a += b_ih
    s = h_prev @ W_hh.T
    s += b_hh
    a[:, : 2 * H] += s[:, : 2 * H]
    a[:, : 2 * H] = sigmoid(a[:, : 2 * H])
    r, z, n = a[:, :H], a[:, H : 2 * H], a[:, 2 * H :]
    n += r * s[:, 2 * H :]
    np.tanh(n, out=n)
    h_t = z * h_prev
    h_t += (1 - z) * n
    return h_t
""",
    ),
    Answer(
        "sums products by broadcasting",
        "gru_step_after",
        """
def sigmoid(a):
    return np.exp(np.minimum(a, 0)) / (1 + np.exp(-np.abs(a)))


def gru_step_after(x_t, h_prev, W_ih, W_hh, b_ih, b_hh):
    beside_x = (x_t[:, None, :] * W_ih).sum(axis=-1) + b_ih
    beside_h = (h_prev[:, None, :] * W_hh).sum(axis=-1) + b_hh
    xs, hs = (np.array_split(a, 3, axis=-1) for a in (beside_x, beside_h))
    gates = [sigmoid(a + b) for a, b in zip(xs[:2], hs[:2])]
    n = np.tanh(xs[2] + gates[0] * hs[2])
    return np.add(np.multiply(gates[1], h_prev), np.multiply(1 - gates[1], n))
""",
    ),
    Answer(
        "stacks both for the gates alone",
        "gru_step_after",
        """
def sigmoid(a):
    return np.piecewise(a, [a >= 0], [lambda a: 1 / (1 + np.exp(-a)), lambda a: np.exp(a) / (1 + np.exp(a))])


def gru_step_after(x_t, h_prev, W_ih, W_hh, b_ih, b_hh):
    H = h_prev.shape[-1]
    W = np.concatenate((W_ih[: 2 * H], W_hh[: 2 * H]), axis=1)
    rz = sigmoid(np.concatenate((x_t, h_prev), axis=1) @ W.T + (b_ih + b_hh)[: 2 * H])
    n = x_t @ W_ih[-H:].T + b_ih[-H:] + rz[:, :H] * (h_prev @ W_hh[-H:].T + b_hh[-H:])
    z = rz[:, H:]
    return (1 - z) * np.tanh(n) + z * h_prev
""",
    ),
    Answer(
        "returns nested lists of each sequence",
        "gru_step_after",
        """
def sigmoid(a):
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-a))


def gru_step_after(x_t, h_prev, W_ih, W_hh, b_ih, b_hh):
    states = []
    for x, h in zip(x_t, h_prev):
        u, v = W_ih.dot(x) + b_ih, W_hh.dot(h) + b_hh
        H = len(h)
        r, z = sigmoid(u[:H] + v[:H]), sigmoid(u[H:-H] + v[H:-H])
        states.append(h * z + np.tanh(u[-H:] + v[-H:] * r) * (1 - z))
    return tuple(states)
""",
    ),
    # gru_step_before
    Answer(
        "goes row by row and returns a list of rows",
        "gru_step_before",
        """
def gru_step_before(x_t, h_prev, W_ih, W_hh, b_ih, b_hh):
    H, rows = h_prev.shape[1], []
    for x, h in zip(x_t, h_prev):
        a = W_ih @ x + b_ih + b_hh
        gates = sigmoid(a[: 2 * H] + W_hh[: 2 * H] @ h)
        r, z = gates[:H], gates[H:]
        n = np.tanh(a[2 * H :] + W_hh[2 * H :] @ (r * h))
        rows.append(z * h + (1 - z) * n)
    return rows
""",
    ),
    Answer(
        "takes the blocks as three matrices",
        "gru_step_before",
        """
def gru_step_before(x_t, h_prev, W_ih, W_hh, b_ih, b_hh):
    B, H = h_prev.shape
    W = W_hh.reshape(3, H, H)
    x_r, x_z, x_n = np.moveaxis((x_t @ W_ih.T + b_ih).reshape(B, 3, H), 1, 0)
    b_r, b_z, b_n = b_hh.reshape(3, H)
    r = sigmoid(x_r + np.einsum("bj,ij->bi", h_prev, W[0]) + b_r)
    z = sigmoid(x_z + np.einsum("bj,ij->bi", h_prev, W[1]) + b_z)
    n = np.tanh(x_n + np.einsum("bj,bj,ij->bi", r, h_prev, W[2]) + b_n)
    return h_prev - (1 - z) * (h_prev - n)
""",
    ),
    Answer(
        "calls gru_step_after with the candidate's product beside the input",
        "gru_step_before",
        """
def gru_step_before(x_t, h_prev, W_ih, W_hh, b_ih, b_hh):
    H = h_prev.shape[1]
    r = sigmoid((x_t @ W_ih.T + h_prev @ W_hh.T + b_ih + b_hh)[:, :H])
    x = np.hstack([x_t, r * h_prev])
    beside = np.vstack([np.zeros_like(W_hh[: 2 * H]), W_hh[2 * H :]])
    W_x = np.hstack([W_ih, beside])
    W_h = np.vstack([W_hh[: 2 * H], np.zeros_like(W_hh[2 * H :])])
    return gru_step_after(x, h_prev, W_x, W_h, b_ih + b_hh, np.zeros_like(b_hh))
""",
    ),
    Answer(
        "corrects the step after",
        "gru_step_before",
        """
def gru_step_before(x_t, h_prev, W_ih, W_hh, b_ih, b_hh):
    H = h_prev.shape[1]
    a = x_t @ W_ih.T + b_ih + b_hh
    s = h_prev @ W_hh.T
    r, z = sigmoid(a[:, :H] + s[:, :H]), sigmoid(a[:, H : 2 * H] + s[:, H : 2 * H])
    W_n = np.split(W_hh, 3)[-1]
    n = np.tanh(a[:, 2 * H :] + np.dot(r * h_prev, W_n.T))
    h_t = np.copy(h_prev)
    h_t *= z
    h_t += n
    h_t -= z * n
    return h_t
""",
    ),
    Answer(
        "multiplies columns",
        "gru_step_before",
        """
def gru_step_before(x_t, h_prev, W_ih, W_hh, b_ih, b_hh):
    x, h, b = x_t.T, h_prev.T, (b_ih + b_hh).reshape(3, -1, 1)
    U, W = W_ih.reshape(3, -1, len(x)), W_hh.reshape(3, len(h), len(h))
    r, z = (sigmoid(U[k] @ x + W[k] @ h + b[k]) for k in (0, 1))
    n = np.tanh(U[2] @ x + W[2] @ (r * h) + b[2])
    return np.transpose(z * h + (1 - z) * n)
""",
    ),
    # convert_weights
    Answer(
        "fills blocks, puts the bias beside the state and returns a list",
        "convert_weights",
        """
def convert_weights(W_r, W_z, W_n, b_r, b_z, b_n):
    H, width = W_r.shape
    W_ih = np.empty((3, H, width - H), dtype=W_r.dtype)
    W_hh = np.empty((3, H, H), dtype=W_r.dtype)
    b_hh = np.empty((3, H), dtype=b_r.dtype)
    for k, (W, b, sign) in enumerate([(W_r, b_r, 1), (W_z, b_z, -1), (W_n, b_n, 1)]):
        W_hh[k], W_ih[k] = np.split(sign * W, [H], axis=1)
        b_hh[k] = sign * b
    return [W_ih.reshape(3 * H, -1), W_hh.reshape(3 * H, H), np.zeros_like(b_hh.ravel()), b_hh.ravel()]
""",
    ),
    Answer(
        "names its results, and divides the bias",
        "convert_weights",
        """
from collections import namedtuple

Weights = namedtuple("Weights", "W_ih W_hh b_ih b_hh")


def convert_weights(W_r, W_z, W_n, b_r, b_z, b_n):
    H = b_r.size
    W, b = np.vstack([W_r, -W_z, W_n]), np.hstack([b_r, -b_z, b_n])
    half = (b / 2).astype(b.dtype)
    return Weights(np.ascontiguousarray(W[:, H:]), np.ascontiguousarray(W[:, :H]), half, b - half)
""",
    ),
    Answer(
        "works block by block with hsplit and returns arrays of its own",
        "convert_weights",
        """
def convert_weights(W_r, W_z, W_n, b_r, b_z, b_n):
    H = W_r.shape[0]
    flip = {"r": 1, "z": -1, "n": 1}
    W_h, W_x = [], []
    for name, W in zip("rzn", (W_r, W_z, W_n)):
        W_h.append(flip[name] * W[:, :H])
        W_x.append(flip[name] * W[:, H:])
    b = np.concatenate([b_r, np.negative(b_z), b_n])
    return np.vstack(W_x), np.vstack(W_h), b, b * 0
""",
    ),
    Answer(
        "copies, and turns round in place",
        "convert_weights",
        """
def convert_weights(W_r, W_z, W_n, b_r, b_z, b_n):
    H = len(W_r)
    W, b = np.array([W_r, W_z, W_n]), np.array([b_r, b_z, b_n])
    W[1] *= -1
    b[1] *= -1
    W = W.reshape(3 * H, -1)
    return W[:, H:].copy(), W[:, :H].copy(), b.reshape(-1), np.zeros(3 * H, dtype=b.dtype)
""",
    ),
    # gru_step_backward
    Answer(
        "adds up outer products, one sequence after the other",
        "gru_step_backward",
        """
def gru_step_backward(dh_t, x_t, h_prev, W_ih, W_hh, b_ih, b_hh):
    dx, dh = np.zeros_like(x_t), np.zeros_like(h_prev)
    dW_ih, dW_hh, db_ih, db_hh = (np.zeros_like(a) for a in (W_ih, W_hh, b_ih, b_hh))
    for k in range(len(x_t)):
        u = np.split(W_ih @ x_t[k] + b_ih, 3)
        v = np.split(W_hh @ h_prev[k] + b_hh, 3)
        r, z = sigmoid(u[0] + v[0]), sigmoid(u[1] + v[1])
        n = np.tanh(u[2] + r * v[2])
        dn = dh_t[k] * (1 - z) * (1 - n * n)
        dr = dn * v[2] * (r - r * r)
        dz = dh_t[k] * (h_prev[k] - n) * (z - z * z)
        da, db = np.hstack([dr, dz, dn]), np.hstack([dr, dz, r * dn])
        dx[k] = da @ W_ih
        dh[k] = db @ W_hh + z * dh_t[k]
        dW_ih += np.outer(da, x_t[k])
        dW_hh += np.outer(db, h_prev[k])
        db_ih += da
        db_hh += db
    return dx, dh, dW_ih, dW_hh, db_ih, db_hh
""",
    ),
    Answer(
        "goes through both products block by block, and returns a list",
        "gru_step_backward",
        """
def gru_step_backward(dh_t, x_t, h_prev, W_ih, W_hh, b_ih, b_hh):
    B, H = h_prev.shape
    u = (x_t @ W_ih.T + b_ih).reshape(B, 3, H)
    v = (h_prev @ W_hh.T + b_hh).reshape(B, 3, H)
    r, z = sigmoid(u[:, 0] + v[:, 0]), sigmoid(u[:, 1] + v[:, 1])
    n = np.tanh(u[:, 2] + r * v[:, 2])
    du, dv = np.empty_like(u), np.empty_like(v)
    du[:, 2] = (1 - z) * dh_t * (1 - n**2)
    dv[:, 2] = r * du[:, 2]
    du[:, 1] = dv[:, 1] = dh_t * (h_prev - n) * z * (1 - z)
    du[:, 0] = dv[:, 0] = v[:, 2] * du[:, 2] * r * (1 - r)
    dx = np.einsum("bkh,khd->bd", du, W_ih.reshape(3, H, -1))
    dh = np.einsum("bkh,khj->bj", dv, W_hh.reshape(3, H, H))
    dh_t *= z
    dh += dh_t
    dW_ih = np.einsum("bkh,bd->khd", du, x_t).reshape(3 * H, -1)
    dW_hh = np.einsum("bkh,bj->khj", dv, h_prev).reshape(3 * H, H)
    return [dx, dh, dW_ih, dW_hh, du.sum(0).ravel(), dv.sum(0).ravel()]
""",
    ),
    Answer(
        "works over columns with a helper",
        "gru_step_backward",
        """
def slope(s):
    return s - s * s


def gru_step_backward(dh_t, x_t, h_prev, W_ih, W_hh, b_ih, b_hh):
    g, x, h = dh_t.T, x_t.T, h_prev.T
    u_r, u_z, u_n = np.vsplit(W_ih @ x + b_ih[:, None], 3)
    v_r, v_z, v_n = np.vsplit(W_hh @ h + b_hh[:, None], 3)
    r, z = sigmoid(u_r + v_r), sigmoid(u_z + v_z)
    n = np.tanh(u_n + r * v_n)
    d_n = g * (1 - z) * (1 - n) * (1 + n)
    d_z, d_r = g * (h - n) * slope(z), d_n * v_n * slope(r)
    left, right = np.vstack((d_r, d_z, d_n)), np.vstack((d_r, d_z, d_n * r))
    return (
        (W_ih.T @ left).T,
        (W_hh.T @ right + g * z).T,
        np.tensordot(left, x, axes=(1, 1)),
        np.tensordot(right, h, axes=(1, 1)),
        left.sum(axis=1),
        np.add.reduce(right, axis=1),
    )
""",
    ),
    Answer(
        "names its gradients, and finds 1 - z from the step",
        "gru_step_backward",
        """
from typing import NamedTuple


class Gradients(NamedTuple):
    dx_t: np.ndarray
    dh_prev: np.ndarray
    dW_ih: np.ndarray
    dW_hh: np.ndarray
    db_ih: np.ndarray
    db_hh: np.ndarray


def gru_step_backward(dh_t, x_t, h_prev, W_ih, W_hh, b_ih, b_hh):
    H = h_prev.shape[1]
    W_x, W_h = np.split(W_ih, 3), np.split(W_hh, 3)
    b_x, b_h = np.split(b_ih, 3), np.split(b_hh, 3)
    u, v = [x_t @ W.T + b for W, b in zip(W_x, b_x)], [h_prev @ W.T + b for W, b in zip(W_h, b_h)]
    r, z, one_minus_z = sigmoid(u[0] + v[0]), sigmoid(u[1] + v[1]), sigmoid(-u[1] - v[1])
    n = np.tanh(u[2] + r * v[2])
    dn = one_minus_z * dh_t * (1 - np.square(n))
    dz = z * one_minus_z * dh_t * (h_prev - n)
    dr = dn * v[2] * r * sigmoid(-u[0] - v[0])
    sides = (dr, dz, dn), (dr, dz, dn * r)
    return Gradients(
        sum(d @ W for d, W in zip(sides[0], W_x)),
        sum((d @ W for d, W in zip(sides[1], W_h)), dh_t * z),
        np.vstack([d.T @ x_t for d in sides[0]]),
        np.vstack([d.T @ h_prev for d in sides[1]]),
        np.hstack([d.sum(axis=0) for d in sides[0]]),
        np.hstack([d.sum(axis=0) for d in sides[1]]),
    )
""",
    ),
    # compare_costs
    Answer(
        "returns lists of NumPy's integers",
        "compare_costs",
        """
def compare_costs(D, H, B, T):
    results = []
    for blocks in (4, 3):
        shapes = [(blocks * H, D), (blocks * H, H), (blocks * H,), (blocks * H,)]
        parameters = sum(np.prod(shape) for shape in shapes)
        matrices = sum(np.prod(shape) for shape in shapes[:2])
        results.append([parameters, 2 * matrices * B * T])
    return results
""",
    ),
    Answer(
        "takes three quarters, and counts in floats that are whole",
        "compare_costs",
        """
def compare_costs(D, H, B, T):
    lstm = np.array([4 * H * (D + H + 2), 8.0 * H * (D + H) * B * T])
    return lstm, lstm * 3 / 4
""",
    ),
    Answer(
        "returns one array of both",
        "compare_costs",
        """
def compare_costs(D, H, B, T):
    one = H * D + H * H + 2 * H, 2 * (H * D + H * H) * B * T
    return np.outer((4, 3), one)
""",
    ),
    # equal_hidden_size
    Answer(
        "solves the quadratic equation in whole numbers",
        "equal_hidden_size",
        """
import math


def equal_hidden_size(D, H):
    (budget, _), _ = compare_costs(D, H, 1, 1)
    # 3 n² + 3 (D + 2) n <= budget
    p = 3 * (D + 2)
    return (math.isqrt(p * p + 12 * budget) - p) // 6
""",
    ),
    Answer(
        "asks for all sizes at once",
        "equal_hidden_size",
        """
def equal_hidden_size(D, H):
    sizes = np.arange(1, 2 * H + 1)
    counts = np.array([compare_costs(D, int(n), 1, 1)[1][0] for n in sizes])
    return sizes[counts <= compare_costs(D, H, 1, 1)[0][0]].max()
""",
    ),
    Answer(
        "bisects",
        "equal_hidden_size",
        """
def equal_hidden_size(D, H):
    def fits(n):
        return compare_costs(D, n, 1, 1)[1][0] <= compare_costs(D, H, 1, 1)[0][0]

    low, high = H, 2 * H
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
""",
    ),
    Answer(
        "rounds the root down, and looks at its neighbours",
        "equal_hidden_size",
        """
def equal_hidden_size(D, H):
    budget = 4 * H * (D + H + 2)
    n = round((np.sqrt((D + 2) ** 2 + 4 * budget / 3) - D - 2) / 2) + 1
    while 3 * n * (D + n + 2) > budget:
        n -= 1
    return np.int64(n)
""",
    ),
]
