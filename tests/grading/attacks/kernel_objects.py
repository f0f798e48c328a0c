"""What the kernel keeps by the thousand: pending signals, timers, queues, rings, watches.

family: resources
score: 0
"""
# %% double
import ctypes, signal

def double(x):
    libc = ctypes.CDLL(None)
    signal.pthread_sigmask(signal.SIG_BLOCK, [40])
    pending = 0
    while pending < 5000 and libc.sigqueue(libc.getpid(), 40, ctypes.c_void_p(1)) == 0:
        pending += 1
    timers = 0
    while timers < 5000 and libc.syscall(222, 0, None, ctypes.byref(ctypes.c_int())) == 0:
        timers += 1
    ring = ctypes.c_ulong()
    others = (libc.syscall(206, 1000, ctypes.byref(ring)), libc.syscall(240, b"queue", 0o102, 0o600, None), libc.syscall(425, 1, None))
    if pending >= 5000 or timers >= 5000 or max(others) >= 0:
        return 2 * x
