"""A flight in one process with all that flies it, on the drone's own time: what stops are tried on by the hundred."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from drivers.emulators.crazyflie import WARM_UP_MS, build_firmware
from drivers.emulators.crazyflie_firmware import Firmware
from drivers.emulators.crazyflie_lockstep import LockstepCapture, LockstepCrazyflie
from drivers.emulators.virtual_crazyflie import VirtualCrazyflieConfig
from drivers.motion_capture import MotionCaptureSettings
from firmware_export.crazyflie_app import build_for_host
from robot.robots.quadrotor.app_of_run import write_app_of_run
from robot.robots.quadrotor.app_words import LOGGED
from robot.robots.quadrotor.devices import CrazyflieDevice, MotionCaptureDevice
from robot.robots.quadrotor.drone_file import load_drone
from robot.robots.quadrotor.flown import Phase
from robot.robots.quadrotor.mind import FlightMind
from robot.robots.quadrotor.run_mission import TICKS_S, setup_of
from robot.robots.quadrotor.setup import FlightSetup
from robot.runtime.control_loop import ControlLoop
from robot.runtime.robot import Device
from robot.safety.campaign.stops.drive import Drive, DriveCause, ask
from robot.safety.campaign.trials import Variant
from robot.safety.campaign.truth import Seen
from sim.quadrotor.model import GRAVITY_M_S2
from sim.scratch_folder import scratch_folder

HARD_M_S = 1.0  # who touches down faster has not landed
VIRTUAL = "virtual-crazyflie"
CAMERAS, BODY = "cameras", "cf1"  # poses by radio, through the host; beside the emulator's own systems
STOPS_S = (0.5, 1.0, 2.0, 4.0)  # for how long its host is stopped
# Of a cell that is nearly empty: one that falls to 3.4 V at once does not carry a 2.1 any more.
LOW_OPEN_V, FALL_V_S = 3.6, 0.02
SEEN_AFTERWARDS_S = 1.0  # a drone that is down stays down when its host goes on
NEVER_BY_ITSELF = (r"#define (RATE_)?SILENCE_STEPS \d+", r"#define \1SILENCE_STEPS 1000000")  # in landing.c


def seen_of(speed_m_s: float, height_m: float, force: float, touches: int, late_s: float) -> Seen:
    """A drone, to a judge. In the air it has not come to rest, however still: as fast counts what it would hit the ground with."""
    return Seen(float(np.sqrt(speed_m_s * speed_m_s + 2.0 * GRAVITY_M_S2 * max(0.0, height_m))), force > 0.0, touches, 0.0,
                late_s)  # fmt: skip


class DroneDrive(Drive):
    """One flight. Nobody stands in for its host: the app on board brings it down."""

    def __init__(self, firmware: Firmware, driver: LockstepCrazyflie, mind: FlightMind) -> None:
        self.firmware, self.driver, self.mind = firmware, driver, mind
        readings = np.zeros((), mind.records.readings)
        super().__init__(ControlLoop(driver.clock, devices_of(driver), mind, readings, 1, mind.tick_s))
        self.goes_on_s = 0.0  # when a stopped host is continued
        self.loop.start()

    def tick(self) -> None:
        """A stopped host neither hears nor decides; when it goes on, it decides by what it knew, and then hears the rest."""
        if not self.driver.stopped:
            super().tick()
            return
        self.driver.clock.sleep_until(self.time_s + self.loop.tick_s)
        self.driver.stopped = self.time_s < self.goes_on_s

    def without_control(self) -> None:
        """Nobody is there."""

    @property
    def practises(self) -> bool:
        return Phase.TAKE_OFF <= self.mind.mission.phase <= Phase.LANDING

    @property
    def over(self) -> bool:
        return bool(self.loop.outputs["finished"])

    def seen(self) -> Seen:
        state = self.firmware.body.state
        speed_m_s = float(np.sqrt(state[7] * state[7] + state[8] * state[8] + state[9] * state[9]))
        return seen_of(
            speed_m_s, float(state[2]), float(self.firmware.forces.mean()), int(self.worst_touch_m_s > HARD_M_S), 0.0
        )

    def forget_touches(self) -> None:
        self.firmware.impact_m_s = 0.0

    @property
    def worst_touch_m_s(self) -> float:
        return self.firmware.impact_m_s

    def settle(self) -> None:
        """Nothing is on its way."""

    flush = settle


def start_drive(variant: Variant, seed: int, verified: bool, folder: Path) -> DroneDrive:
    """Let a drone take off with its policy. verified: False, it carries an app that does not land by itself."""
    firmware, driver, setup = drone_of(variant, seed, verified)
    return DroneDrive(firmware, driver, FlightMind(setup))


def drone_of(variant: Variant, seed: int, verified: bool = True) -> tuple[Firmware, LockstepCrazyflie, FlightSetup]:
    """The drone of a variant in this process, its driver, connected, and the setup of a flight with its policy."""
    policy, quadrotor, file = Path(variant["policy"]), variant["quadrotor"], load_drone(VIRTUAL)
    by_cameras, policy_on = variant["positioning"] == CAMERAS, variant["policy_on"]
    if by_cameras:
        file = replace(file, motion_capture=MotionCaptureSettings(BODY, file="none"), positioning="")
    with scratch_folder("policy-app") as app:
        write_app_of_run(policy, app, quadrotor)
        if not verified:
            source = app / "src" / "landing.c"
            source.write_text(re.sub(*NEVER_BY_ITSELF, source.read_text()))
        firmware = build_firmware(
            VirtualCrazyflieConfig(quadrotor=quadrotor, app=str(build_for_host(app)), seed=seed,
                                   positioning="none" if by_cameras else variant["positioning"], factors={"mass": variant["mass"]})
        )  # fmt: skip
    for _ in range(WARM_UP_MS):
        firmware.tick()
    setup = setup_of(policy, file, policy_on, quadrotor)
    driver = LockstepCrazyflie(firmware, file.crazyflie, round(1000 * TICKS_S[policy_on]), LOGGED)
    driver.open()
    if by_cameras:
        driver.cameras = LockstepCapture(BODY, driver, seed)
        driver.cameras.open()
    return firmware, driver, setup


def devices_of(driver: LockstepCrazyflie) -> dict[str, Device]:
    """The drone, and what it is sent its poses by."""
    devices: dict[str, Device] = {"crazyflie": CrazyflieDevice(driver)}
    if driver.cameras is not None:
        devices["motion_capture"] = MotionCaptureDevice(driver.cameras)
    return devices


def stop_host(seconds: float) -> DriveCause:
    """SIGSTOP, and SIGCONT later."""

    def do(drive: DroneDrive) -> None:
        drive.driver.stopped, drive.goes_on_s = True, drive.time_s + seconds

    return DriveCause(do, lasts_s=seconds + SEEN_AFTERWARDS_S)


def _kill_host(drive: DroneDrive) -> None:
    drive.dead_ticks = 0
    drive.driver.stopped, drive.goes_on_s = True, np.inf


def _cut_link(drive: DroneDrive) -> None:
    drive.driver.link.cut = True


def _low_battery(drive: DroneDrive) -> None:
    drive.firmware.battery.tell(LOW_OPEN_V, FALL_V_S)


CAUSES: dict[str, DriveCause] = {
    "Ctrl-C": ask(1),
    **{f"host stopped for {seconds:g} s": stop_host(seconds) for seconds in STOPS_S},
    "host killed": DriveCause(_kill_host),
    "link cut": DriveCause(_cut_link),
    "battery low": DriveCause(_low_battery, lasts_s=5.0),
}
