"""What dead sessions left is found and removed; what living ones use is not."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from robot.practice.run_lock import LOCK_FILE, RunLock
from robot.runtime.left_behind import is_alive, modules_given, sweep_memory, tidy_up
from robot.runtime.session_file import SessionFile
from robot.shared_memory.shared_block import SHARED_FOLDER, SharedBlock
from sim.with_parent import command_line


def ended_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_process_that_has_ended_is_not_alive_even_before_its_parent_noticed() -> None:
    assert is_alive(os.getpid())
    assert not is_alive(ended_pid())
    zombie = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(zombie.pid)
    zombie.wait()


def test_blocks_of_dead_owners_are_swept_and_only_these() -> None:
    dead = SharedBlock.create(f"robot-{ended_pid()}-test-a", 64)
    living = SharedBlock.create(f"robot-{os.getpid()}-test-b", 64)
    assert dead.name in sweep_memory()
    assert not (SHARED_FOLDER / dead.name).exists()
    assert (SHARED_FOLDER / living.name).exists()
    dead.close()  # of a name that is gone already
    living.close()


def test_a_dead_sessions_processes_are_waited_for_and_then_ended(tmp_path: Path) -> None:
    path = tmp_path / "session.json"
    block = SharedBlock.create(f"test-tidy-{os.getpid()}", 64)
    session = SessionFile(
        str(tmp_path), "virtual-car", "car", "race_track", {"part": block.name}, (1,), 1, False, "", {}, False
    )
    stays = "import time; time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", stays, "-m", "robot.x", str(path)])  # not one of ours
    ours = subprocess.Popen(["sleep"] + command_line("robot.logs.recorder_process", str(path))[1:], executable=sys.executable,
                            stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        assert child.pid not in modules_given(str(path))
        os.kill(ours.pid, 19)  # SIGSTOP: it will not end by itself
        os.waitpid(ours.pid, os.WUNTRACED)  # its command line is there only some microseconds after its start
        assert modules_given(str(path)) == {ours.pid: "robot.logs.recorder_process"}
        assert not tidy_up(path, session, 10.0)
        assert not tidy_up(path, session, 0.0)
        ours.wait(10.0)
        assert tidy_up(path, session, 0.0)
        assert not (SHARED_FOLDER / block.name).exists()
        assert child.poll() is None
    finally:
        for process in (child, ours):
            process.kill()
            process.wait()
        block.close()


def test_a_run_has_one_owner_who_is_named(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    with pytest.raises(BlockingIOError, match=rf"process {os.getpid()}, is at work on this run"):
        RunLock(tmp_path)
    lock.release()
    lock.release()
    RunLock(tmp_path).release()


def test_the_lock_lasts_as_long_as_any_process_of_a_session_that_was_killed(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.6)"], pass_fds=(lock.descriptor,))
    lock.release()
    (tmp_path / LOCK_FILE).write_text(str(ended_pid()))
    begin = time.monotonic()
    RunLock(tmp_path).release()
    assert time.monotonic() - begin > 0.2
    child.wait()
