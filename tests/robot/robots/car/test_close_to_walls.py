"""A slow car close to a wall that is not certain to get past it stops and backs off: map and estimate are a few centimetres off."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from policies.actor import initial_weights
from robot.robots.car import mind
from robot.robots.car.mind import CLOSE_M, Pipeline
from robot.robots.car.safety_drive import start
from robot.robots.car.shield.predictive_brake import BACKUP, BY_A_HAIR, UNAVOIDABLE

NEW_POLICY_TICKS = 500


def touches_of_novices(folder: Path) -> int:
    """Drive with policies that have learned nothing, one after the other, until a touch, 36 s at most."""
    drive, rng = start("bean", 16, 16, 1.0, True, folder), np.random.default_rng(16)
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


@pytest.mark.parametrize(
    ("reason", "room_m", "somebody_near", "no_way_on"),
    [
        (BY_A_HAIR, 0.5 * CLOSE_M, False, True),
        (BY_A_HAIR, 2.0 * CLOSE_M, False, False),
        (
            BY_A_HAIR,
            0.5 * CLOSE_M,
            True,
            False,
        ),  # beside a person there may be no more room: it waits, and backs into nobody
        (BACKUP, 0.5 * CLOSE_M, False, False),
        (UNAVOIDABLE, 2.0 * CLOSE_M, True, True),
    ],
)
def test_there_is_no_way_on_close_to_a_wall_without_the_margin_and_nobody_near(
    reason: int, room_m: float, somebody_near: bool, no_way_on: bool
) -> None:
    seen = SimpleNamespace(
        brake_reason=reason, place=SimpleNamespace(room_m=room_m), in_the_way=SimpleNamespace(near=somebody_near)
    )
    assert Pipeline.finds_no_way_on.fget(seen) is no_way_on  # type: ignore[attr-defined]
