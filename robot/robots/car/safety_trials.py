"""What is broken on a car, how it is stopped, and on which floors: the car's part in the campaign of faults and stops."""

import math
from pathlib import Path

import numpy as np

from drivers.emulators.virtual_car import Truth, VirtualCarConfig, start_virtual_car
from robot.practice.body import Emulator
from robot.practice.session import Session
from robot.robots.car.eyes import safety_trials as eyes
from robot.robots.car.safety_drive import CAUSES, demonstrated, hidden, start_drive
from robot.robots.car.shield.supervision import Reason
from robot.safety.campaign.sessions import emulated
from robot.safety.campaign.stops.causes import GOING_ON, Cause, both, fault, kill
from robot.safety.campaign.stops.stops import Stop
from robot.safety.campaign.trials import Fault, LockstepTrials, Rig, SafetyTrials, StopTrials, Variant, order
from robot.safety.campaign.truth import Seen
from robot.safety.supervisor import Mode
from sim.tracks.built_in_tracks import BUILT_IN

ZERO_THROTTLE_MS = 200.0  # the most where the car must stop
MOVING_M_S = 1.0
SPEED, CURRENT, THROTTLE = 1, 2, 5  # truth's motor_mode
GRIP_SHARES = (0.4, 1.2)
BELIEVED_GRIP = 0.8  # share of the nominal grip that is believed before anything was measured
LOST = (Reason.STUCK, Reason.OFF_COURSE, Reason.COLLISION, Reason.POSE_LOST)
ROBOT_FILE = """virtual = false
car = "f1tenth"
[devices.motor]
driver = "vesc"
port = "{motor}"
[devices.lidar]
driver = "rplidar"
port = "{lidar}"
"""


def see(truth: Truth) -> Seen:
    """The car's truth, to a judge."""
    driven = truth.motor_mode in (SPEED, CURRENT, THROTTLE) and truth.motor_value != 0.0
    speed_m_s = math.sqrt(truth.v_x * truth.v_x + truth.v_y * truth.v_y)
    return Seen(speed_m_s, driven, int(truth.collisions), abs(truth.heading_error), truth.late_s)


def wall_ahead(session: Session) -> None:
    """Close the course 2.5 m in front of the car."""
    car = emulated(session)
    car.fault("wall", s=car.truth().s + 2.5)


def park_nose_in(session: Session) -> None:
    """Set the car down with its nose to the wall."""
    car = emulated(session)
    car.fault("park_nose_in", s=car.truth().s)


FAULTS = (
    Fault("lidar cable out", order("unplug", device="lidar"), order("plug", device="lidar"),
          Mode.STOP, (Reason.LIDAR_LOST,), ZERO_THROTTLE_MS, designed="brakes at once; drives when it is back"),
    Fault("motor controller cable out", order("unplug", device="vesc"), order("plug", device="vesc"),
          Mode.STOP, (Reason.VESC_LOST,), 1100.0,
          designed="out of reach: its own watchdog releases the motor after 1000 ms; drives when it is back"),
    Fault("motor controller silent", order("silence_vesc", on=True), order("silence_vesc", on=False),
          Mode.STOP, (Reason.VALUES_STALE, Reason.IMU_STALE), 1400.0,
          designed="neither obeys nor answers: its own watchdog releases the motor"),
    Fault("motor controller fault", order("vesc_fault", code=3), order("vesc_fault", code=0),
          Mode.STOP, (Reason.VESC_FAULT,), ZERO_THROTTLE_MS, designed="released at once; drives when it clears"),
    Fault("lidar frozen", order("freeze_lidar", on=True), order("freeze_lidar", on=False),
          Mode.STOP, (Reason.LIDAR_STALE, Reason.LIDAR_FROZEN), 300.0 + ZERO_THROTTLE_MS,
          designed="noticed after 300 ms, then brakes at once; drives when it lives"),
    Fault("car parked nose-in", park_nose_in, None, Mode.RECOVER, LOST, None,
          designed="finds itself, backs out by itself, drives"),
    Fault("wall across the track", wall_ahead, order("remove_walls"), Mode.RECOVER, (Reason.BLOCKED, *LOST), None,
          hold_s=8.0, designed="stops before it, waits; drives when it is gone"),
)  # fmt: skip
PROCESS_CAUSES = (
    Cause("lidar cable", fault("unplug", device="lidar")),
    Cause("lidar frozen", fault("freeze_lidar", on=True)),
    Cause("lidar cable, kill -9 control", both(fault("unplug", device="lidar"), kill("control")), hurts=True),
    # It keeps its last command until its own watchdog lets the motor roll: nobody can brake meanwhile.
    Cause("motor controller's cable", fault("unplug", device="vesc"), out_of_reach=True),
    Cause("motor controller silent", fault("silence_vesc", on=True), out_of_reach=True),
)


def repair(car: Emulator) -> None:
    """Give it back its cables and sensors."""
    car.fault("plug", device="lidar")
    car.fault("plug", device="vesc")
    car.fault("freeze_lidar", on=False)
    car.fault("silence_vesc", on=False)


def variant(number: int, rng: np.random.Generator) -> Variant:
    """The built-in tracks in turn, with hidden cars on floors of GRIP_SHARES of the nominal grip."""
    track = list(BUILT_IN)[number % len(BUILT_IN)]
    return {
        "track": track,
        "hidden_seed": int(rng.integers(1, 2**31)),
        "grip_share": float(rng.uniform(*GRIP_SHARES)),
    }


def rig(drawn: Variant, seed: int, rng: np.random.Generator, folder: Path) -> Rig:
    """A virtual car, the robot's file that names its ports, and what a demonstration lap would have told of it."""
    hidden_seed, track = drawn["hidden_seed"], drawn["track"]
    car = start_virtual_car(
        VirtualCarConfig(track=track, clock="realtime", seed=seed, car=hidden(hidden_seed, drawn["grip_share"]))
    )
    robot = folder / "car.toml"
    robot.write_text(ROBOT_FILE.format(**car.ports))
    progress = {"demo_lap_s": 30.0, "proved": True, **demonstrated(hidden_seed, rng)}
    return Rig(car, {"robot": str(robot), "track": track}, progress, car.scheduling)


def spun_at_believed_grip(stop: Stop) -> bool:
    return stop.spun and bool(stop.variant["grip_share"] >= BELIEVED_GRIP)


STOPS = StopTrials(
    variant=variant,
    rig=rig,
    repair=repair,
    going_on=(*GOING_ON, *PROCESS_CAUSES),
    lockstep=LockstepTrials(start_drive, CAUSES),
    counted={"spins_at_believed_grip": spun_at_believed_grip},
)
# A car with a camera: its first lap it drives by itself in each session, so that nothing was driven before
SEEING = SafetyTrials(
    see=see,
    reasons=Reason,
    moving_m_s=MOVING_M_S,
    faults=eyes.FAULTS,
    stops=StopTrials(
        variant=variant,
        rig=eyes.rig,
        repair=eyes.repair,
        going_on=eyes.GOING_ON_SEEING,
        lockstep=eyes.LOCKSTEP,
        counted={"spins_at_believed_grip": spun_at_believed_grip},
    ),
)
TRIALS = SafetyTrials(
    see=see,
    reasons=Reason,
    moving_m_s=MOVING_M_S,
    faults=FAULTS,
    driven_before={"demo_lap_s": 30.0, "latency_s": 0.04},
    stops=STOPS,
    robots=("virtual-car",),
    others={"virtual-camera-car": SEEING},
)
