"""l2f flies the quadrotor that we mean, and our policy sees in l2f what it sees here."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from robot.bench import l2f_conventions
from robot.bench.l2f_conventions import SEEN, airframes, l2f_force, l2f_parameters, our_observation
from robot.tasks import hover
from sim.quadrotor.model import GRAVITY_M_S2, load_parameters
from sim.quadrotor.reference import ReferenceQuadrotor, rotation

AIRFRAMES = Path(l2f_conventions.__file__).parent / "l2f_airframes.toml"
MORE_BATTERY = 1.08
PLAIN = replace(
    load_parameters("crazyflie_2_1"), drag_across_n_s_m=0.0, drag_along_n_s_m=0.0,
    battery_v=MORE_BATTERY * 3.7, battery_nominal_v=3.7, battery_sag_v_n=0.0,
)  # fmt: skip


def of_l2f(parameters: dict[str, Any], attitude: np.ndarray, rate: np.ndarray, commands: np.ndarray) -> np.ndarray:
    """Acceleration and angular acceleration (6,), as l2f's equations take its parameters."""
    dynamics = {name: np.array(value) for name, value in parameters["dynamics"].items() if name != "action_limit"}
    c_0, c_1, c_2 = dynamics["rotor_thrust_coefficients"].T
    thrusts = c_0 + c_1 * commands + c_2 * commands**2
    forces = thrusts[:, None] * dynamics["rotor_thrust_directions"]
    drags = (thrusts * dynamics["rotor_torque_constants"])[:, None] * dynamics["rotor_torque_directions"]
    torque = (np.cross(dynamics["rotor_positions"], forces) + drags).sum(axis=0)
    acceleration = rotation(attitude) @ forces.sum(axis=0) / dynamics["mass"] + dynamics["gravity"]
    turning = dynamics["J_inv"] @ (torque - np.cross(rate, dynamics["J"] @ rate))
    return np.concatenate([acceleration, turning])


def test_the_same_forces_and_torques_move_it() -> None:
    rng = np.random.default_rng(3)
    state = rng.normal(size=17)
    state[3:7] /= np.linalg.norm(state[3:7])
    state[13:] = rng.uniform(0.2, 0.9, 4)  # all different: an order of rotors that is wrong turns it otherwise
    theirs = of_l2f(l2f_parameters(PLAIN.packed(), 0.0, {}), state[3:7], state[10:13], state[13:] / MORE_BATTERY)
    ours = ReferenceQuadrotor(PLAIN, state).derivative(state, state[13:], 1.0)
    np.testing.assert_allclose(theirs, ours[7:13], rtol=1e-9)


def test_rotors_follow_and_hover_at_the_same_commands() -> None:
    dynamics = l2f_parameters(PLAIN.packed(), 0.0, {})["dynamics"]
    np.testing.assert_allclose(dynamics["rotor_time_constants_rising"], PLAIN.motor_rise_s)
    np.testing.assert_allclose(dynamics["rotor_time_constants_falling"], PLAIN.motor_fall_s)
    np.testing.assert_allclose(dynamics["hovering_throttle_relative"], PLAIN.hover_command())


def test_every_airframe_can_hover() -> None:
    for name, quadrotor in airframes(AIRFRAMES).items():
        assert 0.0 < quadrotor.hover_command() < 0.9, name


def test_what_l2f_says_of_starts_is_kept() -> None:
    written = l2f_parameters(PLAIN.packed(), 0.1, {"mdp": "kept", "dynamics": "not"})
    assert (written["mdp"], written["disturbances"]["random_force"]["std"]) == ("kept", 0.1)


def test_our_policy_sees_what_the_task_shows() -> None:
    state, past, rng = np.zeros(17), np.arange(8) / 10.0, np.random.default_rng(4)
    state[:13] = rng.normal(size=13)
    state[3:7] /= np.linalg.norm(state[3:7])
    seen = np.concatenate([state[:3], rotation(state[3:7]).reshape(-1), state[7:13], past]).astype(np.float32)
    shown = np.zeros(hover.OBSERVATION_SIZE)
    hover.observe.py_func(tuple(state), 0.0, shown, 0, 0, 1)
    converted = our_observation(np.stack([seen, seen]))
    assert converted.shape == (SEEN, 2) and converted.dtype == np.float32 and converted.flags.c_contiguous
    np.testing.assert_allclose(converted[: hover.OBSERVATION_SIZE, 1], shown, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(converted[hover.OBSERVATION_SIZE :, 1], past[:4].astype(np.float32))


def test_l2fs_force_grows_with_the_thrust_that_is_left() -> None:
    weight_n = PLAIN.mass_kg * GRAVITY_M_S2
    barely = replace(PLAIN, thrust_0_n=0.0, thrust_1_n=0.0, thrust_2_n=weight_n / 4 / MORE_BATTERY**2)
    thrice = replace(barely, thrust_2_n=3.0 * barely.thrust_2_n)
    np.testing.assert_allclose(l2f_force(barely.packed(), 1.0), 0.0, atol=1e-12)
    np.testing.assert_allclose(l2f_force(thrice.packed(), 0.5), 0.5 * 0.1 * 2.0 * 3.0 * PLAIN.mass_kg / 3.0)
