"""Long work says what it is at: in a terminal in one line, elsewhere in plain lines now and then."""

import io
import sys
import time

import pytest

import robot.views.progress_line
from robot.views.progress_line import ProgressLine


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def worked(monkeypatch: pytest.MonkeyPatch, output: io.StringIO, *steps: str) -> str:
    monkeypatch.setattr(sys, "stderr", output)
    with ProgressLine("map hall.yaml: finding its course") as tell:
        for step in steps:
            tell(step)
    return output.getvalue()


def test_a_terminal_shows_one_line_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = worked(monkeypatch, Terminal(), "walls", "loops")
    assert shown.startswith("\rmap hall.yaml: finding its course: walls, 0 s\x1b[K\r")
    assert shown.endswith(": loops, 0 s\x1b[K\n") and shown.count("\n") == 1


def test_a_pipe_gets_whole_lines_and_few(monkeypatch: pytest.MonkeyPatch) -> None:
    assert worked(monkeypatch, io.StringIO(), "walls", "loops") == "map hall.yaml: finding its course: walls, 0 s\n"


def test_work_that_was_done_before_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert worked(monkeypatch, Terminal()) == ""


def test_the_line_moves_while_a_step_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robot.views.progress_line, "UPDATED_EVERY_S", 0.001)
    monkeypatch.setattr(robot.views.progress_line, "PLAIN_EVERY_S", 0.0)
    output = io.StringIO()
    monkeypatch.setattr(sys, "stderr", output)
    with ProgressLine("work") as tell:
        tell("one step")
        until_s = time.monotonic() + 10.0
        while output.getvalue().count("work: one step") < 3 and time.monotonic() < until_s:
            time.sleep(0.001)
    assert output.getvalue().count("work: one step") >= 3
