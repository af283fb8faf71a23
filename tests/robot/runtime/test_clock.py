"""Clocks: real time sleeps to absolute times, lockstep moves the emulated devices, replay shows what it is told."""

import socket
import struct
import threading
from pathlib import Path

import pytest

from robot.runtime.clock import LockstepClock, RealClock, ReplayClock


def test_real_clock_sleeps_until_an_absolute_time_and_not_at_all_for_the_past() -> None:
    clock = RealClock()
    due_s = clock.now() + 0.02
    clock.sleep_until(due_s)
    assert clock.now() >= due_s
    clock.sleep_until(due_s - 10.0)


def serve(listener: socket.socket, answers: list[float]) -> None:
    connection, _ = listener.accept()
    for _ in answers:
        asked = struct.unpack("<d", connection.recv(8))[0]
        answers[answers.index(-1.0)] = asked
        connection.sendall(struct.pack("<d", asked + 0.5))
    connection.close()
    listener.close()


def test_lockstep_clock_asks_for_a_time_and_shows_the_time_reached(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(tmp_path / "lockstep"))
    listener.listen()
    asked = [-1.0, -1.0]
    thread = threading.Thread(target=serve, args=(listener, asked))
    thread.start()
    clock = LockstepClock(str(tmp_path / "lockstep"))
    clock.sleep_until(3.0)
    assert clock.now() == 3.5
    assert asked == [0.0, 3.0]
    thread.join()
    with pytest.raises(ConnectionError):
        clock.sleep_until(4.0)
    clock.close()


def test_replay_clock_shows_the_log_times() -> None:
    clock = ReplayClock()
    clock.sleep_until(12.25)
    assert clock.now() == 12.25
