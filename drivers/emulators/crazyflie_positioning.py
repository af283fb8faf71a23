"""Positioning systems of a virtual Crazyflie: what each tells the estimator, every millisecond, vices included.

Measurement models are the firmware's (mm_sweep_angles, mm_flow, mm_tof, mm_distance, mm_pose), with the deviations that it
believes in; what is measured is the truth, as wrong as `crazyflie_vices.toml` has it.
"""

import math
from typing import Protocol

import numpy as np
from numba import njit

from drivers.emulators.crazyflie_estimator import (
    K_VELOCITY,
    N_ERROR_STATE,
    begin,
    correct,
    correct_attitude,
    correct_position,
)
from drivers.emulators.crazyflie_vices import (
    Errors,
    FlowVices,
    Gaps,
    LighthouseVices,
    LocoVices,
    MotionCaptureVices,
    Vices,
)
from sim.quadrotor.model import Q_W, W_X, rotation_matrix

STEP_S = 0.001
EXTERNAL_POSITION_M, EXTERNAL_ATTITUDE_RAD = 0.01, 0.0045  # locSrv.extPosStdDev, locSrv.extQuatStdDev


class Filter:
    """The estimator's memory: see `crazyflie_estimator`."""

    def __init__(self, place: np.ndarray, yaw_rad: float) -> None:
        self.x, self.q, self.p = np.zeros(N_ERROR_STATE), np.zeros(4), np.zeros((N_ERROR_STATE, N_ERROR_STATE))
        begin(self.x, self.q, self.p, place, yaw_rad)

    def external_position(self, place: np.ndarray) -> None:
        """A position from the host (extpos): (3,), m, world."""
        correct_position(self.x, self.p, place, EXTERNAL_POSITION_M)

    def external_pose(self, place: np.ndarray, attitude: np.ndarray) -> None:
        """A pose from the host (extpose): (3,), m, and quaternion w, x, y, z (4,), body to world."""
        correct_position(self.x, self.p, place, EXTERNAL_POSITION_M)
        correct_attitude(self.x, self.q, self.p, attitude, EXTERNAL_ATTITUDE_RAD)


class Positioning(Protocol):
    """One system. A millisecond is told the truth now and of the last PAST_MS milliseconds, newest first."""

    reversion: bool  # whether the firmware, with this deck, lets a standing drone's attitude go back to level

    def measure(self, ms: int, past: "Past", gyro_rad_s: np.ndarray, estimate: Filter) -> None:
        """Let the estimator know what this millisecond has brought."""


class Past:
    """The truth of the last moments."""

    LENGTH_MS = 64

    def __init__(self, state: np.ndarray) -> None:
        self._states = np.tile(state, (self.LENGTH_MS, 1))
        self._newest = 0

    def put(self, state: np.ndarray) -> None:
        self._newest = (self._newest + 1) % self.LENGTH_MS
        self._states[self._newest] = state

    def fill(self, state: np.ndarray) -> None:
        """Forget: it was always so."""
        self._states[:] = state

    def __getitem__(self, ms_ago: int) -> np.ndarray:
        return self._states[self._newest - ms_ago]


# Lighthouse. Two base stations look at the room's middle from opposite corners.
STATIONS_M = np.array([[-2.2, 1.8, 2.3], [2.2, -1.8, 2.3]])
LOOKED_AT_M = np.array([0.0, 0.0, 0.6])
SENSORS_M = np.array([[-0.015, 0.0075, 0.0], [-0.015, -0.0075, 0.0], [0.015, 0.0075, 0.0], [0.015, -0.0075, 0.0]])
PLANES_RAD = (-math.pi / 6.0, math.pi / 6.0)
SWEEP_MS, SWEEP_LATE_MS, SWEEP_RAD = 20, 4, 0.001
SWEEP_GATE_M, WINDOW_LOW_MS, WINDOW_HIGH_MS, WINDOW_BAD_MS, WINDOW_GOOD_MS = 0.05, -16, 40, 8, 4
YAW_RAD, REFLECTION_RAD = 0.01, 0.1


