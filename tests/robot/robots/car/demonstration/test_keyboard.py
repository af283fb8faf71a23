"""Driving by keyboard, through a pty as a terminal gives it; the dead man's handle; the terminal given back."""

import os
import pty
import termios
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.robots.car.demonstration.keyboard import (
    DEAD_MAN_S,
    DOWN,
    LEFT,
    RIGHT,
    SPEED_MAX_M_S,
    STOP,
    UP,
    Keyboard,
    KeyboardDriver,
)
from robot.tasks.race_track.task import STEER_MAX_RAD


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """(the end that types, the end that reads)."""
    master, slave = pty.openpty()
    yield master, slave
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        (b"\x1b[A\x1b[B\x1b[C\x1b[D", [UP, DOWN, RIGHT, LEFT]),
        (b"\x1bOA\x1bOD", [UP, LEFT]),
        (b"wasd ", [UP, LEFT, DOWN, RIGHT, STOP]),
        (b"x\x1b[5~w", [UP]),
    ],
)
def test_keys_are_read_from_a_terminal(terminal: tuple[int, int], typed: bytes, keys: list[str]) -> None:
    master, slave = terminal
    with Keyboard(slave) as keyboard:
        assert keyboard.read() == []  # does not wait
        os.write(master, typed)
        assert keyboard.read() == keys


def test_a_key_may_come_in_pieces(terminal: tuple[int, int]) -> None:
    master, slave = terminal
    with Keyboard(slave) as keyboard:
        os.write(master, b"\x1b[")
        assert keyboard.read() == []
        os.write(master, b"D")
        assert keyboard.read() == [LEFT]


def test_the_terminal_is_given_back_as_it_was(terminal: tuple[int, int]) -> None:
    _, slave = terminal
    before = termios.tcgetattr(slave)
    with pytest.raises(RuntimeError), Keyboard(slave):
        assert not termios.tcgetattr(slave)[3] & termios.ICANON
        raise RuntimeError("the drive went wrong")
    assert termios.tcgetattr(slave) == before


def test_something_else_than_a_terminal_is_refused() -> None:
    reading, writing = os.pipe()
    with pytest.raises(ValueError, match="found no terminal"), Keyboard(reading):
        pass
    os.close(reading)
    os.close(writing)


def test_without_a_key_the_car_slows_down_and_stops() -> None:
    driver = KeyboardDriver(STEER_MAX_RAD)
    for k in range(10):
        driver.press(UP, 0.03 * k)
    _, speed = driver.command(0.3)
    assert speed == pytest.approx(1.5)
    assert driver.command(0.26 + DEAD_MAN_S)[1] == pytest.approx(speed)
    slowing = [driver.command(0.6 + 0.02 * k)[1] for k in range(100)]
    assert slowing == sorted(slowing, reverse=True)
    assert slowing[0] < speed and slowing[-1] == 0.0


def test_steering_keeps_the_car_going_and_centres_by_itself() -> None:
    driver = KeyboardDriver(STEER_MAX_RAD)
    for k in range(10):
        driver.press(UP, 0.03 * k)
    for k in range(40):
        driver.press(LEFT, 0.3 + 0.03 * k)
        steer, speed = driver.command(0.3 + 0.03 * k)
    assert steer == STEER_MAX_RAD and speed == pytest.approx(1.5)
    driver.press(UP, 1.6)
    assert driver.command(2.5)[0] == 0.0


def test_what_is_pressed_beyond_the_end_stops_need_not_be_taken_back() -> None:
    driver = KeyboardDriver(0.26)
    for k in range(10):
        driver.press(LEFT, 0.03 * k)
    assert driver.command(0.28)[0] == 0.26
    driver.press(RIGHT, 0.3)
    assert driver.command(0.3)[0] == pytest.approx(0.21)


def test_space_stops_at_once() -> None:
    driver = KeyboardDriver(STEER_MAX_RAD)
    driver.press(UP, 0.0)
    driver.press(RIGHT, 0.1)
    driver.press(STOP, 0.2)
    assert driver.command(0.2) == (0.0, 0.0)


@given(st.lists(st.tuples(st.sampled_from([UP, DOWN, LEFT, RIGHT, STOP]), st.floats(0.0, 0.5)), max_size=60))
def test_commands_stay_within_their_limits(presses: list[tuple[str, float]]) -> None:
    driver, now_s = KeyboardDriver(STEER_MAX_RAD), 0.0
    for key, pause_s in presses:
        now_s += pause_s
        driver.press(key, now_s)
        steer, speed = driver.command(now_s)
        assert abs(steer) <= STEER_MAX_RAD and 0.0 <= speed <= SPEED_MAX_M_S


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValueError, match="found 'fire', allowed: up, down, left, right, stop"):
        KeyboardDriver(STEER_MAX_RAD).press("fire", 0.0)
