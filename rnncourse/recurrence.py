"""The simple recurrent network: one update applied at every step (chapter `recurrence`).

Symbols
    x_t (B, D)  input      h_t (B, H)  hidden state      y_t (B, K)  read-out, logits
    W_xh (H, D) in the chapter is `W_ih` and `weight_ih_l0` here; W_hh (H, H); b_h = b_ih + b_hh (H)
    W_hy (K, H), b_y (K)

Equations
    h_t = φ(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh),  φ = tanh or relu        `rnn_step`, `rnn_sequence`, `RNN`
    y_t = W_hy h_t + b_y                                                     `LanguageModel`
    p(token) ∝ exp(y / temperature)                                          `sample`

Sources: Elman, "Finding structure in time" (1990), for the network; PyTorch's torch.nn.RNN for parameters and their
names.
"""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import trange

from rnncourse.bptt import back_through_time, input_gradients, over_time
from rnncourse.fast import product, step_product, tanh, tanh_backward
from rnncourse.layers import Recurrent, check_step
from rnncourse.modes import at_least_float32, by_hand, known, plain_where_needed

NONLINEARITIES = {"tanh": torch.tanh, "relu": torch.relu}


def rnn_step(x_t, h_prev, W_ih, W_hh, b_ih=None, b_hh=None, nonlinearity="tanh") -> Tensor:
    """One step of the Elman network, h_t = φ(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh).

    Args:
        x_t: (B, D). h_prev: (B, H). W_ih: (H, D). W_hh: (H, H). b_ih, b_hh: (H) or None.
        nonlinearity: "tanh" or "relu".

    Returns:
        h_t: (B, H).

    Raises:
        ValueError: a shape or the nonlinearity does not fit.
    """
    _check_step(x_t, h_prev, W_ih, W_hh, b_ih, b_hh, nonlinearity)
    return NONLINEARITIES[nonlinearity](F.linear(x_t, W_ih, b_ih) + F.linear(h_prev, W_hh, b_hh))


def rnn_sequence(x, h0, W_ih, W_hh, b_ih=None, b_hh=None, nonlinearity="tanh") -> Tensor:
    """The step over a whole sequence: the plain loop that `RNN` computes faster.

    Args:
        x: (B, T, D). h0: (B, H), the state before the first step. The rest as in `rnn_step`.

    Returns:
        h: (B, T, H), the state after every step.

    Raises:
        ValueError: as `rnn_step`; or x has no steps.
    """
    if x.dim() != 3 or x.shape[1] == 0:
        raise ValueError(f"x: got shape {tuple(x.shape)}, expected (B, T, D) with at least one step")
    h, states = h0, []
    for x_t in x.unbind(1):  # once: x[:, t] in a differentiated loop costs time quadratic in T
        h = rnn_step(x_t, h, W_ih, W_hh, b_ih, b_hh, nonlinearity)
        states.append(h)
    return torch.stack(states, 1)  # (B, T, H)


def _check_step(x_t, h_prev, W_ih, W_hh, b_ih, b_hh, nonlinearity):
    _check_nonlinearity(nonlinearity)
    check_step(1, x_t, {"h_prev": h_prev}, W_ih, W_hh, b_ih, b_hh)
    if nonlinearity == "relu" and x_t.is_complex():
        raise ValueError(f"x: got dtype {x_t.dtype}, expected a real one, since relu compares with 0")


def _check_nonlinearity(nonlinearity):
    if nonlinearity not in NONLINEARITIES:
        raise ValueError(f"nonlinearity: got {nonlinearity!r}, expected one of {', '.join(NONLINEARITIES)}")


def _plain(x, *rest):
    return rnn_sequence(x.transpose(0, 1), *rest).transpose(0, 1)


class RNNSequence(torch.autograd.Function):
    """`rnn_sequence`, time-major, with the chapter's backpropagation through time as its backward."""

    @staticmethod
    def forward(ctx, x, h0, W_ih, W_hh, b_ih, b_hh, nonlinearity):
        b = None if b_ih is None else b_ih + b_hh
        h = product(x, W_ih, b)  # (T, B, H): the inputs of all steps in one product; φ(…) replaces them step by step
        times_W_hh = step_product(W_hh, *x.shape[:2])
        h_prev = h0
        for (a_t,) in over_time(h):
            a_t += times_W_hh(h_prev)
            h_prev = a_t.relu_() if nonlinearity == "relu" else tanh(a_t, out=a_t)
        ctx.save_for_backward(x, h0, W_ih, W_hh, b_ih, b_hh, h)
        ctx.options = (nonlinearity,)
        return h

    @staticmethod
    @plain_where_needed(_plain)
    def backward(ctx, dh_out):
        x, h0, W_ih, W_hh, b, _, h = ctx.saved_tensors
        da = torch.empty_like(h)  # (T, B, H)
        times_W_hh_T = step_product(W_hh.T, *x.shape[:2])
        dh = torch.zeros_like(h0)  # what reaches h_t from step t + 1
        for da_t, h_t, dh_t in back_through_time(da, h, dh_out):
            dh += dh_t
            if ctx.options[0] == "relu":  # da_t = φ'(a_t) ⊙ dh_t, with φ' from φ's value: 1 where h_t > 0
                torch.mul(dh, h_t > 0, out=da_t)
            else:  # tanh' = 1 − h_t²
                tanh_backward(dh, h_t, out=da_t)
            dh = times_W_hh_T(da_t)  # (B, H): W_hhᵀ da_t
        dx, dW_ih, dW_hh, db = input_gradients(da, x, h0, h, W_ih, ctx.needs_input_grad[0])
        db = None if b is None else db
        return dx, dh, dW_ih, dW_hh, db, db, None


