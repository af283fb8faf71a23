"""A Donkeycar that has a camera and nothing else: it drives at the speed that it believes, and stops where it does not know it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drivers.camera import PIPE, CameraSettings
from drivers.declared import make_driver
from drivers.emulators.process import Emulator
from drivers.emulators.virtual_car import VirtualCarConfig
from drivers.emulators.world import V_X
from drivers.pca9685 import Pca9685Settings
from policies.policy_file import load_policy
from robot.perception.encoder import Encoder
from robot.perception.encoder_file import ENCODER_FILE
from robot.perception.floor_motion import UNKNOWN
from robot.perception.own_eyes import OwnEyes, OwnRecord
from robot.perception.perception import Eye, Perception
from robot.robots.car.car_file import as_believed
from robot.robots.car.devices import Motor
from robot.robots.car.estimation.pulsed_motor import FASTEST_M_S
from robot.robots.car.eyes.mind import SeeingPipeline
from robot.robots.car.eyes.records import RECORDS
from robot.robots.car.eyes.seeing_car import load_seeing_car
from robot.robots.car.practice import SHIPPED_SEEING_POLICY
from robot.robots.car.setup import PipelineSetup
from robot.robots.car.shield.supervision import Reason
from robot.runtime.control_loop import ControlLoop
from robot.runtime.driver_device import DriverDevice
from robot.safety.campaign.stops.drive import AdvancingClock
from robot.safety.supervisor import Mode
from robot.tasks.race_track.by_camera import SPEC
from robot.tasks.race_track.task import TICK_S

ROBOT, SEED = "virtual-camera-donkeycar", 102  # whose floor shows much


class Drive:
    """In one process, in lockstep."""

    def __init__(self, folder: Path) -> None:
        self.emulator = Emulator(
            VirtualCarConfig(track="oval", motor_model="pca9685", camera_seed=SEED, directory=str(folder)), folder
        )
        clock, robot = AdvancingClock(self.emulator.advance), load_seeing_car(ROBOT)
        assert isinstance(robot.camera, CameraSettings) and isinstance(robot.motor, Pca9685Settings)
        encoder = Encoder(SHIPPED_SEEING_POLICY.with_name(ENCODER_FILE))
        policy = load_policy(SHIPPED_SEEING_POLICY, SPEC.name, SPEC.observation_size)
        self.mind = SeeingPipeline(PipelineSetup(
            seed=0, practice_s=600.0, laps=0, explore=False, predictive_brake=False, demonstrate=True, keyboard=False,
            car=as_believed(ROBOT, robot).packed(), layers=policy.layers, weights=policy.weights, grid=None, course=None,
            encoder=encoder.version, measured_speed=False,
        ))  # fmt: skip
        camera = make_driver(replace(robot.camera, source=f"{PIPE}{folder / 'camera'}"), clock)
        motor = make_driver(replace(robot.motor, port=str(folder / "vesc")), clock)
        shown, self.eye = OwnRecord(), Eye(encoder, None, robot.mount)
        eyes = OwnEyes(Perception(camera, self.eye, shown, clock), shown, encoder, clock)
        motor.open()
        eyes.open()
        self.loop = ControlLoop(clock, {"motor": Motor(motor, clock), "camera": DriverDevice(eyes)}, self.mind,
                                np.zeros((), RECORDS.readings), 1, TICK_S)  # fmt: skip
        self.loop.start()

    def go(self, seconds: float) -> np.ndarray:
        """(ticks, 3): true speed, believed speed, and how much faster it may be."""
        told = []
        for _ in range(round(seconds / TICK_S)):
            self.loop.wait()
            self.loop.run_tick(0, False, 0, 0.0, (0.0, 0.0))
            floor = self.mind.floor_speed
            assert floor is not None
            told.append((float(self.emulator.world.moving[V_X]), floor.v_m_s, floor.margin_m_s))
        return np.array(told)


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[Drive]:
    one = Drive(tmp_path)
    yield one
    for device in one.loop.devices.values():
        device.close()
    one.emulator.vesc_pty.unplug()
    one.emulator.lidar_pty.unplug()


def test_it_drives_at_the_speed_that_it_believes(drive: Drive) -> None:
    drive.go(2.5)
    true, believed, margin = drive.go(4.0).T
    assert true.mean() > 0.8
    assert np.abs(believed - true).mean() < 0.3
    assert np.mean(true < believed + margin) > 0.9
    assert true.max() < FASTEST_M_S + 0.5
    assert drive.emulator.world.collisions == 0


def test_where_the_floor_does_not_show_how_fast_it_is_it_stops_and_goes_on_in_short_slow_moves(drive: Drive) -> None:
    drive.go(4.0)
    assert drive.emulator.world.moving[V_X] > 0.8
    drive.eye._floor.of = lambda picture, at_s: np.array([0.0, 0.0, UNKNOWN, UNKNOWN], np.float32)  # type: ignore[union-attr, method-assign]
    drive.go(1.0)
    assert (drive.mind.mode, drive.mind.supervisor.reason) == (Mode.STOP, Reason.VALUES_STALE)
    drive.go(1.0)
    true, _, _ = drive.go(4.0).T  # it tries again, slowly: of a floor that stands still nothing is seen
    assert true.min() < 0.05
    assert true.max() < 1.2
    assert drive.emulator.world.collisions == 0
