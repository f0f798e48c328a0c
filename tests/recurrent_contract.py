"""What RNN, LSTM and GRU have to fulfil alike; a test class for each layer derives from one of the two contracts."""

import copy
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.autograd import forward_ad
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


@dataclass(frozen=True)
class Shape:
    B: int = 3
    T: int = 5
    D: int = 4
    H: int = 5
    lengths: tuple = ()
    options: tuple = ()  # keyword arguments of both constructors

    def __str__(self):
        words = [f"B{self.B}", f"T{self.T}", f"D{self.D}", f"H{self.H}", *(f"{k}={v}" for k, v in self.options)]
        return " ".join(words + (["lengths"] if self.lengths else []))


TWO_LAYERS, BOTH_WAYS = ("num_layers", 2), ("bidirectional", True)
NO_BIAS, TIME_FIRST = ("bias", False), ("batch_first", False)
GRID = [
    Shape(),
    Shape(T=1),
    Shape(B=1),
    Shape(B=1, T=1, D=1, H=1),
    Shape(D=7, H=3),
    Shape(T=13, D=3, H=9),
    Shape(options=(TWO_LAYERS,)),
    Shape(options=(BOTH_WAYS,)),
    Shape(options=(NO_BIAS, TWO_LAYERS)),
    Shape(T=7, D=3, options=(TWO_LAYERS, BOTH_WAYS)),
    Shape(options=(TIME_FIRST, TWO_LAYERS)),
    Shape(lengths=(2, 5, 1)),
    Shape(lengths=(5, 4, 3), options=(TWO_LAYERS,)),
    Shape(B=4, T=7, lengths=(1, 7, 3, 3), options=(TWO_LAYERS, BOTH_WAYS)),
    Shape(B=2, lengths=(4, 2), options=(TIME_FIRST, BOTH_WAYS, NO_BIAS)),
    Shape(T=1, lengths=(1, 1, 1), options=(BOTH_WAYS,)),
]
# every test class runs an inherited property as its own
PROPERTY = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
EXACT = {"rtol": 1e-12, "atol": 1e-12}


def as_tuple(state):
    return state if isinstance(state, tuple) else (state,)


def close(got, expected, **tolerance):
    for name in expected:
        torch.testing.assert_close(got[name], expected[name], msg=lambda m, name=name: f"{name}: {m}", **tolerance)


