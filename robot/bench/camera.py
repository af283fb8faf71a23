"""How fast the simulated cameras are: frames with every effect, on one core, beside OpenGL's of the same places in the same run."""

import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

from robot.bench.gl_camera import NEEDS, GlCameras
from robot.robots.arm.eyes.moments import draw_moments
from robot.views.say import say
from sim.camera.camera import Cameras
from sim.camera.looks import Looks, draw_looks
from sim.camera.worlds import worlds_of_courses
from sim.camera.wrist import WristCameras
from sim.camera.wrist_looks import draw_wrist_looks
from sim.tracks.built_in_tracks import BUILT_IN, built_in

SIZES = {"64x48 grey": (64, 48, False), "64x48 RGB": (64, 48, True), "96x72 RGB": (96, 72, True)}
FRAMES = 128
REPEATS = 12


def run() -> dict[str, Any]:
    """Frames a second of processor time: the best of 12, as other programs only ever slow one down; ours and GL's by turns."""
    courses = [built_in(name) for name in BUILT_IN]
    rng = np.random.default_rng(1)
    world = rng.integers(0, len(courses), FRAMES)
    pose = np.array([pose_on(courses[k], rng) for k in world])
    motion = np.stack([rng.uniform(1.0, 5.0, FRAMES), rng.normal(0.0, 1.5, FRAMES), rng.normal(0.0, 2.0, FRAMES)], 1)
    worlds, look = worlds_of_courses(courses), np.arange(FRAMES)
    ours: dict[str, int] = {}
    gl: dict[str, int] | None = {}
    gl_is = ""
    for name, (width, height, colour) in SIZES.items():
        looks = draw_looks(FRAMES, 2, width, height, colour)
        cameras, out = Cameras(worlds, looks, 0), np.empty((FRAMES, *looks.frame_shape), np.uint8)
        calls: list[Callable[[], Any]] = [partial(cameras.render, out, pose, motion, world, look)]
        rival, gl_is = gl_cameras(courses, looks)
        if rival is not None:
            calls.append(partial(rival.render, pose, motion, world))
        rates = frames_per_s(calls)
        ours[name] = rates[0]
        if rival is None:
            gl = None
        elif gl is not None:
            gl[name] = rates[1]
    if gl is None:
        say(f"no OpenGL to compare with: {gl_is}")
    ratio = None if gl is None else round(min(ours[name] / gl[name] for name in SIZES), 2)
    return {
        "frames_per_s": ours,
        "wrist_frames_per_s": wrist_frames_per_s(),
        "gl_frames_per_s": gl,
        "ratio_to_gl": ratio,
        "gl": gl_is,
    }


def wrist_frames_per_s() -> int:
    """Of a camera on an arm's hand, 64 x 48 grey."""
    moments = draw_moments(FRAMES, np.random.default_rng(1))
    looks = draw_wrist_looks(FRAMES, 2, 64, 48)
    out = np.empty((FRAMES, *looks.frame_shape), np.uint8)
    render = partial(
        WristCameras(looks, 0).render, out, moments.pose, moments.motion, moments.place, moments.frame, moments.half_m
    )
    return frames_per_s([partial(render, np.arange(FRAMES))])[0]


def pose_on(course: Any, rng: np.random.Generator) -> tuple[float, float, float]:
    """Somewhere on a course's centreline, not quite along it."""
    k = rng.integers(len(course.x))
    return course.x[k], course.y[k], course.heading[k] + rng.uniform(-0.3, 0.3)


def gl_cameras(courses: list, looks: Looks) -> tuple[GlCameras | None, str]:
    """The rival and its name; None where this machine has none, and what it lacks."""
    if find_spec("moderngl") is None:
        return None, f"found no moderngl, needed: {NEEDS}"
    try:
        rival = GlCameras(courses, looks)
    except Exception as error:  # moderngl raises plain exceptions, each driver's own
        return None, f"found no EGL context ({error}), needed: {NEEDS}"
    return rival, rival.renderer


def frames_per_s(calls: list[Callable[[], Any]]) -> list[int]:
    """Frames a second of processor time of calls that draw FRAMES each, measured by turns."""
    best = [np.inf] * len(calls)
    for repeat in range(REPEATS + 1):
        for k, call in enumerate(calls):
            started = time.process_time()
            call()
            if repeat > 0:  # the first one may compile
                best[k] = min(best[k], time.process_time() - started)
    return [round(FRAMES / seconds) for seconds in best]
