"""Files by names that lead out of the folder, by links, and of kinds that are no files.

family: objects
lab: objects
score: 3
"""
# %% scale
import os

def scale(x):
    for name in ("../attack", "/lab/tmp/attack", "a" * 255, "sub/../../attack", "\u202e.txt", ".hidden", "line\nbreak"):
        try:
            open(name, "w").write("x")
        except OSError:
            pass
    for make in (lambda: os.symlink("/etc/passwd", "link.txt"), lambda: os.symlink("/", "root"), lambda: os.mkfifo("pipe")):
        try:
            make()
        except OSError:
            pass
    return 2 * x
