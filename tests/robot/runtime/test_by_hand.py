"""A pad that falls silent is told from one that is held still, as soon as that can be."""

from pathlib import Path

import numpy as np

from drivers.emulators.gamepad import GamepadEmulator
from drivers.gamepad import Gamepad, GamepadSettings
from robot.runtime.by_hand import SILENT_S, HandOnRobot
from robot.runtime.records import STAND

TICK_S, LATE_S = 0.02, 0.004


class Ticks:
    """A clock of ticks that are never late by the same."""

    def __init__(self) -> None:
        self.count, self.time_s, self.rng = 0, 0.0, np.random.default_rng(0)

    def now(self) -> float:
        return self.time_s

    def sleep_until(self, time_s: float) -> None: ...

    @property
    def next_s(self) -> float:
        return TICK_S * (self.count + 1)

    def pass_one(self) -> None:
        self.time_s = self.next_s + float(self.rng.uniform(0.0, LATE_S))
        self.count += 1


def test_silence_is_noticed_in_the_first_tick_that_it_can_be_and_a_held_pad_is_none(tmp_path: Path) -> None:
    ticks, pad = Ticks(), GamepadEmulator("f710", tmp_path / "pad", seed=1)
    driver = Gamepad(GamepadSettings(f"f710:{tmp_path / 'pad'}"), ticks)
    hand = HandOnRobot(driver, lambda steer, throttle: (steer, throttle), ticks)
    hand.open()
    pad.right = True
    for _ in range(200):
        for tick in range(20):
            pad.run(ticks.next_s)
            ticks.pass_one()
            assert hand.order() != STAND or tick < 2, "it is held"
        dies_s = ticks.next_s - float(ticks.rng.uniform(0.0, TICK_S))
        pad.run(dies_s)
        pad.dead = True
        ticks.pass_one()
        while hand.order() != STAND:
            ticks.pass_one()
        assert ticks.time_s - dies_s < SILENT_S + TICK_S + LATE_S
        pad.dead = False
        pad._told.clear()
    hand.close()
    pad.unplug()
