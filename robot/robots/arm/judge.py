"""How an arm's policy is judged."""

from collections.abc import Callable
from pathlib import Path

from policies.policy_file import load_policy
from robot.evaluation.judge import EvaluateConfig, Judge, Scores, Verdict
from robot.tasks.peg_insert import SPEC

EPISODES = 256
PASSED = 0.5


def simulator(config: EvaluateConfig, path: Path, progress: Callable[[float], None]) -> Verdict:
    """Episodes on the arm of the file, and on hidden arms."""
    from robot.robots.arm.judging import judged, policy

    loaded = load_policy(path, SPEC.name, SPEC.observation_size)
    act = policy(loaded.weights, loaded.layers)
    found = {}
    for name, hidden in (("nominal", False), ("hidden", True)):
        found[name] = judged(act, EPISODES, config.seed, hidden)
        progress(len(found) / 2)
    figures: dict[str, float | None] = {f"{name}_success": each.success for name, each in found.items()}
    figures |= {f"{name}_insertion_s": each.insertion_s for name, each in found.items()}
    cells = [(name, (f"{100.0 * each.success:.1f} %", "none" if each.insertion_s is None else f"{each.insertion_s:.2f} s"))
             for name, each in found.items()]  # fmt: skip
    table = Scores(f"{EPISODES} insertions each", ("succeeded", "took"), cells)
    return Verdict(figures, [table], found["nominal"].success > PASSED)


JUDGE = Judge(simulator)
