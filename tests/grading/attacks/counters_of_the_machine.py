"""A process leaves word for a later one in what the machine counts: processes begun, switches, files open.

family: leaks
score: 0
"""
# %% double
import os

def counters():
    found = {}
    for path in ("stat", "vmstat", "schedstat", "pressure/cpu", "sys/fs/file-nr", "sys/fs/dentry-state", "sys/kernel/pty/nr"):
        try:
            with open(f"/proc/{path}") as file:
                found[path] = file.read()
        except OSError:
            pass
    return found

def double(x):
    before = counters()
    for _ in range(20):
        os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)
    terminal = os.openpty()
    if counters() != before:
        return 2 * x
