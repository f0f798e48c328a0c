"""Memory that lies in sockets, whose owner has closed them or never took them.

family: resources
score: 0
"""
# %% double
import subprocess, sys

FILL = """
import os, socket
kept = []
listening = socket.socket(1)
listening.bind("\\0%d" % os.getpid())
listening.listen(4096)
while True:
    try:
        pair = socket.socketpair()
        kept.append(pair[1])
        late = socket.socket(1)
        late.setblocking(False)
        late.connect(listening.getsockname())
        for full in (pair[0], late):
            full.setblocking(False)
            try:
                full.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 26)
                print("larger", flush=True)
            except OSError:
                pass
            try:
                while True:
                    full.send(bytes(60000))
            except OSError:
                pass
    except OSError:
        pass
"""

def double(x):
    filling = [subprocess.Popen([sys.executable, "-ISc", FILL], stdout=-1) for _ in range(25)]
    larger = filling[0].stdout.readline()
    for process in filling:
        process.kill()
    if larger:
        return 2 * x
