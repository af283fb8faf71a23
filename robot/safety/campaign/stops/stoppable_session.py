"""A session to be stopped, on a terminal of its own: `python -m robot.safety.campaign.stops.stoppable_session OPTIONS.json`.

It stands for the shell that a person would start `robot practice`, or another command, from: the session runs as the
terminal's foreground job, so that Ctrl-C, Ctrl-Z, Ctrl-\\ and a hang-up reach it, and whatever else of it is within the
terminal's reach.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec

from robot.practice.practice import find_practice
from robot.practice.run import run_session
from robot.runtime.session_file import GUARDIANS
from robot.safety.campaign.sessions import session_in
from robot.tasks import find_task

PR_SET_PDEATHSIG = 1
PID_FILE = "pid"  # of the session, in its folder
KEYS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTOU, signal.SIGTTIN, signal.SIGHUP)


class Options(msgspec.Struct, frozen=True):
    """What to run: see `Rig`. repaired: False leaves one guardian, and every process within the terminal's reach. command:
    what is run in the folder instead of a session."""

    folder: str
    task: str
    config: dict[str, Any]
    progress: dict[str, Any]
    learning: bool
    repaired: bool
    command: tuple[str, ...] = ()


def practise(options: Options) -> int:
    """The session; its exit status is 1 if it failed."""
    config = find_practice(find_task(options.task).robot).options(task=options.task, **options.config)
    session = session_in(Path(options.folder), config, options.progress, options.learning)
    if not options.repaired:
        session.processes.own_sessions = False
        session.guardians = GUARDIANS[:1]
    run_session(session, None)
    return 1 if session.failure else 0


def end_with_parent(number: int) -> None:
    """The signal that this process gets when its parent ends: the judge's death ends shell and session."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


def main() -> None:
    options = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Options)
    end_with_parent(signal.SIGKILL)
    for number in KEYS:
        signal.signal(number, signal.SIG_IGN)
    child = os.fork()
    if child:
        signal.signal(signal.SIGHUP, lambda *_: os.killpg(child, signal.SIGHUP))  # a hang-up reaches the shell alone
        os.waitpid(child, 0)
        return
    end_with_parent(signal.SIGTERM)
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())  # SIGTTOU is ignored
    for number in KEYS:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    (Path(options.folder) / PID_FILE).write_text(str(os.getpid()))
    if options.command:
        os.chdir(options.folder)
        os.execvp(options.command[0], options.command)
    sys.exit(practise(options))


if __name__ == "__main__":
    main()
