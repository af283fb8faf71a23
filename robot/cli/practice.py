"""`robot practice`: a robot learns a task by itself, on the robot or on its virtual twin."""

from pathlib import Path

from robot.cli.output import finish, parse
from robot.practice.settings import PracticeConfig, load_config, refuse_changes
from robot.views.say import say


def main(arguments: list[str]) -> int:
    config, as_json = parse(PracticeConfig, "practice", arguments)
    from robot.practice.run import practise

    if config.resume:
        earlier = load_config(Path(config.resume))
        refuse_changes(parse(PracticeConfig, "practice", arguments, default=earlier)[0], earlier)

    figures = practise(config)
    say_result(figures)
    finish(figures, as_json)
    return 0 if figures["laps"] and not figures["failure"] else 1


def say_result(figures: dict) -> None:
    """The session in a few lines."""

    def seconds(value: float | None) -> str:
        return "none" if value is None else f"{value:.2f} s"

    def times(value: float | None) -> str:
        return "none" if value is None else f"{value:.3f} x the best possible lap"

    say("")
    say(
        f"demonstration lap   {seconds(figures['demo_lap_s'])}      best possible lap {seconds(figures['yardstick_lap_s'])}"
    )
    if figures["frozen_ratio"] is not None:
        say(f"policy as it came   {times(figures['frozen_ratio'])}")
    say(f"last five laps      {times(figures['median5_ratio'])} (median), best {times(figures['best_ratio'])}")
    if figures["best_median5_ratio"] is not None:
        say(f"best five in a row  {times(figures['best_median5_ratio'])} (median): their policy is best.npz")
    say(
        f"{figures['laps']} clean laps, {figures['collisions']} collisions, {figures['resets']} recoveries "
        f"({figures['resets_failed']} failed), {figures['practice_minutes']:.1f} robot minutes in {figures['wall_s']:.0f} s"
    )
    if figures["failure"]:
        say(f"ended early: {figures['failure']}")
    say(f"run      {figures['run']}")
    if figures["picture"]:
        say(f"picture  {figures['picture']}")
