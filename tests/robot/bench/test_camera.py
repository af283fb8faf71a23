"""The benchmark of cameras: OpenGL draws the same place, and who has no OpenGL is told so."""

from dataclasses import replace

import numpy as np
import pytest

from robot.bench import camera
from robot.bench.gl_camera import ACROSS, DOWN
from sim.camera.camera import Cameras
from sim.camera.lens import lens_of_view
from sim.camera.worlds import worlds_of_courses
from sim.tracks.built_in_tracks import BUILT_IN, built_in
from tests.sim.camera.bare import bare_look

COURSES = [built_in(name) for name in BUILT_IN]


def test_opengl_sees_what_we_see() -> None:
    lens, n = lens_of_view(64, 48, 1.7, 0.03), ACROSS * DOWN
    one = bare_look(lens, pitch_rad=0.15, yaw_rad=0.02, view_rad=1.7, wall_height_m=0.4, ceiling_m=2.5, far_m=60.0)
    one.colours[:, 1] = one.colours[:, 0]  # the same floor inside and outside
    looks = replace(one, **{name: np.repeat(getattr(one, name), n, 0) for name in ("values", "colours", "rays")},
                    lenses=one.lenses * n)  # fmt: skip
    rival, is_called = camera.gl_cameras(COURSES, looks)
    if rival is None:
        pytest.skip(is_called)
    rng = np.random.default_rng(5)
    world = rng.integers(0, len(COURSES), n)
    pose = np.array([camera.pose_on(COURSES[k], rng) for k in world])
    atlas = np.frombuffer(bytes(rival.render(pose, np.zeros((n, 3)), world)), np.uint8).reshape(DOWN, 48, ACROSS, 64)
    theirs = atlas[:, ::-1].transpose(0, 2, 1, 3).reshape(n, 48, 64, 1).astype(float)
    ours = Cameras(worlds_of_courses(COURSES), looks, 0)
    seen = ours.render(np.empty((n, *looks.frame_shape), np.uint8), pose, np.zeros((n, 3)), world, np.arange(n))
    alike = np.abs(theirs / seen - 1.0) < 0.22  # our walls are brighter or darker by their direction
    assert alike.mean() > 0.96


def test_who_has_no_opengl_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(camera, "find_spec", lambda name: None)
    monkeypatch.setattr(camera, "REPEATS", 1)
    figures = camera.run()
    assert figures["frames_per_s"].keys() == {"64x48 grey", "64x48 RGB", "96x72 RGB"}
    assert min(figures["frames_per_s"].values()) > 0 and figures["wrist_frames_per_s"] > 0
    assert figures["gl_frames_per_s"] is None and figures["ratio_to_gl"] is None
    assert "found no moderngl, needed: pip install 'robot-practice[gl]'" in capsys.readouterr().err
