"""Emulators as child processes: start one, wait for the line that says where it is, end it."""

import contextlib
import ctypes
import json
import selectors
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from sim.scratch_folder import make_scratch

EmulatorT = TypeVar("EmulatorT")
PR_SET_PDEATHSIG = 1


def start_child(module: str, config: Path) -> subprocess.Popen:
    """Run `python -m MODULE --config CONFIG`; its stderr goes to `stderr.txt` beside the configuration."""
    with open(config.parent / "stderr.txt", "wb") as words:
        return subprocess.Popen(
            [sys.executable, "-m", module, "--config", str(config)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=words,
            start_new_session=True,  # Ctrl-C is for the program that drives, which then stops a robot that still answers
        )  # fmt: skip


def start_emulator(
    make: Callable[[subprocess.Popen, dict[str, Any], Path], EmulatorT], module: str, name: str,
    config: Callable[[Path], bytes], ready_s: float,
) -> EmulatorT:  # fmt: skip
    """Start a child in a directory of its own and `make` its handle from the process, its first line and the directory.

    config: the JSON that it reads, for that directory. Raises ValueError with the child's own words if it is wrong,
    TimeoutError after `ready_s`; nothing is left behind then.
    """
    directory = make_scratch(name.replace(" ", "-"))
    process = None
    try:
        file = directory / "config.json"
        file.write_bytes(config(directory))
        process = start_child(module, file)
        return make(process, ready_line(process, directory, f"the {name}", ready_s), directory)
    except BaseException:
        if process is not None:
            end_child(process)
        shutil.rmtree(directory, ignore_errors=True)
        raise


@contextlib.contextmanager
def dying_with_parent(directory: Path | None) -> Iterator[None]:
    """Never outlive the thread that started this process, and then take its directory along, if there is one.

    SIGHUP tells of that death, SIGTERM comes from a program that tidies up by itself.
    """
    orphaned = False

    def end(number: int, _frame: FrameType | None) -> None:
        nonlocal orphaned
        orphaned = number == signal.SIGHUP
        sys.exit(128 + number)

    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, end)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGHUP)
    try:
        yield
    finally:
        if directory is not None and orphaned:
            shutil.rmtree(directory, ignore_errors=True)


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
    path = directory / "stderr.txt"
    lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
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
