"""Sweeps: one network trained from several seeds at several learning rates, all at once.

Small recurrent networks on a CPU wait for Python more than they compute. So the members of a sweep, which have one shape,
take every step together: their matrices are stacked, and one product does the work of all. Every member has its own
learning rate, its own optimiser state and its own clipping, and goes where it would have gone alone, up to rounding
(tests/test_sweep.py). A seed draws a member's start; the batches are the same for all.

LSTMs run one after the other: torch's operator for one is faster than the stack.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from rnncourse.gru import GRU
from rnncourse.recurrence import RNN


class Reader(nn.Module):
    """A recurrent network and a linear read-out, of every step or of the last; tokens become one-hot vectors."""

    def __init__(self, rnn, outputs, last=True):
        super().__init__()
        self.rnn, self.last, self.readout = rnn, last, nn.Linear(rnn.hidden_size, outputs)

    def forward(self, x):
        h = self.rnn(one_hot(x, self.rnn.input_size))[0]
        return self.readout(h[:, -1] if self.last else h)


def one_hot(x, size):
    return x if x.is_floating_point() else F.one_hot(x, size).float()


def sweep(make, data, *, rates, seeds, updates, every, solved=0.0, validation=None, measures=None):
    """Train what `make()` returns, a Reader, from every seed at every rate: the runs, one for each rate and seed.

    Args:
        make: called after torch.manual_seed(seed). data: from a torch.Generator to a `tasks.Batch`.
        updates: of Adam, each with a fresh batch and the gradient clipped to norm 1. every: updates whose mean loss is
            noted.
        solved: the task is learnt where the mean loss over `every` updates is below. The sweep ends as soon as all seeds
            of one rate have learnt it, since no other rate can then be the best.
        validation: a Batch whose loss is noted in place of the mean over `every` updates.
        measures: name → function of a trained model, noted for each run.

    Returns:
        dicts of rate, seed, losses (one for each `every` updates; the last is None where it diverged), learnt (after
        how many updates, or None), and what `measures` names.
    """
    runs, models = [], []
    for rate in rates:
        for seed in seeds:
            torch.manual_seed(seed)
            models.append(make())
            runs.append(dict(rate=rate, seed=seed, losses=[], learnt=None))
    members = Members(models, [run["rate"] for run in runs])
    generator, active = torch.Generator().manual_seed(0), list(range(len(runs)))
    for done in range(every, updates + 1, every):
        losses = sum(members.update(data(generator)) for _ in range(every)) / every
        if validation is not None:
            with torch.no_grad():
                losses = losses_of(members(validation.inputs)[0], validation.targets)
        for i, loss in zip(active, losses.tolist(), strict=True):
            runs[i]["losses"].append(float(f"{loss:.4g}") if math.isfinite(loss) else None)
            if loss < solved:
                runs[i]["learnt"] = done
        if any(all(run["learnt"] for run in runs if run["rate"] == rate) for rate in rates):
            break
        going_on = [runs[i]["learnt"] is None and runs[i]["losses"][-1] is not None for i in active]
        active = [i for i, goes_on in zip(active, going_on, strict=True) if goes_on]
        if not active:
            break
        members.keep(going_on)
    members.write()
    for run, model in zip(runs, models, strict=True):
        found = {name: measure(model) for name, measure in (measures or {}).items()}
        run.update({name: None if value != value else value for name, value in found.items()})  # JSON knows no NaN
    return runs


class Members:
    """Readers of one shape that are trained together, each by Adam with a rate of its own.

    models: those that are still trained. flat (M, P): their parameters, a row for each; the models themselves have the
    trained parameters after `write()`, or where `keep` left them out.
    """

    def __init__(self, models: list[Reader], rates: list[float], clip: float = 1.0):
        self.models, self.clip, self.updates = models, clip, 0
        self.flat = torch.stack([parameters_to_vector(model.parameters()) for model in models]).detach().requires_grad_()
        self.rates = torch.tensor(rates)[:, None]
        self.mean, self.square = torch.zeros_like(self.flat), torch.zeros_like(self.flat)  # of the gradients, by Adam

    def write(self):
        for model, row in zip(self.models, self.flat.detach(), strict=True):
            vector_to_parameters(row.clone(), model.parameters())

    def keep(self, which: list[bool]):
        """Go on with these members alone."""
        if all(which):
            return
        self.write()
        self.models = [model for model, kept in zip(self.models, which, strict=True) if kept]
        self.flat = self.flat.detach()[which].requires_grad_()
        self.rates, self.mean, self.square = self.rates[which], self.mean[which], self.square[which]

    def parameters(self) -> dict[str, Tensor]:
        """The parameters by name, each with a leading dimension M."""
        named = list(self.models[0].named_parameters())
        pieces = self.flat.split([p.numel() for _, p in named], 1)
        found = {name: piece.view(-1, *p.shape) for (name, p), piece in zip(named, pieces, strict=True)}
        for name, module in getattr(self.models[0].rnn, "parametrizations", {}).items():
            prefix = f"rnn.parametrizations.{name}."
            of_module = {key.removeprefix(prefix): p for key, p in found.items() if key.startswith(prefix)}
            _, buffers = stack_module_state([model.rnn.parametrizations[name] for model in self.models])
            found[f"rnn.{name}"] = vmap(lambda p, module=module: functional_call(module, p, ()))(of_module | buffers)
        return found

    def update(self, batch) -> Tensor:
        """One update of all members: their losses before it (M)."""
        outputs, _ = self(batch.inputs)
        losses = losses_of(outputs, batch.targets)
        self.descend(losses)
        return losses.detach()

    @torch.no_grad()
    def descend(self, losses: Tensor):
        """One step of Adam down the losses (M), each member's gradient clipped by itself."""
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(losses.sum(), self.flat)  # a row depends on its member's loss alone
        norm = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
        gradient *= (self.clip / (norm + 1e-6)).clamp(max=1)
        self.updates += 1
        self.mean.lerp_(gradient, 0.1)
        self.square.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        scale = (self.square / (1 - 0.999**self.updates)).sqrt_().add_(1e-8)
        self.flat -= self.rates / (1 - 0.9**self.updates) * self.mean / scale

    def __call__(self, x: Tensor, h0: Tensor | None = None, backward: bool = True) -> tuple[Tensor, Tensor]:
        """Outputs of all members for x (B, T, …), and their last states (M, B, H); h0 as the latter, None is zeros.

        The outputs are (M, B, K) where the models read the last step, else (M, B, T, K). With backward=False no gradient
        reaches the recurrent network.
        """
        first, parameters = self.models[0], self.parameters()
        h, h_T = states_of(first.rnn, parameters, one_hot(x, first.rnn.input_size), h0, first.last)
        h = h if backward else h.detach()  # (M, B, T, H), or (M, B, H)
        W, b = parameters["readout.weight"], parameters["readout.bias"]
        y = torch.baddbmm(b[:, None], h.flatten(1, -2), W.transpose(1, 2))
        return y.view(*h.shape[:-1], -1), h_T


