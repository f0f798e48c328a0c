"""Processor time in children that are reaped by the kernel, so that it is in nobody's sum.

family: resources
score: 0
"""
# %% double
import os
import signal
import time

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
end = time.monotonic() + 1.5
while time.monotonic() < end:
    if os.fork() == 0:
        start = time.monotonic()
        while time.monotonic() - start < 0.2:
            pass
        os._exit(0)
    time.sleep(0.2)
raise SystemExit
