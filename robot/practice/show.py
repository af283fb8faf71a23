"""From the session's shared records to what a person sees."""

from robot.practice.session import Session
from robot.robots.car.mind import Phase
from robot.robots.car.shield.supervision import REASON_TEXTS, Reason
from robot.safety.supervisor import Mode
from robot.views.terminal import Lap, LiveView, ViewState

PHASES = {
    Phase.LOCALISE: "looking where it is",
    Phase.DEMONSTRATE: "demonstration lap",
    Phase.DRAW_MAP: "drawing the map",
    Phase.PRACTISE: "practising",
    Phase.FINISH: "stopping",
    Phase.DONE: "done",
}


def initial_view(session: Session, yardstick_s: float) -> ViewState:
    """What can be shown before anything has happened."""
    config = session.config
    return ViewState(
        title=f"{config.task}   {config.robot} on {session.world.course.name}   seed {config.seed}",
        course=session.world.course,
        practice_end_s=60.0 * config.minutes,
        yardstick_lap_s=yardstick_s,
        lockstep=config.clock == "lockstep",
        learning=session.learning,
    )


def refresh(view: LiveView, session: Session) -> None:
    """Take over what the processes report, and draw if it is time."""
    state, control = view.state, session.shared.control.read()
    progress, seen = session.progress, control["outputs"]
    if seen["time_s"] > 0.0:
        state.phase = PHASES[Phase(int(seen["phase"]))]
        state.mode, reason = Mode(int(seen["mode"])).name, Reason(int(seen["reason"]))
        state.reason = REASON_TEXTS[reason]
        estimate = seen["estimate"]
        state.move(float(estimate["x"]), float(estimate["y"]), float(estimate["yaw"]), float(estimate["v_x"]))
        state.practice_s, state.quality = float(seen["practice_s"]), float(estimate["quality"])
        state.demo_lap_s = float(seen["figures"]["demo_lap_s"])
        state.ticks, state.missed_ticks = int(control["tick"]), int(control["missed_ticks"])
        state.late_p50_us, state.late_p99_us = float(control["late_p50_us"]), float(control["late_p99_us"])
        state.period_p50_us, state.period_p99_us = float(control["period_p50_us"]), float(control["period_p99_us"])
        state.overrides, state.decisions = int(seen["overrides"]), int(seen["decision"])
        state.weights_version = int(control["weights_version"])
        state.weights_age_s = float(control["weights_age_s"])
    state.collisions, state.recoveries = len(progress.collisions), len(progress.recoveries)
    state.recoveries_failed = sum(not recovery["succeeded"] for recovery in progress.recoveries)
    state.restarts = len(progress.restarts)
    for number, lap in enumerate(progress.laps[len(state.laps) :], len(state.laps) + 1):
        kind = "as it came" if lap["baseline"] else "clean" if lap["clean"] else "not clean"
        state.laps.append(Lap(number, lap["lap_s"], kind))
    if session.learning:
        learner = session.shared.learner.read()
        state.learner_up = bool(learner["ready"])
        state.updates, state.updates_per_s = int(learner["updates"]), float(learner["updates_per_s"])
        state.transitions = int(learner["transitions"])
        state.alpha, state.value_mean = float(learner["alpha"]), float(learner["value_mean"])
    view.update()
