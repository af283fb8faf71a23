"""How a car moves, by what its camera sees of the floor: speed and yaw rate from two pictures, and how sure they are.

The mount is known, so each pixel below the horizon looks at a place of the floor, and a way ahead and a turn move all of these places
at once. Those two numbers are sought which lay the one picture onto the other (Gauss and Newton, from Lucas and Kanade; what does not fit,
as walls do not, counts little). The car turns about its rear axle: what that slides by is taken for turning. What moves with the camera and not with the floor (vignetting, a wall's edge beside the car) would hold the
speed down, and is taken off: it is the mean of the last pictures.

How sure they are follows from how well the pictures fit and how much there is to see: of a floor without texture, a dark or a blurred
picture, nothing is known.
"""

import math
from collections import deque

import cv2
import numpy as np

from robot.perception.mount import Mount
from sim.camera.lens import Lens

UNKNOWN = 1e3  # a standard deviation of what is not known
APART_S, APART_MAX_S = 0.045, 0.12  # between two pictures that are compared
SMOOTH_PX, PATTERN_PX = 0.8, 2.0  # what is finer is noise, what is coarser is light
NEAR_M, ASIDE_M = 1.6, 0.6  # of the floor, from the car's rear axle
STAYS_PICTURES = 20  # that what stays is the mean of
STEPS, ARRIVED_M, STEP_MAX = 5, 1e-3, 0.05
STILL_M = 0.005  # a fit that goes further in its last step has not arrived
SPEEDS_M_S = (-0.7, 0.0, 0.7, 1.4, 2.1, 2.8, 3.5)  # near which a fit is sought
NOTHING_KNOWN = (0.0, 0.0, UNKNOWN, UNKNOWN)
ALIKE = 0.45  # two pictures that are less so show nothing
SHARPER = 4.5  # than they are in truth, neighbouring pixels that share their noise make both numbers seem
DARK = 15.0  # grey level of the floor, on average
SLIDE_M_S = 0.05  # per m/s: what a mount that is known to half a degree tells wrong


