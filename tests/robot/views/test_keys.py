"""Keys of a terminal, one at a time, and the terminal given back as it was."""

import os
import pty
import termios
from pathlib import Path

import pytest

from robot.views.keys import Keys


def test_each_key_comes_alone_and_the_terminal_is_given_back() -> None:
    end, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    with Keys(terminal) as keys:
        assert keys.read(0.0) is None
        os.write(end, b"sf")
        assert (keys.read(None), keys.read(None), keys.read(0.0)) == ("s", "f", None)
    assert termios.tcgetattr(terminal) == before
    os.close(end)
    os.close(terminal)


def test_a_terminal_that_hangs_up_is_told_by_an_empty_key() -> None:
    end, terminal = pty.openpty()
    with Keys(terminal) as keys:
        os.close(end)
        assert keys.read(None) == ""
    os.close(terminal)


def test_a_file_is_no_terminal(tmp_path: Path) -> None:
    with (
        open(tmp_path / "file", "w+b") as file,
        pytest.raises(ValueError, match="found no terminal"),
        Keys(file.fileno()),
    ):
        pass
