"""Emulated hardware in real time: before all that it serves, and where it was late, nothing acts before its time."""

import os
from pathlib import Path

import pytest

from drivers.emulators import keep_time as module
from drivers.emulators.keep_time import LATE_S, PIECE_S, keep_time, late_s, pieces, share
from drivers.emulators.process import Emulator
from drivers.emulators.virtual_car import VirtualCarConfig
from drivers.vesc import Vesc, VescSettings
from robot.runtime.realtime import PRIORITY


class Clock:
    def now(self) -> float:
        return 0.0


@pytest.fixture
def car(tmp_path: Path):
    """An emulated car, and its motor controller's driver."""
    emulator = Emulator(VirtualCarConfig(), tmp_path)
    vesc = Vesc(VescSettings(port=str(tmp_path / "vesc")), Clock())
    vesc.reconnect()
    emulator.advance(0.1)
    vesc.read()
    yield emulator, vesc
    vesc.close()


def ticks_missed(emulator: Emulator, vesc: Vesc) -> list[tuple[float, float]]:
    """Five ticks' commands, each for a speed of its own, wait for it; returns when which speed came to the wheels."""
    seen: list[tuple[float, float]] = []
    step, begin_s = emulator.world.step, emulator.time_s

    def noted() -> None:
        step()
        seen.append((emulator.world.time_s - begin_s, emulator.world.command[1]))

    emulator.world.step = noted  # type: ignore[method-assign]
    for k in range(1, 6):
        vesc.write(0.0, float(k))
    emulator.catch_up(begin_s + 0.1)
    emulator.catch_up(begin_s + 0.2)
    return seen


def test_where_it_was_late_commands_act_one_after_the_other(car):
    emulator, vesc = car
    seen = ticks_missed(emulator, vesc)
    delay_s = emulator.world.car.actuation_s
    for k in range(1, 6):
        first_s = min(at_s for at_s, speed in seen if speed == pytest.approx(k, abs=0.01))
        assert first_s == pytest.approx(delay_s + 0.02 * (k - 0.5), abs=0.022), k


def test_how_late_it_was_is_counted(car):
    emulator, vesc = car
    assert emulator.late_s == 0.0
    ticks_missed(emulator, vesc)
    assert emulator.late_s == pytest.approx(0.2)
    for _ in range(50):
        emulator.catch_up(emulator.time_s + 0.5 * LATE_S)
    assert emulator.late_s == pytest.approx(0.2)
    assert late_s(LATE_S) == 0.0


@pytest.mark.parametrize("count", [0, 1, 3, 26, 1000])
def test_every_byte_is_heard_once_and_in_order(count):
    waiting = list(range(count))
    of = pieces(0.104)
    assert of == 26 and pieces(PIECE_S) == pieces(0.0) == 1
    assert [k for piece in range(of) for k in waiting[share(count, piece, of)]] == waiting


def test_it_comes_before_those_who_drive_and_takes_what_is_allowed(monkeypatch):
    assert module.PRIORITY > PRIORITY
    asked = []
    monkeypatch.setattr(os, "sched_setscheduler", lambda *what: asked.append(what))
    assert keep_time() == "SCHED_FIFO 70"
    assert asked[0][1] == os.SCHED_FIFO | os.SCHED_RESET_ON_FORK

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    monkeypatch.setattr(os, "setpriority", lambda *_: None)
    assert keep_time() == "nice -15"
    monkeypatch.setattr(os, "setpriority", refuse)
    assert keep_time() == "as every program"
