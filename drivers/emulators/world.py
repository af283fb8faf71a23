"""One car in one world: the simulator's equations, walls that stop it, and the delay before a command acts.

Time advances in steps of PHYSICS_STEP_S. What happens between two steps (a beam of the lidar, an answer of the motor
controller) is seen at the pose of its own moment, interpolated.
"""

import math
from collections import deque

import numpy as np
from numba import njit

from drivers.emulators.people import People
from sim.car.model import (
    P_BRAKE,
    P_CAPACITY_A_S,
    P_FULL_V,
    P_HALF_LENGTH,
    P_HALF_WIDTH,
    P_MOTOR_GAIN,
    PHYSICS_STEP_S,
    CarParameters,
    battery_voltage,
    drawn_current,
    drive_on_battery,
    steering_rate,
    step_pose,
)
from sim.distance_field import OccupancyGrid, footprint_clearance
from sim.tracks.track import Course, place, project

RELEASED, SPEED, CURRENT, BRAKE = range(4)  # what the motor is told to do; its value: -, m/s, A, A
SERVO = 4  # a command of the delay line beside those of the motor: rad
THROTTLE = 5  # what the motor is told, by one that hears no speed: the speed that its voltage would reach, m/s

CLEAR_M = 0.03  # so far from the wall, the next touch is a new collision
STANDING_START_M = 0.5  # set down so close behind the line, the car is on a lap
SEARCH_ROWS = 40  # of the course, to either side, to follow the car along it

# Columns of `World.moving`, float64.
X, Y, YAW, V_X, V_Y, YAW_RATE, STEER = range(7)
CHARGE, MOTOR_CURRENT, VOLTAGE, ODOMETER, ACCEL_X, ACCEL_Y = range(7, 13)
N_MOVING = 13


@njit(cache=True)
def move(moving, mode, value, steer_command, p, distance_m, frame):
    """One physics step of the car, in place; returns the clearance to the nearest wall, m, negative if it hit one.

    A car that would enter a wall stays where it was, without any speed.
    """
    h = PHYSICS_STEP_S
    v_x, v_y, yaw_rate = moving[V_X], moving[V_Y], moving[YAW_RATE]
    motor = 0.0
    if mode == SPEED:
        motor = drive_on_battery(v_x, value, moving[CHARGE], p)
    elif mode == THROTTLE:
        motor = drive_on_battery(v_x, value * moving[VOLTAGE] / p[P_FULL_V], moving[CHARGE], p)
        motor = max(0.0, motor) if value > 0.0 else min(0.0, motor)  # less throttle than the car is fast lets it coast
    elif mode == CURRENT:
        asked = value * p[P_MOTOR_GAIN]
        motor = drive_on_battery(v_x, 1e3 if asked > 0.0 else -1e3, moving[CHARGE], p)
        motor = min(asked, motor) if asked > 0.0 else max(asked, motor)
    elif mode == BRAKE:
        most = min(value * p[P_MOTOR_GAIN], p[P_BRAKE])
        motor = -min(most, max(-most, v_x / h))
    drawn = drawn_current(v_x, motor, p)
    moving[CHARGE] = max(0.0, moving[CHARGE] - h * drawn / p[P_CAPACITY_A_S])
    moving[VOLTAGE] = battery_voltage(moving[CHARGE], drawn, p)
    moving[MOTOR_CURRENT] = motor / p[P_MOTOR_GAIN]
    x, y, yaw = moving[X], moving[Y], moving[YAW]
    step_pose(moving[:7], steering_rate(moving[STEER], steer_command, p, h), motor, p, h)
    clearance = footprint_clearance(
        distance_m, frame, moving[X], moving[Y], moving[YAW], p[P_HALF_LENGTH], p[P_HALF_WIDTH]
    )
    if clearance <= 0.0:
        moving[X], moving[Y], moving[YAW] = x, y, yaw
        moving[V_X] = moving[V_Y] = moving[YAW_RATE] = 0.0
    moving[ODOMETER] += 0.5 * h * (v_x + moving[V_X])
    moving[ACCEL_X] = (moving[V_X] - v_x) / h - v_y * yaw_rate
    moving[ACCEL_Y] = (moving[V_Y] - v_y) / h + v_x * yaw_rate
    return clearance


