"""Which hidden drones there are to practise with."""

import numpy as np
import pytest

from drivers.emulators.virtual_crazyflie import VirtualCrazyflieConfig
from robot.robots.quadrotor.practising.hidden import HOVER_MAX, LATENCY_MAX_S, SHARES, TRIM, hidden_for_practice
from sim.quadrotor.model import load_parameters


def hidden(quadrotor: str, n: int = 300) -> list[VirtualCrazyflieConfig]:
    return [hidden_for_practice(seed, VirtualCrazyflieConfig(quadrotor=quadrotor)) for seed in range(n)]


def test_they_differ_by_all_that_practice_is_asked_for() -> None:
    """A 2.0 lifts twice its weight: none is drawn anew."""
    drones = hidden("crazyflie_2_0")
    for name, share in SHARES.items():
        factors = np.array([drone.factors[name] for drone in drones])
        assert 1.0 - share <= factors.min() < 1.0 - 0.95 * share and 1.0 + 0.95 * share < factors.max() <= 1.0 + share
    late, rotors = np.array([drone.latency_s for drone in drones]), np.array([drone.rotors for drone in drones])
    assert 0.0 <= late.min() < 0.001 and 0.029 < late.max() <= LATENCY_MAX_S
    assert rotors.shape == (300, 4) and 0.9 * TRIM < np.abs(rotors - 1.0).max() <= TRIM


@pytest.mark.parametrize("quadrotor", ["crazyflie_2_1", "crazyflie_2_1_brushless"])
def test_whoever_could_not_fly_is_drawn_anew(quadrotor: str) -> None:
    believed, drones = load_parameters(quadrotor), hidden(quadrotor)
    needed = [believed.scaled(**drone.factors).hover_command() for drone in drones]
    assert 0.9 * HOVER_MAX < max(needed) <= HOVER_MAX
    assert len({drone.factors["mass"] for drone in drones}) == 300


def test_the_same_seed_is_the_same_drone() -> None:
    config = VirtualCrazyflieConfig()
    assert hidden_for_practice(5, config) == hidden_for_practice(5, config) != hidden_for_practice(6, config)
