"""Lenses as OpenCV calibrates them: a pinhole with rational radial and tangential distortion, and back from pixels to rays.

Frame of a camera: OpenCV's, x right, y down, z forward. A pixel's centre has whole coordinates.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

STRAIGHT = (0.0,) * 8
PIXEL_MAX = 1 << 14
NEWTON_STEPS = 30
ARRIVED = 1e-10  # of normalised image coordinates, about 1e-8 of a pixel


@dataclass(frozen=True)
class Lens:
    """What `cv2.calibrateCamera` finds for images of width x height pixels.

    distortion: OpenCV's k1, k2, p1, p2, k3, k4, k5, k6; the last three are of the rational model. error_px: root mean square
    of what the calibration's points were off by, and views: of how many pictures; 0 of a lens that nobody measured.
    """

    width: int
    height: int
    focal_x_px: float
    focal_y_px: float
    centre_x_px: float
    centre_y_px: float
    distortion: tuple[float, float, float, float, float, float, float, float] = STRAIGHT
    error_px: float = 0.0
    views: int = 0

    def __post_init__(self) -> None:
        for name, value in (("width", self.width), ("height", self.height)):
            if not 0 < value <= PIXEL_MAX:
                raise ValueError(f"{name}: found {value}, allowed: 1 to {PIXEL_MAX}")
        for name, length in (("focal_x_px", self.focal_x_px), ("focal_y_px", self.focal_y_px)):
            if not length > 0.0:
                raise ValueError(f"{name}: found {length}, allowed: above 0")

    @property
    def matrix(self) -> np.ndarray:
        """(3, 3), from rays to pixels."""
        return np.array(
            [[self.focal_x_px, 0.0, self.centre_x_px], [0.0, self.focal_y_px, self.centre_y_px], [0.0, 0.0, 1.0]]
        )

    def shrunk(self, factor: int) -> "Lens":
        """The lens of pictures whose pixels are means of factor x factor pixels of this one's."""
        return Lens(
            self.width // factor, self.height // factor, self.focal_x_px / factor, self.focal_y_px / factor,
            (self.centre_x_px + 0.5) / factor - 0.5, (self.centre_y_px + 0.5) / factor - 0.5, self.distortion,
        )  # fmt: skip

    def rays(self) -> np.ndarray:
        """Where each pixel's centre looks: (height, width, 2) float32, x/z and y/z in the camera's frame.

        Raises ValueError where the distortion folds the image, so that no ray belongs to a pixel.
        """
        rays = np.empty((self.height, self.width, 2), np.float32)
        focus = np.array([self.focal_x_px, self.focal_y_px, self.centre_x_px, self.centre_y_px])
        if not undistort(rays, focus, np.array(self.distortion, np.float64)):
            raise ValueError(f"lens: found distortion {self.distortion}, which folds the image of {self.width} x "
                             f"{self.height} pixels, allowed: one that is one to one there")  # fmt: skip
        return rays


def lens_of_view(
    width: int, height: int, view_rad: float, barrel: float, centre_off_px: tuple[float, float] = (0.0, 0.0)
) -> Lens:
    """The lens that sees `view_rad` from the left to the right edge, with square pixels and OpenCV's k4 = barrel."""
    slope = np.tan(0.5 * view_rad)
    focal_px = 0.5 * width * (1.0 + barrel * slope * slope) / slope
    centre = 0.5 * (width - 1) + centre_off_px[0], 0.5 * (height - 1) + centre_off_px[1]
    return Lens(width, height, focal_px, focal_px, *centre, (0.0, 0.0, 0.0, 0.0, 0.0, barrel, 0.0, 0.0))


@njit(cache=True)
def distorted(x, y, k):
    """Where the ray (x, y, 1) meets the image at focal length 1 (OpenCV, calib3d, `projectPoints`)."""
    r2 = x * x + y * y
    radial = (1.0 + r2 * (k[0] + r2 * (k[1] + r2 * k[4]))) / (1.0 + r2 * (k[5] + r2 * (k[6] + r2 * k[7])))
    return (
        x * radial + 2.0 * k[2] * x * y + k[3] * (r2 + 2.0 * x * x),
        y * radial + k[2] * (r2 + 2.0 * y * y) + 2.0 * k[3] * x * y,
    )


@njit(cache=True)
def undistort(rays, focus, k):
    """Fill rays (height, width, 2) by Newton's method, each pixel from its neighbour's; False where it finds none."""
    height, width = rays.shape[0], rays.shape[1]
    middle_u, middle_v = width // 2, height // 2
    tiny = 1e-6
    for away_v in range(height):
        v = (middle_v + away_v) % height
        for away_u in range(width):
            u = (middle_u + away_u) % width
            goal_x, goal_y = (u - focus[2]) / focus[0], (v - focus[3]) / focus[1]
            x, y = goal_x, goal_y
            if u > middle_u or (u > 0 and u < middle_u):
                x, y = np.float64(rays[v, u - 1, 0]), np.float64(rays[v, u - 1, 1])
            arrived = False
            for _ in range(NEWTON_STEPS):
                at_x, at_y = distorted(x, y, k)
                off_x, off_y = goal_x - at_x, goal_y - at_y
                if abs(off_x) + abs(off_y) < ARRIVED:
                    arrived = True
                    break
                right_x, right_y = distorted(x + tiny, y, k)
                down_x, down_y = distorted(x, y + tiny, k)
                a, b = (right_x - at_x) / tiny, (down_x - at_x) / tiny
                c, d = (right_y - at_y) / tiny, (down_y - at_y) / tiny
                size = a * d - b * c
                if size <= 0.0:
                    return False
                x, y = x + (d * off_x - b * off_y) / size, y + (a * off_y - c * off_x) / size
            if not arrived:
                return False
            rays[v, u, 0], rays[v, u, 1] = x, y
    return True
