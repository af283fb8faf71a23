"""What lens and sensor make of an image: each effect has its effect, and only its own."""

import numpy as np
import pytest

from sim.camera.camera import Camera
from sim.camera.lens import lens_of_view
from sim.camera.looks import BACKGROUND
from sim.distance_field import OccupancyGrid
from tests.sim.camera.bare import GREYS, bare_look

LENS = lens_of_view(64, 48, 1.6, 0.0)
FLAT = {"wall_height_m": 0.0, "far_m": 0.01}  # nothing but the background
HALL = OccupancyGrid("hall", np.zeros((40, 40), bool), 0.1, -2.0, -2.0)


def frame(seed: int = 0, **look: float) -> np.ndarray:
    return Camera(HALL, bare_look(LENS, **(FLAT | look)), seed).render((0.0, 0.0, 0.0))


def test_gain_brightens_up_to_white() -> None:
    assert (frame(gain=1.5) == 1.5 * GREYS[BACKGROUND]).all()
    assert (frame(gain=40.0) == 255).all()


def test_a_vignette_darkens_the_corners_alone() -> None:
    plain, dark = (frame(gain=20.0, vignette=share).astype(float) for share in (0.0, 0.5))
    ratio = dark / plain
    assert ratio[23:25, 31:33].min() > 0.99
    assert ratio[0, 0] == pytest.approx(0.5, abs=0.01) and ratio[-1, -1] == pytest.approx(0.5, abs=0.01)


def test_noise_has_the_variance_of_its_sensor() -> None:
    read, shot, value = 4.0, 0.3, 10.0 * GREYS[BACKGROUND]
    noisy = frame(gain=10.0, read_noise=read, shot_noise=shot).astype(float)
    assert noisy.mean() == pytest.approx(value, abs=1.0)
    assert noisy.var() == pytest.approx(read**2 + shot * value, rel=0.1)
    neighbours = np.corrcoef(noisy[:, 1:].reshape(-1), noisy[:, :-1].reshape(-1))[0, 1]
    assert abs(neighbours) < 0.06


def test_noise_follows_its_seed() -> None:
    first, again, other = (frame(seed, read_noise=4.0) for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).mean() > 0.5


def test_no_frame_has_the_noise_of_the_last() -> None:
    camera = Camera(HALL, bare_look(LENS, **FLAT, read_noise=4.0), 0)
    assert (camera.render((0.0, 0.0, 0.0)) != camera.render((0.0, 0.0, 0.0))).mean() > 0.5


def test_defocus_gives_each_neighbour_its_share_of_an_edge() -> None:
    edge = {"far_m": 3.0, "ceiling_m": 100.0}
    sharp, soft = frame(**edge).astype(float), frame(**edge, defocus=0.2).astype(float)
    column, row = 32, int(np.flatnonzero(np.diff(sharp[:, 32]))[0])
    step = sharp[row + 1, column] - sharp[row, column]
    assert soft[row, column] - sharp[row, column] == pytest.approx(0.2 * step, abs=0.6)
    assert sharp[row + 1, column] - soft[row + 1, column] == pytest.approx(0.2 * step, abs=0.6)
    assert (soft[: row - 1] == sharp[: row - 1]).all()
