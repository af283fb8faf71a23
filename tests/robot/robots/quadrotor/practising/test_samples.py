"""What a flight's samples tell of the thrust that is left."""

import math
from pathlib import Path

import numpy as np
import pytest

from drivers.crazyflie_logs import Logged
from robot.robots.quadrotor.practising.progress import line_of_thrust
from robot.robots.quadrotor.practising.samples import (
    SAMPLE,
    WATCHED,
    Sampler,
    load_samples,
    save_samples,
    share_at_full,
)
from robot.robots.quadrotor.records import records_of


def test_one_rotor_at_full_thrust_counts_while_the_policy_flies() -> None:
    samples = np.zeros(10, SAMPLE)
    samples["forces"], samples["active"] = 0.6, 1
    samples["forces"][:3, 2] = 1.0
    assert share_at_full(samples) == pytest.approx(0.3)
    samples["active"][0] = 0  # the firmware flies
    assert share_at_full(samples) == pytest.approx(2 / 9)
    assert share_at_full(samples[:0]) == 0.0


def test_a_person_is_told_to_charge_a_drone_without_thrust_to_spare() -> None:
    assert line_of_thrust(0.05) == ""
    assert "34 % of that flight" in line_of_thrust(0.34) and "charge it" in line_of_thrust(0.34)


def test_a_sample_that_is_not_finite_is_left_out_so_that_the_run_can_be_gone_on_with(tmp_path: Path) -> None:
    class Drone:
        arrivals: tuple[Logged, ...] = ()

        def watch(self, names: tuple[str, ...], period_ms: int) -> None: ...

        def seen(self, name: str) -> tuple[Logged, ...]:
            return self.arrivals

    drone, readings = Drone(), np.zeros((), records_of("hover").readings)
    sampler = Sampler(drone)  # type: ignore[arg-type]
    drone.arrivals = tuple(
        Logged(dict.fromkeys(WATCHED, value), 0.01 * number, 0.0)
        for number, value in enumerate((1.0, math.nan, 2.0), start=1)
    )
    taken = sampler.take(readings)
    assert [sample["rate_rad_s"][0] for sample in taken] == [math.radians(1.0), math.radians(2.0)]
    save_samples(tmp_path / "flight.npz", np.array(taken, SAMPLE))
    assert len(load_samples(tmp_path / "flight.npz")) == 2
    readings["crazyflie"]["velocity_m_s"] = math.nan
    drone.arrivals = (Logged(dict.fromkeys(WATCHED, 1.0), 0.04, 0.0),)
    assert sampler.take(readings) == []
