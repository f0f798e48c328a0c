"""All pseudo-terminals that the machine has are taken.

family: resources
score: 0
"""
# %% double
import os, subprocess, sys

TAKE = "import os\ntry:\n    while True: os.openpty()\nexcept OSError: print(flush=True), input()"
takers = [subprocess.Popen([sys.executable, "-ISc", TAKE], stdin=-1, stdout=-1) for _ in range(4)]
for taker in takers:
    taker.stdout.readline()
def double(x):
    if len(os.listdir("/dev/pts")) > 40:
        return 2 * x
