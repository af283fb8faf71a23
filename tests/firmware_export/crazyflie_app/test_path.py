"""The path on board: its arithmetic."""

import ctypes
import math

import numpy as np
import pytest

from firmware_export.compilers import shared_library
from firmware_export.crazyflie_app import AppPath, write_app
from robot.robots.quadrotor.app_of_run import figure_of_eight
from robot.tasks import track_trajectory
from robot.tasks.network_of_run import network_of_run
from tests.firmware_export.crazyflie_app.bench import DRONE, ONE, POLICIES, ZERO


def test_sine_and_cosine_need_no_libm(apps):
    library = ctypes.CDLL(str(apps["hover"] / "app.so"))
    sine, cosine = ctypes.c_float(), ctypes.c_float()
    for angle in np.linspace(-7.0, 7.0, 2001).astype(np.float32):
        library.sine_cosine(ctypes.c_float(angle), ctypes.byref(sine), ctypes.byref(cosine))
        assert sine.value == pytest.approx(math.sin(angle), abs=3e-7)
        assert cosine.value == pytest.approx(math.cos(angle), abs=3e-7)


@pytest.mark.parametrize("lap_s", [3.5, 5.5, 20.0])
def test_any_path_is_the_task_s(tmp_path, lap_s):
    rng = np.random.default_rng(5)
    path = track_trajectory.random_path(rng)
    path[0] = 2.0 * math.pi / lap_s
    app_path = AppPath(track_trajectory.amplitudes(path), lap_s, track_trajectory.WARM_UP_S, track_trajectory.PREVIEW_S)
    write_app(tmp_path, network_of_run(POLICIES / "track_trajectory.npz"), DRONE, path=app_path)
    sources = [tmp_path / "src" / "path.c", tmp_path / "src" / "sine_cosine.c"]
    library = ctypes.CDLL(str(shared_library(sources, tmp_path / "path.so")))
    point = (ctypes.c_float * 9)()
    for time_s in np.linspace(0.0, 60.0, 301):
        library.path_at(ctypes.c_float(time_s), ctypes.c_float(lap_s), point)
        expected = np.concatenate(track_trajectory.set_point(path.astype(np.float64), ZERO, ONE, time_s))
        np.testing.assert_allclose(np.array(point), expected, atol=2e-4)


def test_no_lap_is_so_fast_that_the_drone_cannot_fly_it():
    path = figure_of_eight()
    shortest = path.lap_min_s()
    packed = track_trajectory.figure_of_eight(shortest).astype(np.float64)
    accelerations = [
        np.linalg.norm(track_trajectory.set_point(packed, ZERO, ONE, time_s)[2])
        for time_s in np.linspace(5.0, 5.0 + shortest, 500)
    ]
    assert max(accelerations) == pytest.approx(8.0, rel=1e-3)
