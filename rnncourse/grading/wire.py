"""The wire between the trusted process and the student's: framed messages of plain values, and nothing else.

Both ends use this module; what arrives at the trusted end was written by an adversary. So there is no
pickle: a value is a tag, a size and bytes; sizes and depth are checked before anything is allocated; and a
value has exactly one of the types below or of `values`, since an object of the student's would bring its
own `__eq__`. What is neither goes by a name, which each end gives and reads in its own way.
"""

import math
import re
import socket
import struct
import sys
import time
from collections import Counter

import numpy as np

from rnncourse.grading import values

MAX_BYTES = 64 << 20  # of one message
MAX_DEPTH = 200  # of what is nested: an object of the lab's takes three
MAX_DIMENSIONS = 64  # as in NumPy
MAX_INT_BYTES = 1 << 16
MAX_ALIKE = 64  # keys of one hash in a dictionary; honest numbers have two, -1 and -2

_UNIT = r"\[[0-9]{0,6}(Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\]"
_ARRAY = re.compile(
    r"\|b1|\|[iu]1|[<>][iu][248]|[<>]f[248]|[<>]c(8|16)|[<>]U[1-9][0-9]{0,3}|\|S[1-9][0-9]{0,3}|[<>][mM]8("
    + _UNIT
    + ")?"
)
_TENSOR = [
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "complex64",
    "complex128",
]
_COUNT, _FLOAT = struct.Struct("<I"), struct.Struct("<d")


class NotPlain(TypeError):
    """A value that may not cross; the message says of what type it was."""


class Malformed(ValueError):
    """Bytes that no honest end of the wire sends."""


class Gone(EOFError):
    """The other end is closed."""


class Instead:
    """What `refer` gives for a value that another stands for on the wire."""

    def __init__(self, value):
        self.value = value


def encode(value, refer=None) -> bytes:
    """The bytes of a value; `refer(value)` may turn one that is not plain into a list that names it, or say
    what stands `Instead` of it.

    Raises:
        NotPlain: of another type, nested too deep, or too big.
    """
    out = bytearray()
    _encode(value, out, MAX_DEPTH, refer)
    return bytes(out)


def decode(data: bytes, resolve=None):
    """The value of such bytes; `resolve` turns what `refer` gave into the value it names. Without it names
    are malformed.

    Raises:
        Malformed: the bytes are not what `encode` makes.
    """
    reader = _Reader(data)
    try:
        value = reader.value(MAX_DEPTH, resolve)
    except Malformed:
        raise
    except Exception as error:  # whatever NumPy, torch or a codec says of bytes that are none of theirs
        raise Malformed(f"{type(error).__name__}: {error}") from None
    if reader.at != len(data):
        raise Malformed(f"{len(data) - reader.at} bytes too many")
    return value


