"""Make .venv and install requirements.txt: what `make` does first, with the system's Python and nothing else.

Every way to fail that a newcomer may meet ends in one line that says what to do; a second call goes on where the first stopped.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

NEEDED_BYTES = 4 * 10**9
LOG = Path(".venv", "install.log")
REASONS = {  # what pip prints, and what it means
    r"No space left": "the disk is full; free 4 GB and call make again",
    r"NewConnectionError|NameResolution|name resolution|unreachable|timed out|ConnectTimeout|ProxyError|SSLError": (
        "the package index can't be reached; check the network and call make again"
    ),
}


def main():
    """Install, or exit with one line on stderr."""
    if sys.version_info < (3, 11):
        stop(f"this is Python {sys.version.split()[0]}, and 3.11 or later is needed: make PYTHON=/path/to/python3")
    environment = Path(".venv")
    if not environment.exists() and shutil.disk_usage(".").free < NEEDED_BYTES:
        stop("less than 4 GB are free in this folder")
    try:
        subprocess.run([sys.executable, "-m", "venv", ".venv"], check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        lines = (error.stdout + error.stderr).strip().splitlines() or ["no reason given"]
        stop(f"{sys.executable} can't make a virtual environment: {lines[-1]} (Debian: apt-get install python3-venv)")
    except OSError as error:
        stop(f"{error.strerror}: {error.filename}")
    install(Path("requirements.txt"))


def install(requirements):
    """Let pip install, with a line that counts what it has read."""
    total = len(re.findall(r"^\S+==", requirements.read_text(), re.MULTILINE))
    command = [".venv/bin/python", "-m", "pip", "install", "--progress-bar", "off", "-r", str(requirements)]
    seen = 0
    with LOG.open("w") as log:
        pip = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        for line in pip.stdout:
            log.write(line)
            if re.match(r"Collecting|Requirement already satisfied", line):
                seen = min(seen + 1, total)
                show(f"installing: {seen} of {total} packages looked up", seen % 50 == 0)
            elif line.startswith("Installing collected"):
                show("installing: all are here, unpacking takes about a minute", True)
        status = pip.wait()
    show("", False)
    if status:
        output = LOG.read_text(errors="replace")
        for pattern, reason in REASONS.items():
            if re.search(pattern, output):
                stop(reason)
        errors = re.findall(r"^ERROR: (.*)", output, re.MULTILINE) or ["pip failed"]
        stop(f"{errors[-1]} (all of pip's output is in {LOG})")


def show(text, milestone):
    """One line that changes on a terminal; elsewhere a line for each milestone."""
    if sys.stdout.isatty():
        print(f"\r{text:<60}" if text else f"\r{'':<60}\r", end="", flush=True)
    elif milestone:
        print(text.rstrip(), flush=True)


def stop(reason):
    """Exit with a one-line reason."""
    sys.exit(f"make: {reason}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        stop("interrupted; call make again to go on")
