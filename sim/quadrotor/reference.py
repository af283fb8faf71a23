"""One quadrotor in plain NumPy and float64: slow, obvious, and what the fast kernel is held to."""

import numpy as np

from sim.quadrotor.model import GRAVITY_M_S2, STEP_S, QuadrotorParameters

ROTOR_SIDES = np.array([[1, -1], [-1, -1], [-1, 1], [1, 1]])  # forward, left
ROTOR_TORQUE_SIGNS = np.array([-1, 1, -1, 1])
UP = np.array([0.0, 0.0, 1.0])


def rotation(q: np.ndarray) -> np.ndarray:
    """Rotation matrix (3, 3), body to world, of a quaternion w, x, y, z that need not be of length one (Rodrigues)."""
    w, axis = q[0], q[1:]
    cross = np.array([[0.0, -axis[2], axis[1]], [axis[2], 0.0, -axis[0]], [-axis[1], axis[0], 0.0]])
    return np.eye(3) + 2.0 * w * cross + 2.0 * cross @ cross


class ReferenceQuadrotor:
    """A quadrotor: `state` (17,) as in `sim.quadrotor.model`; `actions` are those already taken, newest first, (k, 4)."""

    def __init__(
        self,
        quadrotor: QuadrotorParameters,
        state: np.ndarray,
        actions: np.ndarray | None = None,
        ground_z_m: float | None = None,
    ) -> None:
        self.quadrotor, self.ground_z_m = quadrotor, ground_z_m
        self.state = np.array(state, dtype=np.float64)
        self.actions = [] if actions is None else list(np.asarray(actions, dtype=np.float64))

    def step(self, action: np.ndarray, substeps: int = 1) -> None:
        """One decision, as `QuadrotorBatch.step`: `substeps` Runge-Kutta steps under its delayed action."""
        self.actions.insert(0, np.clip(action, -1.0, 1.0))
        decisions_ago = self.quadrotor.latency_s / STEP_S
        whole = int(decisions_ago)
        part = decisions_ago - whole
        delayed = (1.0 - part) * self.actions[whole] + (part * self.actions[whole + 1] if part > 0.0 else 0.0)
        for _ in range(substeps):
            self._runge_kutta(0.5 * delayed + 0.5, STEP_S / substeps)

    def _runge_kutta(self, command: np.ndarray, h: float) -> None:
        q = self.quadrotor
        load_v = q.battery_sag_v_n * self.thrusts(self.state[13:]).sum()
        target = command * (q.battery_v - load_v) / q.battery_nominal_v
        lift = self.lift(self.state[2])
        k1 = self.derivative(self.state, target, lift)
        k2 = self.derivative(self.state + 0.5 * h * k1, target, lift)
        k3 = self.derivative(self.state + 0.5 * h * k2, target, lift)
        k4 = self.derivative(self.state + h * k3, target, lift)
        self.state += h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        self.state[3:7] /= np.linalg.norm(self.state[3:7])

    def thrusts(self, speeds: np.ndarray) -> np.ndarray:
        """Thrust of each rotor, N."""
        q = self.quadrotor
        return q.thrust_0_n + q.thrust_1_n * speeds + q.thrust_2_n * speeds**2

    def lift(self, z: float) -> float:
        """Factor of the thrust by the ground's nearness."""
        if self.ground_z_m is None:
            return 1.0
        height = max(z - self.ground_z_m, 0.5 * self.quadrotor.rotor_radius_m)
        return 1.0 / (1.0 - (self.quadrotor.rotor_radius_m / (4.0 * height)) ** 2)

    def derivative(self, state: np.ndarray, target: np.ndarray, lift: float) -> np.ndarray:
        """Newton's and Euler's equations, from forces and torques."""
        q = self.quadrotor
        attitude, velocity, rate, speeds = state[3:7], state[7:10], state[10:13], state[13:]
        inertia = np.array([q.inertia_x_kg_m2, q.inertia_y_kg_m2, q.inertia_z_kg_m2])
        drag = np.array([q.drag_across_n_s_m, q.drag_across_n_s_m, q.drag_along_n_s_m])
        thrusts, to_world = self.thrusts(speeds), rotation(attitude)

        body_velocity = to_world.T @ velocity
        force = to_world @ (lift * thrusts.sum() * UP - drag * body_velocity) + np.array(q.force_n)
        torque = np.array(q.torque_n_m)
        for side, sign, thrust in zip(ROTOR_SIDES, ROTOR_TORQUE_SIGNS, thrusts, strict=True):
            arm = np.array([side[0] * q.arm_x_m, side[1] * q.arm_y_m, 0.0])
            torque = torque + np.cross(arm, thrust * UP) + sign * q.torque_per_thrust_m * thrust * UP

        w, axis = attitude[0], attitude[1:]
        d_attitude = 0.5 * np.concatenate([[-axis @ rate], w * rate + np.cross(axis, rate)])
        d_velocity = force / q.mass_kg - GRAVITY_M_S2 * UP
        d_rate = (torque - np.cross(rate, inertia * rate)) / inertia
        behind = target - speeds
        d_speeds = behind / np.where(behind > 0.0, q.motor_rise_s, q.motor_fall_s)
        return np.concatenate([velocity, d_attitude, d_velocity, d_rate, d_speeds])
