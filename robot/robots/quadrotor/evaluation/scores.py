"""A judgement for people, as tables."""

from typing import Any

from robot.evaluation.judge import Scores
from robot.robots.quadrotor.evaluation.judgement import CHANGES, DELAYS_S, NOMINAL, Figures, Judgement
from robot.robots.quadrotor.evaluation.tracking import figure_name

ROWS = {"mass": "mass", "thrust": "thrust", "inertia": "inertia", "motor_delay": "motor delay", "delay": "delay"}


def percent(share: float) -> str:
    """A share in percent; 100.0 only if it is exact."""
    return f"{min(100 * share, 99.9) if share < 1.0 else 100.0:.1f}"


def judgement_scores(judgement: Judgement, episodes: int) -> list[Scores]:
    """All that a terminal shows."""
    return [nominal_scores(judgement, episodes), condition_scores(judgement), *breakdown_scores(judgement, "policy")]


def nominal_scores(judgement: Judgement, episodes: int) -> Scores:
    """What the pilots do under nominal conditions: a row a figure."""
    by_pilot = judgement.conditions[NOMINAL]

    def row(name: str, field: str, scale: float, digits: int) -> tuple[str, tuple[str, ...]]:
        values = [figures[field] for figures in by_pilot.values()]
        return name, tuple("-" if value is None else f"{scale * value:.{digits}f}" for value in values)

    def shares(name: str, field: str) -> tuple[str, tuple[str, ...]]:
        return name, tuple(percent(figures[field] or 0.0) for figures in by_pilot.values())

    return Scores(f"{episodes} flights of 5 s each, nominal", tuple(by_pilot), [
        shares("survival, %", "survival"),
        shares("... at least, 95 % sure", "survival_bound"),
        row("position error, last 2 s, cm", "position_error_m", 100.0, 2),
        row("change of action a step", "action_change", 1.0, 4),
        row("control effort, rms", "effort", 1.0, 4),
    ])  # fmt: skip


def condition_scores(judgement: Judgement) -> Scores:
    """Survival and position error under each of the conditions, and under the single change that is worst."""
    pilots = tuple(judgement.breakdown)

    def cell(figures: Figures) -> str:
        error = figures["position_error_m"]
        return f"{percent(figures['survival'] or 0.0):>5}  " + ("    -" if error is None else f"{100 * error:5.1f}")

    rows = [(name, tuple(cell(by_pilot[pilot]) for pilot in pilots)) for name, by_pilot in judgement.conditions.items()]
    worst = [judgement.worst(pilot) for pilot in pilots]
    rows.append(("worst single change", tuple(f"{percent(share)}\n{change}" for change, share in worst)))
    return Scores("survival, %, and position error of the survivors, cm", pilots, rows)


def breakdown_scores(judgement: Judgement, pilot: str) -> list[Scores]:
    """One pilot's survival where one quantity is another, and where everything comes later."""
    shares = {name: tuple(map(percent, row)) for name, row in judgement.breakdown[pilot].items()}
    delay = shares.pop("delay")
    changes = tuple(f"{100 * change:+.0f} %" for change in CHANGES)
    delays = tuple(f"+{1000 * delay_s:.0f} ms" for delay_s in DELAYS_S)
    return [
        Scores(
            f"{pilot}: survival, %, where one quantity is another",
            changes,
            [(ROWS[k], row) for k, row in shares.items()],
        ),
        Scores(f"{pilot}: survival, %, where it all comes later", delays, [(ROWS["delay"], delay)]),
    ]


def tracking_scores(figures: dict[str, Any], laps_s: tuple[float, ...], path: str) -> Scores:
    """`tracking_figures`: a row a lap time."""
    pilots = ("policy", "PID", "LQR")

    def cell(pilot: str, lap_s: float) -> str:
        error_m = figures[figure_name(pilot, "position_error", lap_s) + "_m"]
        error = "    -" if error_m is None else f"{100.0 * error_m:5.2f}"
        return f"{100.0 * figures[figure_name(pilot, 'survival', lap_s)]:5.1f}  {error}"

    rows = [(f"a lap in {lap_s:g} s", tuple(cell(pilot, lap_s) for pilot in pilots)) for lap_s in laps_s]
    return Scores(f"{path}: survival, %; error, cm", pilots, rows)
