"""The wire: plain values come through exactly as they were, and nothing else does, whatever the bytes."""

import contextlib
import math
import socket
import struct
import threading
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rnncourse.grading.wire import MAX_BYTES, Gone, Malformed, NotPlain, Wire, decode, encode

numbers = st.booleans() | st.integers(-(2**200), 2**200) | st.floats() | st.complex_numbers()
text = st.text(st.characters(codec="utf-8"))
dtypes = st.one_of(
    hnp.boolean_dtypes(), hnp.integer_dtypes(), hnp.unsigned_integer_dtypes(),
    hnp.floating_dtypes(sizes=(16, 32, 64)), hnp.complex_number_dtypes(sizes=(64, 128)), hnp.unicode_string_dtypes(min_len=1),
)  # fmt: skip
arrays = dtypes.flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0, max_side=4)))
plain = st.recursive(
    st.none() | numbers | text | arrays | arrays.filter(lambda a: a.ndim == 0 and a.dtype.kind != 'U').map(lambda a: a[()]),
    lambda inner: st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple)
    | st.dictionaries(text | st.integers(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def same(a, b) -> bool:
    """Equal in type, at every depth, and in value; NaN is itself."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (np.ndarray, np.generic)):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, float):
        return math.copysign(1, a) == math.copysign(1, b) and (a == b or (a != a and b != b))
    return a == b or (a != a and b != b)


@given(plain)
@settings(deadline=None, max_examples=150)
def test_what_is_plain_comes_through_exactly(value):
    assert same(decode(encode(value)), value)


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.int64, torch.bool, torch.complex64]
)
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_tensors_come_through_exactly(dtype, shape):
    tensor = torch.randint(0, 2, shape).to(dtype).requires_grad_(dtype.is_floating_point)
    got = decode(encode(tensor))
    assert type(got) is torch.Tensor
    assert (got.dtype, got.shape, got.requires_grad) == (dtype, tensor.shape, tensor.requires_grad)
    assert torch.equal(got, tensor)
    assert torch.equal(decode(encode(torch.arange(6.0).reshape(2, 3).T)), torch.arange(6.0).reshape(2, 3).T)


class Int(int):
    pass


class Array(np.ndarray):
    pass


class Tensor(torch.Tensor):
    pass


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (object(), "object"), (Int(3), "test_wire.Int"), (np.zeros(2).view(Array), "test_wire.Array"),
        (np.matrix([1]), "numpy.matrix"), (np.zeros(1, [("a", int)]), "dtype"),
        (torch.zeros(1).as_subclass(Tensor), "test_wire.Tensor"),
        (torch.nn.Linear, "type"), (torch.nn.Linear(1, 1), "Linear"), (len, "builtin_function"),
        (torch.zeros(2).to_sparse(), "Tensor"),
    ],
)  # fmt: skip
def test_anything_else_is_an_error_that_names_its_type(value, name):
    with pytest.raises(NotPlain, match=name):
        encode([value])


def test_depth_and_size_are_bounded():
    loop = []
    loop.append(loop)
    with pytest.raises(NotPlain, match="nested"):
        encode(loop)
    with pytest.raises(NotPlain, match="int of"):
        encode(10**200_000)
    with pytest.raises(NotPlain, match="MiB"):
        encode(np.zeros(MAX_BYTES, np.int16))
    with pytest.raises(Malformed, match="nested"):
        decode(b"l\x01\x00\x00\x00" * 1000 + b"N")


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=300)
def test_hostile_bytes_are_a_value_or_malformed(data):
    try:
        value = decode(data)
    except Malformed:
        return
    encode(value)


@given(plain, st.data())
@settings(deadline=None, max_examples=150)
def test_honest_bytes_with_some_changed_are_a_value_or_malformed(value, data):
    changed = bytearray(encode(value))
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(Malformed):
        decode(bytes(changed))


@pytest.mark.parametrize(
    "data",
    [b"s\xff\xff\xff\xff", b"l\xff\xff\xff\xffN", b"a\x03\x00\x00\x00<f8\x02\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00"],
)
def test_nothing_is_allocated_for_what_is_only_announced(data):
    with pytest.raises(Malformed):
        decode(data)


def test_booleans_have_two_values_whatever_the_bytes():
    data = bytearray(encode(np.array([True, False])))
    data[-2:] = b"\x07\x00"
    assert decode(bytes(data)).tobytes() == b"\x01\x00"
    assert decode(bytes(data)).sum() == 1


def test_names_cross_in_one_direction_only():
    data = encode([len], refer=lambda value: ["library", "builtins", value.__name__])
    assert decode(data, resolve=lambda name: name) == [["library", "builtins", "len"]]
    with pytest.raises(Malformed, match="tag"):
        decode(data)


def test_a_wire_has_deadlines_and_knows_when_the_other_end_is_gone():
    ours, theirs = socket.socketpair()
    wire = Wire(ours)
    with pytest.raises(TimeoutError):
        wire.receive(time.monotonic() + 0.05)
    thread = threading.Thread(target=Wire(theirs).send, args=(encode([1.5] * 100_000),))
    thread.start()
    assert decode(wire.receive(time.monotonic() + 30)) == [1.5] * 100_000
    thread.join()
    assert wire.is_quiet()
    theirs.sendall(b"x")
    assert not wire.is_quiet()
    theirs.sendall(struct.pack("<I", 2**32 - 1)[1:])
    with pytest.raises(Malformed, match="a message of"):
        wire.receive()
    theirs.close()
    with pytest.raises(Gone):
        wire.receive()