class RNN(Recurrent):
    """The simple (Elman) recurrent network: `torch.nn.RNN` in parameters, state_dict and results.

    Args:
        input_size: D. hidden_size: H. num_layers: layers stacked on one another.
        nonlinearity: "tanh" or "relu".
        bias: with b_ih and b_hh. batch_first: x is (B, T, D), not (T, B, D). bidirectional: a second network runs
            backwards.
        dropout: probability with which an element of a layer's output is dropped before the next layer, in training.

    Called as `rnn(x, h0=None, lengths=None)`, returns `(output, h_n)`: see `Recurrent.forward` for the shapes.

    Raises:
        ValueError: an argument out of range.
    """

    defaults: ClassVar = Recurrent.defaults | {"nonlinearity": "tanh"}

    def __init__(
        self, input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True, batch_first=True,
        bidirectional=False, *, dropout=0.0, device=None, dtype=None,
    ):  # fmt: skip
        _check_nonlinearity(nonlinearity)
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, bidirectional, dropout, device, dtype)

    def run(self, x, state, W_ih, W_hh, b_ih, b_hh):
        return (by_hand(RNNSequence, _plain, x, *state, W_ih, W_hh, b_ih, b_hh, self.nonlinearity),)

    @property
    def operator(self):
        return torch.rnn_tanh if self.nonlinearity == "tanh" else torch.rnn_relu


class LanguageModel(nn.Module):
    """Predict the next token at every step: embed, run a recurrent network, read out logits.

    Args:
        vocab_size: V, the number of tokens.
        rnn: a one-directional recurrent network of this package with batch_first=True; its input_size is the width of
            the embedding.

    Called as `model(tokens, state=None)` with tokens (B, T) of integers below V, returns logits (B, T, V) and the state
    to continue from.

    Raises:
        ValueError: the network reads the future, or tokens are out of range.
    """

    def __init__(self, vocab_size: int, rnn: Recurrent):
        super().__init__()
        if rnn.bidirectional or not rnn.batch_first:
            raise ValueError(
                f"rnn: got bidirectional={rnn.bidirectional}, batch_first={rnn.batch_first}, expected False and True: "
                "a language model must not see the token that it predicts"
            )
        self.embedding = nn.Embedding(vocab_size, rnn.input_size)
        self.rnn = rnn
        self.readout = nn.Linear(rnn.hidden_size, vocab_size)  # W_hy, b_y

    def forward(self, tokens: Tensor, state=None):
        V = self.embedding.num_embeddings
        if tokens.dim() != 2 or tokens.is_floating_point() or tokens.dtype == torch.bool:
            raise ValueError(f"tokens: got shape {tuple(tokens.shape)} of {tokens.dtype}, expected (B, T) of integers")
        if tokens.numel() and known(tokens) and not (int(tokens.min()) >= 0 and int(tokens.max()) < V):
            raise ValueError(f"tokens: got {tokens.min()} to {tokens.max()}, expected 0 to {V - 1} = vocab_size − 1")
        h, state = self.rnn(self.embedding(tokens), state)  # (B, T, H)
        return self.readout(h), state  # (B, T, V)


@torch.no_grad()
def sample(model: LanguageModel, prompt: Tensor, steps: int, temperature: float = 1.0, generator=None) -> Tensor:
    """Continue a prompt: draw each next token from softmax(logits / temperature), feed it back, carry the state.

    Args:
        model: the language model; put it in eval mode first where it has dropout.
        prompt: (B, T) integer tokens, at least one each.
        steps: how many tokens to draw.
        temperature: above 0 draws, the lower the closer to the most likely token; 0 takes the most likely.
        generator: torch.Generator that makes the draw reproducible.

    Returns:
        (B, steps) the tokens drawn, without the prompt.

    Raises:
        ValueError: an argument out of range.
    """
    if not 0 <= temperature < math.inf:
        raise ValueError(f"temperature: got {temperature}, expected a number of at least 0")
    if not isinstance(steps, int) or steps < 0:
        raise ValueError(f"steps: got {steps!r}, expected an integer of at least 0")
    if prompt.dim() != 2 or prompt.shape[1] == 0:
        raise ValueError(f"prompt: got shape {tuple(prompt.shape)}, expected (B, T) with at least one token each")
    tokens, state, drawn = prompt, None, []
    for _ in trange(steps, desc="sample", delay=2, leave=False):  # the bar shows only where it takes over 2 s
        logits, state = model(tokens, state)
        logits = at_least_float32(logits[:, -1])  # (B, V)
        if temperature == 0:
            tokens = logits.argmax(-1, keepdim=True)  # (B, 1)
        else:
            logits = logits - logits.amax(-1, keepdim=True)  # the largest 0: no temperature makes it infinite
            tokens = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)  # (B, 1)
        drawn.append(tokens)
    return torch.cat(drawn, 1) if drawn else prompt.new_empty(prompt.shape[0], 0)
