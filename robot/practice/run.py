"""A whole session for a person: from the options to the figures, the picture and the run's folder."""

import math
import time
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from policies.policy_file import PolicyFile
from robot.practice.best_policy import best_median
from robot.practice.interruptions import listening
from robot.practice.practice import Practice, find_practice
from robot.practice.progress import Progress, load_progress
from robot.practice.resuming import look_through
from robot.practice.reward import try_reward
from robot.practice.run_lock import RunLock
from robot.practice.session import Session
from robot.practice.settings import ConfigT, load_config, own_settings, resumed
from robot.practice.show import initial_view, refresh
from robot.practice.start import starting_policy
from robot.practice.summary import lines_of, summarise
from robot.runtime.json_file import write_json
from robot.runtime.run_folder import belief_of_run, new_run_folder, save_config, still_there
from robot.tasks import find_task
from robot.views.patient_output import patient_stderr
from robot.views.say import say
from robot.views.terminal import LiveView

POLL_S = 0.02
SAVE_EVERY_S = 2.0


def practise(config: ConfigT, root: Path = Path("runs")) -> dict[str, Any]:
    """Run `robot practice`. Returns the figures of `--json`, with `failure` (empty if none), `picture`, None where the robot
    draws none, and `lines`, what there is to say.
    """
    spec = find_task(config.task)
    practice = find_practice(spec.robot)
    if practice.session is not None:
        if config.reward:
            raise ValueError(
                f"--reward: found '{config.reward}' with --task {config.task}, allowed: nothing; it is improved in a simulator"
            )
        return practice.session(config, root)
    lock = RunLock(Path(config.resume)) if config.resume and (Path(config.resume) / "config.toml").is_file() else None
    config, folder, progress, policy = prepare(config, practice, root)
    robot = practice.begin(config)
    best_possible = robot.best_possible()
    say(f"run      {folder}")
    session = Session(config, folder, robot, policy, progress=progress, lock=lock)
    wall_s = run_session(session, best_possible)
    figures = summarise(progress, spec, wall_s, str(folder))
    figures |= practice.figures(progress, spec, best_median(folder, spec), best_possible, session.body.virtual)
    figures["belief"] = belief_of_run(folder)
    figures["failure"] = session.failure
    still_there(folder)
    write_json(folder / "summary.json", figures)
    picture = practice.picture(folder) if practice.picture and session.ticks else None
    figures["picture"] = None if picture is None else str(picture)
    return figures | {"lines": practice.lines(figures) if practice.lines else lines_of(figures, spec)}


def prepare(config: ConfigT, practice: Practice, root: Path) -> tuple[ConfigT, Path, Progress, PolicyFile]:
    """The run's folder and what is known before the start: new, or as an earlier session left it."""
    if not config.resume:
        policy = starting_policy(config)
        try_reward(config)
        folder = new_run_folder(root, config.task, "practice")
        save_config(folder, config)
        return config, folder, practice.progress(), policy
    folder = Path(config.resume)
    config = resumed(config, load_config(folder, type(config)))
    progress = load_progress(folder, practice.progress)
    done_min = progress.practice_s / 60.0
    minutes = config.minutes if config.minutes > done_min else config.minutes + done_min
    policy = starting_policy(config)
    try_reward(config)
    lines = look_through(folder, config, find_task(config.task), practice, policy, progress)
    own = own_settings(config)
    say(f"going on after {done_min:.1f} robot minutes and {progress.step} transitions, up to {minutes:.1f} minutes"
        f"{f', with the {own} that it began with' if own else ''}")  # fmt: skip
    for line in lines:
        say(line)
    return replace(config, minutes=minutes), folder, progress, policy


def run_session(session: Session, best_possible: float | None) -> float:
    """Run a session to its end, in view of a person. Returns the wall time of the session's work, s."""
    if not session.robot.compiled:
        say("compiling the kernels, once on this machine: a minute, or a few on a busy one")
    hand = session.robot.hand()
    with ExitStack() as stack:
        interruptions = stack.enter_context(listening(session))
        output = stack.enter_context(patient_stderr())
        if hand is not None:
            stack.enter_context(hand)
        view = stack.enter_context(LiveView(initial_view(session, best_possible)))
        stack.enter_context(session)
        started, saved = time.monotonic(), -math.inf
        while session.poll():
            interruptions.act()
            if output is not None and output.gone and not session.stop_level:
                session.request_stop()  # nobody sees any more what happens
            if interruptions.suspending:
                interruptions.bring_to_rest()
                if interruptions.suspending:
                    with view.paused(), hand.paused() if hand else nullcontext():
                        interruptions.suspend()
                session.hold(False)
            if hand is not None:
                session.steer(hand.command(time.monotonic()))
            refresh(view, session)
            if time.monotonic() - saved > SAVE_EVERY_S:
                save(session)
                saved = time.monotonic()
            time.sleep(POLL_S)
        refresh(view, session)
        return time.monotonic() - started


def save(session: Session) -> None:
    """Save what was reached so far; where that fails, the robot is brought to rest and the session ends in order."""
    try:
        session.save_progress()
    except OSError as error:
        session.fail(str(error))
