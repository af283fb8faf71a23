"""From the session's shared records to what a person sees."""

from typing import Any

import numpy as np

from robot.practice.session import Session
from robot.practice.summary import succeeded
from robot.safety.supervisor import Mode
from robot.views.panels import Gauge, Shown
from robot.views.terminal import Episode, LiveView, ViewState


def initial_view(session: Session, best_possible: float | None) -> ViewState:
    """What can be shown before anything has happened."""
    spec = session.spec
    return ViewState(
        title=f"{session.config.task}   {session.robot.title}   seed {session.config.seed}",
        scene=session.robot.scene(),
        episode_name=spec.episode,
        episodes_name=spec.episodes,
        unit=spec.merit.unit,
        lower_is_better=spec.merit.lower_is_better,
        practice_end_s=60.0 * session.config.minutes,
        best_possible=best_possible or 0.0,
        lockstep=session.config.clock == "lockstep",
        learning=session.learning,
    )


def refresh(view: LiveView, session: Session) -> None:
    """Take over what the processes report, and draw if it is time."""
    state, control = view.state, session.shared.control.read()
    practice, progress, seen = session.practice, session.progress, control["outputs"]
    if seen["time_s"] > 0.0:
        state.phase = practice.phases[int(seen["phase"])]
        state.mode, state.reason = Mode(int(seen["mode"])).name, practice.reasons.get(int(seen["reason"]), "")
        if state.scene is not None:
            state.scene.see(seen)
        state.place = shown(practice.place, seen, progress)
        state.notes = shown(practice.notes, seen, progress)
        state.practice_s = float(seen["practice_s"])
        state.ticks, state.missed_ticks = int(control["tick"]), int(control["missed_ticks"])
        state.late_p50_us, state.late_p99_us = float(control["late_p50_us"]), float(control["late_p99_us"])
        state.period_p50_us, state.period_p99_us = float(control["period_p50_us"]), float(control["period_p99_us"])
        state.overrides, state.decisions = int(seen["overrides"]), int(seen["decision"])
        state.weights_version = int(control["weights_version"])
        state.weights_age_s = float(control["weights_age_s"])
    state.counts = shown(practice.counts, seen, progress)
    state.resets, state.resets_failed = len(progress.resets), sum(not reset["succeeded"] for reset in progress.resets)
    state.restarts = len(progress.restarts)
    for number, episode in enumerate(progress.episodes[len(state.episodes) :], len(state.episodes) + 1):
        clean = succeeded(episode)
        kind = "as it came" if episode["baseline"] else "clean" if clean else episode["outcome"]
        state.episodes.append(Episode(number, episode["merit"], kind, clean))
    if session.learning:
        learner = session.shared.learner.read()
        state.learner_up = bool(learner["ready"])
        state.updates, state.updates_per_s = int(learner["updates"]), float(learner["updates_per_s"])
        state.transitions = int(learner["transitions"])
        state.alpha, state.value_mean = float(learner["alpha"]), float(learner["value_mean"])
    view.update()


def shown(gauges: tuple[Gauge, ...], seen: np.ndarray, progress: Any) -> list[Shown]:
    """The robot's own gauges, as they stand."""
    told = [Shown(gauge, float(gauge.read(seen, progress))) for gauge in gauges]
    return [one for one in told if one.gauge.needed or one.value]