def _encode(value, out: bytearray, depth: int, refer) -> None:
    kind = type(value)
    if depth == 0:
        raise NotPlain(f"nested deeper than {MAX_DEPTH}")
    if len(out) > MAX_BYTES:
        raise NotPlain(f"larger than {MAX_BYTES >> 20} MiB")
    if value is None:
        out += b"N"
    elif kind is bool:
        out += b"T" if value else b"F"
    elif kind is int:
        size = value.bit_length() // 8 + 1
        if size > MAX_INT_BYTES:
            raise NotPlain(f"int of {size} bytes")
        _bytes(b"i", value.to_bytes(size, "little", signed=True), out)
    elif kind is float:
        out += b"f" + _FLOAT.pack(value)
    elif kind is complex:
        out += b"c" + _FLOAT.pack(value.real) + _FLOAT.pack(value.imag)
    elif kind is str:
        _bytes(b"s", value.encode("utf-8", "backslashreplace"), out)
    elif kind in (list, tuple):
        out += (b"l" if kind is list else b"t") + _COUNT.pack(len(value))
        for item in value:
            _encode(item, out, depth - 1, refer)
    elif kind is dict:
        out += b"d" + _COUNT.pack(len(value))
        for key, item in value.items():
            _encode(key, out, depth - 1, refer)
            _encode(item, out, depth - 1, refer)
    elif (
        kind is np.ndarray or (kind.__module__ == "numpy" and isinstance(value, np.generic))
    ) and _ARRAY.fullmatch(value.dtype.str):
        _array(b"a" if kind is np.ndarray else b"g", value.dtype.str, value.shape, value.tobytes(), out)
    elif _is_tensor(kind, value):
        torch = sys.modules["torch"]
        flat = value.detach().resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8)
        out += b"R" if value.requires_grad else b"D"
        _array(b"a", str(value.dtype).removeprefix("torch."), value.shape, flat.numpy().tobytes(), out)
    elif parts := values.apart(value):
        out += b"x"
        _encode(parts, out, depth - 1, refer)
    elif (name := refer(value) if refer else None) is not None:
        if type(name) is Instead:
            return _encode(name.value, out, depth - 1, refer)
        out += b"n"
        _encode(name, out, depth - 1, refer)
    else:
        detail = f" of dtype {value.dtype}" if kind is np.ndarray else ""
        raise NotPlain(f"{kind.__module__}.{kind.__qualname__}{detail}".removeprefix("builtins."))


def _is_tensor(kind: type, value) -> bool:
    torch = sys.modules.get("torch")
    return (
        torch is not None and kind in (torch.Tensor, torch.nn.Parameter) and value.device.type == "cpu"
        and value.layout is torch.strided and str(value.dtype).removeprefix("torch.") in _TENSOR
    )  # fmt: skip


def _bytes(tag: bytes, data: bytes, out: bytearray) -> None:
    if len(data) > MAX_BYTES:
        raise NotPlain(f"larger than {MAX_BYTES >> 20} MiB")
    out += tag + _COUNT.pack(len(data)) + data


def _array(tag: bytes, dtype: str, shape, data: bytes, out: bytearray) -> None:
    _bytes(tag, dtype.encode(), out)
    out += bytes([len(shape)]) + b"".join(_COUNT.pack(n) for n in shape)
    _bytes(b"", data, out)


