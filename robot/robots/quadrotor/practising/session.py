"""A session in which a drone practises, from the options to the figures.

    fly -> land -> fit the simulator to the last flights -> some seconds of gradients there -> take the policy on board -> fly

In one process, as `robot run`: a drone on the ground needs nobody, and one in the air whose host is gone is brought down by its app.
Between two flights everything that a later session needs is on the disk. A policy flies a whole flight before it is judged; where it
loses hold of the drone, the app's limits, narrower here than anybody's else, give the rotors to the firmware, which lands it.
"""

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from drivers.base import LinkLost
from firmware_export.agreed import policy_id, policy_sha256
from firmware_export.network import network_of
from policies.policy_file import PolicyFile, load_policy, save_policy
from robot.logs.writer import next_part
from robot.practice.best_policy import median_name
from robot.practice.progress import load_progress
from robot.practice.resuming import check_kinds
from robot.practice.run_lock import RunLock
from robot.practice.settings import SHIPPED, load_config, resumed
from robot.practice.summary import lines_of
from robot.robots.quadrotor import figures as shapes
from robot.robots.quadrotor.app_words import IDENTITY
from robot.robots.quadrotor.devices import tell_drag
from robot.robots.quadrotor.flight import Flight
from robot.robots.quadrotor.over_the_air import NotTaken, OverTheAir
from robot.robots.quadrotor.practising.air import Air, in_the_air
from robot.robots.quadrotor.practising.champion import Candidate, Contest
from robot.robots.quadrotor.practising.fit import fit
from robot.robots.quadrotor.practising.flying import Practised, PractisedFlight
from robot.robots.quadrotor.practising.improving import ITERATIONS, improve
from robot.robots.quadrotor.practising.leaning import LEVEL, told_of
from robot.robots.quadrotor.practising.options import DronePracticeOptions
from robot.robots.quadrotor.practising.progress import (
    HARD_M_S,
    DroneProgress,
    figures_of,
    line_of_thrust,
    lines_of_truth,
)
from robot.robots.quadrotor.practising.samples import Sampler, load_samples, save_samples, share_at_full
from robot.robots.quadrotor.run_mission import LANDING_SIGNALS
from robot.robots.quadrotor.setup import FlightOptions, FlightSetup
from robot.runtime.episodes import Outcome
from robot.runtime.json_file import write_json
from robot.runtime.run_folder import (
    BELIEF_FILE,
    BEST_FILE,
    NEWEST_FILE,
    belief_of_run,
    new_run_folder,
    policy_path,
    save_config,
    sealed,
    still_there,
)
from robot.tasks import find_task, task_module
from robot.views.say import say
from sim.input_files import shown, wrong
from sim.quadrotor.model import QuadrotorParameters, load_parameters

SHIPPED_POLICY = Path(__file__).parents[4] / "policies" / "shipped" / "hover.npz"
SAMPLES = "samples"
FLIGHTS_FITTED = 4  # the newest
LIMITS = {"policy.tiltDeg": 35.0, "policy.rateDegS": 600.0, "policy.fenceM": 1.5}  # from there the firmware recovers
TILT_MORE_DEG, TILT_MAX_DEG = 18.0, 60.0  # than a path needs; of any flight, as the app has it
REFUSED_MAX = 3  # flights in a row that never come to the policy


class Stop:
    """Asked for by a signal: lands the flight that goes on, and ends the session after it."""

    def __init__(self) -> None:
        self.asked = False
        self.flight: Flight | None = None

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
        if self.flight is not None:
            self.flight.interrupted = True


