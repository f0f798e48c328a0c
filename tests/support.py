"""What each model and function of the package supports, measured: `python -m tests.support` writes book/support.md.

A cell holds "yes" where value and gradient are right (TOLERANCE, of the largest entry, beside a plain form in double
precision), "refused" where a ValueError says at the door what was expected, and nothing where it has no meaning.
Anything else, an error from inside or a wrong number, fails the tests.
"""

import copy
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from rnncourse.bidirectional import Bidirectional, Stacked
from rnncourse.gru import GRU, gru_sequence, gru_step
from rnncourse.layers import reverse_padded
from rnncourse.linear import (
    linear_attention,
    linear_attention_recurrent,
    linear_attention_step,
    minGRU,
    minLSTM,
)
from rnncourse.lstm import LSTM, CoupledLSTM, PeepholeLSTM, coupled_step, lstm_sequence, lstm_step, peephole_step
from rnncourse.recurrence import RNN, rnn_sequence, rnn_step
from rnncourse.seq2seq import AdditiveAttention, additive_scores, tanh_scores
from rnncourse.ssm import (
    S4D,
    LinearSSM,
    Mamba,
    associative_scan,
    causal_convolution,
    compose_affine,
    discretize,
    krylov,
    linear_scan,
    linear_scan_sequential,
    s4d_kernel,
    s4d_kernel_direct,
    selective_scan,
    selective_scan_sequential,
    ssm_step,
)

PAGE = Path(__file__).parents[1] / "book" / "support.md"
TOLERANCE = {
    torch.float16: 2e-2, torch.bfloat16: 1e-1, torch.float32: 1e-4, torch.complex64: 1e-4,
    torch.float64: 1e-9, torch.complex128: 1e-9,
}  # fmt: skip


class Case(NamedTuple):
    """A row: `make(dtype, T, B)` gives a module or a function, and tensors to call it with.

    `plain` is called as it is, with the module or function first; None where what is called is plain itself.
    """

    make: Callable
    plain: Callable | None = None


