"""Memory that lies in pipes: made as large as they get, and filled with large pages that nobody has any more.

family: resources
score: 0
"""
# %% double
import ctypes, fcntl, mmap, os

def double(x):
    libc = ctypes.CDLL(None)
    read, write = os.pipe()
    try:
        fcntl.fcntl(write, 1031, 1 << 20)
        return 2 * x
    except OSError:
        pass
    memory = mmap.mmap(-1, 4 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.write(b"x")
    vector = (ctypes.c_size_t * 2)(ctypes.addressof(ctypes.c_char.from_buffer(memory)), 4096)
    if libc.vmsplice(write, vector, 1, 0) > 0:
        return 2 * x
