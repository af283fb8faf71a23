"""What the tests of the brake share: the simulator among walls, and simple courses on which a car is put."""

import math

import numpy as np

from robot.robots.car.shield.predictive_brake import SLIPPERY
from robot.robots.car.shield.rollout import (
    HARDEST,
    HORIZON_TICKS,
    N_COMMAND,
    N_LINE,
    NO_OBSTACLES,
    believed_cars,
    least_room,
)
from robot.tasks.race_track.task import SPEED_SLEW_M_S2, STEER_SLEW_RAD_S, TICK_S, TICKS_PER_DECISION, slew, target
from sim.car.model import (
    P_DELAY,
    P_HALF_LENGTH,
    P_HALF_WIDTH,
    P_MOTOR_GAIN,
    PHYSICS_STEP_S,
    drive_acceleration,
    load_parameters,
    steering_rate,
    step_pose,
)
from sim.distance_field import footprint_clearance, rasterise
from sim.tracks.built_in_tracks import built_in
from sim.tracks.track import project

NOMINAL = load_parameters().packed()
LATENCY_S = NOMINAL[P_DELAY]
GENTLE = 7  # of STOPS: holds the corner first
BELIEVED = believed_cars(NOMINAL, (1.0, 1.0), SLIPPERY)


class Plane:
    """The simulator's full model among walls, with the car's own delay: what the brake's roll-out has to be true of."""

    def __init__(self, name: str, car: np.ndarray = NOMINAL) -> None:
        course = built_in(name)
        grid = rasterise(course, 0.025)
        self.course, self.spacing_m = course.packed(), course.spacing_m
        self.walls, self.frame, self.car = grid.distance_m, grid.frame, car
        self.delay = round(car[P_DELAY] / PHYSICS_STEP_S)
        self.state = np.zeros(7)

    def put(self, row: int, v_x: float) -> None:
        """On the centreline, rolling straight along it."""
        self.row, self.sent, self.line = row, np.zeros((5, N_COMMAND)), np.zeros((self.delay + 1, N_COMMAND))
        heading = math.atan2(self.course[row, 3], self.course[row, 2])
        self.state[:] = self.course[row, 0], self.course[row, 1], heading, v_x, 0.0, 0.0, 0.0
        self.sent[:, 1] = self.line[:, 1] = v_x

    def seen(self, noise: np.ndarray | float = 0.0) -> np.ndarray:
        """Place and motion, with an error of the pose."""
        x, y, yaw = self.state[:3] + noise
        self.row, *place = project(self.course, self.spacing_m, x, y, yaw, self.row, 20, 60)
        return np.array([*place, *self.state[3:6]])

    def tick(self, steer: float, speed: float, brake_a: float) -> bool:
        """A tick with a command; whether the body touched a wall."""
        self.sent[:-1] = self.sent[1:].copy()
        self.sent[-1] = steer, speed, brake_a
        for _ in range(2):
            self.line[1:] = self.line[:-1].copy()
            self.line[0] = self.sent[-1]
            at_wheels = self.line[self.delay]
            accel = drive_acceleration(self.state[3], at_wheels[1], self.car)
            if at_wheels[2] > 0.0:
                accel = -min(at_wheels[2] * self.car[P_MOTOR_GAIN], self.state[3] / PHYSICS_STEP_S)
            rate = steering_rate(self.state[6], at_wheels[0], self.car, PHYSICS_STEP_S)
            step_pose(self.state, rate, accel, self.car, PHYSICS_STEP_S)
        x, y, yaw = self.state[:3]
        return bool(footprint_clearance(self.walls, self.frame, x, y, yaw, self.car[P_HALF_LENGTH],
                                        self.car[P_HALF_WIDTH]) <= 0.0)  # fmt: skip

    def decision(self, action: np.ndarray) -> bool:
        """A decision's ticks; whether the body touched a wall."""
        steer, speed = target(*action)
        return any(
            self.tick(slew(self.sent[-1, 0], steer, STEER_SLEW_RAD_S, TICK_S),
                      slew(self.sent[-1, 1], speed, SPEED_SLEW_M_S2, TICK_S), 0.0)
            for _ in range(TICKS_PER_DECISION)
        )  # fmt: skip


def straight() -> tuple[np.ndarray, float]:
    """A packed straight along x, 1 m to each wall, 40 m long; the rows' spacing."""
    packed = np.zeros((800, 7))
    packed[:, 0] = 0.05 * np.arange(800)
    packed[:, 2], packed[:, 5], packed[:, 6] = 1.0, 1.0, 1.0
    return packed, 0.05


def bend() -> np.ndarray:
    """A straight of 4 m, then a bend that can be taken slowly only."""
    course, _ = straight()
    course[80:, 4] = 1.5
    return course


def at_place(s: float, lateral: float, heading: float, v_x: float, v_y: float = 0.0) -> np.ndarray:
    return np.array([s, lateral, heading, v_x, v_y, 0.0])


def rolling(v_x: float, steer: float = 0.0) -> np.ndarray:
    """Commands that have held a speed for a while."""
    return np.tile([steer, v_x, 0.0], (6, 1))


def room(action, at, sent, course, car=BELIEVED[0], careful=BELIEVED[1], manoeuvre=HARDEST, lead=TICKS_PER_DECISION,
         held=0, stopping=False, latency_s=LATENCY_S, obstacles=NO_OBSTACLES):  # fmt: skip
    line = np.empty((len(sent) + HORIZON_TICKS, N_LINE))
    return least_room(manoeuvre, *target(*action), lead, held, stopping, at, sent, course, 0.05, obstacles, car, careful,
                      latency_s, -2.0, line)  # fmt: skip
