"""What a drone logs, by the drone's own clock: only what is new is taken, and no false date stops what follows it."""

from types import SimpleNamespace
from typing import Any

import pytest

from drivers.crazyflie_logs import WRAP_S, Logs


class Board:
    """Sends a block of one variable; `clock_s` is the host's."""

    def __init__(self) -> None:
        self.clock_s = 100.0
        self.logs = Logs(SimpleNamespace(), SimpleNamespace(now=lambda: self.clock_s))  # type: ignore[arg-type]

    def send(self, board_time_s: float, value: float) -> float:
        """Returns the newest value after it."""
        block: Any = None
        self.logs._take(round(1000.0 * board_time_s), {"pm.vbat": value}, block)
        return self.logs.newest("pm.vbat").values.get("pm.vbat", 0.0)


@pytest.fixture
def board() -> Board:
    return Board()


def test_what_was_overtaken_is_dropped(board: Board) -> None:
    assert [board.send(*sent) for sent in ((7.02, 1.0), (7.00, 2.0), (7.02, 3.0), (7.04, 4.0))] == [1.0, 1.0, 1.0, 4.0]


def test_the_drones_clock_may_overflow(board: Board) -> None:
    board.send(2.0 * WRAP_S - 0.01, 1.0)
    assert board.send(0.01, 2.0) == 2.0


@pytest.mark.parametrize("date_s", [30.0, 5000.0, WRAP_S])
def test_a_date_that_cannot_be_true_yet_does_not_silence_the_drone(board: Board, date_s: float) -> None:
    board.send(7.0, 1.0)
    board.clock_s += 0.02
    assert board.send(7.0 + date_s, 9.0) == 1.0
    board.clock_s += 0.02
    assert board.send(7.04, 2.0) == 2.0


def test_after_a_silence_the_drones_clock_has_gone_on(board: Board) -> None:
    board.send(7.0, 1.0)
    board.clock_s += 40.0
    assert board.send(47.0, 2.0) == 2.0


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_dropped(board: Board, value: float) -> None:
    board.send(7.0, 1.0)
    assert board.send(7.02, value) == 1.0
