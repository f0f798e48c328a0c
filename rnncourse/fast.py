"""What a CPU does faster than torch's first choice: matrix products by oneDNN, tanh by the logistic function.

On a CPU torch hands dense products to MKL, which leaves AMD's AVX-512 unused and is slow on few rows. oneDNN, which
torch also contains, has neither fault, but is reached only by private operators without a derivative. So they stand
here, behind two functions that fall back on `F.linear`, and come into play where autograd is off: inside an
autograd.Function. `torch.backends.mkldnn.flags(enabled=False)` turns them off there too. A torch without them is slower,
and a warning says so, once. The derivatives of tanh and σ are the operations that autograd itself runs, on any device.
"""

import warnings
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

MINUS_ONE = -torch.ones(())  # a tensor, since a Python number is made into one at every use


def product(x: Tensor, W: Tensor, b: Tensor | None = None) -> Tensor:
    """`F.linear`, x Wᵀ + b, for x (…, K), W (N, K), b (N) or None; by oneDNN where that is faster."""
    if _onednn_wins(x.numel() // max(1, W.shape[1]), W):
        W = W if W.T.is_contiguous() else W.contiguous()  # a hundred times slower on any other strides
        return torch.ops.mkldnn._linear_pointwise(x, W, b, "none", [], "")
    return F.linear(x, W, b)


def step_product(W: Tensor, steps: int, rows: int, b: Tensor | None = None) -> Callable[[Tensor], Tensor]:
    """h ↦ h Wᵀ + b, for a loop over `steps` time steps that multiplies `rows` rows by one W at each: packed once."""
    if steps >= 8 and _onednn_wins(rows, W):
        packed = torch.ops.mkldnn._reorder_linear_weight(W, rows)
        return lambda h: torch.ops.mkldnn._linear_pointwise(h, packed, b, "none", [], "")
    return lambda h: F.linear(h, W, b)


def _onednn_wins(rows: int, W: Tensor) -> bool:
    """Whether oneDNN's product of `rows` rows with W beats the one behind F.linear, as measured on AMD processors.

    Its call costs 13 µs more than MKL's, so small products stay there.
    """
    return (
        W.dtype == torch.float32
        and W.device.type == "cpu"
        and rows >= 8
        and (W.numel() >= 2**17 or rows * W.numel() >= 2**23)
        and not torch.is_grad_enabled()
        and torch.backends.mkldnn.is_available()
        and torch.backends.mkldnn.enabled
        and torch.backends.cpu.get_cpu_capability().startswith("AVX")
        and _operators_are_there()
    )


OPERATORS = ("_linear_pointwise", "_reorder_linear_weight")


@cache
def _operators_are_there() -> bool:
    missing = [name for name in OPERATORS if not hasattr(torch.ops.mkldnn, name)]
    if missing:
        names = ", ".join(f"torch.ops.mkldnn.{name}" for name in missing)
        warnings.warn(
            f"torch {torch.__version__} has no {names}: large layers run on torch.nn.functional.linear, more slowly",
            RuntimeWarning,
            stacklevel=2,
        )
    return not missing


def tanh(a: Tensor, out: Tensor | None = None) -> Tensor:
    """tanh; in float32 on a CPU as 2σ(2a) − 1, three times faster there and equal within 2e-7 (absolute)."""
    if a.dtype == torch.float32 and a.device.type == "cpu":
        y = torch.add(a, a, out=out).sigmoid_()
        return torch.sub(MINUS_ONE, y, alpha=-2, out=y)
    return torch.tanh(a, out=out)


def tanh_backward(dy: Tensor, y: Tensor, out: Tensor) -> Tensor:
    """∂L/∂y to ∂L/∂a for y = tanh(a), dy ⊙ (1 − y²), in one operation; out may be dy."""
    return torch.ops.aten.tanh_backward.grad_input(dy, y, grad_input=out)


def sigmoid_backward(dy: Tensor, y: Tensor, out: Tensor) -> Tensor:
    """∂L/∂y to ∂L/∂a for y = σ(a), dy ⊙ y(1 − y), in one operation; out may be dy."""
    return torch.ops.aten.sigmoid_backward.grad_input(dy, y, grad_input=out)
