"""Walk a set-up through a terminal of its own, as a person would: read, press Enter when asked, to the first lap or hop.

    python tests/walk_setup.py car --robot virtual-car --hidden-seed 27
    python tests/walk_setup.py crazyflie --hidden-seed 2

It says what was asked for and when, and ends with the exit status of the set-up. No test: a set-up takes minutes.
"""

import os
import pty
import re
import select
import sys
import time

ASKED = b"Press Enter when it is done."
COLOURS = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]")
LIMIT_S = 3600.0


def main() -> int:
    begin_s = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(
            sys.executable,
            [sys.executable, "-c", "from robot.cli import main; raise SystemExit(main())", "setup", *sys.argv[1:]],
        )
    said = b""
    answered = 0
    while time.monotonic() - begin_s < LIMIT_S:
        if not select.select([terminal], [], [], 1.0)[0]:
            continue
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # the terminal has nobody on its other side any more
            break
        if not piece:
            break
        said += COLOURS.sub(b"", piece)
        if said.count(ASKED) > answered:
            answered += 1
            print(
                f"{time.monotonic() - begin_s:7.1f} s  asked for something, for the {answered}. time; Enter is pressed",
                flush=True,
            )
            os.write(terminal, b"\n")
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    lines = [line.strip() for line in said.decode(errors="replace").replace("\r", "\n").splitlines() if line.strip()]
    print("\n".join(lines[-30:]))
    print(f"exit status {status}, {answered} times asked, {(time.monotonic() - begin_s) / 60.0:.1f} wall minutes")
    return status


if __name__ == "__main__":
    sys.exit(main())
