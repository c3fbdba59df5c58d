"""Ctrl-C in the middle of the resamples ends the work at once, prints no result and leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys

import pytest

pty = pytest.importorskip("pty", reason="pseudo-terminals are Unix's")

COMMAND = [sys.executable, "-m", "mse", "estimate", "Kosovo", "--select", "bic", "--n-boot", "50000"]
THREADS = [
    sys.executable,
    "-c",
    "import mse; mse.select_loglinear(mse.load_dataset('Kosovo'), n_boot=50_000, seed=1, n_jobs=2)",
]
COUNTING = re.compile(rb"[1-9][0-9]*/50000")
PATIENCE = 60.0  # seconds for an end that takes one


def interrupted(command: list[str], folder) -> tuple[int, bytes, bytes]:
    """Run a command, send it SIGINT once its bar counts resamples; exit code, output, what the terminal saw.

    Before the first resample is done the fits may still be compiled, and a signal that falls into a callback of the
    compiler is lost.
    """
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm"}
    # A shell that starts the tests in the background has them ignore SIGINT, and a child inherits that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, cwd=folder, env=environment)
    finally:
        signal.signal(signal.SIGINT, before)
    os.close(theirs)
    seen = b""
    try:
        while not COUNTING.search(seen):
            seen += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE)
        seen += os.read(ours, 65536)
    finally:
        process.kill()
        process.communicate()
        os.close(ours)
    return process.returncode, output, seen


def test_an_interrupted_command_ends_with_130_and_prints_no_result(tmp_path) -> None:
    """One sentence on standard error, nothing on standard output, no file."""
    code, output, seen = interrupted(COMMAND, tmp_path)
    assert code == 130
    assert output == b""
    assert b"Traceback" not in seen
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_reaches_the_caller_through_the_threads(tmp_path) -> None:
    """Workers finish the tables at hand and no more; the caller sees KeyboardInterrupt and nothing else."""
    code, output, seen = interrupted(THREADS, tmp_path)
    assert code == -signal.SIGINT
    assert output == b""
    assert seen.count(b"Traceback") == 1
    assert b"KeyboardInterrupt" in seen
