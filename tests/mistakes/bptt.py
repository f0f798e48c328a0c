"""Mistakes of the lab `bptt`, 28 points: each costs the points of its own task, also where a later one calls it."""

from . import Mistake

JACOBIAN = "(1 - h_t**2)[:, :, None] * W_hh"
CARRIED = "(dh[:, t] + dh_next)"
SLOPE = "(1 - h[:, t] ** 2)"
H_PREV = "np.concatenate([h0[:, None], h[:, :-1]], axis=1)"
AUTOGRAD = """\
    import torch

    x, h0, W_xh, W_hh = args = [torch.tensor(a, requires_grad=True) for a in (x, h0, W_xh, W_hh)]
    a, total = torch.atanh(torch.tensor(h)), 0
    b_h = (a[:, 0] - x[:, 0] @ W_xh.T - h0 @ W_hh.T).detach()[:1].requires_grad_()
    for t in range(a.shape[1]):
        h0 = torch.tanh(x[:, t] @ W_xh.T + h0 @ W_hh.T + b_h)
        total = total + (h0 * torch.tensor(dh[:, t])).sum()
    grads = torch.autograd.grad(total, [*args, b_h])
    return *(g.numpy() for g in grads[:4]), grads[4][0].numpy()
"""
PUT_BACK = "            a[k] = w\n"
MOVED = "(above - loss()) / (2 * eps)"
LOSS = "0.5 * np.sum((rnn_sequence(*arrays) - target) ** 2)"
COPIES = "[np.array(a, dtype=np.float64) for a in (x, h0, W_xh, W_hh, b_h)]"
SIZE = "np.max([np.abs(a), np.abs(b)])"
DIFFERENCE = "np.max(np.abs(a - b))"
ERROR = "return float(difference / size) if size != 0 else 0.0"
BACKWARDS = "reversed(range(h.shape[1]))"
NORMS = "np.stack(norms, axis=1)"
SIGMA = "np.linalg.norm(W_hh, 2)"
BOUND = "norms[:, :1] * sigma_max ** np.arange(norms.shape[1])"
NORM = "float(np.sqrt(sum(np.sum(g.astype(np.float64) ** 2) for g in grads)))"
FACTOR = "max_norm / norm if norm > max_norm else 1.0"
CLIPPED = "[g * factor for g in grads]"
WINDOW = "rnn_backward(h - target_k,"
UPDATE = "W_xh, W_hh, b_h = W_xh - lr * dW_xh, W_hh - lr * dW_hh, b_h - lr * db_h"