class _Reader:
    def __init__(self, data: bytes):
        self.data, self.at = memoryview(data), 0

    def take(self, size: int) -> memoryview:
        if size > len(self.data) - self.at:
            raise Malformed(f"{size} bytes announced, {len(self.data) - self.at} there")
        self.at += size
        return self.data[self.at - size : self.at]

    def count(self) -> int:
        return _COUNT.unpack(self.take(4))[0]

    def items(self) -> int:
        n = self.count()
        if n > len(self.data) - self.at:  # an item has at least one byte
            raise Malformed(f"{n} items announced")
        return n

    def value(self, depth: int, resolve):
        if depth == 0:
            raise Malformed(f"nested deeper than {MAX_DEPTH}")
        tag = bytes(self.take(1))
        if tag in b"NTF":
            return {b"N": None, b"T": True, b"F": False}[tag]
        if tag == b"i":
            size = self.count()
            if size > MAX_INT_BYTES:
                raise Malformed(f"int of {size} bytes")
            return int.from_bytes(self.take(size), "little", signed=True)
        if tag == b"f":
            return _FLOAT.unpack(self.take(8))[0]
        if tag == b"c":
            return complex(*struct.unpack("<dd", self.take(16)))
        if tag == b"s":
            return str(self.take(self.count()), "utf-8")
        if tag in b"lt":
            items = [self.value(depth - 1, resolve) for _ in range(self.items())]
            return items if tag == b"l" else tuple(items)
        if tag == b"d":
            pairs = [
                (self.value(depth - 1, resolve), self.value(depth - 1, resolve)) for _ in range(self.items())
            ]
            if len(pairs) > MAX_ALIKE:
                self.few_alike(key for key, _ in pairs)
            return dict(pairs)
        if tag in b"ag":
            dtype, shape, data = self.array()
            if not _ARRAY.fullmatch(dtype):
                raise Malformed(f"dtype {dtype!r}")
            array = np.frombuffer(data, self.fitting(np.dtype(dtype), shape, data)).reshape(shape).copy()
            if dtype == "|b1":
                array = np.asarray(array.view(np.uint8) != 0)  # True has one byte, not 255
            return array if tag == b"a" else array[()]
        if tag in b"RD":
            if bytes(self.take(1)) != b"a":
                raise Malformed("tensor without an array")
            dtype, shape, data = self.array()
            if dtype not in _TENSOR:
                raise Malformed(f"dtype {dtype!r}")
            import torch

            dtype = self.fitting(getattr(torch, dtype), shape, data)
            tensor = (
                torch.frombuffer(bytearray(data), dtype=dtype).reshape(shape)
                if len(data)
                else torch.empty(shape, dtype=dtype)
            )
            if dtype is torch.bool:
                tensor = tensor.view(torch.uint8) != 0
            return tensor.requires_grad_(tag == b"R")
        if tag == b"n" and resolve:
            return resolve(self.value(depth - 1, resolve))
        if tag == b"x":
            name, parts = self.value(depth - 1, resolve)
            if name in ("set", "frozenset") and len(parts) > MAX_ALIKE:
                self.few_alike(parts)
            return values.together(name, parts)
        raise Malformed(f"tag {tag!r}")

    @staticmethod
    def few_alike(keys) -> None:
        """Each of one hash would be compared with each."""
        alike = max(Counter(map(hash, keys)).values(), default=0)
        if alike > MAX_ALIKE:
            raise Malformed(f"{alike} keys of one hash")

    def array(self) -> tuple[str, tuple[int, ...], memoryview]:
        dtype = str(self.take(self.count()), "ascii")
        ndim = self.take(1)[0]
        if ndim > MAX_DIMENSIONS:
            raise Malformed(f"{ndim} dimensions")
        shape = tuple(self.count() for _ in range(ndim))
        return dtype, shape, self.take(self.count())

    @staticmethod
    def fitting(dtype, shape, data):
        if math.prod(shape) * dtype.itemsize != len(data):
            raise Malformed(f"{len(data)} bytes for an array of shape {shape}")
        return dtype


class Wire:
    """One end of a stream socket that carries messages."""

    def __init__(self, sock: socket.socket):
        self.sock = sock

    def send(self, data: bytes, deadline: float | None = None) -> None:
        """Write one message, by `deadline` on the monotonic clock (TimeoutError)."""
        try:
            self.sock.settimeout(_left(deadline))
            self.sock.sendall(_COUNT.pack(len(data)) + data)
        except (BrokenPipeError, ConnectionResetError):
            raise Gone from None

    def receive(self, deadline: float | None = None) -> bytes:
        """Read one message, by `deadline` on the monotonic clock (TimeoutError)."""
        (size,) = _COUNT.unpack(self._read(4, deadline))
        if size > MAX_BYTES + 4096:
            raise Malformed(f"a message of {size} bytes")
        return self._read(size, deadline)

    def _read(self, size: int, deadline: float | None) -> bytes:
        data = bytearray()
        while len(data) < size:
            self.sock.settimeout(_left(deadline))
            try:
                part = self.sock.recv(min(size - len(data), 1 << 20))
            except ConnectionResetError:
                part = b""
            if not part:
                raise Gone
            data += part
        return bytes(data)

    def is_quiet(self) -> bool:
        """Whether nothing lies unread: an honest end speaks only when asked."""
        self.sock.settimeout(0)
        try:
            return not self.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except ConnectionResetError:
            return True  # the next message finds out


def _left(deadline: float | None) -> float | None:
    if deadline is None:
        return None
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
