"""Right answers to the lab `bptt`: each has full marks."""

from tests.mistakes import Answer

VARIANTS = [
    # step_jacobian
    Answer(
        "multiplies by a diagonal matrix for each sequence",
        "step_jacobian",
        """
def step_jacobian(h_t, W_hh):
    return np.stack([np.diag(1 - h**2) @ W_hh for h in h_t])
""",
    ),
    Answer(
        "writes einsum",
        "step_jacobian",
        """
def step_jacobian(h_t, W_hh):
    slope = 1 - h_t * h_t
    return np.einsum("bi,ij->bij", slope, W_hh)
""",
    ),
    Answer(
        "fills the Jacobian element by element",
        "step_jacobian",
        """
def step_jacobian(h_t, W_hh):
    B, H = h_t.shape
    J = np.zeros((B, H, H), dtype=h_t.dtype)
    for b in range(B):
        for i in range(H):
            for j in range(H):
                J[b, i, j] = (1 - h_t[b, i] ** 2) * W_hh[i, j]
    return J
""",
    ),
    Answer(
        "squares the states in place",
        "step_jacobian",
        """
def step_jacobian(h_t, W_hh):
    h_t *= h_t
    h_t -= 1
    return -h_t[..., None] * W_hh
""",
    ),
    # rnn_backward
    Answer(
        "adds up the shares step by step",
        "rnn_backward",
        """
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    dx, dW_xh, dW_hh = np.zeros_like(x), np.zeros_like(W_xh), np.zeros_like(W_hh)
    db_h = np.zeros(len(W_hh), dtype=W_hh.dtype)
    back = 0
    for t in range(x.shape[1] - 1, -1, -1):
        before = h[:, t - 1] if t > 0 else h0
        da = (1 - h[:, t] ** 2) * (dh[:, t] + back)
        dx[:, t] = da @ W_xh
        dW_xh += da.T @ x[:, t]
        dW_hh += da.T @ before
        db_h += da.sum(axis=0)
        back = da @ W_hh
    return [dx, back, dW_xh, dW_hh, db_h]
""",
    ),
    Answer(
        "adds to dh in place, and returns a named tuple",
        "rnn_backward",
        """
from collections import namedtuple

Gradients = namedtuple("Gradients", "dx dh0 dW_xh dW_hh db_h")


def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    T = h.shape[1]
    for t in reversed(range(T)):
        dh[:, t] *= 1 - h[:, t] ** 2
        if t > 0:
            dh[:, t - 1] += dh[:, t] @ W_hh
    states = np.concatenate([h0[:, np.newaxis], h], axis=1)[:, :-1]
    dW_xh = np.tensordot(dh, x, axes=([0, 1], [0, 1]))
    dW_hh = np.tensordot(dh, states, axes=([0, 1], [0, 1]))
    return Gradients(dh @ W_xh, dh[:, 0] @ W_hh, dW_xh, dW_hh, np.sum(dh, axis=(0, 1)))
""",
    ),
    Answer(
        "takes one sequence after the other",
        "rnn_backward",
        """
def one(dh, x, h0, h, W_xh, W_hh):
    da_next = np.zeros_like(h0)
    states = [h0, *h]
    dx, dW_xh, dW_hh, db = [None] * len(x), 0, 0, 0
    for t in reversed(range(len(x))):
        total = dh[t] + W_hh.T @ da_next
        da_next = total * (1 - states[t + 1] ** 2)
        dx[t] = W_xh.T @ da_next
        dW_xh = dW_xh + np.outer(da_next, x[t])
        dW_hh = dW_hh + np.outer(da_next, states[t])
        db = db + da_next
    return np.array(dx), W_hh.T @ da_next, dW_xh, dW_hh, db


def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    each = [one(dh[b], x[b], h0[b], h[b], W_xh, W_hh) for b in range(len(x))]
    dx, dh0, dW_xh, dW_hh, db = zip(*each)
    return np.array(dx), np.array(dh0), sum(dW_xh), sum(dW_hh), sum(db)
""",
    ),
    # numerical_gradients
    Answer(
        "copies all arrays for every number",
        "numerical_gradients",
        """
def loss(args, target):
    h = rnn_sequence(*args)
    return ((h - target) ** 2).sum() / 2


def numerical_gradients(x, h0, W_xh, W_hh, b_h, target, eps):
    args = [a.astype(np.float64) for a in (x, h0, W_xh, W_hh, b_h)]
    result = []
    for k in range(5):
        grad = np.zeros(args[k].shape)
        for index in np.ndindex(*args[k].shape):
            up = [a.copy() for a in args]
            down = [a.copy() for a in args]
            up[k][index] += eps
            down[k][index] -= eps
            grad[index] = (loss(up, target) - loss(down, target)) / (2 * eps)
        result.append(grad)
    return result
""",
    ),
    Answer(
        "moves along rows of the identity",
        "numerical_gradients",
        """
def numerical_gradients(x, h0, W_xh, W_hh, b_h, target, eps):
    args = [np.asarray(a, dtype=float) for a in (x, h0, W_xh, W_hh, b_h)]
    target = np.asarray(target, dtype=float)

    def L(k, moved):
        new = args[:k] + [moved] + args[k + 1:]
        return 0.5 * np.square(rnn_sequence(*new) - target).sum()

    grads = []
    for k, a in enumerate(args):
        g = [
            (L(k, a + e.reshape(a.shape)) - L(k, a - e.reshape(a.shape))) / (2 * eps)
            for e in eps * np.eye(a.size)
        ]
        grads.append(np.array(g).reshape(a.shape))
    dx, dh0, dW_xh, dW_hh, db_h = grads
    return dx, dh0, dW_xh, dW_hh, db_h
""",
    ),
    # relative_error
    Answer(
        "returns early in each case",
        "relative_error",
        """
import math


def relative_error(a, b):
    if np.shape(a) != np.shape(b):
        return math.inf
    if np.isnan(a).any() or np.isnan(b).any():
        return math.nan
    largest = max(np.abs(a).max(), np.abs(b).max())
    if largest == 0:
        return 0
    return np.abs(a - b).max() / largest
""",
    ),
    Answer(
        "divides before it subtracts",
        "relative_error",
        """
def relative_error(a, b):
    if a.shape != b.shape:
        return np.inf
    size = np.maximum(np.abs(a), np.abs(b)).max()
    return np.where(size == 0, 0.0, np.abs(a / size - b / size).max()) if size != 0 else np.array(0.0)
""",
    ),
    # gradient_profile
    Answer(
        "goes back without the Jacobian",
        "gradient_profile",
        """
def gradient_profile(dh_T, h, W_hh):
    B, T, H = h.shape
    norms = np.zeros((B, T + 1))
    g = dh_T
    norms[:, 0] = np.sqrt((g**2).sum(axis=1))
    for k in range(1, T + 1):
        g = (g * (1 - h[:, T - k] ** 2)) @ W_hh
        norms[:, k] = np.sqrt((g**2).sum(axis=1))
    largest = np.linalg.svd(W_hh)[1].max()
    bounds = np.array([[n * largest**k for k in range(T + 1)] for n in norms[:, 0]])
    return [norms, bounds]
""",
    ),
    Answer(
        "multiplies all Jacobians first",
        "gradient_profile",
        """
def gradient_profile(dh_T, h, W_hh):
    sigma = np.sqrt(np.linalg.eigvalsh(W_hh.T @ W_hh)[-1])
    product = np.broadcast_to(np.eye(len(W_hh)), (len(h), *W_hh.shape))
    norms, bounds = [np.linalg.norm(dh_T, axis=-1)], [np.linalg.norm(dh_T, axis=-1)]
    for t in range(h.shape[1] - 1, -1, -1):
        product = product @ step_jacobian(h[:, t].copy(), W_hh)
        norms.append(np.linalg.norm((dh_T[:, None] @ product)[:, 0], axis=-1))
        bounds.append(sigma * bounds[-1])
    return np.array(norms).T, np.array(bounds).T
""",
    ),
    # clip_by_global_norm
    Answer(
        "clips in place",
        "clip_by_global_norm",
        """
def clip_by_global_norm(grads, max_norm):
    norm = np.sqrt(sum((g.astype(float) ** 2).sum() for g in grads))
    if norm > max_norm:
        for g in grads:
            g *= max_norm / norm
    return grads, norm
""",
    ),
    Answer(
        "lays all elements in one vector, and returns a tuple of arrays",
        "clip_by_global_norm",
        """
def clip_by_global_norm(grads, max_norm):
    g = np.concatenate([np.ravel(a) for a in grads]).astype(np.float64)
    norm = np.linalg.norm(g)
    scale = 1.0 if norm <= max_norm else max_norm / norm
    return tuple((a * scale).astype(a.dtype) for a in grads), norm
""",
    ),
    Answer(
        "divides by the largest element before it squares",
        "clip_by_global_norm",
        """
def clip_by_global_norm(grads, max_norm):
    largest = max(float(np.abs(a).max()) for a in grads)
    if largest == 0:
        return [a.copy() for a in grads], 0.0
    norm = largest * np.sqrt(sum(float(((a / largest) ** 2).sum()) for a in grads))
    return [a * min(1.0, float(max_norm / norm)) for a in grads], float(norm)
""",
    ),
    # train_truncated
    Answer(
        "updates the parameters in place",
        "train_truncated",
        """
def train_truncated(x, target, h0, W_xh, W_hh, b_h, k, lr):
    losses = []
    state = h0
    T = x.shape[1]
    for begin in range(0, T, k):
        end = min(begin + k, T)
        h = rnn_sequence(x[:, begin:end], state, W_xh, W_hh, b_h)
        error = h - target[:, begin:end]
        losses.append(0.5 * (error**2).sum())
        grads = rnn_backward(error, x[:, begin:end], state, h, W_xh, W_hh)
        W_xh -= lr * grads[2]
        W_hh -= lr * grads[3]
        b_h -= lr * grads[4]
        state = h[:, -1]
    return [losses, state, W_xh, W_hh, b_h]
""",
    ),
    Answer(
        "counts the windows, and fills an array of losses",
        "train_truncated",
        """
def train_truncated(x, target, h0, W_xh, W_hh, b_h, k, lr):
    import math

    count = math.ceil(x.shape[1] / k)
    losses, params, h_t = np.zeros(count), [W_xh, W_hh, b_h], h0
    for n in range(count):
        window = slice(n * k, (n + 1) * k)
        h = rnn_sequence(x[:, window], h_t, *params)
        losses[n] = np.sum((h - target[:, window]) ** 2) / 2
        _, _, *grads = rnn_backward(h - target[:, window], x[:, window], h_t, h, params[0], params[1])
        params = [p - lr * g for p, g in zip(params, grads)]
        h_t = h[:, -1].copy()
    return (losses, h_t, *params)
""",
    ),
    Answer(
        "cuts with array_split",
        "train_truncated",
        """
def train_truncated(x, target, h0, W_xh, W_hh, b_h, k, lr):
    cuts = np.arange(k, x.shape[1], k)
    losses, h_last = [], h0
    for x_k, y_k in zip(np.split(x, cuts, axis=1), np.split(target, cuts, axis=1)):
        h_k = rnn_sequence(x_k, h_last, W_xh, W_hh, b_h)
        losses += [np.square(h_k - y_k).sum() * 0.5]
        dx, dh0, dW_xh, dW_hh, db_h = rnn_backward(h_k - y_k, x_k, h_last, h_k, W_xh, W_hh)
        W_xh = W_xh - lr * dW_xh
        W_hh = W_hh - lr * dW_hh
        b_h = b_h - lr * db_h
        h_last = h_k[:, -1, :]
    return np.asarray(losses), h_last, W_xh, W_hh, b_h
""",
    ),
    # a second round
    Answer(
        "multiplies by a batch of diagonal matrices",
        "step_jacobian",
        """
def step_jacobian(h_t, W_hh):
    B, H = h_t.shape
    slopes = np.eye(H, dtype=h_t.dtype)[None] * (1 - h_t**2).reshape(B, 1, H)
    return np.matmul(slopes, W_hh)
""",
    ),
    Answer(
        "transposes twice",
        "step_jacobian",
        """
def step_jacobian(h_t, W_hh):
    columns = W_hh.T[None] * ((1 - h_t) * (1 + h_t))[:, None, :]
    return columns.swapaxes(1, 2)
""",
    ),
    Answer(
        "goes back by Jacobians",
        "rnn_backward",
        """
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    B, T, H = h.shape
    total = [None] * T
    back = np.zeros_like(h0)
    for t in range(T - 1, -1, -1):
        total[t] = dh[:, t] + back
        J = step_jacobian(h[:, t].copy(), W_hh)
        back = (J.swapaxes(1, 2) @ total[t][:, :, None])[:, :, 0]
    da = np.stack(total, axis=1) * (1 - h**2)
    flat = da.reshape(B * T, H)
    h_prev = np.stack([h0, *h.swapaxes(0, 1)[:-1]], axis=1)
    return da @ W_xh, back, flat.T @ x.reshape(B * T, -1), flat.T @ h_prev.reshape(B * T, H), flat.sum(axis=0)
""",
    ),
    Answer(
        "calls itself for the steps before",
        "rnn_backward",
        """
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    before = h[:, -2] if h.shape[1] > 1 else h0
    da = dh[:, -1] * (1 - h[:, -1] ** 2)
    dx, dh_prev = (da @ W_xh)[:, None], da @ W_hh
    dW_xh, dW_hh, db_h = da.T @ x[:, -1], da.T @ before, da.sum(0)
    if h.shape[1] == 1:
        return dx, dh_prev, dW_xh, dW_hh, db_h
    dh = dh[:, :-1].copy()
    dh[:, -1] += dh_prev
    early = rnn_backward(dh, x[:, :-1], h0, h[:, :-1], W_xh, W_hh)
    return (np.concatenate([early[0], dx], axis=1), early[1], early[2] + dW_xh, early[3] + dW_hh, early[4] + db_h)
""",
    ),
    Answer(
        "puts the states in a list, and inserts in front",
        "rnn_backward",
        """
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    states = [h0] + [h[:, t] for t in range(h.shape[1])]
    das, carry = [], 0 * h0
    for t in range(len(states) - 1, 0, -1):
        carry = carry + dh[:, t - 1]
        das.insert(0, carry - carry * states[t] ** 2)
        carry = np.einsum("bi,ij->bj", das[0], W_hh)
    dW_hh = sum(np.einsum("bi,bj->ij", da, h_t) for da, h_t in zip(das, states))
    dW_xh = sum(np.einsum("bi,bj->ij", da, x[:, t]) for t, da in enumerate(das))
    dx = np.stack([np.einsum("bi,ij->bj", da, W_xh) for da in das], axis=1)
    return dx, carry, dW_xh, dW_hh, np.sum(das, axis=(0, 1))
""",
    ),
    Answer(
        "lays all numbers in one vector",
        "numerical_gradients",
        """
def numerical_gradients(x, h0, W_xh, W_hh, b_h, target, eps):
    arrays = [x, h0, W_xh, W_hh, b_h]
    cuts = np.cumsum([a.size for a in arrays])[:-1]
    w = np.concatenate([a.ravel() for a in arrays]).astype(np.float64)

    def unpack(v):
        return [part.reshape(a.shape) for part, a in zip(np.split(v, cuts), arrays)]

    def loss(v):
        return 0.5 * np.sum((rnn_sequence(*unpack(v)) - target) ** 2)

    g = np.zeros_like(w)
    for i in range(len(w)):
        e = np.zeros_like(w)
        e[i] = eps
        g[i] = (loss(w + e) - loss(w - e)) / (2 * eps)
    return unpack(g)
""",
    ),
    Answer(
        "moves a number in a flat view of a copy",
        "numerical_gradients",
        """
def numerical_gradients(x, h0, W_xh, W_hh, b_h, target, eps):
    names = dict(x=x, h0=h0, W_xh=W_xh, W_hh=W_hh, b_h=b_h)
    names = {name: np.array(a, dtype="float64") for name, a in names.items()}
    out = {}
    for name, a in names.items():
        flat, g = a.reshape(-1), []
        for i in range(flat.size):
            keep = flat[i]
            sides = []
            for sign in (+1, -1):
                flat[i] = keep + sign * eps
                sides.append(np.square(rnn_sequence(**names) - target).sum() / 2)
            flat[i] = keep
            g.append((sides[0] - sides[1]) / (2 * eps))
        out[name] = np.reshape(g, a.shape)
    return list(out.values())
""",
    ),
    Answer(
        "compares number by number in Python",
        "relative_error",
        """
def relative_error(a, b):
    if a.shape != b.shape:
        return float("inf")
    worst, size = 0.0, 0.0
    for u, v in zip(a.ravel().tolist(), b.ravel().tolist()):
        if u != u or v != v:
            return float("nan")
        worst = max(worst, abs(u - v))
        size = max(size, abs(u), abs(v))
    return worst / size if size else 0.0
""",
    ),
    Answer(
        "lets NumPy divide 0 by 0, and mends it",
        "relative_error",
        """
def relative_error(a, b):
    if a.ndim != b.ndim or a.shape != b.shape:
        return np.inf
    both = np.stack([a, b])
    if not both.any():
        return np.float64(0)
    with np.errstate(invalid="ignore"):
        return np.ptp(both, axis=0).max() / np.abs(both).max()
""",
    ),
    Answer(
        "takes cumulative products for the bounds",
        "gradient_profile",
        """
def gradient_profile(dh_T, h, W_hh):
    T = h.shape[1]
    rows = []
    for b in range(len(h)):
        g = dh_T[b]
        row = [np.linalg.norm(g)]
        for t in range(T)[::-1]:
            g = W_hh.T @ ((1 - h[b, t] ** 2) * g)
            row.append(np.linalg.norm(g))
        rows.append(row)
    norms = np.array(rows)
    sigma = np.linalg.norm(W_hh, ord=2)
    factors = np.cumprod(np.concatenate([[1.0], np.full(T, sigma)]))
    return norms, np.outer(norms[:, 0], factors)
""",
    ),
    Answer(
        "calls rnn_backward for what reaches h0",
        "gradient_profile",
        """
def gradient_profile(dh_T, h, W_hh):
    B, T, H = h.shape
    norms = [np.linalg.norm(dh_T, axis=1)]
    for k in range(1, T + 1):
        part = h[:, T - k :]
        dh = np.zeros_like(part)
        dh[:, -1] = dh_T
        x = np.zeros((B, k, 1))
        reached = rnn_backward(dh, x, np.zeros((B, H)), part.copy(), np.zeros((H, 1)), W_hh)[1]
        norms.append(np.linalg.norm(reached, axis=1))
    norms = np.column_stack(norms)
    return norms, norms[:, [0]] * np.max(np.linalg.svd(W_hh, compute_uv=False)) ** np.arange(T + 1)[None]
""",
    ),
    Answer(
        "clips only where it must, array by array in the list",
        "clip_by_global_norm",
        """
import math


def clip_by_global_norm(grads, max_norm):
    total = 0.0
    for g in grads:
        total += math.fsum(float(v) ** 2 for v in g.flat)
    norm = math.sqrt(total)
    if norm <= max_norm:
        return grads, norm
    for i in range(len(grads)):
        grads[i] = (grads[i] * (max_norm / norm)).astype(grads[i].dtype)
    return grads, norm
""",
    ),
    Answer(
        "divides by the larger of norm and threshold",
        "clip_by_global_norm",
        """
def clip_by_global_norm(grads, max_norm):
    norm = np.linalg.norm([np.linalg.norm(g.astype(np.float64)) for g in grads])
    scale = max_norm / max(norm, max_norm)
    return [np.multiply(g, scale, dtype=g.dtype) for g in grads], norm
""",
    ),
    Answer(
        "reads window by window in a while loop",
        "train_truncated",
        """
def train_truncated(x, target, h0, W_xh, W_hh, b_h, k, lr):
    losses, start, state = np.array([]), 0, h0
    while start < x.shape[1]:
        x_k, y_k = x[:, start:start + k, :], target[:, start:start + k, :]
        h = rnn_sequence(x_k, state, W_xh, W_hh, b_h)
        difference = h - y_k
        losses = np.append(losses, (difference * difference).sum() / 2)
        gradients = rnn_backward(difference, x_k, state, h, W_xh, W_hh)[-3:]
        W_xh, W_hh, b_h = (w - lr * g for w, g in zip((W_xh, W_hh, b_h), gradients))
        state = h[:, -1]
        start = start + k
    return losses, state, W_xh, W_hh, b_h
""",
    ),
    Answer(
        "calls itself for the rest of the stream",
        "train_truncated",
        """
def train_truncated(x, target, h0, W_xh, W_hh, b_h, k, lr):
    h = rnn_sequence(x[:, :k], h0, W_xh, W_hh, b_h)
    loss = 0.5 * np.sum((h - target[:, :k]) ** 2)
    _, _, dW_xh, dW_hh, db_h = rnn_backward(h - target[:, :k], x[:, :k], h0, h, W_xh, W_hh)
    new = (W_xh - lr * dW_xh, W_hh - lr * dW_hh, b_h - lr * db_h)
    if x.shape[1] <= k:
        return ([loss], h[:, -1], *new)
    losses, *rest = train_truncated(x[:, k:], target[:, k:], h[:, -1], *new, k, lr)
    return ([loss, *losses], *rest)
""",
    ),
]
