"""How an arm's policy is judged."""

from collections.abc import Callable
from pathlib import Path

from policies.policy_file import load_policy
from robot.evaluation.judge import EvaluateConfig, Judge, Scores, Verdict
from robot.tasks import find_task
from sim.input_files import wrong

EPISODES = 256
PASSED = 0.5


def simulator(config: EvaluateConfig, path: Path, progress: Callable[[float], None]) -> Verdict:
    """Episodes on the arm of the file, and on hidden arms."""
    from robot.robots.arm.judging import JUDGED, policy

    task = str(load_policy(path).metadata["task"])
    if task not in JUDGED:
        raise wrong(path, "task", repr(task), f"{', '.join(JUDGED)}; others are learned and judged on the robot alone")
    spec = find_task(task)
    loaded = load_policy(path, spec.name, spec.observation_size)
    act, merit = policy(loaded.weights, loaded.layers), spec.merit.name
    found = {}
    for name, hidden in (("nominal", False), ("hidden", True)):
        found[name] = JUDGED[task](act, EPISODES, config.seed, hidden)
        progress(len(found) / 2)
    figures: dict[str, float | None] = {f"{name}_success": each.success for name, each in found.items()}
    figures |= {f"{name}_{merit}": each.took_s for name, each in found.items()}
    cells = [(name, (f"{100.0 * each.success:.1f} %", "none" if each.took_s is None else f"{each.took_s:.2f} s"))
             for name, each in found.items()]  # fmt: skip
    table = Scores(f"{EPISODES} arms each, {spec.episode}", ("succeeded", "took"), cells)
    return Verdict(figures, [table], found["nominal"].success > PASSED)


JUDGE = Judge(simulator)
