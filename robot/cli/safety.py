"""`robot safety`: break things while the virtual car practises, and see that it stops or goes on as designed."""

from dataclasses import dataclass

from robot.cli.output import finish, parse, say


@dataclass(frozen=True)
class SafetyConfig:
    """Cables out, sensors frozen, walls put up, processes killed: a campaign on the virtual car, in real time."""

    track: str = "default"
    kills: int = 3
    """How often to kill each process (learner, recorder, control, device), at random moments."""
    seed: int = 0
    start_from: str = "shipped"
    """`shipped`, `scratch`, or a run: the policy that drives."""

    def __post_init__(self) -> None:
        if not 0 <= self.kills <= 25:
            raise ValueError(f"--kills: found {self.kills}, allowed: 0 to 25")


def main(arguments: list[str]) -> int:
    config, as_json = parse(SafetyConfig, "safety", arguments)
    from pathlib import Path

    from robot.practice.settings import PracticeConfig
    from robot.safety.campaign import Trial, run_campaign

    say(f"{'fault':<28} {'throttle at zero':>17} {'mode':<9} {'reason':<16} {'drives again':>13}  as designed")

    def report(trial: Trial) -> None:
        zero = "-" if trial.zero_throttle_ms is None else f"{trial.zero_throttle_ms:.0f} ms"
        back = "never" if trial.back_after_s is None else f"{trial.back_after_s:.1f} s"
        say(f"{trial.fault:<28} {zero:>17} {trial.mode or '-':<9} {trial.reason or '-':<16} {back:>13}  "
            f"{'yes' if trial.as_designed else 'NO'}")  # fmt: skip

    practice = PracticeConfig(track=config.track, start_from=config.start_from, clock="realtime", seed=config.seed)
    figures = run_campaign(practice, config.kills, Path("runs"), report).figures()
    say(f"transitions {figures['transitions']}, lost {figures['transitions_lost']}, "
        f"damaged segments {figures['transitions_damaged']}")  # fmt: skip
    finish(figures, as_json)
    return 0 if figures["as_designed"] else 1