def looking(place: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Rotation matrix (3, 3), to the world, of something whose x axis points from a place to another and whose y is level."""
    x = (at - place) / np.linalg.norm(at - place)
    y = np.cross([0.0, 0.0, 1.0], x)
    y /= np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)], axis=1)


def small_turn(angles_rad: np.ndarray) -> np.ndarray:
    """Rotation matrix (3, 3) of a small rotation vector (3,)."""
    a, b, c = angles_rad
    turn, _ = np.linalg.qr(np.eye(3) + np.array([[0.0, -c, b], [c, 0.0, -a], [-b, a, 0.0]]))
    return turn * np.sign(np.diag(turn))


@njit(cache=True)
def sweep_angle(sensor, station, turn, tilt):
    """When a plane tilted by `tilt` sweeps over a place (3), rad, and its gradient (3) by that place; and the distance.

    station (3), turn (3, 3): where the base station is, and its rotation to the world.
    """
    d = sensor - station
    x = turn[0, 0] * d[0] + turn[1, 0] * d[1] + turn[2, 0] * d[2]
    y = turn[0, 1] * d[0] + turn[1, 1] * d[1] + turn[2, 1] * d[2]
    z = turn[0, 2] * d[0] + turn[1, 2] * d[1] + turn[2, 2] * d[2]
    tangent, square = math.tan(tilt), x * x + y * y
    root = math.sqrt(max(1e-4, square - (z * tangent) ** 2))
    angle = math.atan2(y, x) + math.asin(min(1.0, max(-1.0, z * tangent / math.sqrt(square))))
    q = tangent / root
    g_x, g_y = (-y - x * z * q) / square, (x - y * z * q) / square
    gradient = np.empty(3)
    for k in range(3):
        gradient[k] = turn[k, 0] * g_x + turn[k, 1] * g_y + turn[k, 2] * q
    return angle, gradient, math.sqrt(square)


@njit(cache=True)
def learn_sweep(x, q, p, true_angle, sensor, station, turn, tilt, noise, is_open):
    """Tell the filter of a sweep over a sensor (3), body. Returns whether the angle is near what was expected."""
    r = rotation_matrix(q[0], q[1], q[2], q[3])
    at = np.empty(3)
    for k in range(3):
        at[k] = x[k] + r[3 * k] * sensor[0] + r[3 * k + 1] * sensor[1] + r[3 * k + 2] * sensor[2]
    expected, gradient, distance = sweep_angle(at, station, turn, tilt)
    error = true_angle + noise - expected
    good = abs(error * distance) < SWEEP_GATE_M
    if good or is_open:
        h = np.zeros(N_ERROR_STATE)
        h[:3] = gradient
        correct(x, p, h, error, SWEEP_RAD)
    return good


class Lighthouse:
    """Angles at which two base stations see the deck's sensors; believed where somebody once estimated them to be."""

    reversion = False

    def __init__(self, vices: LighthouseVices, errors: Errors) -> None:
        self._vices, self._errors = vices, errors
        self._turns = [looking(place, LOOKED_AT_M) for place in STATIONS_M]
        self._believed = STATIONS_M + errors.many(vices.geometry_m, 2, 3)
        self._believed_turns = [turn @ small_turn(errors.many(vices.geometry_rad, 3)) for turn in self._turns]
        self._yaw_phase = float(errors.rng.uniform(0.0, 2.0 * math.pi))
        self._gaps = [Gaps(errors, vices.dropout_every_s, vices.dropout_s) for _ in STATIONS_M]
        self._sweep = 0
        self._opens_ms, self._window_ms = 0, WINDOW_LOW_MS

    def measure(self, ms: int, past: Past, gyro_rad_s: np.ndarray, estimate: Filter) -> None:
        for station in range(len(STATIONS_M)):
            away = self._gaps[station].now(STEP_S * ms, STEP_S)
            if ms % SWEEP_MS == station * SWEEP_MS // 2 and not away and self._sees(past[0], station):
                self._sweep_over(ms, station, past[SWEEP_LATE_MS], estimate)

    def _sees(self, truth: np.ndarray, station: int) -> bool:
        r = rotation_matrix(*truth[Q_W : Q_W + 4])
        to_station = STATIONS_M[station] - truth[:3]
        cosine = (r[2] * to_station[0] + r[5] * to_station[1] + r[8] * to_station[2]) / np.linalg.norm(to_station)
        return bool(cosine > math.cos(self._vices.view_rad))

    def _sweep_over(self, ms: int, station: int, truth: np.ndarray, estimate: Filter) -> None:
        vices, errors = self._vices, self._errors
        r = np.array(rotation_matrix(*truth[Q_W : Q_W + 4])).reshape(3, 3)
        for tilt in PLANES_RAD:
            self._sweep += 1
            sensor = SENSORS_M[self._sweep % len(SENSORS_M)]
            angle, _, _ = sweep_angle(truth[:3] + r @ sensor, STATIONS_M[station], self._turns[station], tilt)
            noise = errors.one(vices.angle_rad)
            if errors.happens(vices.reflection_share):
                noise += errors.one(REFLECTION_RAD)
            is_open = ms >= self._opens_ms
            good = learn_sweep(estimate.x, estimate.q, estimate.p, angle, sensor, self._believed[station],
                               self._believed_turns[station], tilt, noise, is_open)  # fmt: skip
            change_ms = WINDOW_GOOD_MS if good else -WINDOW_BAD_MS
            self._window_ms = min(WINDOW_HIGH_MS, max(WINDOW_LOW_MS, self._window_ms + change_ms))
            self._opens_ms = ms + self._window_ms
        seen_yaw, true_yaw = yaw_of(estimate.q), math.atan2(r[1, 0], r[0, 0])
        bias = errors.factor * vices.yaw_rad * math.sin(2.0 * true_yaw + self._yaw_phase)
        h = np.zeros(N_ERROR_STATE)
        h[8] = 1.0
        off = math.remainder(true_yaw + bias + errors.one(vices.yaw_rad) - seen_yaw, 2.0 * math.pi)
        correct(estimate.x, estimate.p, h, off - estimate.x[8], YAW_RAD)


def yaw_of(q: np.ndarray) -> float:
    """Heading of an attitude, rad."""
    return math.atan2(2.0 * (q[1] * q[2] + q[0] * q[3]), 1.0 - 2.0 * (q[2] ** 2 + q[3] ** 2))


# Flow deck.
FLOW_MS, PIXELS_A_RAD, COUNTS_A_PIXEL, FLOW_COUNTS = 10, 35.0 / 0.71674, 10.0, 2.0
FLOW_HEIGHT_MIN_M, OUTLIER_COUNTS = 0.1, 100
RANGE_MS, RANGE_CONE_RAD, RANGE_MAX_M, DECK_M = 25, math.radians(7.5), 5.0, 0.02
RANGE_A_M, RANGE_B_M, RANGE_A_AT_M, RANGE_B_AT_M = 0.0025, 0.2, 1.0, 4.0
N_WAVES = 12


class FlowDeck:
    """How the floor passes by, counted in tenths of a pixel, and how far down it is. Where it started is where it is told."""

    reversion = True

    def __init__(self, vices: FlowVices, errors: Errors) -> None:
        self._vices, self._errors = vices, errors
        self._scale = 1.0 + errors.many(vices.scale_share, 2)
        self._range_bias_m, self._range_scale = errors.one(vices.range_bias_m), 1.0 + errors.one(vices.range_share)
        angle = errors.rng.uniform(0.0, 2.0 * math.pi, N_WAVES)
        self._waves = 2.0 * math.pi / vices.floor_m * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        self._phases = errors.rng.uniform(0.0, 2.0 * math.pi, N_WAVES)
        self._blind_below = normal_quantile(vices.floor_bad_share) if errors.factor > 0.0 else -math.inf
        self._left = np.zeros(2)  # motion not yet counted

    def texture(self, x_m: float, y_m: float) -> float:
        """How much there is to see on the floor: standard normal over places."""
        angles = self._waves @ np.array([x_m, y_m]) + self._phases
        return float(math.sqrt(2.0 / N_WAVES) * np.cos(angles).sum())

    def measure(self, ms: int, past: Past, gyro_rad_s: np.ndarray, estimate: Filter) -> None:
        if ms % FLOW_MS == 0:
            self._look(past, gyro_rad_s, estimate)
        if ms % RANGE_MS == 0:
            self._range(past[RANGE_MS], estimate)

    def _look(self, past: Past, gyro_rad_s: np.ndarray, estimate: Filter) -> None:
        now, before = past[0], past[FLOW_MS]
        r = np.array(rotation_matrix(*now[Q_W : Q_W + 4])).reshape(3, 3)
        moved = r.T @ (now[:3] - before[:3])
        turned = 0.5 * FLOW_MS * STEP_S * (now[W_X : W_X + 3] + before[W_X : W_X + 3])
        over = r[2, 2] / (now[2] + DECK_M)
        seen = np.array([moved[0] * over - turned[1], moved[1] * over + turned[0]])
        errors, texture = self._errors, self.texture(now[0], now[1])
        self._left += COUNTS_A_PIXEL * PIXELS_A_RAD * self._scale * seen + errors.many(self._vices.counts, 2)
        counts = np.round(self._left)
        self._left -= counts
        if texture < self._blind_below:
            return
        if np.abs(counts).max() < OUTLIER_COUNTS and r[2, 2] > 0.0:
            learn_flow(estimate.x, estimate.q, estimate.p, counts, gyro_rad_s)

    def _range(self, then: np.ndarray, estimate: Filter) -> None:
        r_22 = rotation_matrix(*then[Q_W : Q_W + 4])[8]
        if r_22 <= 0.1:
            return
        slant = math.cos(max(0.0, math.acos(min(1.0, r_22)) - RANGE_CONE_RAD))
        measured_m = self._range_scale * (then[2] / slant) + self._range_bias_m + self._errors.one(self._vices.range_m)
        if measured_m < RANGE_MAX_M:
            learn_range(estimate.x, estimate.q, estimate.p, max(0.0, measured_m))


def normal_quantile(share: float) -> float:
    """Below which a standard normal lies so often, by bisection."""
    low, high = -8.0, 8.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if 0.5 * math.erfc(-middle / math.sqrt(2.0)) < share else (low, middle)
    return low


@njit(cache=True)
def learn_flow(x, q, p, counts, gyro):
    """Tell the filter of motion (2), counts, over FLOW_MS."""
    r_22 = rotation_matrix(q[0], q[1], q[2], q[3])[8]
    gain = PIXELS_A_RAD * FLOW_MS * STEP_S
    for axis in range(2):
        height = max(FLOW_HEIGHT_MIN_M, x[2])
        v = x[K_VELOCITY + axis]
        turning = -gyro[1] if axis == 0 else gyro[0]
        h = np.zeros(N_ERROR_STATE)
        h[2] = -gain * r_22 * v / (height * height)
        h[K_VELOCITY + axis] = gain * r_22 / height
        error = counts[axis] / COUNTS_A_PIXEL - gain * (v * r_22 / height + turning)
        correct(x, p, h, error, FLOW_COUNTS / COUNTS_A_PIXEL)


@njit(cache=True)
def learn_range(x, q, p, measured_m):
    """Tell the filter how far the floor is along the body's axis, as seen in a cone."""
    r_22 = rotation_matrix(q[0], q[1], q[2], q[3])[8]
    if r_22 <= 0.1:
        return
    slant = math.cos(max(0.0, math.acos(min(1.0, r_22)) - RANGE_CONE_RAD))
    growth = math.log(RANGE_B_M / RANGE_A_M) / (RANGE_B_AT_M - RANGE_A_AT_M)
    deviation = RANGE_A_M * (1.0 + math.exp(growth * (measured_m - RANGE_A_AT_M)))
    h = np.zeros(N_ERROR_STATE)
    h[2] = 1.0 / slant
    correct(x, p, h, measured_m - x[2] / slant, deviation)


# Loco.
ANCHORS_M = np.array([[x, y, z] for x in (-2.5, 2.5) for y in (-2.5, 2.5) for z in (0.2, 2.5)])
DISTANCE_M, LATE_M = 0.25, 0.3


class Loco:
    """Distances to eight anchors in the room's corners, one after the other."""

    reversion = True

    def __init__(self, vices: LocoVices, errors: Errors) -> None:
        self._vices, self._errors = vices, errors
        self._off_m = errors.many(vices.anchor_m, len(ANCHORS_M))
        self._period_ms = round(1000.0 / vices.rate_hz)
        self._count = 0

    def measure(self, ms: int, past: Past, gyro_rad_s: np.ndarray, estimate: Filter) -> None:
        if ms % self._period_ms:
            return
        vices, errors = self._vices, self._errors
        anchor = self._count = (self._count + 1) % len(ANCHORS_M)
        if errors.happens(vices.lost_share):
            return
        measured_m = np.linalg.norm(past[1][:3] - ANCHORS_M[anchor]) + self._off_m[anchor] + errors.one(vices.range_m)
        if errors.happens(vices.late_share):
            measured_m += LATE_M
        away = estimate.x[:3] - ANCHORS_M[anchor]
        expected_m = max(0.01, float(np.linalg.norm(away)))
        h = np.zeros(N_ERROR_STATE)
        h[:3] = away / expected_m
        correct(estimate.x, estimate.p, h, measured_m - expected_m, DISTANCE_M)


class MotionCapture:
    """Positions that a host sends (extpos): late, in frames, with gaps, of a marker that is not quite where the body is.

    Poses (extpose) are what `crazyflie_localization` takes from the radio.
    """

    reversion = True

    def __init__(self, vices: MotionCaptureVices, errors: Errors) -> None:
        self._vices, self._errors = vices, errors
        self._marker_m = errors.many(vices.marker_m, 3)
        self._gaps = Gaps(errors, vices.gap_every_s, vices.gap_s)
        self._period_ms = round(1000.0 / vices.rate_hz)
        self._late_ms, self._jitter_ms = round(1000.0 * vices.latency_s), round(1000.0 * vices.jitter_s)

    def measure(self, ms: int, past: Past, gyro_rad_s: np.ndarray, estimate: Filter) -> None:
        away = self._gaps.now(STEP_S * ms, STEP_S)
        if ms % self._period_ms or away:
            return
        then = past[self._late_ms + int(self._errors.rng.integers(self._jitter_ms + 1))]
        r = np.array(rotation_matrix(*then[Q_W : Q_W + 4])).reshape(3, 3)
        noise_m = self._errors.many(self._vices.position_m, 3)
        estimate.external_position(then[:3] + r @ self._marker_m + noise_m)


class NoPositioning:
    """Nothing on board, nothing in the room: what the host sends is all that there is."""

    reversion = True

    def measure(self, ms: int, past: Past, gyro_rad_s: np.ndarray, estimate: Filter) -> None:
        """Nothing."""


SYSTEMS = ("lighthouse", "flow", "loco", "motion-capture", "none")


def positioning_for(name: str, vices: Vices, errors: Errors) -> Positioning:
    """A system by its name. Raises ValueError for one that there is not."""
    if name == "lighthouse":
        return Lighthouse(vices.lighthouse, errors)
    if name == "flow":
        return FlowDeck(vices.flow, errors)
    if name == "loco":
        return Loco(vices.loco, errors)
    if name == "motion-capture":
        return MotionCapture(vices.motion_capture, errors)
    if name == "none":
        return NoPositioning()
    raise ValueError(f"positioning: found {name!r}, allowed: {', '.join(SYSTEMS)}")
