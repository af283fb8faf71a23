"""Hold to run: the car drives while a button is held and the pad is heard, and stops within 0.2 s whatever happens to it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivers.emulators.gamepad import GamepadEmulator
from drivers.emulators.world import BRAKE, RELEASED
from drivers.gamepad import Gamepad, GamepadSettings
from robot.robots.car.mind import Pipeline
from robot.robots.car.records import RECORDS, Phase
from robot.robots.car.robot import ROBOT
from robot.robots.car.safety_drive import CarDrive, start
from robot.robots.car.setup import PipelineSetup
from robot.robots.car.shield.supervision import Reason
from robot.robots.car.world import load_world
from robot.runtime.by_hand import HandOnRobot
from robot.runtime.control_loop import ControlLoop
from robot.runtime.records import BY_HAND, STAND
from robot.safety.supervisor import Mode
from robot.tasks.race_track.task import TICK_S
from sim.car.model import load_parameters
from tests.hand_on_pad import Person


class Held:
    """A car on its course, a pad in somebody's hand, and what control makes of it in each tick."""

    def __init__(self, drive: CarDrive, folder: Path) -> None:
        self.drive, self.pad = drive, GamepadEmulator("f710", folder / "pad")
        assert ROBOT.by_hand is not None
        self.hand = HandOnRobot(Gamepad(GamepadSettings(f"f710:{folder / 'pad'}"), drive.loop.clock), ROBOT.by_hand,
                                drive.loop.clock)  # fmt: skip
        self.hand.open()
        self.transitions: list[np.ndarray] = []
        self.events: list[tuple[str, dict[str, Any]]] = []

    def tick(self) -> None:
        self.pad.run(self.drive.time_s)
        self.drive.requested = self.hand.order()
        self.drive._operator[:] = self.hand.operator
        self.drive.tick()
        self.events += self.drive.pipeline.events
        if self.drive.pipeline.transition is not None:
            self.transitions.append(self.drive.pipeline.transition)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.02)):
            self.tick()

    @property
    def throttle_off(self) -> bool:
        return self.drive.emulator.world.command[0] in (BRAKE, RELEASED)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    (tmp_path / "car").mkdir()
    one = Held(start("oval", 3, None, 1.0, True, tmp_path / "car"), tmp_path)
    yield one
    one.drive.close()
    one.hand.close()
    one.pad.unplug()


FAILURES: dict[str, tuple[Callable[[GamepadEmulator], None], str]] = {
    "released": (lambda pad: setattr(pad, "right", False), "no shoulder button"),
    "unplugged": (lambda pad: pad.unplug(), "unplugged"),
    "batteries out": (lambda pad: setattr(pad, "dead", True), "batteries"),
    "events lost": (lambda pad: (setattr(pad, "dead", True), pad.drop(0.0)), "no shoulder button"),
}


def test_it_stands_until_a_button_is_held_and_stops_whatever_happens_to_the_pad(held: Held) -> None:
    held.run(3.0)
    assert held.hand.reason and held.drive.seen().speed_m_s < 0.01
    for name, (fail, words) in FAILURES.items():
        held.pad.right = True
        held.run(4.0)
        assert held.hand.reason == "" and held.drive.seen().speed_m_s > 1.0, name
        fail(held.pad)
        waited_s = 0.0
        while not held.throttle_off:
            held.tick()
            waited_s += 0.02
            assert waited_s < 0.2, name
        assert words in held.hand.reason
        held.run(4.5)
        assert held.drive.seen().speed_m_s < 0.05, name
        assert (held.drive.pipeline.mode, held.drive.pipeline.supervisor.reason) == (Mode.STOP, Reason.HELD)
        held.pad.right = held.pad.dead = False
        if name == "unplugged":
            held.pad.plug()
        held.pad._told.clear()
        held.run(0.5)
    assert held.drive.emulator.world.collisions == 0


def test_what_a_person_drives_is_learned_from_and_ends_the_policys_lap(held: Held) -> None:
    held.run(2.0)
    held.pad.right = True
    held.run(4.6)  # to where its own way is free
    assert not any(t["demonstration"] for t in held.transitions)
    before = len(held.transitions)
    held.pad.left, held.pad.throttle, held.pad.steer = True, 0.5, 0.2
    held.run(1.5)
    by_hand = held.transitions[before:]
    assert [t["demonstration"] for t in by_hand[1:]] == [1] * (len(by_hand) - 1) and len(by_hand) > 8
    assert by_hand[0]["truncated"]
    assert held.drive.requested == BY_HAND
    wanted = 2.5 * (0.5 - 0.08) / 0.92
    assert held.drive.pipeline.goal[1] == pytest.approx(wanted, abs=0.3)
    held.pad.left = False
    held.run(1.0)
    assert [fields["on"] for kind, fields in held.events if kind == "by_hand"] == [True, False]
    assert not held.transitions[-1]["demonstration"]
    assert held.drive.emulator.world.collisions == 0


def test_without_a_pad_nothing_but_its_coming_back_lets_the_car_drive(held: Held) -> None:
    held.pad.right = True
    held.run(3.0)
    held.pad.unplug()
    held.run(1.0)
    assert held.drive.requested == STAND
    held.pad.plug()
    held.run(1.0)
    assert held.drive.requested == 0


def test_a_demonstration_lap_is_driven_by_the_sticks_and_practice_begins_after_it(held: Held) -> None:
    drive, world = held.drive, load_world("oval", "")
    drive.pipeline = Pipeline(PipelineSetup(
        seed=3, practice_s=60.0, laps=0, explore=False, predictive_brake=True, demonstrate=True, keyboard=True,
        car=load_parameters().packed(), layers=drive.pipeline.setup.layers, weights=drive.pipeline.setup.weights,
        grid=world.grid, course=world.course, proved=True,
    ))  # fmt: skip
    drive.loop = ControlLoop(
        drive.loop.clock, drive.loop.devices, drive.pipeline, np.zeros((), RECORDS.readings), 1, TICK_S
    )
    drive.loop.start()
    person = Person(held.pad, world.course)
    for _ in range(1500):
        person.drive(*drive.emulator.world.place, 2.0)
        held.tick()
        if drive.pipeline.phase is Phase.PRACTISE:
            break
    assert 12.0 < drive.pipeline.first_lap.lap_s < 22.0
    by_hand = [t for t in held.transitions if t["demonstration"]]
    assert len(by_hand) > 100 and len(by_hand) == len(held.transitions)
    assert drive.pipeline.trim_rad == pytest.approx(load_parameters().steer_trim_rad, abs=0.02)
    person.let_drive()
    held.run(6.0)
    assert drive.pipeline.phase is Phase.PRACTISE and drive.seen().speed_m_s > 1.0
    assert not held.transitions[-1]["demonstration"]
    assert drive.emulator.world.collisions == 0
