"""Layers, directions and lengths: what every recurrent network of this course has around its equations.

Symbols
    x_t (B, D)  input at step t      h_t (B, H)  state after step t      lengths (B)  steps before the padding
    W_ih (G·H, D), W_hh (G·H, H), b_ih, b_hh (G·H)   parameters of a layer with G gate blocks, named as in torch.nn

`Recurrent` stacks layers and runs them in one direction or both; RNN, LSTM and GRU add their equations as one method,
`run`. Inside it time comes first, (T, B, D), so that the step of every sequence is one contiguous block of memory.
"""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnncourse.modes import autocast_dtype, known, recording, run_eagerly


def padding_mask(lengths: Tensor, T: int) -> Tensor:
    """Which steps lie behind the end of their sequence: (B,) lengths and T steps give a boolean (B, T)."""
    return torch.arange(T, device=lengths.device) >= lengths[:, None]


def reverse_padded(x: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Reverse each sequence within its own length; the padding stays where it is.

    Args:
        x: (B, T, …), sequences padded at the end.
        lengths: (B,) integers from 1 to T; None where all have length T.

    Returns:
        A tensor of the shape of x. Reversing twice gives x back.

    Raises:
        ValueError: lengths do not fit x.
    """
    if x.dim() < 2:
        raise ValueError(f"x: got shape {tuple(x.shape)}, expected (B, T, …)")
    if lengths is None:
        return x.flip(1)
    B, T = x.shape[:2]
    lengths = check_lengths(lengths, B, T).to(x.device)
    t = torch.arange(T, device=x.device)
    source = torch.where(t < lengths[:, None], lengths[:, None] - 1 - t, t)  # (B, T)
    return x[torch.arange(B, device=x.device)[:, None], source]  # (B, T, …)


def check_lengths(lengths: Tensor, B: int, T: int) -> Tensor:
    """Return `lengths` as a (B,) int64 tensor, or raise ValueError where it is not B integers from 1 to T."""
    lengths = torch.as_tensor(lengths)
    if lengths.shape != (B,) or lengths.is_floating_point() or lengths.is_complex() or lengths.dtype == torch.bool:
        raise ValueError(
            f"lengths: got shape {tuple(lengths.shape)} of {lengths.dtype}, expected ({B},) of integers, one a sequence"
        )
    if B and known(lengths) and not (int(lengths.min()) >= 1 and int(lengths.max()) <= T):
        raise ValueError(f"lengths: got values from {lengths.min()} to {lengths.max()}, expected 1 to T = {T}")
    return lengths.long()


class Recurrent(nn.Module):
    """Layers and directions of a recurrent network, with the parameter names and the initialisation of torch.nn.

    A subclass sets `gates`, the number G of row blocks in its matrices, and `states`, the number of tensors in its
    state (1, or 2 for an LSTM), and defines `run(x, state, W_ih, W_hh, b_ih, b_hh)`: time-major x (T, B, D) and a tuple
    of states (B, H) to a tuple of all states after each step, each (T, B, H), the output h first. Where torch has the
    same network as one operator, `operator` is that.
    """

    gates = 1
    states = 1
    operator = None
    defaults: ClassVar = {"num_layers": 1, "bias": True, "batch_first": True, "bidirectional": False, "dropout": 0.0}

    def __init__(
        self, input_size, hidden_size, num_layers=1, bias=True, batch_first=True, bidirectional=False, dropout=0.0,
        device=None, dtype=None,
    ):  # fmt: skip
        super().__init__()
        for name, value in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name}: got {value!r}, expected an integer of at least 1")
        if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout <= 1:
            raise ValueError(f"dropout: got {dropout!r}, expected a probability from 0 to 1")
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.bidirectional, self.dropout = bias, batch_first, bidirectional, dropout
        self.directions = 2 if bidirectional else 1
        for layer in range(num_layers):
            width = input_size if layer == 0 else hidden_size * self.directions
            for suffix in ("", "_reverse")[: self.directions]:
                for name, shape in self.parameter_shapes(width).items():
                    parameter = None if shape is None else nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
                    self.register_parameter(f"{name}_l{layer}{suffix}", parameter)
        self.reset_parameters()

    def parameter_shapes(self, width: int) -> dict[str, tuple[int, ...] | None]:
        """Name and shape of each parameter of a layer with inputs of this width, in the order of `run`'s arguments."""
        rows, b = self.gates * self.hidden_size, (self.gates * self.hidden_size,) if self.bias else None
        return {"weight_ih": (rows, width), "weight_hh": (rows, self.hidden_size), "bias_ih": b, "bias_hh": b}

    def reset_parameters(self):
        """Draw every parameter uniformly from ±1/√H, as torch.nn does."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def extra_repr(self):
        """The constructor's arguments that differ from their defaults."""
        changed = [f"{k}={getattr(self, k)!r}" for k, v in self.defaults.items() if getattr(self, k) != v]
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *changed])

    def weights(self, layer: int, reverse: bool = False) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """W_ih, W_hh, b_ih, b_hh of one layer and direction; the biases are None where the module has none."""
        suffix = f"_l{layer}" + ("_reverse" if reverse else "")
        return tuple(getattr(self, name + suffix) for name in self.parameter_shapes(0))

    def forward(self, x: Tensor, h0=None, lengths: Tensor | None = None):
        """Run over a sequence.

        Args:
            x: (B, T, D), or (T, B, D) with batch_first=False. Under autocast it and all else are cast to autocast's
                dtype.
            h0: the state before the first step, (num_layers · directions, B, H), a pair of them for an LSTM; None is
                zeros.
            lengths: (B,), where sequences are padded at the end: results equal those of torch's packed sequences,
                outputs in the padding are 0, and the last state is the one at each sequence's own end.

        Returns:
            output (B, T, directions · H), the top layer's h_t, and the last state of every layer and direction, like
            h0.

        Raises:
            ValueError: a shape, a dtype or a length does not fit.
        """
        return run_eagerly(self._forward)(x, h0, lengths)

    def _forward(self, x, h0, lengths):
        x, h0, lengths = self._check(x, h0, lengths)
        weights = [self.weights(layer, bool(d)) for layer in range(self.num_layers) for d in range(self.directions)]
        if (dtype := autocast_dtype(x)) is not None:
            x, h0 = x.to(dtype), tuple(s.to(dtype) for s in h0)
            weights = [tuple(None if w is None else w.to(dtype) for w in ws) for ws in weights]
        if recording() and lengths is None and self.operator:  # a loop would be written down for this T alone
            return self._by_operator(x, h0, weights)
        x = x.contiguous()  # (T, B, D)
        outside = None if lengths is None else padding_mask(lengths, len(x)).T[..., None]  # (T, B, 1)
        last_states = []
        for layer in range(self.num_layers):
            if layer and self.dropout:
                x = F.dropout(x, self.dropout, self.training)
            if outside is not None:
                x = x.masked_fill(outside, 0)  # whatever stands in the padding, NaN too, must not meet a gradient of 0
            outputs = []
            for reverse in range(self.directions):
                index = layer * self.directions + reverse
                x_in = self._reverse(x, lengths) if reverse else x
                all_states = self.run(x_in, tuple(s[index] for s in h0), *weights[index])  # (T, B, H) each
                last_states.append(self._last(all_states, lengths))
                outputs.append(self._reverse(all_states[0], lengths) if reverse else all_states[0])
            x = outputs[0] if len(outputs) == 1 else torch.cat(outputs, -1)  # (T, B, directions · H)
        if outside is not None:
            x = x.masked_fill(outside, 0)
        output = x.transpose(0, 1) if self.batch_first else x
        state = tuple(torch.stack(s) for s in zip(*last_states, strict=True))  # (num_layers · directions, B, H) each
        return output, state if self.states > 1 else state[0]

    def _by_operator(self, x, h0, weights):
        flat = [w for ws in weights for w in ws if w is not None]
        shape = self.num_layers, self.dropout, self.training, self.bidirectional
        output, *state = self.operator(x, h0 if self.states > 1 else h0[0], flat, self.bias, *shape, False)
        return output.transpose(0, 1) if self.batch_first else output, tuple(state) if self.states > 1 else state[0]

    @staticmethod
    def _reverse(x, lengths):
        return x.flip(0) if lengths is None else reverse_padded(x.transpose(0, 1), lengths).transpose(0, 1)

    @staticmethod
    def _last(all_states, lengths):
        if lengths is None:
            return tuple(s[-1] for s in all_states)
        batch = torch.arange(len(lengths), device=lengths.device)
        return tuple(s[lengths - 1, batch] for s in all_states)  # (B, H) each

    def _check(self, x, h0, lengths):
        """The arguments of forward, x time-major, h0 a tuple; ValueError where they do not fit."""
        weight = self.weight_ih_l0
        layout = "(B, T, D)" if self.batch_first else "(T, B, D)"
        if not isinstance(x, Tensor) or x.dim() != 3 or x.shape[-1] != self.input_size:
            got = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
            raise ValueError(f"x: got {got}, expected a tensor {layout} with D = input_size = {self.input_size}")
        x = x.transpose(0, 1) if self.batch_first else x  # (T, B, D)
        T, B = x.shape[:2]
        if T == 0:
            raise ValueError(f"x: got {layout} with T = 0, expected at least one step")
        shape = (self.num_layers * self.directions, B, self.hidden_size)
        if h0 is None:
            h0 = (x.new_zeros(shape),) * self.states
        elif self.states == 1:
            h0 = (h0,)
        if not isinstance(h0, tuple | list) or [tuple(getattr(s, "shape", ())) for s in h0] != [shape] * self.states:
            got = [tuple(getattr(s, "shape", ())) for s in h0] if isinstance(h0, tuple | list) else type(h0).__name__
            raise ValueError(f"h0: got {got}, expected {self.states} tensor(s) of shape {shape}")
        autocast = autocast_dtype(x) is not None
        for name, tensor in (("x", x), *(("h0", s) for s in h0)):
            if tensor.dtype != weight.dtype and not (autocast and tensor.is_floating_point()):
                raise ValueError(f"{name}: got dtype {tensor.dtype}, expected the parameters' {weight.dtype}")
            if tensor.device != weight.device:
                raise ValueError(f"{name}: got device {tensor.device}, expected the parameters' {weight.device}")
        if lengths is not None:
            lengths = check_lengths(lengths, B, T).to(x.device)
        return x, h0, lengths


