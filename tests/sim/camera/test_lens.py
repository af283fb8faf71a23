"""Lenses against OpenCV's own."""

import cv2
import numpy as np
import pytest

from sim.camera.lens import Lens, lens_of_view

LENSES = [
    Lens(64, 48, 31.0, 30.0, 30.2, 25.1, (-0.12, 0.02, 0.003, -0.002, -0.001, 0.0, 0.0, 0.0)),
    Lens(96, 32, 37.0, 37.0, 47.5, 15.5, (0.01, 0.0, -0.002, 0.001, 0.0, 0.05, 0.001, 0.0)),
]


@pytest.mark.parametrize("lens", LENSES)
def test_a_ray_comes_back_to_its_pixel(lens: Lens) -> None:
    rays = lens.rays().reshape(-1, 2)
    camera = np.array([[lens.focal_x_px, 0, lens.centre_x_px], [0, lens.focal_y_px, lens.centre_y_px], [0, 0, 1.0]])
    points = np.concatenate([rays, np.ones((len(rays), 1))], 1).astype(np.float64)
    pixels, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), camera, np.array(lens.distortion))
    v, u = np.mgrid[: lens.height, : lens.width]
    np.testing.assert_allclose(pixels.reshape(-1, 2), np.stack([u, v], 2).reshape(-1, 2), atol=1e-4)


def test_the_view_is_as_wide_as_was_asked() -> None:
    lens = lens_of_view(96, 32, view_rad=1.92, barrel=0.05)
    camera = np.array([[lens.focal_x_px, 0, lens.centre_x_px], [0, lens.focal_y_px, lens.centre_y_px], [0, 0, 1.0]])
    edge = np.array([[np.tan(-0.96), 0.0, 1.0]])
    pixel, _ = cv2.projectPoints(edge, np.zeros(3), np.zeros(3), camera, np.array(lens.distortion))
    assert pixel[0, 0, 0] == pytest.approx(-0.5, abs=1e-9)


def test_a_distortion_that_folds_the_image_is_refused() -> None:
    with pytest.raises(ValueError, match="folds the image of 64 x 48"):
        lens_of_view(64, 48, view_rad=2.2, barrel=0.3).rays()
