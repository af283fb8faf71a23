"""The shield before a fleet that sees: it knows what is on its way to the wheels, and keeps those off the walls who see nothing."""

import numpy as np

from robot.robots.car.eyes.fleet import SeeingFleet
from robot.robots.car.eyes.laps import STARTS
from robot.robots.car.eyes.shield import InformedShield
from sim.camera.looks import draw_looks
from sim.car import kernel
from sim.car.model import Randomisation
from sim.tracks.built_in_tracks import built_in

FULL_SPEED = np.tile(np.array([0.1, 0.6], np.float32), (8, 1))


def fleet() -> SeeingFleet:
    looks = draw_looks(2, 0, 32, 16, colour=False)
    return SeeingFleet([built_in("oval"), built_in("chicane")], 8, 0, looks, None, Randomisation(), STARTS, 10_000)


def crashes(shielded: bool, decisions: int = 50) -> int:
    cars, found = fleet(), 0
    shield = InformedShield(cars)
    for _ in range(decisions):
        cars.step(shield.filtered(FULL_SPEED) if shielded else FULL_SPEED)
        found += int((cars.end == 1).sum())
    return found


def test_it_knows_which_commands_are_on_their_way_also_after_a_new_start() -> None:
    cars, rng, ended = fleet(), np.random.default_rng(0), 0
    shield = InformedShield(cars)
    for k in range(30):
        chosen = shield.filtered(rng.uniform(-1.0, 1.0, (8, 2)).astype(np.float32))
        if k == 12:
            cars.batch.counters[:, kernel.AGE] = 10_000  # out of time
        cars.step(chosen)
        going = cars.end == 0
        ended += int((~going).sum())
        sent = np.stack([cars.batch.row(row) for row in (kernel.STEER_COMMAND, kernel.SPEED_COMMAND)], 1)
        np.testing.assert_allclose(shield.sent[going, -1, :2], sent[going], atol=1e-5)
    assert ended >= 8


def test_who_sees_nothing_crashes_without_it_and_not_behind_it() -> None:
    assert crashes(shielded=False) >= 16
    assert crashes(shielded=True) == 0
