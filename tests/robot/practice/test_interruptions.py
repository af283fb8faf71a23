"""What a terminal can send: each signal is taken note of, and what follows is done by the session in order."""

import os
import pty
import signal
import subprocess
import sys
from typing import Any

import pytest

from robot.practice import interruptions as interruptions_module
from robot.practice.interruptions import STOPS, listening


class FakeSession:
    """Remembers what was asked for."""

    def __init__(self, starting: bool = False) -> None:
        self.starting = starting
        self.stop_level = 0
        self.failure = ""
        self.orders: list[Any] = []

    def request_stop(self, level: int = 1) -> None:
        self.stop_level = max(self.stop_level, level)

    def hold(self, on: bool) -> None:
        self.orders.append(on)

    def poll(self) -> bool:
        self.orders.append("poll")
        return len(self.orders) < 100

    @property
    def stands(self) -> bool:
        return len(self.orders) >= 3


@pytest.mark.parametrize("number", [number for number in STOPS if number != signal.SIGHUP])
def test_every_stop_signal_stops_in_order_and_the_second_at_once(number: int) -> None:
    session = FakeSession()
    before = signal.getsignal(number)
    with listening(session) as interruptions:  # type: ignore[arg-type]
        os.kill(os.getpid(), number)
        assert session.stop_level == 1
        interruptions.act()
        os.kill(os.getpid(), number)
        assert session.stop_level == 2
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_while_processes_start_a_signal_ends_it_once(number: int) -> None:
    session = FakeSession(starting=True)
    with listening(session):  # type: ignore[arg-type]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)  # while it ends
    assert session.stop_level == 1


def test_before_the_job_is_suspended_the_car_comes_to_rest() -> None:
    session = FakeSession()
    with listening(session) as interruptions:  # type: ignore[arg-type]
        os.kill(os.getpid(), signal.SIGTSTP)
        assert interruptions.suspending
        interruptions.bring_to_rest()
    assert session.orders[0] is True and session.stands


def test_a_car_that_is_to_stop_for_good_is_not_suspended() -> None:
    session = FakeSession()
    with listening(session) as interruptions:  # type: ignore[arg-type]
        os.kill(os.getpid(), signal.SIGTSTP)
        os.kill(os.getpid(), signal.SIGINT)
        assert not interruptions.suspending


def test_a_terminal_that_hangs_up_ends_it_in_order_and_nothing_is_said_into_it() -> None:
    program = (
        "import sys, time\n"
        "from types import SimpleNamespace\n"
        "from robot.practice.interruptions import listening\n"
        "class S(SimpleNamespace):\n"
        "    def request_stop(self, level): self.stop_level = level\n"
        "s = S(starting=False, stop_level=0, failure='')\n"
        "with listening(s) as i:\n"
        "    print('ready', flush=True)\n"
        "    while not s.stop_level: time.sleep(0.01)\n"
        "    i.act(); print('said into nothing', flush=True)\n"
        "sys.exit(7)\n"
    )
    terminal, end = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", program], stdin=end, stdout=end, stderr=end,
                               start_new_session=True)  # fmt: skip
    os.close(end)
    assert b"ready" in os.read(terminal, 100)
    os.kill(process.pid, signal.SIGHUP)
    os.close(terminal)
    assert process.wait(20.0) == 7


def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with listening(FakeSession()):  # type: ignore[arg-type]
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_hang_up_that_shell_and_system_both_tell_of_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruptions_module, "silence_terminals", lambda: None)
    session = FakeSession()
    with listening(session):  # type: ignore[arg-type]
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)
    assert session.stop_level == 1
