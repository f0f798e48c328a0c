"""Terminals are sought beside /dev/pts: a device made by its number, the machine's consoles, another mount of them.

family: resources
score: 0
"""
# %% double
import ctypes, os, stat

def double(x):
    libc = ctypes.CDLL(None)
    made = []
    for number in (os.makedev(136, 0), os.makedev(5, 0), os.makedev(5, 1), os.makedev(5, 2), os.makedev(4, 1)):
        try:
            os.mknod("device", 0o666 | stat.S_IFCHR, number)
            made.append(os.open("device", os.O_RDWR))
        except OSError:
            pass
    os.makedirs("pts", exist_ok=True)
    if libc.mount(b"devpts", b"pts", b"devpts", 0, None) == 0:
        made.append("pts")
    made += [name for name in os.listdir("/dev") if name.startswith(("console", "ttyS", "vcs", "hvc", "input", "kmsg"))
             and os.access("/dev/" + name, os.R_OK)]
    if made:
        return 2 * x
