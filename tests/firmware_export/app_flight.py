"""An exported app in flight: the virtual Crazyflie's body and PID around it, without radio, as fast as it goes."""

import math
from pathlib import Path

import numpy as np

from drivers.emulators.crazyflie_app import ABSOLUTE, FORCE, LEGACY, Control, CrazyflieApp, SensorData, Setpoint, State
from drivers.emulators.crazyflie_body import E_PITCH, E_Q_W, E_ROLL, E_V_X, E_X, E_YAW, GYRO_X, Body
from drivers.emulators.crazyflie_pid import CascadedPid, distribute
from drivers.emulators.crazyflie_setpoint import position_setpoint
from sim.quadrotor.model import M_0, Z, load_parameters

SETPOINT_MS = 20  # between set-points


def put(vector, values) -> None:
    """Fill x, y, z (and w) of a structure."""
    for name, value in zip("xyzw", values, strict=False):
        setattr(vector, name, value)


class AppFlight:
    """A drone that begins at rest, one metre up, flown by the firmware's controller.

    goal: the set-point, m; sends: whether set-points come. control: the newest answer; pid_steps: the steps that the
    firmware's controller was asked for. `spoil` may change what the app is given before each step.
    """

    def __init__(self, shared_object: Path, drone: str, noise: float = 1.0, yaw_rad: float = 0.0) -> None:
        quadrotor = load_parameters(drone)
        self.body = Body(quadrotor, np.random.default_rng(0), noise)
        self.body.put(0.0, 0.0, 1.0, yaw_rad)
        self.body.state[M_0:] = quadrotor.hover_speed()
        self.forces = np.full(4, self.body.hover_force())
        for _ in range(20):  # as long as the estimate is old
            self.body.step(self.forces)
            self.body.state[Z] = 1.0
        self.pid = CascadedPid(quadrotor, self.body.hover_force())
        self.app = CrazyflieApp(shared_object, self._controller_pid)
        self.app.init()
        self.yaw_deg = math.degrees(yaw_rad)
        self.goal, self.sends, self.now_ms = np.array([0.0, 0.0, 1.0]), True, 0
        self.setpoint, self.sensors, self.state = Setpoint(), SensorData(), State()
        self.setpoint.mode.x = self.setpoint.mode.y = self.setpoint.mode.z = self.setpoint.mode.yaw = ABSOLUTE
        self.control = Control()
        self.pid_steps: list[int] = []
        self.spoil = lambda: None

    def log(self, name: str) -> float:
        return self.app.logs[f"policy.{name}"].value

    def set(self, name: str, value: float) -> None:
        self.app.parameters[f"policy.{name}"].value = value

    def step(self) -> None:
        """One millisecond."""
        self.now_ms += 1
        estimate = self.body.estimate
        if self.sends and self.now_ms % SETPOINT_MS == 0:
            self.setpoint.timestamp = self.now_ms
        put(self.setpoint.position, self.goal)
        put(self.state.position, estimate[E_X : E_X + 3])
        put(self.state.velocity, estimate[E_V_X : E_V_X + 3])
        put(self.state.attitudeQuaternion, np.roll(estimate[E_Q_W : E_Q_W + 4], -1))
        angles = self.state.attitude
        angles.roll, angles.pitch, angles.yaw = estimate[[E_ROLL, E_PITCH, E_YAW]]
        put(self.sensors.gyro, self.body.sensors[GYRO_X : GYRO_X + 3])
        self.spoil()
        self.control = control = self.app.step(self.setpoint, self.sensors, self.state, self.now_ms)
        if control.controlMode == FORCE:
            self.forces[:] = control.normalizedForces
        else:
            distribute(control.thrust, control.roll, control.pitch, -control.yaw, self.forces)
        self.body.step(self.forces)

    def fly(self, seconds: float) -> np.ndarray:
        """Go on for a while; returns where the drone really was, each millisecond: (n, 3), m."""
        positions = np.empty((round(seconds * 1000), 3))
        for row in positions:
            self.step()
            row[:] = self.body.state[:3]
        return positions

    def _controller_pid(self, control, setpoint, sensors, state, tick) -> None:
        self.pid_steps.append(tick)
        goal = position_setpoint(tuple(self.goal), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), self.yaw_deg)
        thrust, roll, pitch, yaw = self.pid.control(
            tick, goal.packed(), self.body.estimate, self.body.sensors, self.forces
        )
        control.controlMode, control.thrust = LEGACY, thrust
        control.roll, control.pitch, control.yaw = int(roll), int(pitch), -int(yaw)
