"""The quadrotor's equations: against other people's model, against a textbook's, against physics."""

import math
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from sim.quadrotor.model import (
    FACTORS,
    GRAVITY_M_S2,
    N_STATE,
    QUADROTORS,
    battery_share,
    derivative,
    ground_gain,
    load_parameters,
    rk4_step,
    rotation_matrix,
    rotor_thrust,
    scaled_parameters,
)
from sim.quadrotor.reference import ReferenceQuadrotor, rotation

BRUSHED = load_parameters("crazyflie_2_1")
NO_SAG = replace(BRUSHED, battery_v=BRUSHED.battery_nominal_v, battery_sag_v_n=0.0)
FREE = replace(NO_SAG, thrust_0_n=0.0, drag_across_n_s_m=0.0, drag_along_n_s_m=0.0)  # nothing but gravity
SEEDS = st.integers(0, 2**32 - 1)


@njit(cache=True)
def fly(state, command, p, step_s, steps):
    s = (state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7], state[8], state[9], state[10],
         state[11], state[12], state[13], state[14], state[15], state[16])  # fmt: skip
    for _ in range(steps):
        s = rk4_step(s, (command[0], command[1], command[2], command[3]), p, step_s, None)
    return np.array(s)


def anything(seed: int, rotors: float = 1.0) -> np.ndarray:
    """A state in which nothing is zero."""
    rng = np.random.default_rng(seed)
    attitude = rng.normal(size=4)
    return np.concatenate(
        [rng.normal(size=3), attitude / np.linalg.norm(attitude), rng.normal(0.0, 2.0, 3), rng.normal(0.0, 4.0, 3),
         rotors * rng.uniform(0.1, 1.0, 4)]
    )  # fmt: skip


@pytest.mark.skipif(sys.version_info < (3, 11), reason="drone-models needs Python 3.11")
def test_accelerations_are_those_of_drone_models() -> None:
    """In a process of its own: drone-models wants a flag set before scipy is imported."""
    environment = os.environ | {"SCIPY_ARRAY_API": "1"}
    command = [sys.executable, "-m", "robot.bench.quadrotor", "drone_models"]
    found = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert float(found) < 1e-12


@pytest.mark.parametrize("name", QUADROTORS)
def test_hovering_drones_stay(name: str) -> None:
    quadrotor = load_parameters(name)
    state = np.zeros(N_STATE)
    state[3], state[13:] = 1.0, quadrotor.hover_speed()
    rest = fly(state, np.full(4, quadrotor.hover_command()), quadrotor.packed(), 0.01, 100)
    np.testing.assert_allclose(rest, state, atol=1e-12)
    weight = quadrotor.mass_kg * GRAVITY_M_S2
    p = quadrotor.packed()
    assert 1.2 < 4 * rotor_thrust(1.0, p) / weight < 6.0


@given(seed=SEEDS)
@settings(deadline=None, max_examples=50)
def test_a_step_is_the_textbook_runge_kutta_step(seed: int) -> None:
    """The same derivative, taken by the plain method; and that derivative from forces, arms and cross products."""
    quadrotor = replace(NO_SAG, force_n=(0.02, -0.03, 0.01), torque_n_m=(1e-5, -2e-5, 3e-5))
    state, command = anything(seed), np.random.default_rng(seed).uniform(0.0, 1.0, 4)
    reference = ReferenceQuadrotor(quadrotor, state)
    slope = derivative(tuple(state.tolist()), tuple(command.tolist()), quadrotor.packed(), None)
    np.testing.assert_allclose(slope, reference.derivative(state, command, 1.0), rtol=1e-9, atol=1e-9)
    reference.step(2.0 * command - 1.0)
    np.testing.assert_allclose(fly(state, command, quadrotor.packed(), 0.01, 1), reference.state, rtol=1e-5, atol=1e-5)


def test_it_converges_with_the_fourth_power_of_the_step() -> None:
    state, command, p = anything(3), np.array([0.9, 0.2, 0.6, 0.4]), replace(FREE, thrust_0_n=0.01).packed()
    state[13:] = 0.0  # all rotors only ever speed up, so that nothing has a kink
    exact = fly(state, command, p, 1e-4, 4000)
    errors = [np.abs(fly(state, command, p, h, round(0.4 / h)) - exact).max() for h in (0.02, 0.01)]
    assert 12.0 < errors[0] / errors[1] < 20.0


