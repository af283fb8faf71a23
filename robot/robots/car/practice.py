"""What a car brings to practice. Half of the verbs ask for its options alone: what is slow to import is, when it is needed."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from robot.practice.practice import Adaptation, Adapted, Practice, PractisingRobot
from robot.practice.settings import SCRATCH, SHIPPED
from robot.robots.car.car_file import believed_car, load_car
from robot.robots.car.figures import figures, lines
from robot.robots.car.options import BY_CAMERA, CarOptions
from robot.robots.car.progress import CarProgress
from robot.robots.car.records import Phase
from robot.robots.car.shield.supervision import REASON_TEXTS
from robot.views.panels import Gauge

SHIPPED_HERE = Path(__file__).parents[3] / "policies" / "shipped"
SHIPPED_POLICY = SHIPPED_HERE / "race_track.npz"
# robot train --task race_track --eyes --seed 0: the check after 300 of 600 iterations (docs/experiments/eyes.md)
SHIPPED_SEEING_POLICY = SHIPPED_HERE / BY_CAMERA / "policy.npz"
STANDING_M_S = 0.05
PHASES: dict[int, str] = {
    Phase.LOCALISE: "looking where it is",
    Phase.DEMONSTRATE: "demonstration lap",
    Phase.DRAW_MAP: "drawing the map",
    Phase.PRACTISE: "practising",
    Phase.FINISH: "stopping",
    Phase.DONE: "done",
}


def begin(config: CarOptions) -> PractisingRobot:
    """The car of a session, by what it senses."""
    if config.task == BY_CAMERA:
        from robot.robots.car.eyes.practising import SeeingPractisingCar

        return SeeingPractisingCar(config, policy_with_encoder(config))
    from robot.robots.car.practising import PractisingCar

    return PractisingCar(config)


def policy_with_encoder(config: CarOptions) -> Path:
    """The policy beside which the encoder lies: from scratch, too, somebody has to see."""
    from robot.practice.start import starting_path

    return starting_path(config if config.start_from != SCRATCH else replace(config, start_from=SHIPPED))


def prior(config: CarOptions, weights: np.ndarray, layers: tuple[int, ...]) -> np.ndarray | None:
    """Practice of simulated cars with this policy, where the course is known; by a camera, on courses that anybody knows."""
    if config.task == BY_CAMERA:
        from robot.robots.car.eyes.prior import drive_elsewhere

        return drive_elsewhere(policy_with_encoder(config), weights, layers, config.seed)
    from robot.robots.car.belief.simulated import simulate_practice
    from robot.robots.car.world import world_of

    if config.mapless:
        return None
    course, believed = world_of(config).course, believed_car(config.robot)
    return simulate_practice(course, believed, weights, layers, config.predictive_brake, config.seed)


def adapt(config: CarOptions, folder: Path, transitions: np.ndarray, weights: np.ndarray, layers: tuple[int, ...],
          seed: int) -> Adapted | None:  # fmt: skip
    """The policy made better in a simulator with the grips and delay of this very car; None while too few corner hard. By a camera,
    whose observation tells no sideways speed, in one of this very course.

    None always of a car that measures no speed: what lidar or camera tell of it comes too late for a fit, and what holds it back is
    how fast it is let go, not how well it is known.
    """
    if config.task == BY_CAMERA:
        from robot.robots.car.eyes.adaptation import adapt as adapt_by_camera
        from robot.robots.car.eyes.seeing_car import load_seeing_car

        if not load_seeing_car(config.robot).measures_speed:
            return None
        return adapt_by_camera(config, folder, int(transitions["step"][-1]), weights, layers, seed)
    if not load_car(config.robot).measures_speed:
        return None
    from robot.robots.car.belief.adaptation import fit_car, improve
    from robot.robots.car.world import course_of

    fit = fit_car(transitions, believed_car(config.robot))
    if fit is None:
        return None
    improved = improve(weights, layers, course_of(folder, config), fit, config.predictive_brake, seed)
    return Adapted(improved, fit.belief, fit.text)


def look_through(config: CarOptions, folder: Path, progress: CarProgress) -> None:
    """Raises ValueError if the map that the demonstration made is not whole, or if it would see by another encoder than before."""
    from robot.robots.car.demonstration.course_from_lap import COURSE_FILE, load_course

    if config.task == BY_CAMERA:
        from robot.robots.car.eyes.encoder_file import check_same_encoder

        check_same_encoder(policy_with_encoder(config), folder)
    if config.mapless and progress.demo_lap_s > 0.0:
        load_course(folder / COURSE_FILE)


def picture(folder: Path) -> Path | None:
    """Draw a run; nothing of one that never came to know its course."""
    from robot.robots.car.plots import knows_course, plot_run

    return plot_run(folder) if knows_course(folder) else None


PRACTICE = Practice(
    options=CarOptions,
    begin=begin,
    progress=CarProgress,
    phases=PHASES,
    finishing=Phase.FINISH,
    reasons=REASON_TEXTS,
    stands=lambda seen: bool(abs(seen["estimate"]["v_x"]) < STANDING_M_S),
    shipped={"race_track": SHIPPED_POLICY, BY_CAMERA: SHIPPED_SEEING_POLICY},
    prior=prior,
    # As soon as the fit can be good, and once more when it is
    adaptation=Adaptation(after=(60, 300), again=20, adapt=adapt),
    look_through=look_through,
    figures=figures,
    lines=lines,
    place=(
        Gauge("", lambda seen, progress: float(seen["estimate"]["v_x"]), "m/s", 1),
        Gauge("localised", lambda seen, progress: 100.0 * float(seen["estimate"]["quality"]), "%"),
    ),
    notes=(Gauge("demonstration", lambda seen, progress: float(seen["figures"]["demo_lap_s"]), "s", 1, needed=False),),
    counts=(Gauge("collisions", lambda seen, progress: len(progress.collisions)),),
    picture=picture,
)
