"""Children are started again when they die, and only then."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from robot.runtime import processes as module
from robot.runtime.process_ends import GONE
from robot.runtime.processes import Processes

FAILS = ("json.tool", "/no/such/file")  # modules that run anywhere: one that fails at once, one that is done at once,
SUCCEEDS = ("json.tool", "--help")
STAYS = ("http.server", "--bind", "127.0.0.1", "0")  # and one that would stay for ever


@pytest.fixture
def told() -> list[tuple[str, int]]:
    return []


@pytest.fixture
def processes(tmp_path: Path, told: list[tuple[str, int]]) -> Iterator[Processes]:
    processes = Processes(tmp_path / "output", lambda name, code: told.append((name, code)))
    yield processes
    for child in processes.children.values():
        child.end(lambda: 0.0)


def wait_for(condition: Callable[[], bool]) -> None:
    patience = time.monotonic() + 20.0
    while not condition():
        assert time.monotonic() < patience
        time.sleep(0.01)


def test_a_child_that_died_is_started_again_a_limited_number_of_times(
    processes: Processes, told: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESTARTS_MAX", 4)
    child = processes.start("part", *STAYS)
    for _ in range(4):
        child.kill()
        wait_for(lambda: processes.died("part"))
        assert processes.revive("part")
    child.kill()
    wait_for(lambda: processes.died("part"))
    assert not processes.revive("part")
    assert told == [("part", -9)] * 5


def test_one_that_fails_by_itself_is_given_up_sooner(processes: Processes) -> None:
    child = processes.start("part", *FAILS)
    starts = 1
    wait_for(lambda: processes.died("part"))
    while processes.revive("part"):
        starts += 1
        wait_for(lambda: processes.died("part"))
    assert starts == module.FAILURES_MAX
    assert "no/such/file" in child.last_words()


def test_one_that_finds_a_device_away_is_started_until_it_is_back(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "away.py").write_text(f"import sys; sys.exit({GONE})")
    child = processes.start("part", *SUCCEEDS)
    for _ in range(module.FAILURES_MAX + 1):
        child.process = subprocess.Popen([sys.executable, str(tmp_path / "away.py")])
        wait_for(lambda: processes.died("part"))
        child.count_restart()
    assert not child.hopeless
    monkeypatch.setattr(module, "AWAY_MAX_S", 0.0)
    assert child.hopeless
    child.process = subprocess.Popen([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"])
    wait_for(lambda: processes.died("part"))
    child.count_restart()
    assert not child.hopeless  # it was back


def test_a_failure_after_a_long_life_is_a_new_one(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEALTHY_S", 0.0)
    processes.start("part", *FAILS)
    for _ in range(module.FAILURES_MAX + 1):
        wait_for(lambda: processes.died("part"))
        assert processes.revive("part")


def test_one_that_could_not_save_says_why_even_where_it_had_no_room_to(processes: Processes, tmp_path: Path) -> None:
    (tmp_path / "no_room.py").write_text("import sys; sys.exit(64 + 28)")
    child = processes.start("part", *SUCCEEDS)
    child.process = subprocess.Popen([sys.executable, str(tmp_path / "no_room.py")])
    wait_for(lambda: processes.died("part"))
    assert child.cannot_save
    assert child.last_words() == "cannot save: No space left on device"


def test_children_are_out_of_the_terminals_reach(processes: Processes) -> None:
    child = processes.start("part", *STAYS)
    assert os.getsid(child.pid) == child.pid != os.getsid(0)


def test_one_that_was_stopped_is_ended_all_the_same(processes: Processes) -> None:
    child = processes.start("part", *STAYS)
    os.kill(child.pid, signal.SIGSTOP)
    begin = time.monotonic()
    child.end(lambda: begin + 0.2 - time.monotonic())
    assert child.exit_status == -signal.SIGKILL


def test_a_child_that_is_done_has_not_died(processes: Processes) -> None:
    child = processes.start("part", *SUCCEEDS)
    wait_for(lambda: not child.running)
    assert not processes.died("part")


def test_waiting_for_a_child_that_fails_ends_with_its_last_words(processes: Processes) -> None:
    processes.start("part", *FAILS)
    with pytest.raises(ValueError, match=r"the part did not start: .*no/such/file"):  # exit status 2: told wrong
        processes.await_ready("part", lambda: False)


def test_waiting_for_a_child_that_is_killed_ends(processes: Processes) -> None:
    processes.start("part", *STAYS).kill()
    with pytest.raises(ChildProcessError, match="the part did not start: ended by SIGKILL"):
        processes.await_ready("part", lambda: False)


def test_a_child_that_does_not_finish_is_made_to(processes: Processes) -> None:
    child = processes.start("part", *STAYS)
    assert child.running
    processes.end("part", lambda: 0.0)
    assert child.exit_status is not None and child.exit_status < 0
    processes.end("never started", lambda: 0.0)


def test_deaths_that_lie_far_apart_are_not_added_up(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESTARTS_MAX", 1)
    monkeypatch.setattr(module, "HEALTHY_S", 0.0)
    child = processes.start("part", *STAYS)
    for _ in range(3):
        child.kill()
        wait_for(lambda: processes.died("part"))
        assert processes.revive("part")
