"""How flights are stopped, and on which drones: the quadrotor's part in the campaign of stops.

Every stop is the end of a flight. A collision is a touch-down that is faster than HARD_M_S, by the simulator's truth.
"""

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from drivers.emulators.virtual_crazyflie import DroneTruth, VirtualCrazyflieConfig
from robot.practice.body import Emulator
from robot.robots.quadrotor.flown import Reason
from robot.robots.quadrotor.safety_drive import CAMERAS, CAUSES, HARD_M_S, STOPS_S, VIRTUAL, seen_of, start_drive
from robot.robots.quadrotor.virtual_drone import start_with_policy
from robot.safety.campaign.stops.causes import ENDING, Cause, Job, fault
from robot.safety.campaign.trials import LockstepTrials, Rig, SafetyTrials, StopTrials, Variant
from robot.safety.campaign.truth import Seen

SHIPPED_POLICY = Path(__file__).parents[3] / "policies" / "shipped" / "hover.npz"  # robot train --task hover --seed 11
MOVING_M_S = 1.0  # 5 cm above the floor
DRONES = ("crazyflie_2_0", "crazyflie_2_1", "crazyflie_2_1_plus", "crazyflie_2_1_brushless")
SYSTEMS = ("lighthouse", "flow", "loco", CAMERAS)
MASS = (0.95, 1.1)  # of what its type weighs: a load
ON_BOARD = {CAMERAS: "motion-capture"}  # of a drone that nobody has to send its poses to
HOST_SHARE = 0.25  # of the flights whose policy decides on the host
FLIGHT_S = (0.0, 18.0)  # from the first moment in the air: into every phase, the landing too
ROBOT_FILE = """virtual = false
quadrotor = "{quadrotor}"
[devices.crazyflie]
driver = "crazyflie"
uri = "{uri}"
reach_m = 2.0
height_max_m = 1.5
"""
COMMAND = (sys.executable, "-c", "from robot.cli import main; main()", "run")


def see(truth: DroneTruth) -> Seen:
    """The drone's truth, to a judge."""
    speed_m_s = float(np.sqrt(truth.v_x * truth.v_x + truth.v_y * truth.v_y + truth.v_z * truth.v_z))
    return seen_of(speed_m_s, truth.z, truth.force, int(truth.impact_m_s > HARD_M_S), truth.slipped_s)


def variant(number: int, rng: np.random.Generator) -> Variant:
    """Every drone in turn, with each positioning system, its policy on board or on the host, and a load."""
    return {
        "quadrotor": DRONES[number % len(DRONES)],
        "positioning": SYSTEMS[number // len(DRONES) % len(SYSTEMS)],
        "policy": str(SHIPPED_POLICY),
        "policy_on": "host" if rng.random() < HOST_SHARE else "board",
        "mass": float(rng.uniform(*MASS)),
    }


def rig(drawn: Variant, seed: int, rng: np.random.Generator, folder: Path) -> Rig:
    """A virtual drone that belongs to the judge, and `robot run`, which flies it as a real one. Cameras are on its side here."""
    policy, quadrotor = Path(drawn["policy"]), drawn["quadrotor"]
    config = VirtualCrazyflieConfig(quadrotor=quadrotor, positioning=ON_BOARD.get(drawn["positioning"], str(drawn["positioning"])), seed=seed,
                                    factors={"mass": drawn["mass"]})  # fmt: skip
    drone = start_with_policy(policy, config, quadrotor)
    robot = folder / "drone.toml"
    robot.write_text(ROBOT_FILE.format(quadrotor=quadrotor, uri=drone.uri))
    return Rig(
        drone,
        scheduling=drone.scheduling,
        command=(*COMMAND, str(policy), "--robot", str(robot), "--policy-on", drawn["policy_on"]),
    )


def pause(seconds: float) -> Callable[[Job], None]:
    """SIGSTOP, and SIGCONT later."""

    def do(job: Job) -> None:
        job.send(signal.SIGSTOP, "session")
        time.sleep(seconds)
        job.send(signal.SIGCONT, "session")

    return do


def repair(drone: Emulator) -> None:
    """Nothing is flown again after a stop."""


OF_ANY_PROGRAM = ("Ctrl-C", "Ctrl-C twice", "Ctrl-\\", "hang-up", "SIGTERM session", "kill -9 session")
STOPS = StopTrials(
    variant=variant,
    rig=rig,
    repair=repair,
    going_on=(),
    ending=(
        *(Cause(each.name, each.do) for each in ENDING if each.name in OF_ANY_PROGRAM),  # motors go on until it is down
        *(Cause(f"host stopped for {seconds:g} s", pause(seconds)) for seconds in STOPS_S),
        Cause("link cut", fault("cut_link", on=True)),
        Cause("battery low", fault("battery", volts=3.3, fall_v_s=0.02)),
    ),
    between_s=FLIGHT_S,
    lockstep=LockstepTrials(start_drive, CAUSES),
)
TRIALS = SafetyTrials(see=see, reasons=Reason, moving_m_s=MOVING_M_S, faults=(), stops=STOPS, robots=(VIRTUAL,))