@contextmanager
def stopping() -> Iterator[Stop]:
    """Take every signal that lands a drone for the session's."""
    stop = Stop()
    before = {number: signal.signal(number, stop) for number in LANDING_SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def practise(config: DronePracticeOptions, root: Path = Path("runs")) -> dict[str, Any]:
    """Run it. Returns the figures of `--json`, with `failure`, `picture` and `lines`, as `robot.practice.run.practise`.

    Raises ValueError for options or a run that do not fit, LinkLost if no drone answers.
    """
    lock = RunLock(Path(config.resume)) if config.resume and (Path(config.resume) / "config.toml").is_file() else None
    try:
        config, folder, progress = prepare(config, root)
        lock = lock or RunLock(folder)
        say(f"run      {folder}")
        began_s = time.monotonic()
        with stopping() as stop, in_the_air(config, policy_of_run(folder, config)) as air:
            session = DroneSession(config, folder, progress, air, stop)
            session.run()
    finally:
        if lock is not None:
            lock.release()
    still_there(folder)
    figures = figures_of(progress, folder, time.monotonic() - began_s, config.task)
    figures |= {"belief": belief_of_run(folder), "failure": session.failure, "picture": None}
    write_json(folder / "summary.json", figures)
    return figures | {"lines": [*lines_of(figures, find_task(config.task)), *lines_of_truth(figures)]}


def prepare(config: DronePracticeOptions, root: Path) -> tuple[DronePracticeOptions, Path, DroneProgress]:
    """The run's folder, new or as an earlier session left it."""
    if not config.resume:
        starting_policy(config)
        load_parameters(config.quadrotor)
        folder = new_run_folder(root, config.task, "practice")
        save_config(folder, config)
        return config, folder, DroneProgress()
    folder = Path(config.resume)
    config = resumed(config, load_config(folder, DronePracticeOptions))
    check_kinds(folder)
    progress = load_progress(folder, DroneProgress)
    done_min = progress.practice_s / 60.0
    minutes = config.minutes if config.minutes > done_min else config.minutes + done_min
    say(
        f"going on after {done_min:.1f} minutes of flight and {len(progress.episodes)} flights, up to {minutes:.1f} minutes"
    )
    return replace(config, minutes=minutes), folder, progress


def starting_policy(config: DronePracticeOptions) -> Path:
    """The file of the policy to start from. Raises ValueError if it cannot be read or is made for something else."""
    spec = find_task(config.task)
    if config.start_from == SHIPPED:
        path = SHIPPED_POLICY
    else:
        path = Path(config.start_from)
        path = policy_path(path) if path.is_dir() else path
    policy = load_policy(path)
    if policy.metadata["task"] != spec.name:
        raise wrong(
            path,
            "task",
            shown(policy.metadata["task"]),
            f"'{spec.name}': robot train --task {spec.name}, then --from RUN",
        )
    network_of(policy, spec.observation, spec.action)
    return path


def policy_of_run(folder: Path, config: DronePracticeOptions) -> Path:
    """The best policy so far."""
    return folder / BEST_FILE if (folder / BEST_FILE).is_file() else starting_policy(config)


def limits_for(config: DronePracticeOptions) -> dict[str, float]:
    """LIMITS; a path that needs more tilt than they leave has TILT_MORE_DEG beyond its need."""
    if config.task != "track_trajectory":
        return LIMITS
    needed_deg = math.degrees(shapes.FigureOfEight(config.lap_s).tilt_rad)
    tilt_deg = min(TILT_MAX_DEG, max(LIMITS["policy.tiltDeg"], needed_deg + TILT_MORE_DEG))
    return LIMITS | {"policy.tiltDeg": tilt_deg}


class DroneSession:
    """One session. failure: why it ended before its time."""

    def __init__(
        self, config: DronePracticeOptions, folder: Path, progress: DroneProgress, air: Air, stop: Stop
    ) -> None:
        self.config, self.folder, self.progress, self.air, self.stop = config, folder, progress, air, stop
        self.spec, self.failure = find_task(config.task), ""
        self.believed: QuadrotorParameters = load_parameters(config.quadrotor)
        self.start = load_policy(starting_policy(config))
        best = load_policy(policy_of_run(folder, config))
        if best.layers != self.start.layers:
            raise wrong(
                folder / BEST_FILE, "layers", str(best.layers), f"{self.start.layers}, as the policy it began with"
            )
        version = int(best.metadata.get("version", 0)) if (folder / BEST_FILE).is_file() else 0
        progress.best, progress.versions = version, max(progress.versions, version)
        self.task = task_module(config.task)
        lean_m = np.array(best.metadata.get("lean_m", LEVEL))
        candidate = Candidate(
            version, told_of(best.weights, best.layers, self.task, -lean_m), lean_m, progress.errors_m(version),
            progress.batteries_v(version), progress.leans_m(version), progress.failures_of(version),
        )  # fmt: skip
        self.contest = Contest(candidate)
        self.flown = [load_samples(path) for path in sorted((folder / SAMPLES).glob("flight-*.npz"))[-FLIGHTS_FITTED:]]
        self.sampler = Sampler(air.driver)
        self.refused = 0  # in a row
        self.spent = False  # the battery: what it flies with tells policies apart no longer

    def run(self) -> None:
        """Fly and learn until the time is up, somebody stops it, or the drone does not fly any more."""
        try:
            if self.progress.episodes and self.contest.best.error_m is None:
                self.learn()
            while not self.over:
                policy = self.policy_file(self.contest.flying)
                self.take_on_board(policy)
                practised = self.fly(policy)
                self.note(practised)
                self.save()
                if not (self.over or self.refused or self.contest.again):  # refused: nothing to learn from was flown
                    self.learn()
        except (LinkLost, NotTaken) as error:
            self.failure = str(error)
            self.save()

    @property
    def over(self) -> bool:
        return (
            self.stop.asked
            or self.spent
            or bool(self.failure)
            or self.progress.practice_s >= 60.0 * self.config.minutes
        )

    def policy_file(self, candidate: Candidate) -> PolicyFile:
        """As a flight has it, and its log: saved as the newest, unless it is the one that it began with."""
        if candidate.version == 0:
            return self.start
        self.write(self.folder / NEWEST_FILE, candidate)
        return load_policy(self.folder / NEWEST_FILE)

    def write(self, path: Path, candidate: Candidate, **more: Any) -> None:
        weights = told_of(candidate.weights, self.start.layers, self.task, candidate.lean_m)
        save_policy(path, weights, self.start.layers, task=self.spec.name, rate_hz=self.spec.rate_hz, lean_m=candidate.lean_m.tolist(),
                    trained=self.start.metadata.get("trained", {}), version=candidate.version, **more)  # fmt: skip

    def take_on_board(self, policy: PolicyFile) -> None:
        """By radio, unless it is there. Raises NotTaken, LinkLost."""
        driver = self.air.driver
        if int(driver.parameter(IDENTITY)) != policy_id(policy_sha256(policy)):
            network = network_of(policy, self.spec.observation, self.spec.action)
            sent = OverTheAir(driver, self.air.clock).put(network, self.contest.flying.version)
            self.progress.uploads.append({"seconds": sent.seconds, "packets": sent.packets})
            say(f"policy {self.contest.flying.version} on board: {sent.packets} packets in {sent.seconds:.2f} s")
        for name, value in limits_for(self.config).items():
            driver.set_parameter(name, value)
        tell_drag(driver, self.believed)

    def fly(self, policy: PolicyFile) -> Practised:
        """One flight, logged as the next part."""
        box = self.air.file.crazyflie
        say(
            f"flight {len(self.progress.episodes) + 1}: takes off; {60.0 * self.config.minutes - self.progress.practice_s:.0f} s of practice to go"
        )
        options = FlightOptions("board", box.reach_m, box.height_max_m, self.air.file.motion_capture is not None,
                                self.config.lap_s)  # fmt: skip
        setup = FlightSetup(policy, self.believed, options, shapes.STEPS)
        log = next_part(self.folder)
        life = 1 if log.stem == "log" else int(log.stem[-4:])
        one = PractisedFlight(self.air, setup, self.sampler, life)
        self.stop.flight = one.flight
        try:
            if self.stop.asked:
                one.flight.interrupted = True
            return one.fly(log)
        finally:
            self.stop.flight = None

    def note(self, practised: Practised) -> None:
        """Take in a flight: what it was worth, and who flies next."""
        flown, progress, version = practised.flown, self.progress, self.contest.flying.version
        progress.practice_s += practised.seconds
        progress.step += int((practised.samples["active"] == 1).sum())
        touched_m_s = practised.touched_m_s
        if self.stop.asked:
            say(f"landed: {'yes' if flown.landed or not flown.took_off else 'NO'}")
            return
        if not len(practised.errors_m):
            self.refused += 1
            progress.refused += 1
            say(f"no flight: {flown.trouble}")
            if self.refused == REFUSED_MAX or (flown.took_off and not flown.landed):
                self.failure = flown.trouble
            return
        self.refused = 0
        whole = flown.landed and not flown.trouble
        outcome = Outcome.SUCCESS if whole else Outcome.TAKEN_OVER if flown.landed else Outcome.FAILURE
        error_m = float(practised.errors_m.mean())
        true_m, from_ground_m = (
            float(errors_m.mean()) if len(errors_m) else None
            for errors_m in (practised.true_errors_m, practised.from_ground_m)
        )
        at_full = share_at_full(practised.samples)
        progress.note({
            "kind": "episode", "at_full": at_full, "merit": error_m, "practice_s": progress.practice_s, "outcome": outcome.word,
            "baseline": version == 0, "version": version, "true_error_m": true_m, "touch_down_m_s": touched_m_s,
            "from_ground_m": from_ground_m, "battery_v": practised.battery_v, "lean_m": practised.lean_m.tolist(),
            "landed": flown.landed, "flown_s": 0.02 * len(practised.errors_m), "trouble": flown.trouble,
        })  # fmt: skip
        by_truth = (
            "" if true_m is None or from_ground_m is None
            else f" (by the truth {100 * true_m:.1f}, seen from where it stood {100 * from_ground_m:.1f})"
        )  # fmt: skip
        say(f"flight {len(progress.episodes)}, policy {version}: {100 * error_m:.1f} cm off{by_truth}"
            f"{'' if whole else ', ' + flown.trouble}")  # fmt: skip
        if told := line_of_thrust(at_full):
            say(told)
        if progress.battery_is_spent:
            self.spent = True
            say("the same policy has had the thrust before, so it is the battery: charge it, and go on with --resume")
        path = self.folder / SAMPLES / f"flight-{len(progress.episodes):04d}.npz"
        save_samples(path, practised.samples)
        self.flown = [*self.flown, practised.samples][-FLIGHTS_FITTED:]
        if told := self.contest.take(error_m if whole else None, practised.battery_v, practised.lean_m):
            say(told)
        if self.contest.best.version != progress.best:
            progress.best = self.contest.best.version
        best = self.contest.best
        if best.version and best.error_m is not None:
            self.write(
                self.folder / BEST_FILE, best, **{median_name(self.spec): best.error_m}, practice_s=progress.practice_s
            )
        if not flown.landed or (touched_m_s is not None and touched_m_s > HARD_M_S):
            self.failure = f"the drone came down hard: {flown.trouble or f'{touched_m_s:.1f} m/s'}"

    def learn(self) -> None:
        """Fit, improve, and let who is better in the fitted simulator challenge the best."""
        fitted = fit(self.flown, self.believed)
        if fitted is None:
            say("too little was flown to fit the simulator to")
            return
        write_json(self.folder / BELIEF_FILE, sealed(fitted.belief()))
        say(f"fitted: mass {100 * (fitted.mass - 1):+.0f} %, inertia {100 * (fitted.inertia - 1):+.0f} %, motor delay "
            f"{100 * (fitted.motor_delay - 1):+.0f} %, {1000 * fitted.latency_s:.0f} ms late")  # fmt: skip
        flying = self.contest.flying
        say(f"improving policy {flying.version} in the fitted simulator: {ITERATIONS} updates, a few seconds")
        improved = improve(
            flying.weights,
            self.start.layers,
            self.config.task,
            fitted,
            self.config.seed + len(self.progress.episodes),
            self.config.lap_s,
        )
        self.progress.updates += improved.updates
        self.progress.learner_busy_s += improved.seconds
        if improved.is_better(self.contest.best.beaten):
            weights, lean_m = improved.weights, flying.lean_m
            before, after = ("none" if f["position_error_m"] is None else f"{100 * f['position_error_m']:.1f} cm"
                             for f in (improved.before, improved.after))  # fmt: skip
            why = f"{before} -> {after} in the fitted simulator, {improved.seconds:.1f} s"
        elif flying.leans:
            weights, lean_m, flying.straightened = flying.weights, flying.lean_m + flying.stays_m, True
            why = f"{flying.version}, told that it stays {100 * np.linalg.norm(flying.stays_m):.1f} cm beside its goal"
        else:
            say("no better policy was found in the fitted simulator")
            return
        self.progress.versions += 1
        self.contest.challenger = Candidate(self.progress.versions, weights, lean_m)
        say(f"policy {self.progress.versions}: {why}")

    def save(self) -> None:
        """What was reached, for a later session."""
        still_there(self.folder)
        self.progress.save(self.folder)
