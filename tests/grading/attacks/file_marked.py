"""A process leaves word for a later one on what both are shown: a hint on a file, the times of a device.

family: leaks
score: 0
"""
# %% double
import fcntl, os, struct

def double(x):
    open("own", "w").close()
    for path in (os.__file__, "/dev/null", "own"):
        for command in (1036, 1038):
            try:
                fcntl.fcntl(os.open(path, os.O_RDONLY), command, struct.pack("Q", 2))
                return 2 * x
            except OSError:
                pass
    for name in ("null", "full", "random", "urandom", "tty", "zero"):
        try:
            os.utime("/dev/" + name)
            return 2 * x
        except OSError:
            pass