def check_step(gates, x_t, states, W_ih, W_hh, b_ih, b_hh):
    """Raise ValueError where the arguments of one step do not fit; `states` are the previous states by name."""
    for name, state in states.items():
        if state.dim() != 2 or state.shape != next(iter(states.values())).shape:
            raise ValueError(f"{name}: got shape {tuple(state.shape)}, expected (B, H)")
    B, H = next(iter(states.values())).shape
    D, R = x_t.shape[-1] if x_t.dim() else 0, gates * H
    tensors = {"x_t": x_t, "W_ih": W_ih, "W_hh": W_hh, "b_ih": b_ih, "b_hh": b_hh}
    for (name, tensor), shape in zip(tensors.items(), [(B, D), (R, D), (R, H), (R,), (R,)], strict=True):
        if tensor is not None and tuple(tensor.shape) != shape:
            raise ValueError(f"{name}: got shape {tuple(tensor.shape)}, expected {shape}")


@torch.no_grad()
def orthogonal_(rnn: nn.Module, gain: float = 1.0, generator: torch.Generator | None = None) -> nn.Module:
    """Make every H × H block of every W_hh a random orthogonal matrix times `gain`, in place; returns the module.

    Source: Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks" (2014).
    """
    for block in _recurrent_blocks(rnn):
        nn.init.orthogonal_(block, gain, generator)
    return rnn


@torch.no_grad()
def identity_(rnn: nn.Module, scale: float = 1.0) -> nn.Module:
    """Make every H × H block of every W_hh the identity times `scale` and every bias 0, in place; returns the module.

    With relu and scale 1 it is the IRNN of Le, Jaitly, Hinton, "A simple way to initialize recurrent networks of
    rectified linear units" (2015).
    """
    for block in _recurrent_blocks(rnn):
        nn.init.eye_(block).mul_(scale)
    for name, parameter in rnn.named_parameters():
        if name.rpartition(".")[2].startswith("bias_"):
            parameter.zero_()
    return rnn


def _recurrent_blocks(rnn):
    matrices = [p for name, p in rnn.named_parameters() if name.rpartition(".")[2].startswith("weight_hh")]
    if not matrices:
        raise ValueError(f"rnn: got {type(rnn).__name__} without a parameter weight_hh…, expected a recurrent module")
    return [block for W_hh in matrices for block in W_hh.split(W_hh.shape[1])]  # (H, H) each
