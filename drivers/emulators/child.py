"""Emulators as child processes: start one, wait for the line that says where it is, end it."""

import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from sim.scratch_folder import make_scratch
from sim.with_parent import command_line, watch_parent

EmulatorT = TypeVar("EmulatorT")


def start_child(module: str, config: Path) -> subprocess.Popen:
    """Run a module with `--config CONFIG`; its stderr goes to `stderr.txt` beside the configuration.

    It ends with this program, and takes the configuration's folder along if this program could not.
    """
    with open(config.parent / "stderr.txt", "wb") as words:
        return subprocess.Popen(
            command_line(module, "--config", str(config), folder=str(config.parent)),
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


def end_when_told(folder: str) -> None:
    """SIGHUP and SIGTERM end this process as an exit does; its parent's end removes the folder too, if there is one."""
    watch_parent(os.getppid(), folder)

    def end(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, end)


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
