"""The car's adjoint, held to torch's automatic differentiation of the same equations, written here a second time."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.car.adjoint import N_STATE, STEER, V_X, drive, new_tape, reverse
from sim.car.model import PHYSICS_STEP_S, CarParameters, hidden_car, load_parameters, step_pose

SPACING_M = 0.2
BENDS = np.random.default_rng(3).normal(size=40) * 0.3  # a closed course of 8 m, curvature at its rows


def torch_curvature(s: torch.Tensor) -> torch.Tensor:
    exact = s / SPACING_M
    row = int(torch.floor(exact))
    part = exact - row
    return BENDS[row % 40] * (1 - part) + BENDS[(row + 1) % 40] * part


def torch_derivative(y: torch.Tensor, accel: torch.Tensor, rate: torch.Tensor, car: CarParameters) -> torch.Tensor:
    s, d, e, vx, vy, r, delta = y
    m, lf, lr, mu, g = car.mass_kg, car.front_axle_m, car.rear_axle_m, (car.front_grip, car.rear_grip), 9.81
    nf = m * (g * lr - accel * car.gravity_centre_height_m) / (lf + lr)
    nr = m * (g * lf + accel * car.gravity_centre_height_m) / (lf + lr)
    left_f, left_r = (torch.sqrt(torch.clamp(1 - (accel / (one * g)) ** 2, min=0.05)) for one in mu)
    u = torch.clamp(vx.abs(), min=0.5)
    xf = car.front_stiffness_per_rad * (vx * torch.sin(delta) - (vy + lf * r) * torch.cos(delta)) / u / left_f
    xr = car.rear_stiffness_per_rad * (lr * r - vy) / u / left_r
    ff = mu[0] * nf * left_f * xf / torch.sqrt(1 + xf**2)
    fr = mu[1] * nr * left_r * xr / torch.sqrt(1 + xr**2)
    rolling = car.rolling_resistance_m_s2 * vx / torch.sqrt(vx**2 + 0.01)
    dvx = accel - ff * torch.sin(delta) / m + vy * r - car.drag_per_m * vx * vx.abs() - rolling
    dvy = (ff * torch.cos(delta) + fr) / m - vx * r
    dr = (lf * ff * torch.cos(delta) - lr * fr) / car.yaw_inertia_kg_m2
    k = torch_curvature(s)
    ds = (vx * torch.cos(e) - vy * torch.sin(e)) / torch.clamp(1 - d * k, min=0.2)
    return torch.stack([ds, vx * torch.sin(e) + vy * torch.cos(e), r - k * ds, dvx, dvy, dr, rate])


def torch_drive(y: torch.Tensor, commands: torch.Tensor, car: CarParameters, step_s: float) -> torch.Tensor:
    for steer_command, speed_command in commands:
        limit = torch.tensor(car.brake_max_m_s2, dtype=torch.float64)
        power = car.accel_max_m_s2 * torch.clamp(car.power_limit_speed_m_s / y[V_X].abs().clamp(min=0.1), max=1.0)
        upper, lower = (power, -limit) if y[V_X] >= 0 else (limit, -power)
        accel = torch.minimum(upper, torch.maximum(lower, (speed_command - y[V_X]) / car.speed_loop_time_constant_s))
        aim = torch.clamp(steer_command, -car.steer_max_rad, car.steer_max_rad) + car.steer_trim_rad
        rate = torch.clamp((aim - y[STEER]) / step_s, -car.steer_rate_max_rad_s, car.steer_rate_max_rad_s)
        k1 = torch_derivative(y, accel, rate, car)
        k2 = torch_derivative(y + 0.5 * step_s * k1, accel, rate, car)
        k3 = torch_derivative(y + 0.5 * step_s * k2, accel, rate, car)
        k4 = torch_derivative(y + step_s * k3, accel, rate, car)
        y = y + step_s / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return y


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), tenths=st.integers(-20, 90), step_s=st.sampled_from([0.01, 0.02]))
def test_drive_and_its_adjoint_agree_with_automatic_differentiation(seed: int, tenths: int, step_s: float) -> None:
    rng = np.random.default_rng(seed)
    car = hidden_car(seed, apart=seed % 2 == 1)
    speed = tenths / 10 + 0.0137  # off the corners of the equations, where there is no derivative
    state = np.array([rng.uniform(0, 8), *rng.normal(size=2) * 0.3, speed, *rng.normal(size=3) * [0.2, 1.0, 0.2]])
    commands = np.stack([rng.normal(size=5) * 0.3, speed + rng.normal(size=5) * 2], axis=1)
    sensitivity = rng.normal(size=N_STATE)

    y, c = torch.tensor(state, requires_grad=True), torch.tensor(commands, requires_grad=True)
    expected = torch_drive(y, c, car, step_s)
    (expected * torch.tensor(sensitivity)).sum().backward()

    course = (BENDS, 0, len(BENDS), SPACING_M, step_s)
    tape, by_command = new_tape(5), np.empty((5, 2))
    drive(state, commands, car.packed(), *course, tape)
    np.testing.assert_allclose(state, expected.detach().numpy(), rtol=1e-9, atol=1e-9)
    reverse(sensitivity, commands, car.packed(), *course, tape, by_command)
    assert y.grad is not None and c.grad is not None
    scale = 1.0 + float(y.grad.abs().max())
    np.testing.assert_allclose(sensitivity, y.grad.numpy(), atol=1e-8 * scale)
    np.testing.assert_allclose(by_command, c.grad.numpy(), atol=1e-8 * scale)


def test_adjoint_agrees_with_finite_differences() -> None:
    car = load_parameters().packed()
    commands = np.array([[0.1, 3.0], [0.15, 3.2], [0.05, 2.5], [0.0, 2.0], [-0.1, 2.0]])
    start = np.array([1.03, 0.1, -0.1, 2.5, 0.05, 0.4, 0.05])

    def end(state: np.ndarray) -> np.ndarray:
        after = state.copy()
        drive(after, commands, car, BENDS, 0, 40, SPACING_M, 0.02, new_tape(5))
        return after

    small = 1e-6
    jacobian = np.array([(end(start + small * d) - end(start - small * d)) / (2 * small) for d in np.eye(N_STATE)]).T
    for row in range(N_STATE):
        tape, adjoint = new_tape(5), np.eye(N_STATE)[row].copy()
        drive(start.copy(), commands, car, BENDS, 0, 40, SPACING_M, 0.02, tape)
        reverse(adjoint, commands, car, BENDS, 0, 40, SPACING_M, 0.02, tape, np.empty((5, 2)))
        np.testing.assert_allclose(adjoint, jacobian[row], rtol=1e-5, atol=1e-6)


def test_on_a_straight_course_the_frenet_car_is_the_car_on_the_plane() -> None:
    car = load_parameters()
    straight = np.zeros(10)
    along = np.array([0.0, 0.2, 0.1, 2.0, 0.0, 0.0, 0.0])
    drive(along, np.tile([0.2, 3.0], (30, 1)), car.packed(), straight, 0, 10, 1.0, PHYSICS_STEP_S, new_tape(30))

    pose = np.array([0.0, 0.2, 0.1, 2.0, 0.0, 0.0, 0.0])
    for _ in range(30):
        accel = np.clip((3.0 - pose[3]) / car.speed_loop_time_constant_s, -car.brake_max_m_s2, car.accel_max_m_s2)
        rate = np.clip((0.2 - pose[6]) / PHYSICS_STEP_S, -car.steer_rate_max_rad_s, car.steer_rate_max_rad_s)
        step_pose(pose, rate, accel, car.packed(), PHYSICS_STEP_S)
    np.testing.assert_allclose(along, pose, rtol=1e-9, atol=1e-9)


def test_steps_of_20_ms_stay_close_to_steps_of_10_ms() -> None:
    """What training may do for speed: the body within millimetres over a decision."""
    car = load_parameters().packed()
    fine = np.array([0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.1])
    coarse = fine.copy()
    drive(fine, np.tile([0.15, 3.5], (10, 1)), car, BENDS, 0, 40, SPACING_M, 0.01, new_tape(10))
    drive(coarse, np.tile([0.15, 3.5], (5, 1)), car, BENDS, 0, 40, SPACING_M, 0.02, new_tape(5))
    assert coarse[:3] == pytest.approx(fine[:3], abs=0.005)
