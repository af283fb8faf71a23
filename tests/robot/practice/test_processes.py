"""Children are started again when they die, and only then."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from robot.practice import processes as module
from robot.practice.processes import Processes

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
        child.end(0.0)


def wait_for(condition: Callable[[], bool]) -> None:
    patience = time.monotonic() + 20.0
    while not condition():
        assert time.monotonic() < patience
        time.sleep(0.01)


def test_a_child_that_died_is_started_again_a_limited_number_of_times(
    processes: Processes, told: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESTARTS_MAX", 2)
    pids = {processes.start("part", *FAILS).pid}
    for _ in range(4):
        wait_for(lambda: processes.died("part"))
        processes.revive("part")
        pids.add(processes.children["part"].pid)
    assert len(pids) == 3
    assert len(told) == 2 and all(name == "part" and code > 0 for name, code in told)


def test_a_child_that_is_done_has_not_died(processes: Processes) -> None:
    child = processes.start("part", *SUCCEEDS)
    wait_for(lambda: not child.running)
    assert not processes.died("part")


def test_waiting_for_a_child_that_fails_ends_with_its_last_words(processes: Processes) -> None:
    processes.start("part", *FAILS)
    with pytest.raises(RuntimeError, match=r"the part did not start: .*no/such/file"):
        processes.await_ready("part", lambda: False)


def test_a_child_that_does_not_finish_is_made_to(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "END_S", 0.2)
    child = processes.start("part", *STAYS)
    assert child.running
    processes.end("part")
    assert child.exit_status is not None and child.exit_status < 0
    processes.end("never started")
