"""The cascaded PID and the LQR fly: to a set-point and along a moving one, whichever quadrotor they are made for."""

import math

import numpy as np
import pytest

from policies.backup.cascaded_pid import CascadedPid, speed_for
from policies.backup.lqr import N_DEVIATIONS, Lqr, gain, next_deviation
from policies.backup.set_point import N_SEEN, tilt_towards
from robot.tasks import hover
from sim.quadrotor import GRAVITY_M_S2, QUADROTORS, STEP_S, load_parameters, rotation_matrix, rotor_thrust
from sim.quadrotor_batch import QuadrotorBatch, Starts

CONTROLLERS = pytest.mark.parametrize("controller", [CascadedPid, Lqr])
AT_REST = Starts(position_m=0.0, attitude_rad=0.0, velocity_m_s=0.0, rate_rad_s=0.0, centred_share=1.0)


def fly(controller, quadrotor, path, decisions, starts=AT_REST):
    """Distances (decisions, 16), m, from a set-point: path(time_s) gives its position, velocity and acceleration."""
    batch = QuadrotorBatch(hover, 16, 0, quadrotor, starts=starts, decisions_max=decisions + 1)
    pilot = controller(quadrotor, 16)
    actions, apart = np.zeros((4, 16), np.float32), []
    for k in range(decisions):
        position, velocity, acceleration = (np.array(x, np.float32)[:, None] for x in path(STEP_S * k))
        seen = (batch.observation[:, :N_SEEN] / hover.OBSERVATION_SCALE[:N_SEEN]).T.astype(np.float32)
        seen[0:3] -= position
        seen[12:15] -= velocity
        pilot.act(seen, np.repeat(acceleration, 16, axis=1), actions)
        apart.append(np.linalg.norm(seen[0:3], axis=0))
        batch.step(actions.T)
    return np.array(apart)


@CONTROLLERS
@pytest.mark.parametrize("name", QUADROTORS)
def test_it_hovers_every_quadrotor_from_a_small_push(controller, name):
    pushed = Starts(position_m=0.05, attitude_rad=0.3, velocity_m_s=0.2, rate_rad_s=0.5, centred_share=0.0)
    apart = fly(controller, load_parameters(name), lambda t: np.zeros((3, 3)), 600, pushed)
    assert apart.max() < 0.5
    assert apart[-50:].max() < 0.01


@CONTROLLERS
def test_it_follows_a_set_point_round_a_circle(controller):
    radius, rate = 0.25, 2.0

    def circle(t):
        c, s = radius * math.cos(rate * t), radius * math.sin(rate * t)
        return (c - radius, s, 0.0), (-rate * s, rate * c, 0.0), (-rate * rate * c, -rate * rate * s, 0.0)

    apart = fly(controller, load_parameters(), circle, 900)
    assert apart[-300:].mean() < 0.1
    lazy = fly(controller, load_parameters(), lambda t: (circle(t)[0], (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)), 900)
    assert apart[-300:].mean() < 0.7 * lazy[-300:].mean()  # what it is told of velocity and acceleration helps


def test_the_gain_makes_every_deviation_from_hover_die_out():
    quadrotor = load_parameters()
    hover_numbers = quadrotor.packed(), quadrotor.hover_speed(), quadrotor.hover_command()
    regulator, integral = gain(quadrotor), np.zeros(3)
    deviation = 1e-3 * np.random.default_rng(0).standard_normal(N_DEVIATIONS)
    first = np.linalg.norm(deviation)
    for _ in range(1500):
        command = -regulator @ np.concatenate([deviation, integral])
        integral += STEP_S * deviation[:3]
        deviation = next_deviation(deviation, command, *hover_numbers)
    assert np.linalg.norm(deviation) < 1e-3 * first


def test_the_tilt_turns_the_rotors_axis_onto_the_direction():
    """Against the rotation that Rodrigues' formula makes of it."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        q, wanted = rng.standard_normal(4), rng.standard_normal(3)
        q, wanted = q / np.linalg.norm(q), wanted / np.linalg.norm(wanted)
        rotation = np.array(rotation_matrix.py_func(*q)).reshape(3, 3)
        seen = np.zeros((N_SEEN, 1))
        seen[3:12, 0] = rotation.reshape(-1)
        x, y = tilt_towards.py_func(seen, 0, *wanted)
        angle = math.hypot(x, y)
        axis = np.array([x, y, 0.0]) / angle
        turned = math.sin(angle) * np.cross(axis, [0.0, 0.0, 1.0]) + np.array([0.0, 0.0, math.cos(angle)])
        np.testing.assert_allclose(rotation @ turned, wanted, atol=1e-9)


def test_the_speed_for_a_thrust_gives_that_thrust():
    for name in QUADROTORS:
        quadrotor = load_parameters(name)
        p, thrust_n = quadrotor.packed(), quadrotor.mass_kg * GRAVITY_M_S2 / 4
        assert rotor_thrust.py_func(speed_for.py_func(thrust_n, p), p) == pytest.approx(thrust_n)