class RecurrentContract:
    """For every recurrent layer: its plain loop, and consistency with itself."""

    ours = None  # a class
    options: ClassVar = {}  # keyword arguments of the constructor in every test
    states = 1

    # -- helpers -----------------------------------------------------------------------------------

    def make(self, D=4, H=5, dtype=torch.float64, seed=0, **options):
        """Our module, with random parameters: unequal biases, no gate like another."""
        torch.manual_seed(seed)
        return self.ours(D, H, **(self.options | options), dtype=dtype)

    def inputs(self, module, B=3, T=5, seed=1):
        """x and a non-zero state for a module, both asking for a gradient."""
        like = {"dtype": module.weight_ih_l0.dtype, "device": module.weight_ih_l0.device}
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(*((B, T) if module.batch_first else (T, B)), module.input_size, generator=generator)
        directions = 2 if module.bidirectional else 1
        shape = (module.num_layers * directions, B, module.hidden_size)
        state = tuple(torch.randn(shape, generator=generator).to(**like).requires_grad_() for _ in range(self.states))
        return x.to(**like).requires_grad_(), state

    def call(self, module, x, state, *more):
        return module(x, state if self.states > 1 else state[0], *more)

    def outcome(self, result, x, state, module):
        """Output, last state, and the gradient of a random linear function of both, for all that it depends on."""
        output, last = result
        generator = torch.Generator().manual_seed(2)
        tensors = {"output": output, **{f"last{i}": s for i, s in enumerate(as_tuple(last))}}
        weights = [torch.randn(t.shape, generator=generator).to(t) for t in tensors.values()]
        L = sum((w * t).sum() for w, t in zip(weights, tensors.values(), strict=True))
        L = L.real if L.is_complex() else L
        wanted = {"x": x, **{f"state{i}": s for i, s in enumerate(state)}} | dict(module.named_parameters())
        grads = torch.autograd.grad(L, list(wanted.values()), retain_graph=True)
        return tensors | {f"gradient of {name}": g for name, g in zip(wanted, grads, strict=True)}

    # -- equal to itself ---------------------------------------------------------------------------

    def plain(self, module, x, state):
        """The plain loop of the same module (one layer, one direction): all outputs and the last state."""
        raise NotImplementedError

    def test_plain_loop_and_hand_written_backward_agree(self):
        module = self.make()
        x, state = self.inputs(module, T=6)
        fast = self.outcome(self.call(module, x, state), x, state, module)
        close(fast, self.outcome(self.plain(module, x, state), x, state, module), **EXACT)

    @pytest.mark.parametrize("bias", [True, False])
    def test_gradcheck(self, bias):
        module = self.make(2, 3, bias=bias)
        x, state = self.inputs(module, B=2, T=3)
        names = [name for name, _ in module.named_parameters()]

        def function(x, *rest):
            parameters = dict(zip(names, rest[self.states :], strict=True))
            state = rest[: self.states] if self.states > 1 else rest[0]
            output, last = torch.func.functional_call(module, parameters, (x, state))
            return output, *as_tuple(last)

        assert torch.autograd.gradcheck(function, (x, *state, *module.parameters()))

    def test_a_penalty_on_gradients_counts(self):
        """A second derivative: that of the plain loop, also where the loss is linear in the output."""
        module = self.make()
        x, state = self.inputs(module)
        penalties = []
        for call in (self.call, self.plain):
            output, _ = call(module, x, state)
            first = torch.autograd.grad(output.sum(), [x, *state, *module.parameters()], create_graph=True)
            penalty = sum(g.square().sum() for g in first)
            second = torch.autograd.grad(penalty, [x, *state, *module.parameters()], materialize_grads=True)
            penalties.append(dict(enumerate((penalty, *second))))
        assert any(g.abs().sum() > 0 for g in second)
        close(*penalties, **EXACT)

    # -- what torch does with a function beside running it ------------------------------------------

    def loss_of(self, module, B=2, T=4, call=None):
        """A function of x, the states and the parameters (one tensor) to one number; and these arguments."""
        x, state = self.inputs(module, B, T)
        names, parameters = zip(*module.named_parameters(), strict=True)
        sizes = [p.numel() for p in parameters]

        def function(x, flat, *state):
            shaped = [f.view(p.shape) for f, p in zip(flat.split(sizes), parameters, strict=True)]
            state = state if self.states > 1 else state[0]
            output, last = torch.func.functional_call(module, dict(zip(names, shaped, strict=True)), (x, state))
            return torch.cat([output.flatten(), *(s.flatten() for s in as_tuple(last))]).sin().sum()

        flat = torch.cat([p.detach().flatten() for p in parameters])
        return function, (x.detach(), flat, *(s.detach() for s in state))

    @pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=str)
    def test_transforms_of_torch_func(self, options):
        module = self.make(2, 3, **options)
        function, arguments = self.loss_of(module)
        everything = tuple(range(len(arguments)))
        inputs = [a.clone().requires_grad_() for a in arguments]
        expected = torch.autograd.grad(function(*inputs), inputs)  # by hand: see test_gradcheck
        for transform in (torch.func.grad, torch.func.jacrev, torch.func.jacfwd):
            torch.testing.assert_close(transform(function, everything)(*arguments), expected, **EXACT)

        tangents = tuple(torch.randn_like(a) for a in arguments)
        slope = sum((g * t).sum() for g, t in zip(expected, tangents, strict=True))
        torch.testing.assert_close(torch.func.jvp(function, arguments, tangents)[1], slope, **EXACT)
        with forward_ad.dual_level():
            duals = [forward_ad.make_dual(a, t) for a, t in zip(arguments, tangents, strict=True)]
            torch.testing.assert_close(forward_ad.unpack_dual(function(*duals)).tangent, slope, **EXACT)

        many = torch.stack([arguments[0], 2 * arguments[0]])
        one_by_one = torch.stack([function(x, *arguments[1:]) for x in many])
        batched = torch.func.vmap(function, (0, *(None for _ in arguments[1:])))(many, *arguments[1:])
        torch.testing.assert_close(batched, one_by_one, **EXACT)

    def test_hessian(self):
        function, (x, *rest) = self.loss_of(self.make(2, 2), B=1, T=3)

        def of_x(x):
            return function(x, *rest)

        hessian = torch.func.hessian(of_x)(x)
        torch.testing.assert_close(torch.autograd.functional.hessian(of_x, x), hessian, **EXACT)
        torch.testing.assert_close(torch.autograd.functional.hessian(of_x, x, vectorize=True), hessian, **EXACT)
        assert torch.autograd.gradgradcheck(of_x, x.requires_grad_())

    @pytest.mark.parametrize("strategy", ["reverse-mode", "forward-mode"])
    def test_vectorised_jacobian(self, strategy):
        module = self.make(2, 3)
        x, state = self.inputs(module, B=2, T=3)

        def function(x, *state):
            return self.call(module, x, state)[0]

        expected = torch.autograd.functional.jacobian(function, (x, *state))
        got = torch.autograd.functional.jacobian(function, (x, *state), vectorize=True, strategy=strategy)
        torch.testing.assert_close(got, expected, **EXACT)

    @pytest.mark.parametrize("gradients", [True, False])
    def test_exported_program(self, gradients):
        module = self.make(num_layers=2, bidirectional=True).requires_grad_(gradients)
        x, state = self.inputs(module)
        state_or_one = tuple(s.detach() for s in state) if self.states > 1 else state[0].detach()
        program = torch.export.export(module, (x.detach(), state_or_one)).module()
        for given_x in (x, 2 * x.detach()):
            got, last = program(given_x, state_or_one)
            expected, expected_last = module(given_x, state_or_one)
            torch.testing.assert_close((got, *as_tuple(last)), (expected, *as_tuple(expected_last)), **EXACT)
        if gradients:
            ours, theirs = (
                torch.autograd.grad(m(x, state_or_one)[0].sin().sum(), list(m.parameters())) for m in (module, program)
            )
            torch.testing.assert_close(theirs, ours, **EXACT)
        lengths = torch.tensor([2, 5, 1])
        program = torch.export.export(module, (x.detach(), state_or_one, lengths)).module()
        torch.testing.assert_close(program(x, state_or_one, lengths), module(x, state_or_one, lengths), **EXACT)

    def test_meta_device(self):
        """Shapes without numbers. A tensor that a module makes on the CPU of its own accord would be refused here."""
        for options in ({}, {"num_layers": 2, "bidirectional": True}):
            module = self.make(**options)
            x, state = self.inputs(module)
            lengths = torch.tensor([2, 5, 1])
            there = self.ours(4, 5, **(self.options | options), dtype=torch.float64, device="meta")
            x_there, state_there = x.detach().to("meta"), tuple(s.detach().to("meta") for s in state)
            for more in ((), (lengths,)):
                output, last = self.call(module, x, state, *more)
                got, got_last = self.call(there, x_there.requires_grad_(), state_there, *(l.to("meta") for l in more))
                assert got.is_meta and got.shape == output.shape and got.dtype == output.dtype
                assert [s.shape for s in as_tuple(got_last)] == [s.shape for s in as_tuple(last)]
                got.sum().backward()
                assert {n: p.grad.shape for n, p in there.named_parameters()} == {
                    n: p.shape for n, p in module.named_parameters()
                }

    def test_threads(self):
        module = self.make(num_layers=2)
        x, state = self.inputs(module)
        expected = self.outcome(self.call(module, x, state), x, state, module)
        with ThreadPoolExecutor(4) as pool:
            runs = [pool.submit(lambda: self.outcome(self.call(module, x, state), x, state, module)) for _ in range(8)]
        for run in runs:
            close(run.result(), expected, **EXACT)

    def test_gradients_share_no_memory(self):
        """b_ih and b_hh have equal gradients; clipping, which works in place, must not scale one tensor twice."""
        module = self.make()
        module(self.inputs(module)[0])[0].sum().backward()
        assert len({p.grad.data_ptr() for p in module.parameters()}) == 4

    def test_two_backwards_through_one_graph(self):
        module = self.make(num_layers=2, bidirectional=True)
        x, state = self.inputs(module)
        result = self.call(module, x, state)
        first = self.outcome(result, x, state, module)
        close(self.outcome(result, x, state, module), first, rtol=0, atol=0)

    def test_changed_output_is_noticed(self):
        module = self.make()
        x, state = self.inputs(module)
        output, _ = self.call(module, x, state)
        with torch.no_grad():
            output += 1
        with pytest.raises(RuntimeError, match=r"modified (by an )?inplace"):
            output.sum().backward()

    def test_no_grad(self):
        module = self.make(num_layers=2)
        x, state = self.inputs(module)
        expected, _ = self.call(module, x, state)
        with torch.no_grad():
            output, last = self.call(module, x, state)
        assert not output.requires_grad and not any(s.requires_grad for s in as_tuple(last))
        torch.testing.assert_close(output, expected.detach(), rtol=0, atol=0)
        with torch.inference_mode():
            torch.testing.assert_close(self.call(module, x, state)[0], expected.detach(), rtol=0, atol=0)

    def test_copies(self):
        module = self.make(num_layers=2, dropout=0.3, bidirectional=True).eval()
        x, state = self.inputs(module)
        expected, _ = self.call(module, x, state)
        for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
            torch.testing.assert_close(self.call(twin, x, state)[0], expected, rtol=0, atol=0)
            assert repr(twin) == repr(module)
            twin.weight_hh_l0.data.zero_()
        torch.testing.assert_close(self.call(module, x, state)[0], expected, rtol=0, atol=0)

    def test_input_of_any_layout(self):
        module = self.make()
        x, state = self.inputs(module)
        expected = self.outcome(self.call(module, x, state), x, state, module)
        strided = torch.empty(4, 3, 10, dtype=x.dtype).permute(1, 2, 0)[:, ::2].copy_(x.detach()).requires_grad_()
        assert not strided.is_contiguous()
        views = tuple(s.detach().expand(2, *s.shape)[1].mT.contiguous().mT.requires_grad_() for s in state)
        close(self.outcome(self.call(module, strided, views), strided, views, module), expected, **EXACT)

    @pytest.mark.parametrize("lengths", [None, torch.zeros(0, dtype=torch.long)])
    def test_empty_batch(self, lengths):
        module = self.make(num_layers=2, bidirectional=True)
        x, state = self.inputs(module, B=0)
        output, last = self.call(module, x, state, lengths)
        assert output.shape == (0, 5, 10)
        assert all(s.shape == (4, 0, 5) for s in as_tuple(last))
        output.sum().backward()
        assert all(p.grad.abs().sum() == 0 for p in module.parameters())

    def test_padding_is_never_read(self):
        module = self.make(num_layers=2, bidirectional=True)
        x, state = self.inputs(module)
        lengths = torch.tensor([2, 5, 1])
        outside = torch.arange(5) >= lengths[:, None]
        expected = self.outcome(self.call(module, x, state, lengths), x, state, module)
        spoilt = x.detach().masked_fill(outside[..., None], torch.nan).requires_grad_()
        got = self.outcome(self.call(module, spoilt, state, lengths), spoilt, state, module)
        close(got, expected, rtol=0, atol=0)
        assert got["output"][outside].abs().sum() == 0
        assert got["gradient of x"][outside].abs().sum() == 0

    @PROPERTY
    @given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.booleans(), st.integers(0, 99))
    def test_padded_batch_equals_each_sequence_alone(self, lengths, bidirectional, seed):
        module = self.make(num_layers=2, bidirectional=bidirectional, seed=seed)
        x, state = self.inputs(module, len(lengths), max(lengths) + 1, seed)
        output, last = self.call(module, x, state, torch.tensor(lengths))
        for b, length in enumerate(lengths):
            alone, alone_last = self.call(module, x[b : b + 1, :length], tuple(s[:, b : b + 1] for s in state))
            torch.testing.assert_close(output[b, :length], alone[0], **EXACT)
            torch.testing.assert_close([s[:, b] for s in as_tuple(last)], [s[:, 0] for s in as_tuple(alone_last)], **EXACT)

    @PROPERTY
    @given(st.integers(2, 9), st.data())
    def test_carried_state_continues_the_sequence(self, T, data):
        module = self.make(num_layers=2)
        x, state = self.inputs(module, T=T)
        cut = data.draw(st.integers(1, T - 1))
        first, carried = self.call(module, x[:, :cut], state)
        second, last = self.call(module, x[:, cut:], as_tuple(carried))
        pieces = self.outcome((torch.cat([first, second], 1), last), x, state, module)
        close(pieces, self.outcome(self.call(module, x, state), x, state, module), **EXACT)

    # -- dtypes and devices ------------------------------------------------------------------------

    @pytest.mark.filterwarnings("ignore:TF32")  # what `flags` says when it restores a setting for Intel's GPUs
    @pytest.mark.parametrize("onednn", [True, False])
    @pytest.mark.parametrize("D, H", [(24, 24), (400, 400)])  # below and above where oneDNN's products begin
    def test_float32(self, D, H, onednn):
        module = self.make(D, H)
        x, state = self.inputs(module, B=9, T=10)
        expected = self.outcome(self.call(module, x, state), x, state, module)
        module = module.float()
        x, state = x.detach().float().requires_grad_(), tuple(s.detach().float().requires_grad_() for s in state)
        with torch.backends.mkldnn.flags(enabled=onednn):
            got = self.outcome(self.call(module, x, state), x, state, module)
        for name, tensor in expected.items():  # relative to the largest entry
            error = (got[name].double() - tensor).abs().max() / tensor.abs().max()
            assert got[name].dtype == torch.float32 and error < 3e-6, f"{name}: {error}"

    @pytest.mark.parametrize("dtype, tolerance", [(torch.bfloat16, 0.04), (torch.float16, 0.005)])
    def test_half_precision(self, dtype, tolerance):
        """Errors relative to the largest entry: about 8 units of the dtype's precision, 2⁻⁸ and 2⁻¹¹."""
        module = self.make(8, 16, dtype=dtype, num_layers=2)
        x, state = self.inputs(module)
        got = self.outcome(self.call(module, x, state), x, state, module)
        module = module.double()
        x, state = x.detach().double().requires_grad_(), tuple(s.detach().double().requires_grad_() for s in state)
        for name, tensor in self.outcome(self.call(module, x, state), x, state, module).items():
            error = (got[name].double() - tensor).abs().max() / tensor.abs().max()
            assert got[name].dtype == dtype and error < tolerance, f"{name}: {error}"

    def test_autocast(self):
        module = self.make(dtype=torch.float32, num_layers=2, bidirectional=True)
        x, state = self.inputs(module)
        expected = self.outcome(self.call(module, x, state), x, state, module)
        with torch.autocast("cpu", torch.bfloat16):
            result = self.call(module, x, state)
            assert {t.dtype for t in (result[0], *as_tuple(result[1]))} == {torch.bfloat16}
            again, _ = self.call(module, x.detach().bfloat16(), as_tuple(result[1]))  # a state as autocast hands it out
        assert again.dtype == torch.bfloat16
        got = self.outcome(result, x, state, module)
        for name, tensor in expected.items():
            assert (got[name].float() - tensor).abs().max() / tensor.abs().max() < 0.05, name
            assert got[name].dtype == (torch.float32 if name.startswith("gradient") else torch.bfloat16)

    def test_compiled(self):
        torch.compiler.reset()
        module = self.make()
        x, state = self.inputs(module)
        compiled = torch.compile(lambda *inputs: self.call(module, *inputs), backend="eager")
        expected = self.outcome(self.call(module, x, state), x, state, module)
        close(self.outcome(compiled(x, state), x, state, module), expected, **EXACT)

    @pytest.mark.cuda
    @pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
    @pytest.mark.parametrize("lengths", [None, (2, 5, 1)])
    def test_cuda_equals_cpu(self, lengths):
        module = self.make(num_layers=2, bidirectional=True)
        x, state = self.inputs(module)
        lengths = None if lengths is None else torch.tensor(lengths)
        expected = self.outcome(self.call(module, x, state, lengths), x, state, module)
        module = module.cuda()
        x, state = x.detach().cuda().requires_grad_(), tuple(s.detach().cuda().requires_grad_() for s in state)
        got = self.outcome(self.call(module, x, state, lengths), x, state, module)
        close({k: v.cpu() for k, v in got.items()}, expected, **EXACT)
        with torch.autocast("cuda", torch.float16):
            output, _ = module.float()(x.float())
        assert output.dtype == torch.float16 and output.isfinite().all()

    # -- bad input ---------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "name, value",
        [
            ("input_size", 0),
            ("hidden_size", 2.5),
            ("hidden_size", True),
            ("num_layers", 0),
            ("dropout", 1.5),
            ("dropout", -0.1),
            ("dropout", "much"),
        ],
    )
    def test_bad_constructor(self, name, value):
        arguments = {"input_size": 4, "hidden_size": 5} | {name: value}
        with pytest.raises(ValueError, match=rf"^{name}: got {value!r}, expected"):
            self.ours(**(self.options | arguments))

    def test_bad_call(self):
        module = self.make()
        x, state = self.inputs(module)
        state_or_one = state if self.states > 1 else state[0]
        cases = [
            ("x", (x[0],)),
            ("x", (x[..., :3],)),
            ("x", (x.tolist(),)),
            ("x", (x.float(),)),
            ("x", (x.int(),)),
            ("x", (x[:, :0],)),
            ("h0", (x, tuple(s[:, :2] for s in state) if self.states > 1 else state[0][:, :2])),
            ("h0", (x, tuple(s.float() for s in state) if self.states > 1 else state[0].float())),
            ("h0", (x, (*state, state[0]))),
            ("h0", (x, 3.0)),
            ("lengths", (x, state_or_one, torch.tensor([1, 2]))),
            ("lengths", (x, state_or_one, torch.tensor([1, 2, 6]))),
            ("lengths", (x, state_or_one, torch.tensor([0, 2, 3]))),
            ("lengths", (x, state_or_one, torch.tensor([1.0, 2.0, 3.0]))),
        ]
        for name, arguments in cases:
            with pytest.raises(ValueError, match=rf"^{name}: got .*, expected"):
                module(*arguments)