class FloorMotion:
    """Of one camera. lens: of the pictures that it is shown. Raises ValueError where they show no floor."""

    def __init__(self, lens: Lens, mount: Mount) -> None:
        self._lens, self._mount = lens, mount
        self._matrix, self._distortion = lens.matrix, np.array(lens.distortion)
        x, y = self._on_floor(lens.rays().astype(np.float64))
        self._seen = (x < NEAR_M) & (np.abs(y) < ASIDE_M)
        self._seen[:, ::2] = False  # half of them are enough
        if not self._seen.any():
            raise ValueError(f"mount: found {mount}, allowed: one that sees the floor within {NEAR_M} m")
        self._x, self._y = x[self._seen], y[self._seen]
        tiny, here = 1e-4, self._pixels(self._x, self._y)
        self._by_x = (self._pixels(self._x + tiny, self._y) - here) / tiny
        self._by_y = (self._pixels(self._x, self._y + tiny) - here) / tiny
        self._before: deque[tuple[float, np.ndarray]] = deque()  # when, and what was seen
        self._stays = np.zeros((lens.height, lens.width), np.float32)
        self._averaged, self._turns = 0, 0.0

    def of(self, picture: np.ndarray, measured_s: float) -> np.ndarray:
        """(MOTION,) float32 of the newest picture (height, width, channels) uint8, taken at measured_s."""
        grey = (
            picture.reshape(picture.shape[:2]) if picture.shape[2] == 1 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        )
        smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), SMOOTH_PX)
        shape = smooth - cv2.GaussianBlur(smooth, (0, 0), PATTERN_PX)
        while self._before and measured_s - self._before[0][0] > APART_MAX_S:
            self._before.popleft()
        while len(self._before) > 1 and measured_s - self._before[1][0] >= APART_S:
            self._before.popleft()
        self._averaged += 1
        self._stays += (shape - self._stays) * max(1.0 / self._averaged, 1.0 / STAYS_PICTURES)
        found = np.array(NOTHING_KNOWN)
        apart_s = measured_s - self._before[0][0] if self._before else 0.0
        if apart_s >= APART_S and float(grey[self._seen].mean()) >= DARK:
            before, now = self._before[0][1] - self._stays, (shape - self._stays)[self._seen]
            down, right = (cv2.Sobel(before, cv2.CV_32F, *along, ksize=3, scale=0.125) for along in ((0, 1), (1, 0)))
            fits = [self._fit(before, right, down, now, speed, apart_s) for speed in SPEEDS_M_S]
            found = min(fits, key=lambda fit: float(fit[2]))
        self._turns = float(found[1])
        self._before.append((measured_s, shape))
        return found.astype(np.float32)

    def _fit(
        self, before: np.ndarray, right: np.ndarray, down: np.ndarray, now: np.ndarray, speed_m_s: float, apart_s: float
    ) -> np.ndarray:
        """What is found near a speed, (4,)."""
        moved = np.array([speed_m_s, self._turns]) * apart_s
        for _ in range(STEPS):
            ahead, turned = moved
            at = self._pixels(self._x + ahead - turned * self._y, self._y + turned * self._x)
            inside = (at > 0.0).all(1) & (at < (self._lens.width - 1, self._lens.height - 1)).all(1)
            columns, rows = (np.ascontiguousarray(at[:, k : k + 1]) for k in (0, 1))
            was, by_u, by_v = (
                cv2.remap(each, columns, rows, cv2.INTER_LINEAR)[inside, 0].astype(np.float64)
                for each in (before, right, down)
            )
            by_x = by_u * self._by_x[inside, 0] + by_v * self._by_x[inside, 1]
            by_y = by_u * self._by_y[inside, 0] + by_v * self._by_y[inside, 1]
            off = now[inside] - was
            slope = np.stack([by_x, by_y * self._x[inside] - by_x * self._y[inside]], -1)
            spread = 1.4826 * float(np.median(np.abs(off))) + 1e-3
            counts = 1.0 / (1.0 + (off / (2.0 * spread)) ** 2)
            information = slope.T @ (slope * counts[:, None]) + 1e-6 * np.eye(2)
            step = np.clip(np.linalg.solve(information, slope.T @ (counts * off)), -STEP_MAX, STEP_MAX)
            moved = moved + step
            if abs(step[0]) < ARRIVED_M:
                break
        alike = float((counts * was * now[inside]).sum()) / math.sqrt(
            1e-9 + float((counts * was * was).sum() * (counts * now[inside] ** 2).sum())
        )
        if not (alike > ALIKE and abs(step[0]) < STILL_M and np.isfinite(moved).all()):
            return np.array(NOTHING_KNOWN)
        left = float((counts * off * off).sum() / counts.sum())
        sigma = SHARPER * np.sqrt(left * np.diag(np.linalg.inv(information))) / (alike * apart_s)
        v, w = moved / apart_s
        return np.array([v, w, math.hypot(sigma[0], SLIDE_M_S * v), math.hypot(sigma[1], SLIDE_M_S * w)])

    def _on_floor(self, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where rays (h, w, 2) meet the floor: ahead and to the left of the rear axle, m; far away above the horizon."""
        cos_p, sin_p = math.cos(self._mount.pitch_rad), math.sin(self._mount.pitch_rad)
        down = np.maximum(rays[..., 1] * cos_p + sin_p, 1e-3)
        ahead = self._mount.height_m * (cos_p - rays[..., 1] * sin_p) / down + self._mount.forward_m
        return ahead, -self._mount.height_m * rays[..., 0] / down

    def _pixels(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Where places of the floor (n,) are seen: (n, 2) float32, column and row."""
        cos_p, sin_p = math.cos(self._mount.pitch_rad), math.sin(self._mount.pitch_rad)
        ahead, height_m = x - self._mount.forward_m, self._mount.height_m
        points = np.stack([-y, height_m * cos_p - ahead * sin_p, ahead * cos_p + height_m * sin_p], -1)
        found, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), self._matrix, self._distortion)
        return np.asarray(found[:, 0], np.float32)
