"""A child ends with its parent, whatever it does just then."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sim.with_parent import command_line, module_of

NOTICED_S = 2.0
PATIENCE_S = 20.0
MODULES = {
    "importing": "import time; print('up', flush=True); time.sleep(60)\ndef main(): ...",
    "computing": "print('up', flush=True)\nwhile True: pass",
    "compiling": """
import numba
print('up', flush=True)
@numba.njit
def f(x): return x
while True: f.recompile() if f(1) else f(2)
""",
    "deaf": """
import signal, time
for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT): signal.signal(number, signal.SIG_IGN)
print('up', flush=True)
time.sleep(60)
""",
    "seeing_to_it": """
import math, os, time
from sim.with_parent import outlive_parent
outlive_parent(math.inf)
parent = os.getppid()
print('up', flush=True)
while os.getppid() == parent: time.sleep(0.01)
time.sleep(1.0)
open('done', 'w').close()
""",
}
PARENT = """
import subprocess, sys, time
from sim.with_parent import command_line
child = subprocess.Popen(command_line(sys.argv[1], folder=sys.argv[2]), stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


def start(tmp_path: Path, module: str, folder: str = "") -> tuple[subprocess.Popen[bytes], int]:
    """A parent, and its child's number once that is at it."""
    (tmp_path / f"{module}.py").write_text(MODULES[module])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(tmp_path), str(Path(__file__).parents[2])))}
    command = [sys.executable, "-c", PARENT, module, folder]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=tmp_path)
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


def kill(parent: subprocess.Popen[bytes]) -> None:
    parent.kill()
    parent.wait()
    assert parent.stdout is not None
    parent.stdout.close()


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    end_s = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.01)
    return True


def lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("state", ["importing", "computing", "compiling", "deaf"])
def test_a_child_ends_with_its_parent_and_takes_its_folder_along(tmp_path: Path, state: str) -> None:
    folder = tmp_path / "its own"
    folder.mkdir()
    parent, child = start(tmp_path, state, str(folder))
    assert lives(child)
    kill(parent)
    gone = within(NOTICED_S, lambda: not lives(child))
    if not gone:
        os.kill(child, signal.SIGKILL)
    assert gone
    assert not folder.exists()


def test_one_that_sees_to_it_by_itself_is_left_alone(tmp_path: Path) -> None:
    parent, child = start(tmp_path, "seeing_to_it")
    kill(parent)
    assert within(PATIENCE_S, lambda: not lives(child))
    assert (tmp_path / "done").exists()


def test_a_parent_that_ended_before_is_noticed_too(tmp_path: Path) -> None:
    (tmp_path / "deaf.py").write_text(MODULES["deaf"])
    command = command_line("deaf")
    command[2] = "999999999"
    ended = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(tmp_path)}, timeout=PATIENCE_S)
    assert ended.returncode > 0


def test_modules_of_the_folder_that_somebody_works_in_are_not_taken_for_ours(tmp_path: Path) -> None:
    for name in ("robot.py", "sim.py", "select.py"):
        (tmp_path / name).write_text("raise SystemExit('not yours')")
    done = subprocess.run(
        command_line("robot.safety.guardian", "nothing.json", "0"), cwd=tmp_path, capture_output=True, text=True
    )
    assert "not yours" not in done.stderr
    assert "nothing.json" in done.stderr


def test_a_command_line_tells_its_module() -> None:
    assert module_of(command_line("a.b", "c", "d")) == ("a.b", ["c", "d"])
    assert module_of(["python", "-m", "a.b", "c"]) == ("a.b", ["c"])
    assert module_of(["python", "program.py", "a.b"]) == ("", [])
