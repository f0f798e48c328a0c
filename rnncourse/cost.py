"""What a network costs: parameters, arithmetic, memory (chapter `cost`).

Symbols
    D  input width        H  hidden width        d  width of a transformer        V  size of a vocabulary
    T  steps              B  sequences           G  gates: 1 in an RNN, 3 in a GRU, 4 in an LSTM

Equations
    parameters of a layer     G · (D·H + H·H + biases·H)                           `recurrent`
    FLOPs of a layer          2 · T · B · G · (D·H + H·H)
    self-attention            4·d² weights;  8·T·B·d² + 4·T²·B·d FLOPs             `self_attention`
    feed-forward block        2·d·d_ff weights;  4·T·B·d·d_ff FLOPs                `feed_forward`

Conventions
    A multiplication with the addition that follows it is 2 FLOPs. `flops` are those of the forward's matrix products;
    the backward has twice as many. Elementwise work is of order H where the products are of order H², and is left out;
    only evaluations of tanh, σ, exp and the like are counted, apart, as `nonlinearities`.
    Costs add: `embedding(V, D) + recurrent("lstm", D, H, T=T) + readout(H, V, T=T)`, and `12 * transformer_layer(…)`.

Sources: Hochreiter and Schmidhuber (1997), Cho et al. (2014), Vaswani et al., "Attention is all you need" (2017).
"""

import platform
from dataclasses import astuple, dataclass
from pathlib import Path

GATES = {"rnn": 1, "gru": 3, "lstm": 4}
STATES = {"rnn": 1, "gru": 1, "lstm": 2}
NONLINEARITIES = {"rnn": 1, "gru": 3, "lstm": 5}  # evaluations for each hidden unit and step


@dataclass(frozen=True)
class Cost:
    """parameters: how many numbers are learned. flops: of the forward's matrix products. nonlinearities: evaluations in
    the forward. state_bytes: what must be kept to go on by one more step after T."""

    parameters: int = 0
    flops: int = 0
    nonlinearities: int = 0
    state_bytes: int = 0

    @property
    def training_flops(self) -> int:
        """Forward and backward: for each product two more of its size, for its two factors' gradients."""
        return 3 * self.flops

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __rmul__(self, times: int) -> "Cost":
        return Cost(*(times * a for a in astuple(self)))


def recurrent(
    cell: str, input_size: int, hidden_size: int, *, T: int = 1, B: int = 1, num_layers: int = 1,
    bidirectional: bool = False, biases: int = 2, itemsize: int = 4,
) -> Cost:  # fmt: skip
    """The cost of a recurrent network over B sequences of T steps.

    Args:
        cell: "rnn", "gru" or "lstm". input_size: D. hidden_size: H. num_layers, bidirectional: as in torch.nn.
        biases: vectors for each gate: 2 in torch.nn (b_ih and b_hh), 1 in most papers, 0 for bias=False.
        itemsize: bytes of a number, 4 in float32.

    Raises:
        ValueError: an argument out of range.
    """
    if cell not in GATES:
        raise ValueError(f"cell: got {cell!r}, expected one of {', '.join(GATES)}")
    if biases not in (0, 1, 2):
        raise ValueError(f"biases: got {biases!r}, expected 0, 1 or 2")
    _check(input_size=input_size, hidden_size=hidden_size, T=T, B=B, num_layers=num_layers, itemsize=itemsize)
    directions = 2 if bidirectional else 1
    weights = 0
    for layer in range(num_layers):
        width = input_size if layer == 0 else directions * hidden_size
        weights += directions * GATES[cell] * (width + hidden_size) * hidden_size
    units = num_layers * directions * hidden_size
    return Cost(
        parameters=weights + biases * GATES[cell] * units,
        flops=2 * T * B * weights,
        nonlinearities=T * B * NONLINEARITIES[cell] * units,
        state_bytes=B * STATES[cell] * units * itemsize,
    )


def embedding(vocab_size: int, width: int) -> Cost:
    """The cost of an embedding, a table of V rows: looking up is no arithmetic."""
    _check(vocab_size=vocab_size, width=width)
    return Cost(parameters=vocab_size * width)


def readout(hidden_size: int, vocab_size: int, *, T: int = 1, B: int = 1, bias: bool = True) -> Cost:
    """The cost of a linear layer from H to V at each of T steps; of the softmax after it, V exponentials a step."""
    _check(hidden_size=hidden_size, vocab_size=vocab_size, T=T, B=B)
    weights = hidden_size * vocab_size
    return Cost(weights + bias * vocab_size, 2 * T * B * weights, T * B * vocab_size)


def self_attention(
    d: int, *, T: int = 1, B: int = 1, heads: int = 1, bias: bool = True, itemsize: int = 4
) -> Cost:  # fmt: skip
    """The cost of self-attention of width d: projections to queries, keys, values and output, scores, and mixing.

    Every position attends to all T; a causal mask does not change what is computed here. The state is the cache of keys
    and values. heads: into how many parts the width is cut; it changes the number of exponentials alone.
    """
    _check(d=d, T=T, B=B, heads=heads, itemsize=itemsize)
    if d % heads:
        raise ValueError(f"heads: got {heads}, expected a divisor of d = {d}")
    return Cost(
        parameters=4 * (d * d + bias * d),
        flops=2 * T * B * 4 * d * d + 2 * 2 * T * T * B * d,
        nonlinearities=B * heads * T * T,
        state_bytes=2 * T * B * d * itemsize,
    )


def feed_forward(d: int, d_ff: int, *, T: int = 1, B: int = 1, bias: bool = True) -> Cost:
    """The cost of a transformer's two linear layers, d to d_ff and back, with a nonlinearity between them."""
    _check(d=d, d_ff=d_ff, T=T, B=B)
    return Cost(2 * d * d_ff + bias * (d + d_ff), 2 * T * B * 2 * d * d_ff, T * B * d_ff)


def transformer_layer(d: int, d_ff: int, *, T: int = 1, B: int = 1, heads: int = 1, itemsize: int = 4) -> Cost:
    """The cost of a layer of a transformer's encoder: self-attention, feed-forward block, two layer normalisations."""
    norms = Cost(parameters=2 * 2 * d)
    return self_attention(d, T=T, B=B, heads=heads, itemsize=itemsize) + feed_forward(d, d_ff, T=T, B=B) + norms


def score_bytes(T: int, *, B: int = 1, heads: int = 1, itemsize: int = 4) -> int:
    """Memory of a self-attention layer's scores, T × T for each head and sequence, if kept for the backward."""
    _check(T=T, B=B, heads=heads, itemsize=itemsize)
    return B * heads * T * T * itemsize


def processor() -> str:
    """The name of this machine's processor, to stand beside every time that is measured on it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _check(**sizes):
    for name, value in sizes.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name}: got {value!r}, expected an integer of at least 1")
