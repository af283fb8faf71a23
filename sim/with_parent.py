"""A child that does not outlive its parent, whatever it is doing just then.

    python .../sim/with_parent.py PARENT PATIENCE_S FOLDER MODULE ARGUMENTS ...

runs a module as `python -m` does. A program that is killed cannot end its children, and a child that imports, compiles or
computes does not look for its parent. So a thread waits for the parent's end, from before the module's first import on:
then, after PATIENCE_S ("inf": the module sees to it by itself), FOLDER is removed, if there is one, and the process ends.

The module is looked for beside this file and where Python's path says, not in the folder that somebody happens to work
in, where a `robot.py` of theirs may lie.
"""

import math
import os
import runpy
import select
import shutil
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

ORPHANED = 129  # exit status
SELF = str(Path(__file__).resolve())
patience_s = 0.0  # this process's, once its parent has ended
watched = False


def command_line(module: str, *arguments: str, patience_s: float = 0.0, folder: str = "") -> list[str]:
    """To start a module as a child of this process."""
    return [sys.executable, SELF, str(os.getpid()), str(patience_s), folder, module, *arguments]


def module_of(words: Sequence[str]) -> tuple[str, list[str]]:
    """Module and arguments of a process's command line, started like this or with -m; empty for any other process."""
    if words[1:2] == ["-m"] and len(words) > 2:
        return words[2], list(words[3:])
    if len(words) > 5 and words[1].endswith("sim/with_parent.py"):
        return words[5], list(words[6:])
    return "", []


def outlive_parent(seconds: float) -> None:
    """From now on this process may go on for so long after its parent's end; math.inf: it sees to it by itself."""
    global patience_s
    patience_s = seconds


def watch_parent(parent: int, folder: str = "") -> None:
    """End with this parent, the calling process's, from now on. Only the first call counts."""
    global watched
    if not watched:
        watched = True
        threading.Thread(target=end_with, args=(parent, folder), daemon=True).start()


def end_with(parent: int, folder: str) -> None:
    """Wait for the parent's end, which may lie in the past; then end."""
    try:
        pidfd = os.pidfd_open(parent)
        if os.getppid() == parent:  # else the number is another's by now
            select.select([pidfd], [], [])
        os.close(pidfd)
    except ProcessLookupError:
        pass
    ended_s = time.monotonic()
    while time.monotonic() - ended_s < patience_s:
        if math.isinf(patience_s):
            return
        time.sleep(0.02)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(ORPHANED)


def main(words: Sequence[str]) -> None:
    parent, seconds, folder, module, *arguments = words
    outlive_parent(float(seconds))
    watch_parent(int(parent), folder)
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    beside = str(Path(SELF).parents[1])
    sys.path[:1] = [] if beside in sys.path[1:] else [beside]
    from sim import with_parent  # not as a second module of the name __main__

    with_parent.main(sys.argv[1:])
