"""Emulators as child processes: start one, wait for the line that says where it is, end it."""

import json
import selectors
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any


def start_child(module: str, config: Path) -> subprocess.Popen:
    """Run `python -m MODULE --config CONFIG`; its stderr goes to `stderr.txt` beside the configuration."""
    with open(config.parent / "stderr.txt", "wb") as words:
        return subprocess.Popen(
            [sys.executable, "-m", module, "--config", str(config)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=words,
            start_new_session=True,  # Ctrl-C is for the program that drives, which then stops a robot that still answers
        )  # fmt: skip


def ready_line(process: subprocess.Popen, directory: Path, name: str, ready_s: float) -> dict[str, Any]:
    """The JSON object that a child prints when it can be used.

    Raises ValueError with its last words if it ends instead, TimeoutError after `ready_s`.
    """
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(ready_s):
            raise TimeoutError(f"{name} is not ready after {ready_s} s {last_words(directory)}")
    line = process.stdout.readline()
    if not line:
        process.wait()
        raise ValueError(last_words(directory) or f"{name} ended with {process.returncode}")
    return json.loads(line)


def last_words(directory: Path) -> str:
    """The last line that a child wrote to stderr."""
    lines = (directory / "stderr.txt").read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def connect(path: str) -> socket.socket:
    """A connection to a child's socket."""
    end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    end.connect(path)
    return end


def end_child(process: subprocess.Popen) -> None:
    """End a child, gently at first."""
    process.terminate()
    try:
        process.wait(timeout=2.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
