"""What an arm brings to practice."""

import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from drivers.base import LinkLost
from drivers.declared import make_driver
from drivers.emulators.virtual_arm import start_virtual_arm
from drivers.servo_bus import ServoBus
from robot.practice.body import Body
from robot.practice.episodic_mind import PHASES, Phase, Reason
from robot.practice.practice import Practice, PractisingRobot, Start
from robot.practice.settings import SCRATCH
from robot.practice.settings import SHIPPED as SHIPPED_WITH_IT
from robot.robots.arm.arm_file import load_arm
from robot.robots.arm.eyes.seeing_arm import BY_CAMERA, SEEING
from robot.robots.arm.figures import figures
from robot.robots.arm.hand_told import WORKS_ON, hand_told
from robot.robots.arm.hidden_arm import hidden_arm, hidden_turn
from robot.robots.arm.mind import STILL_RAD_S, TICK_S
from robot.robots.arm.options import CLASSIFIER, INSERTIONS, SCRIPTED, SHIPPED_FOR, ArmOptions
from robot.robots.arm.progress import ArmProgress
from robot.robots.arm.setup import setup_of
from robot.robots.arm.setup_arm.hidden_wiring import hidden_wiring
from robot.robots.arm.success import SHIPPED as SHIPPED_CLASSIFIER
from robot.robots.arm.success import read_classifier
from robot.runtime.clock import RealClock
from robot.tasks.peg_insert import CAMERA_OFFSET_M
from robot.views.panels import Gauge

ASKS_S = 2.0  # for all servos to say what they are
SHOWN_BY_VIRTUAL_PERSON = ("peg_insert",)
REASON_TEXTS: dict[int, str] = {
    Reason.BLIND: "servos, board or camera not heard, or a servo that cannot be commanded; robot doctor says which",
    Reason.TOLD: "told to stand",
    Reason.UNWELL: "a servo too hot, or the supply too low; it lies down until that is over",
    Reason.UNLED: "the leader is silent: nobody could take over",
}
SHIPPED = Path(__file__).parents[3] / "policies" / "shipped"  # robot train --task NAME


class PractisingArm(PractisingRobot):
    """The arm of one session."""

    def __init__(self, options: ArmOptions) -> None:
        self.options, self.arm = options, load_arm(options.robot)
        arm = self.arm
        if not arm.virtual and options.hidden_seed is not None:
            raise ValueError(f"--hidden-seed: found {options.hidden_seed}, allowed: with a virtual arm")
        if arm.wiring_seed is not None and options.hidden_seed is not None:
            raise ValueError(
                f"--hidden-seed: found {options.hidden_seed}, allowed: with a file without wiring_seed, which says which arm it is"
            )
        self.success: tuple[float, ...] = ()
        if options.success != SCRIPTED:
            self.success = tuple(self.classifier(options.success).tolist())
        works_on = WORKS_ON[options.task]
        self.title = f"a virtual SO-101 with a {works_on}" if arm.virtual else f"the arm of {options.robot}"
        hidden: tuple[dict[str, float], list[float]] = ({}, [0.0, 0.0, 0.0])
        turn_rad = [0.0, 0.0]
        if options.hidden_seed is not None:
            hidden = hidden_arm(options.hidden_seed, arm.camera_offset_m)
            turn_rad = hidden_turn(options.hidden_seed, arm.camera_turn_rad)
        elif (arm.camera_offset_m, arm.camera_turn_rad) != (CAMERA_OFFSET_M, 0.0):
            raise ValueError(
                "camera_offset_m, camera_turn_rad: found them without --hidden-seed, allowed: with it, which draws what the camera is wrong by"
            )
        if arm.wiring_seed is not None:
            built = hidden_wiring(arm.wiring_seed)
            hidden = (built.rows, built.offset_m)
        if works_on != "peg":
            hidden[0].pop("hole_half_m", None)
        emulate = partial(
            start_virtual_arm,
            options.clock,
            [*arm.rest_rad, arm.hold_rad],
            options.seed,
            *hidden,
            works_on,
            arm.camera_m,
            wiring=arm.virtual_wiring,
            leader=arm.leader is not None,
            turn_rad=turn_rad,
        )
        if arm.virtual and arm.leader is not None and options.task not in SHOWN_BY_VIRTUAL_PERSON:
            raise ValueError(
                f"--robot: found '{options.robot}' with --task {options.task}, allowed: with "
                f"{', '.join(SHOWN_BY_VIRTUAL_PERSON)}, which the virtual person at its leader can do"
            )
        self.devices = {"follower": arm.follower, "board": arm.board} | ({"leader": arm.leader} if arm.leader else {})
        self.body = Body(
            file_ports={name: settings.port for name, settings in self.devices.items()},
            reach=self.reach,
            emulate=emulate if arm.virtual else None,
        )

    def classifier(self, told: str) -> np.ndarray:
        """Its weights, of the file that is told, or of the one that comes with the project. Raises ValueError."""
        return read_classifier(SHIPPED_CLASSIFIER if told == CLASSIFIER else Path(told))

    def reach(self) -> None:
        """Raises LinkLost if a port cannot be used, or a servo of the follower's cannot be commanded."""
        for settings in self.devices.values():
            driver = make_driver(settings, RealClock())
            driver.open()
            try:
                if settings is self.arm.follower:
                    refuse_unfit(driver)
            finally:
                driver.close()

    def setup(self, start: Start) -> bytes:
        progress = start.progress
        shown, camera = (progress.shown, progress.camera) if isinstance(progress, ArmProgress) else (0, {})
        shows = start.learning and self.options.start_from == SCRATCH
        to_show = max(0, self.options.shown - shown) if shows else 0
        return setup_of(start, self.arm, self.options.task, self.options.seed, to_show, self.options.resets,
                        hand_told(self.options.task), self.success, camera)  # fmt: skip