def losses_of(outputs: Tensor, targets: Tensor) -> Tensor:
    """The loss of each member (M), of outputs (M, B, …): cross-entropy for integer targets, else squared error."""
    if targets.is_floating_point():
        return (outputs - targets).square().flatten(1).mean(1)
    wanted = targets.expand(len(outputs), *targets.shape).flatten()
    return F.cross_entropy(outputs.flatten(0, -2), wanted, reduction="none").view(len(outputs), -1).mean(1)


def states_of(rnn: nn.Module, parameters: dict[str, Tensor], x: Tensor, h0: Tensor | None, last: bool):
    """States of M networks like `rnn` after every step of x (B, T, D), or after the last: (M, B, T, H) or (M, B, H).

    parameters: of the networks by name, each with a leading dimension M. h0: (M, B, H), None is zeros. Also returns the
    last states (M, B, H).
    """
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    W_ih, W_hh, b_ih, b_hh = (parameters[f"rnn.{name}_l0"] for name in names)
    (B, T, D), M, H = x.shape, len(W_ih), rnn.hidden_size
    if isinstance(rnn, nn.LSTM):
        if h0 is not None:
            raise ValueError(f"h0: got shape {tuple(h0.shape)}, expected None for LSTMs, whose state is a pair")
        zeros, each = x.new_zeros(1, B, H), zip(*(p.unbind() for p in (W_ih, W_hh, b_ih, b_hh)), strict=True)
        h = [torch.lstm(x, (zeros, zeros), weights, True, 1, 0.0, True, False, True)[0] for weights in each]
        h_T = torch.stack([h_m[:, -1] for h_m in h])
        return h_T if last else torch.stack(h), h_T
    step = _step_of(rnn)
    inputs = x.transpose(0, 1).reshape(1, T * B, D).expand(M, -1, -1)
    b = b_ih if step is _gru_step else b_ih + b_hh  # where r stands after the product, b_hh stands inside
    a = torch.baddbmm(b[:, None], inputs, W_ih.transpose(1, 2)).view(M, T, B, -1)  # W_ih x_t + b of all steps
    h_t, h = x.new_zeros(M, B, H) if h0 is None else h0, []
    W_hh, b_hh = W_hh.transpose(1, 2).contiguous(), b_hh[:, None]
    for a_t in a.unbind(1):
        h_t = step(a_t, h_t, W_hh, b_hh)  # (M, B, H)
        h.append(h_t)
    return h_t if last else torch.stack(h, 2), h_t


def _step_of(rnn) -> Callable:
    """The step of a network of this kind, from W_ih x_t + b (M, B, G·H), the state, W_hhᵀ (M, H, G·H) and b_hh (M, 1, G·H)."""
    known = isinstance(rnn, RNN | GRU) and rnn.num_layers == 1 and not rnn.bidirectional and rnn.bias
    if known and isinstance(rnn, RNN) and rnn.nonlinearity == "tanh":
        return _rnn_step
    if known and isinstance(rnn, GRU) and rnn.update == "torch":
        return _gru_step if rnn.reset_after else _gru_step_before
    raise ValueError(f"rnn: got {rnn}, expected an RNN with tanh, a GRU of update='torch' or torch.nn's LSTM, of one layer")


def _rnn_step(a_t, h, W_hh, b_hh):
    return torch.baddbmm(a_t, h, W_hh).tanh()


def _gru_step(a_t, h, W_hh, b_hh):
    H = h.shape[-1]
    m = torch.baddbmm(b_hh, h, W_hh)  # (M, B, 3H)
    r, z = (a_t[..., : 2 * H] + m[..., : 2 * H]).sigmoid().chunk(2, -1)
    n = torch.addcmul(a_t[..., 2 * H :], r, m[..., 2 * H :]).tanh()
    return torch.lerp(n, h, z)  # (1 − z) ⊙ n + z ⊙ h


def _gru_step_before(a_t, h, W_hh, b_hh):
    H = h.shape[-1]
    r, z = torch.baddbmm(a_t[..., : 2 * H], h, W_hh[..., : 2 * H]).sigmoid().chunk(2, -1)
    n = torch.baddbmm(a_t[..., 2 * H :], r * h, W_hh[..., 2 * H :]).tanh()
    return torch.lerp(n, h, z)