@given(seed=SEEDS)
@settings(deadline=None, max_examples=50)
def test_a_thrown_drone_keeps_its_energy_and_angular_momentum(seed: int) -> None:
    state, p = anything(seed, rotors=0.0), FREE.packed()
    inertia = np.array([FREE.inertia_x_kg_m2, FREE.inertia_y_kg_m2, FREE.inertia_z_kg_m2])

    def energies_and_momentum(s: np.ndarray) -> np.ndarray:
        falling = 0.5 * s[7:10] @ s[7:10] + GRAVITY_M_S2 * s[2]
        turning = 0.5 * s[10:13] @ (inertia * s[10:13])
        return np.concatenate(
            [[falling, turning / inertia.mean()], rotation(s[3:7]) @ (inertia * s[10:13]) / inertia.mean()]
        )

    after = fly(state, np.zeros(4), p, 0.005, 100)
    np.testing.assert_allclose(energies_and_momentum(after), energies_and_momentum(state), atol=2e-4, rtol=1e-5)
    np.testing.assert_allclose(after[7:10], state[7:10] - [0.0, 0.0, GRAVITY_M_S2 * 0.5], atol=1e-9)
    assert np.linalg.norm(after[3:7]) == pytest.approx(1.0)


@given(seed=SEEDS)
@settings(deadline=None, max_examples=50)
def test_drag_takes_energy_and_turns_nothing(seed: int) -> None:
    state = tuple(anything(seed, rotors=0.0).tolist())
    without = np.array(derivative(state, (0.0,) * 4, FREE.packed(), None))
    dragged = replace(FREE, drag_across_n_s_m=0.02, drag_along_n_s_m=0.01)
    change = np.array(derivative(state, (0.0,) * 4, dragged.packed(), None)) - without
    assert change[7:10] @ state[7:10] < 0.0
    np.testing.assert_array_equal(change[10:], 0.0)


def test_rotors_speed_up_and_slow_down_with_their_own_time_constants() -> None:
    p, state = NO_SAG.packed(), np.zeros(N_STATE)
    state[3], state[13:] = 1.0, (0.2, 0.9, 0.2, 0.9)
    up = fly(state, np.full(4, 0.9), p, NO_SAG.motor_rise_s / 10, 10)
    down = fly(state, np.full(4, 0.2), p, NO_SAG.motor_fall_s / 10, 10)
    covered = 0.7 * (1 - math.exp(-1))
    np.testing.assert_allclose(up[13:], [0.2 + covered, 0.9, 0.2 + covered, 0.9], atol=1e-5)
    np.testing.assert_allclose(down[13:], [0.2, 0.9 - covered, 0.2, 0.9 - covered], atol=1e-5)


def test_the_battery_sags_under_load_and_slows_the_rotors() -> None:
    p, state = BRUSHED.packed(), np.zeros(N_STATE)
    state[3] = 1.0
    end = fly(state, np.ones(4), p, 0.01, 300)
    thrust = 4 * rotor_thrust(end[13], p)
    terminal_v = BRUSHED.battery_v - BRUSHED.battery_sag_v_n * thrust
    assert end[13] == pytest.approx(terminal_v / BRUSHED.battery_nominal_v)
    assert battery_share(thrust, p) < 0.98 * battery_share(0.0, p)


def test_near_the_ground_rotors_lift_more() -> None:
    p, radius = BRUSHED.packed(), BRUSHED.rotor_radius_m
    assert ground_gain(2.0 * radius, p) == pytest.approx(1.0 / (1.0 - 1.0 / 64.0))
    assert ground_gain(100.0 * radius, p) == pytest.approx(1.0, abs=1e-4)
    assert ground_gain(-1.0, p) == pytest.approx(4.0 / 3.0)
    state = (0.0, 0.0, 0.05, 1.0) + (0.0,) * 9 + (BRUSHED.hover_speed(),) * 4
    command = (BRUSHED.hover_command(),) * 4
    assert derivative(state, command, p, None)[9] == pytest.approx(0.0, abs=1e-9)
    assert derivative(state, command, p, 0.0)[9] == pytest.approx(GRAVITY_M_S2 * (ground_gain(0.05, p) - 1.0))


def test_factors_scale_the_packed_parameters_as_they_scale_the_quadrotor() -> None:
    factors = {name: 0.7 + 0.1 * k for k, name in enumerate(FACTORS)}
    expected = BRUSHED.scaled(**factors).packed()
    np.testing.assert_allclose(scaled_parameters(BRUSHED.packed(), *factors.values()), expected)
    assert BRUSHED.scaled(mass=1.3).mass_kg == pytest.approx(1.3 * BRUSHED.mass_kg)


def test_the_rotation_matrix_is_that_of_rodrigues() -> None:
    q = anything(5)[3:7]
    np.testing.assert_allclose(np.reshape(rotation_matrix(*q), (3, 3)), rotation(q), atol=1e-12)


def test_an_unknown_quadrotor_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"quadrotor: found 'cf3', allowed: crazyflie_2_0, .*racer_5_inch"):
        load_parameters("cf3")
