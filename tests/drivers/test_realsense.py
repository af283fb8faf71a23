"""A RealSense through librealsense's own software_device: the driver is the one that drives a real camera."""

import numpy as np
import pytest

pytest.importorskip("pyrealsense2")

from drivers.base import NEVER_S, LinkLost
from drivers.conformance import Rig, check_driver
from drivers.declared import settings_of
from drivers.emulators.realsense import SERIAL, RealSenseEmulator
from drivers.realsense import RealSense, RealSenseSettings
from tests.drivers.camera_bench import FPS, HEIGHT, WIDTH, CameraBench, distance, make_sensor

PICTURES = ("frame", "infrared", "depth")


class RealSenseBench(CameraBench):
    def __init__(self) -> None:
        super().__init__(RealSenseEmulator(make_sensor(), WIDTH, HEIGHT), SERIAL)

    def make(self, source: str = SERIAL, settings: RealSenseSettings | None = None) -> RealSense:
        told = settings or RealSenseSettings(source, True, True, True, True, WIDTH, HEIGHT, int(FPS))
        self.made.append(RealSense(told, self, self.emulator.find))
        return self.made[-1]


@pytest.fixture
def bench():
    made = RealSenseBench()
    yield made
    made.close()


def test_it_keeps_every_promise_of_a_driver(bench):
    check_driver(
        Rig(
            make=bench.make, port=SERIAL, wait=bench.wait, silence=lambda on: setattr(bench.vices, "silent", on),
            garbage=lambda data: None, unplug=bench.emulator.unplug, plug=bench.emulator.plug, start_s=0.3, fresh_s=0.05,
        )
    )  # fmt: skip


def test_colour_depth_infrared_and_motion_come_in_units(bench):
    camera = bench.make()
    camera.open()
    bench.emulator.motion.gyro_rad_s = (0.1, 0.2, 0.3)
    readings = bench.watch(camera, 0.5)
    whole = [reading for reading in readings if reading.frame is not None]
    assert 14 <= len(whole) <= 16 and readings[-1].good == 3 * len(whole)
    assert [getattr(whole[-1], name).shape for name in PICTURES] == [
        (HEIGHT, WIDTH, 3),
        (HEIGHT, WIDTH),
        (HEIGHT, WIDTH),
    ]
    assert distance(whole[-1].frame, bench.sensor.scene((whole[-1].good / 3 - 1) / FPS)) < 8.0
    depth_m = whole[-1].depth[3, 3] * whole[-1].depth_unit_m
    assert depth_m == pytest.approx(2.0 - 0.004 * whole[-1].infrared[3, 3])
    assert readings[-1].gyro_rad_s == pytest.approx((0.3, -0.1, -0.2))
    assert readings[-1].accel_m_s2 == pytest.approx((0.0, 0.0, 9.81))
    assert readings[-1].gyro_age_s < 0.005 and readings[-1].accel_age_s < 0.005
    assert readings[-1].exposure_s > 0.0


def test_exposure_and_white_balance_are_fixed_in_each_sensors_own_units(bench):
    fixed = RealSenseSettings(
        "", True, False, True, width=WIDTH, height=HEIGHT, fps=int(FPS), exposure_s=0.004, white_balance_k=5000.0
    )
    camera = bench.make(settings=fixed)
    camera.open()
    assert bench.watch(camera, 0.3)[-1].exposure_s == pytest.approx(0.004)
    assert camera.trouble() == ""


WORDS = {"frozen": "frozen", "black": "", "covered": "", "torn": "torn", "silent": "late"}


@pytest.mark.parametrize("vice", WORDS)
def test_what_is_no_picture_renews_no_age_and_is_named(bench, vice):
    camera = bench.make()
    camera.open()
    bench.watch(camera, 0.3)
    setattr(bench.vices, vice, True)
    bench.watch(camera, 0.1)
    readings = bench.watch(camera, 0.4)
    assert all(getattr(reading, name) is None for reading in readings for name in PICTURES)
    assert min(readings[-1].frame_age_s, readings[-1].infrared_age_s, readings[-1].depth_age_s) > 0.4
    assert WORDS[vice] in camera.trouble() and "color" in camera.trouble()
    setattr(bench.vices, vice, False)
    assert bench.watch(camera, 0.3)[-1].depth_age_s < 0.05 and camera.trouble() == ""


def test_late_pictures_are_as_old_as_their_stamps_say(bench):
    camera = bench.make()
    camera.open()
    bench.watch(camera, 0.4)
    bench.vices.late_s = 0.3
    assert all(reading.frame_age_s > 0.28 for reading in bench.watch(camera, 0.8)[-10:])
    assert "late" in camera.trouble()


def test_a_stream_that_it_has_not_is_named(bench):
    camera = bench.make(settings=RealSenseSettings(SERIAL, depth=True, width=1280, height=720))
    with pytest.raises(LinkLost, match="it has no color, depth of 1280x720 at 30 Hz"):
        camera.open()


def test_what_was_not_asked_for_is_never_there(bench):
    camera = bench.make(settings=RealSenseSettings(SERIAL, False, False, True, width=WIDTH, height=HEIGHT))
    camera.open()
    reading = [each for each in bench.watch(camera, 0.3) if each.frame is not None][-1]
    np.testing.assert_array_equal(reading.frame, reading.infrared)
    assert reading.depth is None and reading.depth_age_s == reading.gyro_age_s == NEVER_S and camera.trouble() == ""


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"colour": False}, "colour"),
        ({"fps": 0}, "fps: found 0, allowed: 1 to 1000"),
        ({"exposure_s": 2.0}, "exposure_s"),
        (
            {"colour": False, "depth": True, "white_balance_k": 4000.0},
            "white_balance_k: found 4000, allowed: 0 without",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused(told, words):
    with pytest.raises(ValueError, match=words):
        settings_of({"driver": "realsense", **told})
