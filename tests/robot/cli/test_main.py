"""Where errors become words: one line, the right exit status, no traceback for what a user, a disk or a reader causes."""

import errno
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import robot.cli
from drivers.base import LinkLost
from robot.cli.output import finish, parse
from robot.practice.settings import PracticeConfig

ROBOT = [sys.executable, "-c", "from robot.cli import main; main()"]


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run `robot tasks` with another body: exit status and stderr."""

    def run(body) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["robot", "tasks"])
        monkeypatch.setattr(robot.cli.importlib, "import_module", lambda _: SimpleNamespace(main=body))
        before = signal.getsignal(signal.SIGINT)
        try:
            robot.cli.main()
        except SystemExit as end:
            assert isinstance(end.code, int)
            return end.code, capsys.readouterr().err
        finally:
            signal.signal(signal.SIGINT, before)
        raise AssertionError("main does not return")

    return run


def raises(error: BaseException):
    def body(_arguments: list[str]) -> int:
        raise error

    return body


def test_an_environment_that_keeps_kernels_from_being_compiled_is_named(ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    status, told = ends(lambda _: 0)
    assert (status, told.startswith("robot tasks: NUMBA_DISABLE_JIT: found '1'")) == (2, True)
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "0")
    assert ends(lambda _: 0) == (0, "")


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (ValueError("--laps: found 0"), 2, "robot tasks: --laps: found 0\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "/full/a"),
            1,
            "robot tasks: /full/a: No space left on device\n",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "runs"), 1, "robot tasks: runs: Permission denied\n"),
        (LinkLost("/dev/ttyACM0: no such port"), 1, "robot tasks: /dev/ttyACM0: no such port\n"),
        (MemoryError("7 TiB"), 1, "robot tasks: not enough memory: 7 TiB\n"),
        (
            BrokenPipeError(errno.EPIPE, "Broken pipe"),
            1,
            "robot tasks: Broken pipe\n",
        ),  # a socket's: stdout has a reader
        (KeyboardInterrupt(), 130, ""),
        (SystemExit(2), 2, ""),
    ],
)
def test_an_error_is_one_line_and_a_status(ends, error: BaseException, status: int, told: str) -> None:
    assert ends(raises(error)) == (status, told)


@pytest.mark.parametrize("error", [KeyError("field"), TypeError("bad"), RuntimeError("odd"), AssertionError()])
def test_a_bug_keeps_its_traceback(ends, error: Exception) -> None:
    with pytest.raises(type(error)):
        ends(raises(error))


def test_the_verbs_own_status_is_kept(ends) -> None:
    assert ends(lambda _: 3) == (3, "")


@pytest.mark.parametrize("arguments", [["--help"], ["tasks"], ["tasks", "--json"], ["replay", "--help"]])
def test_a_reader_that_leaves_is_no_error(arguments: list[str]) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run([*ROBOT, *arguments], stdout=write_end, stderr=subprocess.PIPE, check=False)
    os.close(write_end)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_disk_that_is_full_of_what_is_printed_is_named() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([*ROBOT, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "No space left on device" in done.stderr


def test_without_stdout_and_stderr_it_still_works() -> None:
    assert subprocess.run(["sh", "-c", '"$@" >&- 2>&-', "-", *ROBOT, "tasks"], check=False).returncode == 0
    assert subprocess.run(["sh", "-c", '"$@" >&- 2>&-', "-", *ROBOT, "fly"], check=False).returncode == 2


def test_no_file_of_ours_takes_a_closed_streams_place() -> None:
    program = """
import os, sys
sys.argv = ["robot"]
from robot.cli import main
try: main()
except SystemExit: pass
lock = os.open("/dev/zero", os.O_RDONLY)
sys.exit(0 if lock > 2 else 1)
"""
    shell = f"exec {sys.executable} -c '{program}' <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", shell]).returncode == 0


@pytest.mark.parametrize("delay_s", [0.02, 0.3, 1.0])
def test_ctrl_c_at_any_moment_of_a_start_is_silent(delay_s: float, tmp_path: Path) -> None:
    started = "from robot.cli import main; print('go', flush=True); main()"
    command = [sys.executable, "-c", started, "train", "--task", "hover", "--effort", "100"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path,
                               env=os.environ | {"PYTHONPATH": str(Path(robot.cli.__file__).parents[2])})  # fmt: skip
    assert process.stdout is not None
    try:
        process.stdout.readline()
        time.sleep(delay_s)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert b"Traceback" not in told and not list(tmp_path.iterdir())


def test_the_last_line_is_strict_json(capsys: pytest.CaptureFixture[str]) -> None:
    figures = {
        "landed": np.bool_(False), "laps": np.int64(3), "lap_s": np.float32(0.5), "worst": math.nan, "best": -math.inf,
        "all": np.array([1.0, np.nan]), "run": Path("runs/a"), "deep": [{"x": (np.uint8(1), None, "text")}], 5: True,
    }  # fmt: skip
    finish(figures, as_json=True)
    assert json.loads(capsys.readouterr().out) == {
        "landed": False, "laps": 3, "lap_s": 0.5, "worst": None, "best": None, "all": [1.0, None], "run": "runs/a",
        "deep": [{"x": [1, None, "text"]}], "5": True,
    }  # fmt: skip
    with pytest.raises(TypeError):
        finish({"what": object()}, as_json=True)


@pytest.mark.parametrize("arguments", [["--map", ""], ["--map="], ["--resume", "  "], ["--seed", "0", "--from", ""]])
def test_an_empty_value_is_not_taken_for_none(arguments: list[str]) -> None:
    with pytest.raises(ValueError, match=rf"{arguments[-2] if len(arguments) > 1 else '--map'}: found nothing"):
        parse(PracticeConfig, "practice", arguments)


def test_a_number_that_files_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="--seed: found 99999999999999999999, allowed"):
        parse(PracticeConfig, "practice", ["--seed", "9" * 20])
