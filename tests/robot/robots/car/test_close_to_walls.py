"""A slow car close to a wall that is not certain to get past it stops and backs off: map and estimate are a few centimetres off."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from policies.actor import initial_weights
from robot.robots.car import mind
from robot.robots.car.safety_drive import start

NEW_POLICY_TICKS = 500


def touches_of_novices(folder: Path) -> int:
    """Drive with policies that have learned nothing, one after the other, until a touch, 36 s at most."""
    drive, rng = start("ell", 2, 2, 1.0, True, folder), np.random.default_rng(2)
    pipeline, world = drive.pipeline, drive.emulator.world
    pipeline.setup = replace(pipeline.setup, explore=True)
    tick = 0
    while drive.time_s < 36.0 and world.collisions == 0:
        if tick % NEW_POLICY_TICKS == 0:
            pipeline.set_weights(initial_weights(pipeline.setup.layers, rng))
        drive.tick()
        tick += 1
    return world.collisions


@pytest.mark.parametrize("careful", [True, False])
def test_a_slow_car_does_not_squeeze_past_a_wall(
    careful: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not careful:
        monkeypatch.setattr(mind, "CLOSE_M", -1.0)
    assert touches_of_novices(tmp_path) == (0 if careful else 1)
