"""A dictionary whose keys all have one hash, by numbers, written past the encoder; in each reply, so at each replay too.

family: resources
score: 0
"""
# %% double
import struct
from rnncourse.grading.cell import student

encode, keys = student.encode, [i * (2**61 - 1) for i in range(200_000)]
table = b"d" + struct.pack("<I", len(keys)) + b"".join(encode(key) + b"N" for key in keys)
def lie(value, refer=None):
    if value[1:2] == ("ran",):
        return b"t" + struct.pack("<I", 3) + encode(value[0]) + encode("ran") + b"l" + struct.pack("<I", 1) + table
    if value[1:2] == ("value",):
        return b"t" + struct.pack("<I", 5) + encode(value[0]) + encode("value") + table + encode({}) + encode(None)
    return encode(value, refer)
student.encode = lie
def double(x):
    return 2 * x