def refuse_unfit(bus: ServoBus) -> None:
    """Ask all servos what they are, before anything is commanded. Raises LinkLost, with the remedy, for one that cannot follow its goals.

    Who is silent is not refused here: it may be plugged in later."""
    clock, end_s = RealClock(), time.monotonic() + ASKS_S
    while len(bus.known) < len(bus.settings.ids) and time.monotonic() < end_s:
        bus.read()
        clock.sleep_until(clock.now() + TICK_S)
    if bus.unfit:
        raise LinkLost(bus.unfit)


def begin(config: ArmOptions) -> PractisingRobot:
    """The arm of a session, by what it senses."""
    if config.task in SEEING.values():
        from robot.robots.arm.eyes.practising import SeeingPractisingArm

        return SeeingPractisingArm(config, policy_with_encoder(config))
    return PractisingArm(config)


def policy_with_encoder(config: ArmOptions) -> Path:
    """The policy beside which the encoder lies: from scratch, too, somebody has to see; where no policy ships, the encoder lies alone."""
    from robot.practice.start import starting_path

    if config.start_from == SCRATCH and config.task not in SHIPPED_FOR:
        return SHIPPED / config.task / "policy.npz"
    return starting_path(config if config.start_from != SCRATCH else replace(config, start_from=SHIPPED_WITH_IT))


def look_through(config: ArmOptions, folder: Path, progress: ArmProgress) -> None:
    """Raises ValueError if a run that goes on would see by another encoder than before."""
    if config.task in SEEING.values():
        from robot.robots.arm.eyes.encoder_file import FORMS

        FORMS[config.task].check_same(policy_with_encoder(config), folder)


def prior(config: ArmOptions, weights: np.ndarray, layers: tuple[int, ...]) -> np.ndarray | None:
    """What arms of the simulator live through with the policy that practice begins from."""
    from robot.robots.arm.training.practising import simulated

    arm = load_arm(config.robot)
    return simulated(weights, layers, config.seed, arm.believed) if config.task in INSERTIONS else None


PRACTICE = Practice(
    options=ArmOptions,
    begin=begin,
    progress=ArmProgress,
    phases=PHASES,
    finishing=Phase.FINISH,
    reasons=REASON_TEXTS,
    stands=lambda seen: bool(np.abs(seen["figures"]["speed_rad_s"]) < STILL_RAD_S),
    shipped={task: SHIPPED / (f"{task}/policy.npz" if task == BY_CAMERA else f"{task}.npz") for task in SHIPPED_FOR},
    challenges=False,
    prior=prior,
    look_through=look_through,
    figures=figures,
    place=(
        Gauge("over the hole", lambda seen, progress: 1000.0 * float(seen["figures"]["aside_m"][2]), "mm", 1),
        Gauge("load", lambda seen, progress: 100.0 * float(seen["figures"]["load"]), "%"),
    ),
    counts=(Gauge("shown", lambda seen, progress: progress.shown),),
)
