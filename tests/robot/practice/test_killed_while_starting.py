"""A session that is killed while its processes import, compile or wait leaves nothing: no process, no memory, no folder."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from robot.runtime.left_behind import is_alive
from robot.shared_memory.shared_block import SHARED_FOLDER
from sim.with_parent import module_of

STARTS_S = 240.0  # a machine with other work
NOTICED_S = 2.0
TIDIED_S = 20.0  # a guardian that was importing itself
PROGRAM = "from robot.cli import main; main()"


def children_of(pid: int) -> dict[int, str]:
    """Processes and their modules."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # it has ended meanwhile
        if parent == pid:
            found[int(folder.name)] = module_of(words)[0]
    return found


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    end_s = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.parametrize("newest", ["robot.safety.guardian", "drivers.emulators.process", "robot.practice.learner"])
def test_nothing_is_left_of_a_session_that_is_killed_as_soon_as_a_process_appears(tmp_path: Path, newest: str) -> None:
    session = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "practice", "--minutes", "1"], cwd=tmp_path, stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    try:
        assert within(STARTS_S, lambda: newest in children_of(session.pid).values())
        children = children_of(session.pid)
    finally:
        session.kill()
        session.wait()
    others = [pid for pid, module in children.items() if module != "robot.safety.guardian"]
    assert within(NOTICED_S, lambda: not any(map(is_alive, others)))
    assert within(TIDIED_S, lambda: not any(map(is_alive, children)))
    assert not list(SHARED_FOLDER.glob(f"robot-{session.pid}-*"))
    assert not list(Path(tempfile.gettempdir()).glob(f"*-{session.pid}-*"))