class TorchContract(RecurrentContract):
    """For layers that torch.nn has too."""

    theirs = None  # a class

    def make_theirs(self, module, **options):
        D, H, dtype = module.input_size, module.hidden_size, module.weight_ih_l0.dtype
        options = {"batch_first": True} | self.options | options
        theirs = self.theirs(D, H, **options, dtype=dtype).to(module.weight_ih_l0.device)
        theirs.load_state_dict(module.state_dict())
        return theirs

    def call_packed(self, module, x, state, lengths):
        T = x.shape[1 if module.batch_first else 0]
        packed = pack_padded_sequence(x, lengths, batch_first=module.batch_first, enforce_sorted=False)
        output, last = self.call(module, packed, state)
        return pad_packed_sequence(output, batch_first=module.batch_first, total_length=T)[0], last

    @pytest.mark.parametrize("shape", GRID, ids=str)
    def test_equals_torch_in_value_and_gradient(self, shape):
        module = self.make(shape.D, shape.H, **dict(shape.options))
        theirs = self.make_theirs(module, **dict(shape.options))
        x, state = self.inputs(module, shape.B, shape.T)
        if shape.lengths:
            lengths = torch.tensor(shape.lengths)
            got, expected = self.call(module, x, state, lengths), self.call_packed(theirs, x, state, lengths)
        else:
            got, expected = self.call(module, x, state), self.call(theirs, x, state)
        close(self.outcome(got, x, state, module), self.outcome(expected, x, state, theirs), **EXACT)

    @pytest.mark.parametrize("dtype", [torch.complex128, torch.complex64])
    @pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=str)
    def test_complex_numbers_equal_torch(self, dtype, options):
        """Value and gradient: autograd's is conjugate, which a backward for real numbers isn't."""
        module = self.make(dtype=dtype, **options)
        theirs = self.make_theirs(module, **options)
        x, state = self.inputs(module)
        with torch.no_grad():
            for tensor in (x, *state, *module.parameters()):
                angle = torch.rand(tensor.shape, dtype=torch.float64)
                tensor.mul_(torch.polar(torch.full_like(angle, 0.5), angle))  # clear of the poles of tanh and σ
        theirs.load_state_dict(module.state_dict())
        got = self.outcome(self.call(module, x, state), x, state, module)
        tolerance = EXACT if dtype == torch.complex128 else {"rtol": 1e-4, "atol": 1e-5}
        close(got, self.outcome(self.call(theirs, x, state), x, state, theirs), **tolerance)
        assert all(tensor.imag.abs().max() > 0 for tensor in got.values())

    def test_a_trace_serves_other_lengths_as_that_of_torch(self):
        module = self.make(num_layers=2, bidirectional=True)
        x, _ = self.inputs(module)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # checks of shapes are carried out once
            traced = torch.jit.trace(module, (x.detach(),))
        longer, _ = self.inputs(module, B=2, T=9)
        if module.operator is None:  # a loop is written down as it ran, and torch says so
            with pytest.raises(RuntimeError, match="Expected 5 elements in a list but found 9"):
                traced(longer)
        else:
            expected = self.make_theirs(module, num_layers=2, bidirectional=True)(longer)
            torch.testing.assert_close(traced(longer), expected, **EXACT)

    def test_default_state_is_zero(self):
        module = self.make(num_layers=2)
        x, state = self.inputs(module)
        zeros = tuple(torch.zeros_like(s) for s in state)
        output, last = module(x)
        expected, expected_last = self.call(self.make_theirs(module, num_layers=2), x, zeros)
        torch.testing.assert_close((output, *as_tuple(last)), (expected, *as_tuple(expected_last)), **EXACT)

    def test_state_dict_both_ways(self):
        module = self.make(num_layers=2, bidirectional=True)
        theirs = self.theirs(4, 5, num_layers=2, bidirectional=True, **self.options, dtype=torch.float64)
        assert {k: v.shape for k, v in module.state_dict().items()} == {k: v.shape for k, v in theirs.state_dict().items()}
        assert list(module.state_dict()) == list(theirs.state_dict())
        module.load_state_dict(theirs.state_dict())
        close(dict(module.state_dict()), dict(theirs.state_dict()), rtol=0, atol=0)

    def test_initialisation_is_that_of_torch(self):
        torch.manual_seed(5)
        module = self.ours(6, 4, num_layers=2, **self.options)
        torch.manual_seed(5)
        close(
            dict(module.state_dict()),
            dict(self.theirs(6, 4, num_layers=2, **self.options).state_dict()),
            rtol=0,
            atol=0,
        )

    @pytest.mark.parametrize("p", [0.4, 1.0])
    def test_dropout_between_layers(self, p):
        module = self.make(num_layers=3, dropout=p)
        theirs = self.make_theirs(module, num_layers=3, dropout=p)
        x, state = self.inputs(module)
        outcomes = []
        for m in (module, theirs):
            torch.manual_seed(3)
            outcomes.append(self.outcome(self.call(m, x, state), x, state, m))
        close(*outcomes, **EXACT)
        output, _ = self.call(module.eval(), x, state)
        torch.testing.assert_close(output, self.call(theirs.eval(), x, state)[0], **EXACT)

    def test_only_what_is_asked_for(self):
        """A loss on one part of the result, and gradients for one part of what it depends on."""
        module = self.make()
        theirs = self.make_theirs(module)
        x, state = self.inputs(module)
        for pick in [lambda r: r[0][:, 1], *(lambda r, i=i: as_tuple(r[1])[i] for i in range(self.states))]:
            for wanted in (lambda m: (x,), lambda m: state, lambda m: (m.weight_hh_l0,), lambda m: (m.bias_hh_l0,)):
                got, expected = (
                    torch.autograd.grad(pick(self.call(m, x, state)).square().sum(), wanted(m)) for m in (module, theirs)
                )
                torch.testing.assert_close(got, expected, **EXACT)
        x, state = x.detach(), tuple(s.detach() for s in state)
        self.call(module, x, state)[0].sum().backward()
        self.call(theirs, x, state)[0].sum().backward()
        close(
            {k: p.grad for k, p in module.named_parameters()},
            {k: p.grad for k, p in theirs.named_parameters()},
            **EXACT,
        )

    def test_two_uses_in_one_graph(self):
        module = self.make(4, 4)
        theirs = self.make_theirs(module)
        x, state = self.inputs(module)

        def twice(m):
            output, last = self.call(m, x, state)
            return self.call(m, output + x, as_tuple(last))

        close(self.outcome(twice(module), x, state, module), self.outcome(twice(theirs), x, state, theirs), **EXACT)
