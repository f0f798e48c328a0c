"""What torch may be doing while a layer runs: differentiating, batching, recording or casting it.

A backward by hand serves the plain case, and serves it fast: a loss, one gradient, numbers. Everything else that torch
does with a function needs it made of torch's own operations: the transforms of `torch.func`, forward-mode derivatives,
batches of gradients, a derivative of the gradient, a program recorded by `torch.export` or `torch.jit.trace`. So a
function by hand has a plain form beside it, which computes the same, and steps in there: `by_hand` chooses before the
forward, `plain_where_needed` before the backward.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps

import torch
from torch import Tensor
from torch.autograd import forward_ad

# Where a later torch has no such functions, a transform refuses a torch.autograd.Function by itself
_in_transform = getattr(torch._C, "_are_functorch_transforms_active", lambda: False)
_is_batch = getattr(torch._C._functorch, "is_legacy_batchedtensor", lambda x: False)  # of is_grads_batched=True


def by_hand(function: type[torch.autograd.Function], plain: Callable, *args, conjugates: bool = False):
    """`function.apply(*args)`, or `plain(*args)` where only torch's own operations will do.

    conjugates: whether the backward by hand is right for complex numbers too.
    """
    tensors = [a for a in args if isinstance(a, Tensor)]
    if transforming(*tensors) or recording() or (tensors[0].is_complex() and not conjugates):
        return plain(*args)
    return function.apply(*args)


def plain_where_needed(plain: Callable) -> Callable:
    """Decorate a backward by hand: where it can't serve, the gradient is that of `plain`, of the forward's arguments.

    The forward saves its tensors (or None in the place of one) first, and its other arguments, which come after them,
    as `ctx.options`.
    """

    def decorate(backward):
        @wraps(backward)
        def wrapper(ctx, *gradients):
            if not (torch.is_grad_enabled() or transforming(*gradients)):  # grad mode is on with create_graph=True
                return backward(ctx, *gradients)
            inputs = ctx.saved_tensors[: len(ctx.needs_input_grad) - len(ctx.options)]
            with torch.enable_grad():
                # Each in a node of its own: where one input was made from another, only the function between counts
                inputs = [None if x is None else x.view_as(x) for x in inputs]
                outputs = plain(*inputs, *ctx.options)
            outputs = outputs if isinstance(outputs, tuple) else (outputs,)
            reached = [(y, g) for y, g in zip(outputs, gradients, strict=True) if g is not None]
            wanted = [x for x, needed in zip(inputs, ctx.needs_input_grad, strict=False) if needed]
            ys, gs = zip(*reached, strict=True)
            results = torch.autograd.grad(ys, wanted, gs, create_graph=torch.is_grad_enabled(), materialize_grads=True)
            results = iter(results)
            return tuple(next(results) if needed else None for needed in ctx.needs_input_grad)

        return wrapper

    return decorate


def transforming(*tensors: Tensor | None) -> bool:
    """Whether a transform of torch.func, a batch of gradients or a forward-mode derivative goes through these tensors."""
    return _in_transform() or any(
        x is not None and (_is_batch(x) or forward_ad.unpack_dual(x).tangent is not None) for x in tensors
    )


def recording() -> bool:
    """Whether torch.export or torch.jit.trace writes down what is computed, for other inputs than these."""
    return torch.compiler.is_exporting() or torch.jit.is_tracing()


def known(x: Tensor) -> bool:
    """Whether a tensor has values that a check may look at: on `meta` and in an exported program it has none."""
    return not (x.is_meta or torch.compiler.is_exporting())


def run_eagerly(function: Callable) -> Callable:
    """The function, kept out of torch.compile's graph: unrolled there, a loop over time takes minutes to compile."""
    compiling = torch.compiler.is_compiling() and not torch.compiler.is_exporting()
    return torch.compiler.disable(function) if compiling else function


def autocast_dtype(x: Tensor) -> torch.dtype | None:
    """The dtype to which autocast casts on the device of x; None where it is off, or the device has none (`meta`)."""
    device = x.device.type
    on = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
    return torch.get_autocast_dtype(device) if on else None


def without_autocast(x: Tensor) -> AbstractContextManager:
    """A context in which autocast is off on the device of x."""
    return nullcontext() if autocast_dtype(x) is None else torch.autocast(x.device.type, enabled=False)


def at_least_float32(x: Tensor) -> Tensor:
    """x in single precision where it comes in half: for sums over many steps, which half precision rounds away."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
