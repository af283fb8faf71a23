"""Looks drawn within their ranges, the same ones from the same seed."""

import numpy as np
import pytest

from sim.camera.looks import FLOOR, STRIPE, TAPE, WALL, camera_names, draw_looks, load_ranges
from sim.camera.textures import COUNT, textures


@pytest.mark.parametrize("camera", camera_names())
def test_looks_are_within_their_ranges(camera: str) -> None:
    looks = draw_looks(40, 3, 96, 32, colour=True, camera=camera)
    _, mounted = load_ranges(camera)
    for name, limits in vars(mounted).items():
        if name in (looks.values.dtype.names or ()):
            low, high = np.float32(limits)
            assert (looks.values[name] >= low).all() and (looks.values[name] <= high).all()
    assert np.isfinite(looks.rays).all() and looks.frame_shape == (32, 96, 3)
    assert (looks.colours >= 5.0).all() and (looks.colours <= 250.0).all()


def test_no_course_is_hidden() -> None:
    looks = draw_looks(300, 4, 16, 12, colour=False)
    place, _ = load_ranges("any")
    walls, tape = looks.values["wall_height_m"] > 0, looks.values["tape_half_width_m"] > 0
    assert (walls | tape).all()
    assert 0.5 < walls.mean() < 0.7
    floor = looks.colours[:, FLOOR, 0]
    for surface, apart in ((TAPE, place.tape_apart), (WALL, place.wall_apart), (STRIPE, place.wall_apart)):
        least = np.abs(looks.colours[:, surface, 0] - floor)
        assert (least > 0.8 * apart).mean() > 0.95  # white balance and what is black or white take a little


def test_the_same_seed_draws_the_same_looks() -> None:
    first, again, other = (draw_looks(5, seed, 16, 12, colour=True) for seed in (1, 1, 2))
    assert first.values.tobytes() == again.values.tobytes() != other.values.tobytes()
    np.testing.assert_array_equal(first.colours, again.colours)
    np.testing.assert_array_equal(textures(1), textures(1))
    assert textures(1).shape[0] == COUNT and (textures(1) != textures(2)).any()


def test_an_unknown_camera_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="camera: found 'periscope', allowed: any, calibrated"):
        draw_looks(1, 0, 16, 12, colour=True, camera="periscope")