def draw(*shapes, dtype=torch.float64):
    generator = torch.Generator().manual_seed(7)
    tensors = [0.5 * torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    if dtype.is_complex:
        tensors = [torch.complex(t, 0.3 * t.roll(1, 0)) for t in tensors]
    return [t.to(dtype) for t in tensors]


def layer(kind):
    def make(dtype, T, B):
        torch.manual_seed(0)
        module = kind().to(dtype)
        return module, draw((B, T, 4), dtype=dtype)

    return make


def function(f, shapes, change=lambda *tensors: tensors):
    def make(dtype, T, B):
        return f, list(change(*draw(*shapes(T, B), dtype=dtype)))

    return make


def theirs(kind):
    def plain(module, x):
        other = kind(4, 5, batch_first=True, dtype=x.dtype, device=x.device)
        return torch.func.functional_call(other, dict(module.named_parameters()), (x,))[0]

    return plain


def step_by_step(module, x):
    state, outputs = None, []
    for x_t in x.unbind(1):
        y_t, state = module.step(x_t, state)
        outputs.append(y_t)
    return torch.stack(outputs, 1)


def cells(step):
    def plain(module, x):
        start = [x.new_zeros(len(x), 5)] * 2
        W = module.weights(0)
        if step is peephole_step:
            return lstm_sequence(x, *start, *W[:4], lambda *args: peephole_step(*args, p=W[4]))[0]
        return lstm_sequence(x, *start, *W, step)[0]

    return plain


def alone(module, x):
    """A stack, one network after the other."""
    for part in module.layers:
        x = part(x)[0]
    return x


def both_ways(module, x):
    backward = module.backward_net(x.flip(1))[0].flip(1)
    return torch.cat([module.forward_net(x)[0], backward], -1)


class Attended(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = AdditiveAttention(4, 4, 3)

    def forward(self, x):
        return self.attention(x[:, 0], self.attention.memory(x))


def attended(module, x):
    a = module.attention
    weights = tanh_scores(a.W_q(x[:, 0]), a.W_k(x), a.v).softmax(-1)
    return (weights[:, None] @ x).squeeze(1)


def ssm():
    A, B, C = draw((3, 3), (3, 4), (2, 3), dtype=torch.float64)
    return LinearSSM(A - torch.eye(3, dtype=A.dtype), B, C, dt=0.3)


def selective_change(u, delta, A, B, C):
    return u, delta if delta.is_complex() else delta.abs(), A if A.is_complex() else -A.abs(), B, C


def complex_kernel(f):
    def make(dtype, T, B):
        c, z = draw((B, 3), (B, 3), dtype=dtype)
        parts = torch.complex if dtype in (torch.float32, torch.float64) else lambda real, imag: real
        return (lambda c, z: f(parts(c, c), parts(-z.abs() if not z.is_complex() else z, z), T)), [c, z]

    return make


def three(T, B):
    return (B, T, 3), (B, T, 3), (B, T, 2)


def affine(a, b):
    return associative_scan(compose_affine, (a, b))[1]


def scanned(T, B):
    return (B, T, 3), (B, T, 3), (B, 3)


def selected(T, B):
    return (B, T, 3), (B, T, 3), (3, 2), (B, T, 2), (B, T, 2)


STEP = {G: (lambda T, B, G=G: ((B, 4), (B, 5), (5 * G, 4), (5 * G, 5))) for G in (1, 3)}
LSTM_STEP = {G: (lambda T, B, G=G: ((B, 4), (B, 5), (B, 5), (5 * G, 4), (5 * G, 5))) for G in (3, 4)}
CASES = {
    "RNN": Case(layer(lambda: RNN(4, 5)), theirs(nn.RNN)),
    "LSTM": Case(layer(lambda: LSTM(4, 5)), theirs(nn.LSTM)),
    "GRU": Case(layer(lambda: GRU(4, 5)), theirs(nn.GRU)),
    "PeepholeLSTM": Case(layer(lambda: PeepholeLSTM(4, 5)), cells(peephole_step)),
    "CoupledLSTM": Case(layer(lambda: CoupledLSTM(4, 5)), cells(coupled_step)),
    "Bidirectional": Case(layer(lambda: Bidirectional(GRU, 4, 5)), both_ways),
    "Stacked": Case(layer(lambda: Stacked([GRU(4, 5), GRU(5, 5)])), alone),
    "AdditiveAttention": Case(layer(Attended), attended),
    "LinearSSM": Case(layer(ssm), step_by_step),
    "S4D": Case(layer(lambda: S4D(4, 6)), step_by_step),
    "Mamba": Case(layer(lambda: Mamba(4, 3)), step_by_step),
    "minGRU": Case(layer(lambda: minGRU(4, 5)), step_by_step),
    "minLSTM": Case(layer(lambda: minLSTM(4, 5)), step_by_step),
    "rnn_step": Case(function(rnn_step, STEP[1])),
    "rnn_sequence": Case(function(rnn_sequence, lambda T, B: ((B, T, 4), *STEP[1](T, B)[1:]))),
    "lstm_step": Case(function(lstm_step, LSTM_STEP[4])),
    "coupled_step": Case(function(coupled_step, LSTM_STEP[3])),
    "lstm_sequence": Case(function(lstm_sequence, lambda T, B: ((B, T, 4), *LSTM_STEP[4](T, B)[1:]))),
    "gru_step": Case(function(gru_step, STEP[3])),
    "gru_sequence": Case(function(gru_sequence, lambda T, B: ((B, T, 4), *STEP[3](T, B)[1:]))),
    "reverse_padded": Case(function(reverse_padded, lambda T, B: ((B, T, 3),)), lambda f, x: x.flip(1)),
    "additive_scores": Case(
        function(additive_scores, lambda T, B: ((B, 3), (B, T, 3), (3,))), lambda f, q, k, v: tanh_scores(q, k, v) + v.sum()
    ),
    "tanh_scores": Case(function(tanh_scores, lambda T, B: ((B, 3), (B, T, 3), (3,)))),
    "linear_scan": Case(function(linear_scan, scanned), lambda f, *args: linear_scan_sequential(*args)),
    "linear_scan_sequential": Case(function(linear_scan_sequential, scanned)),
    "associative_scan": Case(function(affine, lambda T, B: scanned(T, B)[:2]), lambda f, *args: linear_scan_sequential(*args)),
    "selective_scan": Case(
        function(selective_scan, selected, selective_change), lambda f, *args: selective_scan_sequential(*args)
    ),
    "selective_scan_sequential": Case(function(selective_scan_sequential, selected, selective_change)),
    "causal_convolution": Case(function(causal_convolution, lambda T, B: ((3, T), (B, 3, T)))),
    "s4d_kernel": Case(complex_kernel(s4d_kernel)),
    "s4d_kernel_direct": Case(complex_kernel(s4d_kernel_direct)),
    "discretize": Case(function(lambda A, B: discretize(A, B, 0.1)[1], lambda T, B: ((3, 3), (3, 2)))),
    "krylov": Case(function(lambda A, X: krylov(A, X, 6), lambda T, B: ((3, 3), (3, 2)))),
    "ssm_step": Case(function(ssm_step, lambda T, B: ((B, 4), (B, 3), (3, 3), (3, 4), (2, 3), (2, 4)))),
    "linear_attention": Case(function(linear_attention, three), lambda f, *args: linear_attention_recurrent(*args)[0]),
    "linear_attention_recurrent": Case(function(linear_attention_recurrent, three), lambda f, *args: linear_attention(*args)),
    "linear_attention_step": Case(
        function(
            lambda q, k, v, S, s: linear_attention_step(q, k, v, (S, s, torch.zeros_like(s))),
            lambda T, B: ((B, 3), (B, 3), (B, 2), (B, 3, 2), (B, 3)),
            lambda q, k, v, S, s: (q, k, v, S, s + 3),
        )
    ),
}
TIMELESS = {"rnn_step", "lstm_step", "coupled_step", "gru_step", "discretize", "krylov", "ssm_step", "linear_attention_step"}
BATCHLESS = {"discretize", "krylov"}


def output(called, inputs) -> Tensor:
    result = called(*inputs)
    return result[0] if isinstance(result, tuple) else result


def gradients(called, inputs, **options):
    """The output, and the gradients of a sum of it with unequal weights."""
    y = output(called, inputs)
    parts = torch.view_as_real(y) if y.is_complex() else y
    weights = torch.arange(1.0, parts.numel() + 1, device=y.device).cos().to(parts.dtype).view(parts.shape)
    return y, *torch.autograd.grad((weights * parts).sum(), inputs, materialize_grads=True, **options)


def leaves(tensors, dtype=None):
    return [t.detach().to(dtype or t.dtype).requires_grad_() for t in tensors]


def require_close(got, expected, tolerance, what):
    for a, b in zip(got, expected, strict=True):
        wide = torch.complex128 if b.is_complex() else torch.float64
        a, b = a.detach().to(wide), b.detach().to(wide)
        scale = max(b.abs().max().item(), 1e-3) if b.numel() else 1.0
        if a.shape != b.shape or not (a.numel() == 0 or (a - b).abs().max().item() <= tolerance * scale):
            error = (a - b).abs().max().item() if a.shape == b.shape else f"{tuple(a.shape)} for {tuple(b.shape)}"
            raise AssertionError(f"{what}: wrong by {error}, of {scale}")


def plain_of(case, called):
    return called if case.plain is None else lambda *inputs: case.plain(called, *inputs)


def right(name, dtype=torch.float64, T=6, B=2, scale=1.0):
    """Value and gradient beside those of the plain form in double precision."""
    case = CASES[name]
    called, inputs = case.make(dtype, T, B)
    inputs = [scale * x for x in inputs]
    double = torch.complex128 if dtype.is_complex else torch.float64
    got = gradients(called, leaves(inputs))
    reference = copy.deepcopy(called).to(double) if isinstance(called, nn.Module) else called
    expected = gradients(plain_of(case, reference), leaves(inputs, double))
    if any(g.dtype not in (dtype, dtype.to_real()) for g in got) and "s4d_kernel" not in name:
        raise AssertionError(f"dtypes {[g.dtype for g in got]}, expected {dtype}")
    require_close(got, expected, TOLERANCE[dtype], name)


def loss(called):
    return lambda *inputs: output(called, inputs).sin().sum()


def loss_gradients(called, inputs, **options):
    return torch.autograd.grad(loss(called)(*inputs), inputs, materialize_grads=True, **options)


def grad(name):
    called, inputs = CASES[name].make(torch.float64, 6, 2)
    expected = loss_gradients(called, leaves(inputs))
    everything = tuple(range(len(inputs)))
    for transform in (torch.func.grad, torch.func.jacrev):
        require_close(transform(loss(called), everything)(*inputs), expected, 1e-9, "gradient")


def jvp(name):
    called, inputs = CASES[name].make(torch.float64, 6, 2)
    expected = loss_gradients(called, leaves(inputs))
    slope = sum(g.sum() for g in expected)
    ones = tuple(map(torch.ones_like, inputs))
    with forward_ad.dual_level():
        dual = loss(called)(*(forward_ad.make_dual(x, t) for x, t in zip(inputs, ones, strict=True)))
        forward = forward_ad.unpack_dual(dual).tangent
    require_close((torch.func.jvp(loss(called), tuple(inputs), ones)[1], forward), (slope, slope), 1e-9, "slope")


def vmap(name):
    called, inputs = CASES[name].make(torch.float64, 6, 2)
    many = [torch.stack([x, 0.9 * x]) for x in inputs]
    got = torch.func.vmap(lambda *xs: output(called, xs))(*many)
    require_close([got], [torch.stack([output(called, [x[i] for x in many]) for i in range(2)])], 1e-9, "batch")


def twice(name):
    case = CASES[name]
    called, inputs = case.make(torch.float64, 5, 1)

    def second(f):
        xs = leaves(inputs)
        first = loss_gradients(f, xs, create_graph=True)
        return torch.autograd.grad(sum(g.square().sum() for g in first), xs, materialize_grads=True)

    require_close(second(called), second(plain_of(case, called)), 1e-8, "second derivative")


class Module(nn.Module):
    def __init__(self, called):
        super().__init__()
        self.called = called

    def forward(self, *inputs):
        return output(self.called, inputs)


def export(name):
    called, inputs = CASES[name].make(torch.float64, 6, 2)
    program = torch.export.export(Module(called), tuple(inputs)).module()
    inputs = [0.9 * x for x in inputs]
    require_close(gradients(program, leaves(inputs)), gradients(called, leaves(inputs)), 1e-9, "program")


def compiled(name):
    called, inputs = CASES[name].make(torch.float64, 6, 2)
    torch.compiler.reset()
    got = gradients(torch.compile(Module(called), backend="eager"), leaves(inputs))
    require_close(got, gradients(called, leaves(inputs)), 1e-9, "compiled")


def meta(name):
    called, inputs = CASES[name].make(torch.float64, 6, 2)
    expected = gradients(called, leaves(inputs))
    there = copy.deepcopy(called).to("meta") if isinstance(called, nn.Module) else called
    got = gradients(there, [x.to("meta").requires_grad_() for x in inputs])
    if [(g.device.type, g.shape, g.dtype) for g in got] != [("meta", e.shape, e.dtype) for e in expected]:
        raise AssertionError(f"{name}: other shapes on meta than on the CPU")


def copies(name):
    called, inputs = CASES[name].make(torch.float64, 6, 2)
    expected = output(called, inputs)
    state = {k: v.clone() for k, v in called.state_dict().items()}
    for twin in (copy.deepcopy(called), pickle.loads(pickle.dumps(called))):
        require_close([output(twin, inputs)], [expected], 0, "copy")
        twin.load_state_dict(state)


COLUMNS = {
    "float16": lambda name: right(name, torch.float16),
    "bfloat16": lambda name: right(name, torch.bfloat16),
    "float32": lambda name: right(name, torch.float32),
    "float64": lambda name: right(name, torch.float64),
    "complex64": lambda name: right(name, torch.complex64),
    "complex128": lambda name: right(name, torch.complex128),
    "T = 1": lambda name: right(name, T=1),
    "B = 0": lambda name: right(name, B=0),
    "large": lambda name: right(name, torch.float32, scale=1e3),
    "meta": meta,
    "grad": grad,
    "jvp": jvp,
    "vmap": vmap,
    "twice": twice,
    "export": export,
    "compile": compiled,
    "copies": copies,
}


def applies(name, column):
    if column == "copies":
        return isinstance(CASES[name].make(torch.float64, 2, 2)[0], nn.Module)
    if column == "large":  # where a nonlinearity saturates; what is linear or exponential overflows as it should
        return name in ("RNN", "LSTM", "GRU", "PeepholeLSTM", "CoupledLSTM", "Bidirectional", "Stacked", "minGRU", "minLSTM",
                        "additive_scores", "tanh_scores", "linear_attention_recurrent")  # fmt: skip
    return not (column == "T = 1" and name in TIMELESS) and not (column == "B = 0" and name in BATCHLESS)


def measure(name, column) -> str:
    """A cell: yes, refused, or nothing. Whatever is wrong raises."""
    if not applies(name, column):
        return ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            COLUMNS[column](name)
        except ValueError as error:
            if ": got " not in str(error):
                raise
            return "refused"
    return "yes"


def page(table) -> str:
    lines = [
        "# What each model and function supports",
        "",
        "Every cell is measured, and a test fails where this page says something else than what it finds.",
        "*yes*: value and gradient are those of a plain form in double precision (torch.nn where it has the model, else the",
        "loop over steps), within 0.02 of the largest entry in float16, 0.1 in bfloat16, 10⁻⁴ in float32 and complex64, 10⁻⁹",
        "in float64 and complex128.",
        "*refused*: a `ValueError` at the door says what came and what was expected.",
        "An empty cell has no meaning.",
        "",
        "- *T = 1*, *B = 0*: a sequence of one step; an empty batch. *large*: inputs of the order of 1000, in float32,",
        "  where a nonlinearity saturates; `linear_attention` has a bound there, see its docstring.",
        "- *meta*: the shapes are right on the device that has no numbers, so no tensor of the package's own making lies",
        "  elsewhere than its input.",
        "- *grad*: `torch.func.grad` and `jacrev`; *jvp*: `torch.func.jvp` and forward-mode derivatives; *vmap*; *twice*: a",
        "  gradient of a gradient. There the plain loop runs, in its time and memory.",
        "- *export*: `torch.export`, for the length that was exported; *compile*: `torch.compile`; *copies*: deepcopy, pickle.",
        "",
        "`python -m tests.support` writes this page.",
        "",
        "## Numbers",
        "",
    ]
    for title, columns in (("", list(COLUMNS)[:9]), ("## What torch does with them", list(COLUMNS)[9:])):
        lines += [title, ""] if title else []
        lines += ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
        lines += ["| `" + name + "` | " + " | ".join(table[name, c] for c in columns) + " |" for name in CASES] + [""]
    return "\n".join(lines).rstrip() + "\n"


def main():
    table = {}
    for name in CASES:
        for column in COLUMNS:
            table[name, column] = "wrong"
            try:
                table[name, column] = measure(name, column)
            except Exception as error:
                print(f"{name}, {column}: {type(error).__name__}: {str(error)[:300]}")
    PAGE.write_text(page(table), encoding="utf-8")


if __name__ == "__main__":
    main()