class World:
    """The car, its course and its walls. `step` moves time on; the devices command the car and look at it."""

    def __init__(
        self,
        car: CarParameters,
        course: Course,
        grid: OccupancyGrid,
        start: tuple[float, float, float],
        people: int = 0,
        seed: int = 0,
    ) -> None:
        """start: x, y (m), yaw (rad) of the car at time 0; seed: of how the people walk.

        Raises ValueError if the car does not fit there.
        """
        self.car = car
        self.course = course
        self.packed_course = course.packed()
        self.parameters = car.packed()
        self.free_grid = grid
        self.time_s = 0.0  # of `moving`
        self.steps = 0
        self.moving = np.zeros(N_MOVING)
        self.before = np.zeros(N_MOVING)  # one step earlier
        self.moving[CHARGE], self.moving[VOLTAGE] = 1.0, car.full_v
        self.collisions = 0
        self.impact_m_s = 0.0  # of the hardest touch so far: how fast the centre of gravity was
        self.laps = 0
        self.last_lap_s = math.nan
        self.place = (0.0, 0.0, 0.0)  # s, lateral (m), heading error (rad)
        self.command = (RELEASED, 0.0, 0.0)  # at the wheels: mode, value, steer
        self._line: deque[tuple[float, int, float]] = deque()  # commands on their way: when they arrive, which, value
        self._touching = False
        self.lifted = False
        self.people = People(people, course, seed)
        self.set_walls(grid.occupied)
        self.put(*start)

    def set_walls(self, occupied: np.ndarray) -> None:
        """Replace the walls: (h, w) bool, in the frame of the course's own grid."""
        grid = self.free_grid
        self.grid = OccupancyGrid(
            grid.name, occupied, grid.resolution_m, grid.origin_x_m, grid.origin_y_m, grid.origin_yaw_rad
        )
        self.distance_m, self.frame = self.grid.distance_m, self.grid.frame

    def put(self, x: float, y: float, yaw: float) -> None:
        """Set the car down somewhere, at rest. A lap under way does not count. Raises ValueError inside a wall.

        A lap begins when the car crosses the line at s = 0, or when it is set down just behind it.
        """
        clearance = self._clearance(x, y, yaw)
        if not clearance > 0.0:
            raise ValueError(f"car: pose {x:.3f}, {y:.3f}, {yaw:.3f} is {-clearance:.3f} m inside a wall, must be free")
        self.moving[: YAW + 1] = x, y, yaw
        self.moving[V_X : STEER + 1] = 0.0
        self.before[:] = self.moving
        self._touching = False
        n = len(self.packed_course)
        self._row, *found = project(self.packed_course, self.course.spacing_m, x, y, yaw, 0, 0, n - 1)
        self.place = tuple(found)
        self._progress_m = self.place[0]
        self._line_m = self.course.length_m  # progress at which the finishing line is crossed next
        self._lap_began_s = self.time_s if self.place[0] < STANDING_START_M else math.nan

    def put_on_course(self, s: float, lateral: float = 0.0, heading_error: float = 0.0) -> None:
        """Set the car down at a place of the course."""
        x, y, heading = place(self.packed_course, self.course.spacing_m, s % self.course.length_m, lateral)
        self.put(x, y, heading + heading_error)

    def lift(self, on: bool) -> None:
        """Put the car on a stand, where its wheels turn and nothing else moves, or back onto the ground."""
        self.lifted = on
        self.moving[V_X : YAW_RATE + 1] = 0.0

    def park_nose_in(self, s: float) -> None:
        """Park the car across the course with its nose 2 cm from the left wall."""
        row = round(s / self.course.spacing_m) % len(self.course.x)
        for lateral in np.arange(self.course.width_left[row], -self.course.width_right[row], -0.01):
            x, y, heading = place(self.packed_course, self.course.spacing_m, s % self.course.length_m, lateral)
            if self._clearance(x, y, heading + 0.5 * math.pi) > 0.02:
                self.put(x, y, heading + 0.5 * math.pi)
                return
        raise ValueError(f"park_nose_in: at s = {s} the course is narrower than the car is long: choose another place")

    def _clearance(self, x: float, y: float, yaw: float) -> float:
        return footprint_clearance(
            self.distance_m, self.frame, x, y, yaw, self.car.half_length_m, self.car.half_width_m
        )

    def put_wall(self, s: float) -> None:
        """Close the whole width of the course at s with a wall 10 cm thick."""
        occupied = self.grid.occupied.copy()
        frame = self.grid.frame
        reach = max(self.course.width_left.max(), self.course.width_right.max())
        for ahead in np.arange(0.0, 0.1, 0.02):
            x, y, heading = place(self.packed_course, self.course.spacing_m, (s + ahead) % self.course.length_m, 0.0)
            for lateral in np.arange(-reach, reach, 0.02):
                px, py = x - lateral * math.sin(heading), y + lateral * math.cos(heading)
                dx, dy = px - frame[0], py - frame[1]
                column = int((dx * frame[2] + dy * frame[3]) * frame[4])
                row = int((dy * frame[2] - dx * frame[3]) * frame[4])
                if 0 <= row < occupied.shape[0] and 0 <= column < occupied.shape[1]:
                    occupied[row, column] = True
        self.set_walls(occupied)

    def remove_walls(self) -> None:
        """Take away every wall that was put up."""
        self.set_walls(self.free_grid.occupied)

    def order(self, at_s: float, kind: int, value: float) -> None:
        """Accept a motor or servo command at a time; it reaches the wheels after the car's delay."""
        self._line.append((at_s + self.car.actuation_s, kind, value))

    def release(self) -> None:
        """Let the motor go at once, and forget the motor commands that are on their way."""
        self._line = deque(entry for entry in self._line if entry[1] == SERVO)
        self.command = (RELEASED, 0.0, self.command[2])

    def step(self) -> None:
        """Advance by one physics step."""
        # A command acts from the step whose start is nearest to its arrival, as in the batched simulator.
        while self._line and self._line[0][0] < self.time_s + 0.5 * PHYSICS_STEP_S:
            _, kind, value = self._line.popleft()
            mode, motor, steer = self.command
            self.command = (mode, motor, value) if kind == SERVO else (kind, value, steer)
        self.before[:] = self.moving
        mode, motor, steer = self.command
        speed = math.hypot(self.moving[V_X], self.moving[V_Y])
        clearance = move(self.moving, mode, motor, steer, self.parameters, self.distance_m, self.frame)
        if self.lifted:
            self.moving[: YAW + 1] = self.before[: YAW + 1]
            self.moving[[V_Y, YAW_RATE, ACCEL_X, ACCEL_Y]] = 0.0
            push = self.moving[MOTOR_CURRENT] * self.car.motor_m_s2_per_a  # no tyre holds the wheels
            self.moving[V_X] = self.before[V_X] + PHYSICS_STEP_S * push
        self.steps += 1
        self.time_s = self.steps * PHYSICS_STEP_S
        if clearance <= 0.0:
            self.impact_m_s = max(self.impact_m_s, speed)
            self.collisions += not self._touching
            self._touching = True
        elif clearance > CLEAR_M:
            self._touching = False
        x, y, yaw = self.moving[: YAW + 1].tolist()
        self.people.step(PHYSICS_STEP_S, x, y, yaw, speed, self.parameters)
        self._follow()

    def _follow(self) -> None:
        """Find the car on the course, and count its laps at s = 0."""
        x, y, yaw = self.moving[X], self.moving[Y], self.moving[YAW]
        spacing, length = self.course.spacing_m, self.course.length_m
        self._row, s, lateral, error = project(
            self.packed_course, spacing, x, y, yaw, self._row, SEARCH_ROWS, 2 * SEARCH_ROWS
        )
        moved = (s - self.place[0] + 0.5 * length) % length - 0.5 * length
        self.place = (s, lateral, error)
        self._progress_m += moved
        if self._progress_m >= self._line_m:
            crossed_s = self.time_s - PHYSICS_STEP_S * (self._progress_m - self._line_m) / moved
            if not math.isnan(self._lap_began_s):
                self.laps += 1
                self.last_lap_s = crossed_s - self._lap_began_s
            self._lap_began_s = crossed_s
            self._line_m += length

    def at(self, time_s: float) -> np.ndarray:
        """The columns of `moving`, interpolated to a time between the last two steps."""
        share = 1.0 - (self.time_s - time_s) / PHYSICS_STEP_S
        return self.before + min(1.0, max(0.0, share)) * (self.moving - self.before)