MISTAKES = [
    # lost at the visible half of step_jacobian
    Mistake("puts the old state in the rows", "step_jacobian", ((JACOBIAN, "(1 - h_t**2)[:, None, :] * W_hh.T"),), 25),
    Mistake("scales the columns", "step_jacobian", (("[:, :, None]", "[:, None, :]"),), 25),
    Mistake("forgets tanh'", "step_jacobian", ((JACOBIAN, "np.broadcast_to(W_hh, (len(h_t), *W_hh.shape))"),), 25),
    Mistake("takes tanh' of the state", "step_jacobian", (("h_t**2", "np.tanh(h_t) ** 2"),), 25),
    Mistake("takes tanh' for that of the logistic function", "step_jacobian", (("(1 - h_t**2)", "(h_t * (1 - h_t))"),), 25),
    Mistake("gives one Jacobian for all", "step_jacobian", (("(1 - h_t**2)", "(1 - h_t[:1] ** 2)"),), 25),
    Mistake("averages over the batch", "step_jacobian", ((JACOBIAN, f"np.mean({JACOBIAN}, axis=0, keepdims=True)"),), 25),
    Mistake("takes the diagonal of the batch", "step_jacobian", ((JACOBIAN, "np.diag(1 - h_t**2) @ W_hh"),), 25),
    Mistake("multiplies before it subtracts", "step_jacobian", ((JACOBIAN, "1 - (h_t**2)[:, :, None] * W_hh"),), 25),
    Mistake("puts W_hh on the left", "step_jacobian", ((JACOBIAN, "np.array([W_hh @ np.diag(1 - h * h) for h in h_t])"),), 25),
    Mistake("squares the slope", "step_jacobian", (("(1 - h_t**2)", "((1 - h_t**2) ** 2)"),), 25),
    Mistake("adds the slope", "step_jacobian", (("[:, :, None] *", "[:, :, None] +"),), 25),
    # lost at its hidden half
    Mistake("returns float64", "step_jacobian", (("(1 - h_t**2)", "(1 - h_t.astype(float) ** 2)"),), 25),
    Mistake(
        "always has three units",
        "step_jacobian",
        ((JACOBIAN, "np.array([[(1 - h[i] ** 2) * W_hh[i, :3] for i in range(3)] for h in h_t])"),),
        25,
    ),
    # lost at the visible test of rnn_backward
    Mistake("brings nothing back from the next step", "rnn_backward", ((CARRIED, "dh[:, t]"),), 22),
    Mistake(
        "takes the last step's loss alone", "rnn_backward", ((CARRIED, "(dh[:, t] * (t == h.shape[1] - 1) + dh_next)"),), 22
    ),
    Mistake("forgets tanh'", "rnn_backward", ((f" * {SLOPE}", ""),), 22),
    Mistake("forgets tanh' on the way to the step before", "rnn_backward", (("da[:, t] @ W_hh", f"{CARRIED} @ W_hh"),), 22),
    Mistake("takes tanh' at the state before", "rnn_backward", ((SLOPE, "(1 - (h[:, t - 1] if t else h0) ** 2)"),), 22),
    Mistake("goes forward in time", "rnn_backward", ((BACKWARDS, "range(h.shape[1])"),), 22),
    Mistake("multiplies W_hh by the state after the step", "rnn_backward", ((H_PREV, "h"),), 22),
    Mistake(
        "takes W_xh's gradient of one step", "rnn_backward", (('"bti,btj->ij", da, x', '"bi,bj->ij", da[:, 0], x[:, 0]'),), 22
    ),
    Mistake("averages over the steps", "rnn_backward", (("da.sum(axis=(0, 1))", "da.sum(axis=0).mean(axis=0)"),), 22),
    Mistake("uses autograd", "rnn_backward", (("    da = np", AUTOGRAD + "    da = np"),), 22),
    Mistake("starts from a state of zeros", "rnn_backward", (("[h0[:, None],", "[0 * h0[:, None],"),), 22),
    Mistake("goes back through W_hh untransposed", "rnn_backward", (("da[:, t] @ W_hh", "da[:, t] @ W_hh.T"),), 22),
    Mistake(
        "transposes the gradient of W_hh", "rnn_backward", (('"bti,btj->ij", da, h_prev', '"bti,btj->ji", da, h_prev'),), 22
    ),
    Mistake("averages over the batch", "rnn_backward", (("da.sum(axis=(0, 1))", "da.mean(axis=0).sum(axis=0)"),), 22),
    Mistake(
        "takes the first sequence's gradient for all", "rnn_backward", (("dh_next = da[:, t] @", "dh_next = da[:1, t] @"),), 22
    ),
    Mistake(
        "takes tanh' at h0 too",
        "rnn_backward",
        (("return da @ W_xh, dh_next,", "return da @ W_xh, dh_next * (1 - h0**2),"),),
        22,
    ),
    Mistake(
        "returns da of the first step for dh0",
        "rnn_backward",
        (("return da @ W_xh, dh_next,", "return da @ W_xh, da[:, 0],"),),
        22,
    ),
    Mistake(
        "rolls the states, so that the last stands before the first", "rnn_backward", ((H_PREV, "np.roll(h, 1, axis=1)"),), 22
    ),
    Mistake("keeps db_h of each sequence", "rnn_backward", (("da.sum(axis=(0, 1))", "da.sum(axis=1)"),), 22),
    Mistake(
        "divides by the number of steps",
        "rnn_backward",
        (('dW_hh = np.einsum("bti,btj->ij", da, h_prev)', 'dW_hh = np.einsum("bti,btj->ij", da, h_prev) / h.shape[1]'),),
        22,
    ),
    Mistake(
        "adds up what comes back over all later steps",
        "rnn_backward",
        (("dh_next = da[:, t] @ W_hh", "dh_next = dh_next + da[:, t] @ W_hh"),),
        22,
    ),
    Mistake("returns dh0 first", "rnn_backward", (("return da @ W_xh, dh_next,", "return dh_next, da @ W_xh,"),), 22),
    Mistake("forgets dh0", "rnn_backward", (("return da @ W_xh, dh_next,", "return da @ W_xh,"),), 22),
    Mistake(
        "multiplies the loss's share by tanh' alone",
        "rnn_backward",
        (("(dh[:, t] + dh_next) * (1 - h[:, t] ** 2)", "dh[:, t] * (1 - h[:, t] ** 2) + dh_next"),),
        22,
    ),
    # lost at its hidden test
    Mistake("computes in float64 whatever comes in", "rnn_backward", (("np.empty_like(h)", "np.empty(h.shape)"),), 24),
    Mistake("always goes back three steps", "rnn_backward", ((BACKWARDS, "(2, 1, 0)"),), 24),
    Mistake(
        "gathers the parameters' gradients in float64",
        "rnn_backward",
        (
            (
                'dW_xh = np.einsum("bti,btj->ij", da, x)',
                'dW_xh = np.zeros(W_xh.shape)\n    dW_xh += np.einsum("bti,btj->ij", da, x)',
            ),
        ),
        24,
    ),
    # lost at the visible test of numerical_gradients
    Mistake(
        "takes one-sided differences",
        "numerical_gradients",
        (("a[k] = w - eps", "a[k] = w"), (MOVED, "(above - loss()) / eps")),
        25,
    ),
    Mistake("divides by eps", "numerical_gradients", ((MOVED, "(above - loss()) / eps"),), 25),
    Mistake("forgets the half", "numerical_gradients", ((LOSS, LOSS.removeprefix("0.5 * ")),), 25),
    Mistake("averages the loss", "numerical_gradients", ((LOSS, LOSS.replace("sum", "mean")),), 25),
    Mistake(
        "looks at the last step alone",
        "numerical_gradients",
        (("(rnn_sequence(*arrays) - target)", "(rnn_sequence(*arrays) - target)[:, -1]"),),
        25,
    ),
    Mistake("leaves the number moved", "numerical_gradients", ((PUT_BACK, ""),), 25),
    Mistake("swaps up and down", "numerical_gradients", ((MOVED, "(loss() - above) / (2 * eps)"),), 25),
    Mistake(
        "moves all numbers of an array at once",
        "numerical_gradients",
        (("a[k] = w + eps", "a += eps"), ("a[k] = w - eps", "a -= 2 * eps"), (PUT_BACK, "            a += eps\n")),
        25,
    ),
    Mistake("averages over the batch", "numerical_gradients", ((LOSS, f"{LOSS} / len(target)"),), 25),
    Mistake(
        "takes a formula of higher order",
        "numerical_gradients",
        (
            (
                "            a[k] = w - eps\n            grad[k] = (above - loss()) / (2 * eps)\n",
                "            a[k] = w - eps\n            near = above - loss()\n            a[k] = w + 2 * eps\n"
                "            above = loss()\n"
                "            a[k] = w - 2 * eps\n            grad[k] = (8 * near - (above - loss())) / (12 * eps)\n",
            ),
        ),
        25,
    ),
    Mistake(
        "returns a dict",
        "numerical_gradients",
        (("return tuple(grads)", 'return dict(zip(("dx", "dh0", "dW_xh", "dW_hh", "db_h"), grads))'),),
        25,
    ),
    Mistake(
        "gives the derived gradient",
        "numerical_gradients",
        (
            (
                "    return tuple(grads)",
                "    x, h0, W_xh, W_hh, _ = arrays\n    h = rnn_sequence(*arrays)\n"
                "    return rnn_backward(h - target, x, h0, h, W_xh, W_hh)",
            ),
        ),
        25,
    ),
    Mistake(
        "moves by half of eps",
        "numerical_gradients",
        (("w + eps", "w + eps / 2"), ("w - eps", "w - eps / 2"), (MOVED, "(above - loss()) / eps")),
        25,
    ),
    Mistake(
        "returns one long vector",
        "numerical_gradients",
        (("return tuple(grads)", "return np.concatenate([g.ravel() for g in grads])"),),
        25,
    ),
    Mistake("multiplies by 2 eps", "numerical_gradients", ((MOVED, "(above - loss()) * (2 * eps)"),), 25),
    # lost at its hidden test
    Mistake("computes in float32", "numerical_gradients", ((COPIES, COPIES.replace(", dtype=np.float64", "")),), 26),
    Mistake(
        "puts numbers back by steps",
        "numerical_gradients",
        (
            (COPIES, COPIES.replace("np.array", "np.asarray")),
            ("a[k] = w + eps", "a[k] += eps"),
            ("a[k] = w - eps", "a[k] -= 2 * eps"),
            (PUT_BACK, "            a[k] += eps\n"),
        ),
        26,
    ),
    Mistake(
        "moves in proportion to the number",
        "numerical_gradients",
        (
            ("a[k] = w + eps", "step = eps * max(1.0, abs(w))\n            a[k] = w + step"),
            ("a[k] = w - eps", "a[k] = w - step"),
            (MOVED, "(above - loss()) / (2 * step)"),
        ),
        26,
    ),
    # lost at the visible half of relative_error
    Mistake("gives the absolute error", "relative_error", ((ERROR, "return float(difference)"),), 26),
    Mistake("takes the mean difference", "relative_error", ((DIFFERENCE, "np.mean(np.abs(a - b))"),), 26),
    Mistake("divides by the sum of both sizes", "relative_error", ((SIZE, "np.max(np.abs(a)) + np.max(np.abs(b))"),), 26),
    Mistake(
        "takes Euclidean norms", "relative_error", ((SIZE, "np.linalg.norm([a, b])"), (DIFFERENCE, "np.linalg.norm(a - b)")), 26
    ),
    Mistake(
        "divides element by element",
        "relative_error",
        ((DIFFERENCE, "np.max(np.abs(a - b) / np.maximum(np.abs(a) + np.abs(b), 1e-8)) * size"),),
        26,
    ),
    Mistake("forgets the absolute value", "relative_error", ((DIFFERENCE, "np.max(a - b)"),), 26),
    Mistake("takes the largest element with its sign", "relative_error", ((SIZE, "np.max([a, b])"),), 26),
    Mistake("gives per cent", "relative_error", ((ERROR, "return float(100 * difference / size) if size != 0 else 0.0"),), 26),
    # lost at its hidden half
    Mistake("measures against the second array", "relative_error", ((SIZE, "np.max(np.abs(b))"),), 26),
    Mistake("adds 1e-12 below", "relative_error", ((ERROR, "return float(difference / (size + 1e-12))"),), 26),
    Mistake("divides 0 by 0", "relative_error", ((ERROR, "return float(difference / size)"),), 26),
    Mistake(
        "passes over NaN",
        "relative_error",
        ((SIZE, "np.nanmax([np.abs(a), np.abs(b)])"), (DIFFERENCE, "np.nanmax(np.abs(a - b))")),
        26,
    ),
    Mistake(
        "lets NumPy stretch the shapes",
        "relative_error",
        (("a.shape != b.shape", "a.size != b.size"), (SIZE, "max(np.max(np.abs(a)), np.max(np.abs(b)))")),
        26,
    ),
    Mistake(
        "calls arrays equal that np.allclose does",
        "relative_error",
        (("    size =", "    if np.allclose(a, b):\n        return 0.0\n    size ="),),
        26,
    ),
    Mistake(
        "takes what is below 1e-12 for zero",
        "relative_error",
        ((ERROR, "return float(difference / size) if size > 1e-12 or np.isnan(size) else 0.0"),),
        26,
    ),
    Mistake("gives NaN where the shapes differ", "relative_error", (('float("inf")', 'float("nan")'),), 26),
    Mistake("measures against the first array", "relative_error", ((SIZE, "np.max(np.abs(a))"),), 26),
    Mistake(
        "takes 0 / 0 for infinity",
        "relative_error",
        ((ERROR, 'return float(difference / size) if size != 0 else float("inf")'),),
        26,
    ),
    # lost at the visible half of gradient_profile
    Mistake("goes forward in time", "gradient_profile", ((BACKWARDS, "range(h.shape[1])"),), 24),
    Mistake("sorts by time, not by lag", "gradient_profile", ((NORMS, "np.stack(norms[::-1], axis=1)"),), 24),
    Mistake("leaves out h0", "gradient_profile", ((BACKWARDS, "reversed(range(1, h.shape[1]))"),), 24),
    Mistake("squares the norms", "gradient_profile", ((NORMS, "np.stack(norms, axis=1) ** 2"),), 24),
    Mistake(
        "forgets the gradient in the bound",
        "gradient_profile",
        ((BOUND, "np.ones_like(norms) * sigma_max ** np.arange(norms.shape[1])"),),
        24,
    ),
    Mistake("doesn't transpose the Jacobian", "gradient_profile", (("bij,bi->bj", "bij,bj->bi"),), 24),
    Mistake(
        "takes the norm of the whole batch",
        "gradient_profile",
        ((NORMS, "np.linalg.norm(norms, axis=1) + np.zeros((len(h), 1))"),),
        24,
    ),
    Mistake("takes the spectral radius", "gradient_profile", ((SIGMA, "np.abs(np.linalg.eigvals(W_hh)).max()"),), 24),
    Mistake("takes the Frobenius norm", "gradient_profile", ((SIGMA, "np.linalg.norm(W_hh)"),), 24),
    Mistake(
        "bounds each step by the norm before it",
        "gradient_profile",
        ((BOUND, "sigma_max * np.concatenate([norms[:, :1] / sigma_max, norms[:, :-1]], axis=1)"),),
        24,
    ),
    Mistake(
        "starts the bound at one step",
        "gradient_profile",
        ((BOUND, "norms[:, :1] * sigma_max ** np.arange(1, norms.shape[1] + 1)"),),
        24,
    ),
    Mistake(
        "multiplies norms instead of matrices",
        "gradient_profile",
        (
            (
                "norms.append(np.linalg.norm(dh, axis=1))",
                "norms.append(norms[-1] * np.linalg.norm(step_jacobian(h[:, t], W_hh), 2, axis=(1, 2)))",
            ),
        ),
        24,
    ),
    Mistake(
        "takes tanh' one step too early",
        "gradient_profile",
        (("step_jacobian(h[:, t], W_hh)", "step_jacobian(h[:, t - 1] if t else 0 * h[:, 0], W_hh)"),),
        24,
    ),
    Mistake("squares the singular value", "gradient_profile", ((SIGMA, "np.linalg.eigvalsh(W_hh.T @ W_hh)[-1]"),), 24),
    Mistake(
        "multiplies the bound by the lag",
        "gradient_profile",
        ((BOUND, "norms[:, :1] * sigma_max * np.arange(norms.shape[1])"),),
        24,
    ),
    Mistake(
        "returns bounds of the first sequence",
        "gradient_profile",
        ((BOUND, "np.broadcast_to(norms[0, 0] * sigma_max ** np.arange(norms.shape[1]), norms.shape)"),),
        24,
    ),
    Mistake(
        "takes the norm over the batch",
        "gradient_profile",
        (
            (
                "    norms = np.stack(norms, axis=1)",
                "    norms = [n.mean() + 0 * n for n in norms]\n    norms = np.stack(norms, axis=1)",
            ),
        ),
        24,
    ),
    # lost at its hidden half
    Mistake("always goes back four steps", "gradient_profile", ((BACKWARDS, "(3, 2, 1, 0)"),), 24),
    # lost at the visible half of clip_by_global_norm
    Mistake(
        "clips each array by itself",
        "clip_by_global_norm",
        ((CLIPPED, "[g * min(1, max_norm / max(np.linalg.norm(g), 1e-12)) for g in grads]"),),
        24,
    ),
    Mistake("clips each element", "clip_by_global_norm", ((CLIPPED, "[np.clip(g, -max_norm, max_norm) for g in grads]"),), 24),
    Mistake(
        "adds the norms of the arrays", "clip_by_global_norm", ((NORM, "float(sum(np.linalg.norm(g) for g in grads))"),), 24
    ),
    Mistake(
        "returns the norm after clipping",
        "clip_by_global_norm",
        (("for g in grads], norm", "for g in grads], norm * factor"),),
        24,
    ),
    Mistake("scales to norm 1", "clip_by_global_norm", ((FACTOR, FACTOR.replace("max_norm / norm", "1 / norm")),), 24),
    Mistake(
        "takes the largest element for the norm",
        "clip_by_global_norm",
        ((NORM, "float(max(np.abs(g).max() for g in grads))"),),
        24,
    ),
    Mistake("forgets the root", "clip_by_global_norm", ((NORM, NORM.replace("np.sqrt", "")),), 24),
    Mistake(
        "clips with the norm of the arrays before",
        "clip_by_global_norm",
        (
            (
                "    factor =",
                "    norm, grads = 0.0, list(grads)\n    for i, g in enumerate(grads):\n"
                "        norm = float(np.hypot(norm, np.linalg.norm(g.astype(float))))\n"
                "        grads[i] = g * min(1.0, max_norm / max(norm, 1e-300))\n    factor =",
            ),
            (CLIPPED, "grads"),
        ),
        24,
    ),
    Mistake("divides by the threshold", "clip_by_global_norm", ((FACTOR, "norm / max_norm if norm > max_norm else 1.0"),), 24),
    Mistake(
        "clips above the threshold's square",
        "clip_by_global_norm",
        ((FACTOR, "max_norm / norm if norm > max_norm**2 else 1.0"),),
        24,
    ),
    Mistake("sets a long gradient to zero", "clip_by_global_norm", ((FACTOR, "0.0 if norm > max_norm else 1.0"),), 24),
    Mistake(
        "returns the arrays in one vector",
        "clip_by_global_norm",
        ((CLIPPED, "np.concatenate([g.ravel() * factor for g in grads])"),),
        24,
    ),
    # lost at its hidden half
    Mistake("scales small gradients up", "clip_by_global_norm", ((FACTOR, "max_norm / norm if norm > 0 else 1.0"),), 24),
    Mistake("divides by a norm of 0", "clip_by_global_norm", ((FACTOR, "min(1.0, max_norm / np.float64(norm))"),), 24),
    Mistake("squares in float32", "clip_by_global_norm", (("g.astype(np.float64)", "g"),), 24),
    Mistake("returns float64", "clip_by_global_norm", ((CLIPPED, "[g * np.float64(factor) for g in grads]"),), 24),
    Mistake(
        "adds 1e-6 to the norm, as PyTorch does", "clip_by_global_norm", ((FACTOR, "min(1.0, max_norm / (norm + 1e-6))"),), 24
    ),
    # lost at the visible test of train_truncated
    Mistake("starts each window from h0", "train_truncated", (("        h_t = h[:, -1]\n", ""),), 22),
    Mistake("never updates", "train_truncated", ((UPDATE, "pass"),), 22),
    Mistake("climbs", "train_truncated", ((UPDATE, UPDATE.replace("-", "+")),), 22),
    Mistake("updates W_hh alone", "train_truncated", ((UPDATE, "W_hh = W_hh - lr * dW_hh"),), 22),
    Mistake(
        "runs the window twice",
        "train_truncated",
        (("h_t = h[:, -1]", "h_t = rnn_sequence(x_k, h_t, W_xh, W_hh, b_h)[:, -1]"),),
        22,
    ),
    Mistake(
        "hands the state on too early", "train_truncated", (("losses.append", "h_t = h[:, -1]\n        losses.append"),), 22
    ),
    Mistake("averages the loss", "train_truncated", (("0.5 * np.sum", "0.5 * np.mean"),), 22),
    Mistake("starts from zeros", "train_truncated", (("losses, h_t = [], h0", "losses, h_t = [], np.zeros_like(h0)"),), 22),
    Mistake(
        "leaves out a shorter last window",
        "train_truncated",
        (("range(0, x.shape[1], k)", "range(0, x.shape[1] - k + 1, k)"),),
        22,
    ),
    Mistake(
        "looks at a window's last step alone",
        "train_truncated",
        ((WINDOW, "rnn_backward((h - target_k) * (np.arange(h.shape[1]) == len(h[0]) - 1)[:, None],"),),
        22,
    ),
    Mistake("divides the gradient by the window", "train_truncated", ((WINDOW, "rnn_backward((h - target_k) / k,"),), 22),
    Mistake("averages over the batch", "train_truncated", ((WINDOW, "rnn_backward((h - target_k) / len(h),"),), 22),
    Mistake("goes back with h0 in every window", "train_truncated", (("x_k, h_t, h, W_xh", "x_k, h0, h, W_xh"),), 22),
    Mistake(
        "adds the gradients of the windows up",
        "train_truncated",
        (
            ("losses, h_t = [], h0", "losses, h_t, total = [], h0, [0, 0, 0]"),
            (
                "        W_xh, W_hh, b_h = W_xh",
                "        dW_xh, dW_hh, db_h = total = [s + g for s, g in zip(total, (dW_xh, dW_hh, db_h))]\n"
                "        W_xh, W_hh, b_h = W_xh",
            ),
        ),
        22,
    ),
    Mistake(
        "measures the loss after the update",
        "train_truncated",
        (
            ("        losses.append(0.5 * np.sum((h - target_k) ** 2))\n", ""),
            (
                "        h_t = h[:, -1]",
                "        after = rnn_sequence(x_k, h_t, W_xh, W_hh, b_h)\n"
                "        losses.append(0.5 * np.sum((after - target_k) ** 2))\n        h_t = h[:, -1]",
            ),
        ),
        22,
    ),
    Mistake(
        "compares every window with the first targets",
        "train_truncated",
        (("target[:, start : start + k]", "target[:, : min(k, x.shape[1] - start)]"),),
        22,
    ),
    Mistake(
        "cuts into k windows",
        "train_truncated",
        (("for start in range(0, x.shape[1], k):", "k = -(-x.shape[1] // k)\n    for start in range(0, x.shape[1], k):"),),
        22,
    ),
    Mistake(
        "returns the state that the last window started from",
        "train_truncated",
        (
            ("        h_t = h[:, -1]", "        before, h_t = h_t, h[:, -1]"),
            ("np.array(losses), h_t,", "np.array(losses), before,"),
        ),
        22,
    ),
    Mistake(
        "divides the rate by the batch",
        "train_truncated",
        (("    losses, h_t = [], h0", "    lr = lr / len(x)\n    losses, h_t = [], h0"),),
        22,
    ),
    Mistake("updates the bias not at all", "train_truncated", (("b_h - lr * db_h", "b_h"),), 22),
    Mistake("hands on the state of the first step", "train_truncated", (("h_t = h[:, -1]", "h_t = h[:, 0]"),), 22),
    # lost at its hidden test
    Mistake(
        "counts one window more where k divides T",
        "train_truncated",
        (("for start in range(0, x.shape[1], k):", "for start in range(0, (x.shape[1] // k + 1) * k, k):"),),
        24,
    ),
]
