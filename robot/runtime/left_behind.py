"""What a session that was killed leaves behind: processes, blocks of shared memory, folders. Who is left tidies up."""

import os
import re
import shutil
import signal
from contextlib import suppress
from pathlib import Path

from robot.runtime.session_file import SessionFile
from robot.shared_memory.shared_block import SHARED_FOLDER
from sim.with_parent import module_of

OWNED = re.compile(r"robot-(\d+)-")  # how the name of a block begins: see `shared_name`
GUARDIAN = "robot.safety.guardian"


def is_alive(pid: int) -> bool:
    """Whether there is such a process, other than one that has ended and waits for its parent to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


def sweep_memory() -> list[str]:
    """Remove the blocks of sessions that no longer live; returns their names."""
    removed = []
    for path in SHARED_FOLDER.glob("robot-*"):
        owner = OWNED.match(path.name)
        if owner is None or is_alive(int(owner[1])):
            continue
        with suppress(FileNotFoundError, PermissionError):  # somebody else was quicker; or it is somebody else's
            path.unlink()
            removed.append(path.name)
    return removed


def modules_given(argument: str) -> dict[int, str]:
    """Processes that run one of this project's modules with this argument: pid and module."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # it has ended meanwhile
        module, arguments = module_of(words)
        if module.startswith(("robot.", "drivers.")) and argument in arguments:
            found[int(folder.name)] = module
    return found


def tidy_up(session_path: Path, session: SessionFile, patience_s: float, buddy: int = 0) -> bool:
    """A guardian's last task: True once its dead session's processes have ended and what they shared is gone.

    session: what its file says, which may be gone itself. Whoever still runs when there is no patience left is killed.
    buddy: a guardian that hangs, to be killed at the end.
    """
    running = modules_given(str(session_path))
    if session.device_folder:
        running |= modules_given(str(Path(session.device_folder) / "config.json"))
    others = [pid for pid, module in running.items() if module != GUARDIAN]
    if patience_s <= 0.0:
        kill(others)
    if others:
        return False
    kill([pid for pid in running if pid == buddy])
    for name in session.names.values():
        with suppress(FileNotFoundError):
            (SHARED_FOLDER / name).unlink()
    if session.device_folder:
        shutil.rmtree(session.device_folder, ignore_errors=True)
    return True


def kill(pids: list[int]) -> None:
    """SIGKILL, which also ends a process that was stopped."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
