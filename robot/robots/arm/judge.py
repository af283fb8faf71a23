"""How an arm's policy is judged."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from policies.policy_file import load_policy
from robot.evaluation.judge import EvaluateConfig, Judge, Scores, Verdict
from robot.robots.arm.eyes.seeing_arm import BY_CAMERA
from robot.tasks import find_task
from sim.input_files import wrong

if TYPE_CHECKING:
    from robot.robots.arm.judging import Judged

EPISODES, ARMS_THAT_SEE = 256, 48
PASSED = 0.5


def simulator(config: EvaluateConfig, path: Path, progress: Callable[[float], None]) -> Verdict:
    """Episodes on the arm of the file, and on hidden arms."""
    from robot.robots.arm.judging import JUDGED, policy

    task = str(load_policy(path).metadata["task"])
    if task not in (*JUDGED, BY_CAMERA):
        raise wrong(
            path,
            "task",
            repr(task),
            f"{', '.join((*JUDGED, BY_CAMERA))}; others are learned and judged on the robot alone",
        )
    judged, arms = (by_camera(path), ARMS_THAT_SEE) if task == BY_CAMERA else (JUDGED[task], EPISODES)
    spec = find_task(task)
    loaded = load_policy(path, spec.name, spec.observation_size)
    act, merit = policy(loaded.weights, loaded.layers), spec.merit.name
    found = {}
    for name, hidden in (("nominal", False), ("hidden", True)):
        found[name] = judged(act, arms, config.seed, hidden)
        progress(len(found) / 2)
    figures: dict[str, float | None] = {f"{name}_success": each.success for name, each in found.items()}
    figures |= {f"{name}_{merit}": each.took_s for name, each in found.items()}
    cells = [(name, (f"{100.0 * each.success:.1f} %", "none" if each.took_s is None else f"{each.took_s:.2f} s"))
             for name, each in found.items()]  # fmt: skip
    table = Scores(f"{arms} arms each, {spec.episode}", ("succeeded", "took"), cells)
    return Verdict(figures, [table], found["nominal"].success > PASSED)


def by_camera(path: Path) -> "Judged":
    """Insertions by the encoder that lies beside a policy. Raises ValueError if none does."""
    from robot.robots.arm.eyes.encoder_file import encoder_beside
    from robot.robots.arm.eyes.seen_insertions import seen_insertions

    encoder = encoder_beside(path)
    return lambda act, count, seed, hidden: seen_insertions(act, encoder, count, seed, hidden)[0]


JUDGE = Judge(simulator)
