"""The cascaded PID and the LQR fly: to a set-point and along a moving one, whichever quadrotor they are made for."""

import math
from dataclasses import replace

import numpy as np
import pytest

from policies.backup.cascaded_pid import CascadedPid, PidGains, speed_for
from policies.backup.lqr import INTEGRAL_LIMIT_M_S, N_DEVIATIONS, Lqr, gain, next_deviation
from policies.backup.set_point import N_SEEN, tilt_towards
from robot.tasks import hover
from sim.quadrotor.batch import QuadrotorBatch, Starts
from sim.quadrotor.model import GRAVITY_M_S2, QUADROTORS, STEP_S, load_parameters, rotation_matrix, rotor_thrust

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


@CONTROLLERS
def test_it_follows_a_set_point_up_and_down(controller):
    def lift(t):
        c, s = 0.25 * math.cos(2.0 * t), 0.25 * math.sin(2.0 * t)
        return (0.0, 0.0, s), (0.0, 0.0, 2.0 * c), (0.0, 0.0, -4.0 * s)

    assert fly(controller, load_parameters(), lift, 600)[-300:].mean() < 0.04  # 0.1 without the acceleration


def decide(pilot, position=(0.0, 0.0, 0.0), velocity=(0.0, 0.0, 0.0), rate=(0.0, 0.0, 0.0), acceleration=(0.0, 0.0, 0.0),
           yaw=0.0):  # fmt: skip
    """The actions (4,) of a fresh decision, level, with such errors."""
    c, s = math.cos(yaw), math.sin(yaw)
    seen = np.array([*position, c, -s, 0.0, s, c, 0.0, 0.0, 0.0, 1.0, *velocity, *rate])[:, None]
    actions = np.zeros((4, 1))
    pilot.act(seen, np.array(acceleration)[:, None], actions)
    return actions[:, 0]


@CONTROLLERS
@pytest.mark.parametrize("battery", [0.9, 1.0, 1.1])
def test_where_nothing_is_wrong_it_commands_what_hovers(controller, battery):
    quadrotor = load_parameters().scaled(battery=battery)
    np.testing.assert_allclose(decide(controller(quadrotor, 1)), 2.0 * quadrotor.hover_command() - 1.0, atol=1e-9)


@CONTROLLERS
def test_integrals_stay_within_their_limit_and_are_forgotten_by_a_reset(controller):
    pilot, fresh = controller(load_parameters(), 1), controller(load_parameters(), 1)
    for _ in range(1000):
        decide(pilot, position=(1.0, -1.0, 1.0))
    limit = PidGains().integral_limit_m_s2 if controller is CascadedPid else INTEGRAL_LIMIT_M_S
    np.testing.assert_allclose(np.abs(pilot.integral), limit)
    pilot.reset()
    np.testing.assert_array_equal(decide(pilot, position=(0.1, 0.0, 0.0)), decide(fresh, position=(0.1, 0.0, 0.0)))


def test_the_regulator_sees_errors_in_the_frame_of_its_yaw():
    quadrotor, yaw = load_parameters(), 0.3
    along = decide(Lqr(quadrotor, 1), position=(0.05, 0.0, 0.0)) - decide(Lqr(quadrotor, 1))
    position = (0.05 * math.cos(yaw), 0.05 * math.sin(yaw), 0.0)
    turned = decide(Lqr(quadrotor, 1), position=position, yaw=yaw) - decide(Lqr(quadrotor, 1), yaw=yaw)
    np.testing.assert_allclose(turned, along, atol=1e-9)


def test_the_cascade_asks_for_no_more_tilt_than_its_limit():
    lazy = PidGains(attitude_per_s=5.0, rate_per_s=5.0, rotor_s=1.0, upside_down_thrust=0.0)  # no rotor at its limit
    little, much, more = (
        decide(CascadedPid(load_parameters(), 1, lazy), acceleration=(ahead, 0.0, 0.0)) for ahead in (3.0, 20.0, 60.0)
    )
    np.testing.assert_allclose(more, much, atol=1e-9)
    assert np.abs(much - little).max() > 1e-4


def test_where_rotors_cannot_do_it_all_roll_comes_before_lift_and_lift_before_yaw():
    quadrotor = replace(load_parameters(), battery_sag_v_n=0.0)
    p, share = quadrotor.packed(), quadrotor.battery_v / quadrotor.battery_nominal_v

    def thrusts(**wanted):
        pilot = CascadedPid(quadrotor, 1, PidGains(rotor_s=1.0))  # no overshoot: commands are what is wanted
        return np.array([rotor_thrust.py_func(0.5 * share * (a + 1.0), p) for a in decide(pilot, **wanted)])

    def roll(thrust):
        return thrust[2] + thrust[3] - thrust[0] - thrust[1]

    gentle, climb = thrusts(rate=(-5.0, 0.0, 0.0)), (0.0, 0.0, 100.0)
    climbing = thrusts(rate=(-5.0, 0.0, 0.0), acceleration=climb)
    assert roll(gentle) > 0.05 * gentle.sum()
    assert roll(climbing) == pytest.approx(roll(gentle))
    assert climbing.max() == pytest.approx(rotor_thrust.py_func(1.0, p)) and climbing.sum() > gentle.sum()
    np.testing.assert_allclose(thrusts(rate=(-5.0, 0.0, 50.0), acceleration=climb), climbing)


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


def test_upside_down_it_rolls_over():
    seen = np.zeros((N_SEEN, 1))
    seen[[3, 7, 11], 0] = 1.0, -1.0, -1.0
    assert tilt_towards.py_func(seen, 0, 0.0, 0.0, 1.0) == (math.pi, 0.0)
    seen[[3, 7, 11], 0] = 1.0
    assert tilt_towards.py_func(seen, 0, 0.0, 0.0, 1.0) == (0.0, 0.0)
