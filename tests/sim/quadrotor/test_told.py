"""What a policy is told of its quadrotor: of the size that networks like, and only what matters to flying."""

from dataclasses import replace

import numpy as np

from sim.quadrotor.fleets import load_fleet
from sim.quadrotor.model import load_parameters
from sim.quadrotor.told import N_TOLD, told


def test_the_numbers_of_a_fleet_are_about_normal() -> None:
    numbers = told(load_fleet("any").draw(4000, np.random.default_rng(1)).parameters)
    assert numbers.shape == (4000, N_TOLD) and numbers.dtype == np.float32
    assert (np.abs(numbers.mean(axis=0)) < 0.2).all() and (np.abs(numbers.std(axis=0) - 1.0) < 0.2).all()


def test_a_quadrotor_of_twice_the_weight_and_thrust_on_the_same_frame_is_told_alike() -> None:
    """But for its inertia, which it is told by what its rotors do about it."""
    one = load_parameters("x500")
    twice = one.scaled(mass=2.0, thrust=2.0, inertia=2.0)
    np.testing.assert_allclose(*(told(each.packed()[None]) for each in (one, twice)), atol=1e-5)


def test_each_number_says_what_it_is_called() -> None:
    one = load_parameters("crazyflie_2_1")
    other = replace(
        one.scaled(mass=1.2), inertia_y_kg_m2=1.5 * one.inertia_y_kg_m2, motor_fall_s=2.0 * one.motor_fall_s
    )
    differ = told(other.packed()[None])[0] - told(one.packed()[None])[0]
    changed = [0, 2, 5]  # thrust to weight, pitch, the rotors' fall
    assert not np.abs(np.delete(differ, changed)).max() > 1e-5
    assert differ[0] < 0.0 and differ[2] < 0.0 and differ[5] > 0.0
