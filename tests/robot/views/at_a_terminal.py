"""`robot` as a person at a terminal has it."""

import os
import pty
import re
import select
import sys
import time

LIMIT_S = 120.0
COLOURS = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]")


def at_a_terminal(words: list[str], keys: str, asked: str) -> str:
    """What is said while these keys are pressed, as soon as they are asked for."""
    pid, terminal = pty.fork()
    if pid == 0:
        command = [sys.executable, "-c", "from robot.cli import main; main()", *words]
        os.execve(sys.executable, command, os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"})
    said, pressed, begin_s = b"", False, time.monotonic()
    while time.monotonic() - begin_s < LIMIT_S:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                piece = os.read(terminal, 65536)
            except OSError:  # nobody is on its other side any more
                break
            said += piece
        if not pressed and asked.encode() in said:
            os.write(terminal, keys.encode())
            pressed = True
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return COLOURS.sub(b"", said).decode().replace("\r", "").strip()
