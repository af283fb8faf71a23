"""One car of a batch in plain Python and float64: slow, obvious, and what the fast kernel is held to."""

from collections import deque

import numpy as np

from sim.car.batch import CarTask
from sim.car.model import (
    P_CAPACITY_A_S,
    P_STEER_MAX,
    PHYSICS_STEP_S,
    CarParameters,
    body_derivative,
    drawn_current,
    drive_on_battery,
    steering_rate,
    track_derivative,
)
from sim.tracks.track import Course


class ReferenceCar:
    """A car on a course: `motion` (8,) is s, lateral, heading_error, v_x, v_y, yaw_rate, steer, charge (SI)."""

    def __init__(self, task: CarTask, course: Course, car: CarParameters, motion: np.ndarray) -> None:
        self.task, self.course, self.p = task, course, car.packed()
        self.motion = np.array(motion, dtype=np.float64)
        self.command = np.array([0.0, self.motion[3]])
        self.under_way = deque([self.command] * (round(car.actuation_s / PHYSICS_STEP_S) + 1))

    def step(self, action: np.ndarray, substeps: int) -> None:
        """Act for `substeps` physics steps, as `CarBatch.step`."""
        goal = self.task.target(*np.clip(action, -1.0, 1.0).tolist())
        most = float(self.p[P_STEER_MAX])
        tick = min(2, substeps)
        for substep in range(substeps):
            if substep % tick == 0:
                steer, speed, elapsed_s = *self.command, tick * PHYSICS_STEP_S
                steer = self.task.slew(steer, min(most, max(-most, goal[0])), self.task.STEER_SLEW_RAD_S, elapsed_s)
                speed = self.task.slew(speed, goal[1], self.task.SPEED_SLEW_M_S2, elapsed_s)
                self.command = np.array([steer, speed])
            self.under_way.append(self.command)
            self.under_way.popleft()
            self._physics(*self.under_way[0])

    def _physics(self, steer_command: float, speed_command: float) -> None:
        h, charge = PHYSICS_STEP_S, self.motion[7]
        accel = drive_on_battery(self.motion[3], speed_command, charge, self.p)
        rate = steering_rate(self.motion[6], steer_command, self.p, h)
        used = h * drawn_current(self.motion[3], accel, self.p) / self.p[P_CAPACITY_A_S]

        def derivative(motion: np.ndarray) -> np.ndarray:
            s, lateral, heading_error, v_x, v_y, yaw_rate, steer, _ = motion
            place = track_derivative(lateral, heading_error, v_x, v_y, yaw_rate, self.curvature(s))
            return np.array([*place, *body_derivative(v_x, v_y, yaw_rate, steer, accel, self.p), rate, 0.0])

        k1 = derivative(self.motion)
        k2 = derivative(self.motion + 0.5 * h * k1)
        k3 = derivative(self.motion + 0.5 * h * k2)
        k4 = derivative(self.motion + h * k3)
        self.motion += h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        self.motion[0] %= self.course.length_m
        self.motion[7] = max(0.0, charge - used)

    def curvature(self, s: float) -> float:
        """1/m at a place on the course, linear between its samples."""
        n, exact = len(self.course.x), s / self.course.spacing_m
        low = int(np.floor(exact))
        part = exact - low
        return float((1.0 - part) * self.course.curvature[low % n] + part * self.course.curvature[(low + 1) % n])
