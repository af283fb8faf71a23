"""How an arm's policy is trained in the simulator, before it meets an arm: by practice there."""

import numpy as np

from robot.training.trainer import Look, TrainConfig, Trainer, Training

TASK = "peg_insert"
ITERATIONS = 8
EPISODES = 256


def begin(config: TrainConfig) -> Training:
    """A training with these options. Raises ValueError for a task that has no simulator to practise in."""
    if config.task != TASK:
        raise ValueError(
            f"--task: found {config.task}, allowed: {TASK}; an arm learns the others in a minute, by practice"
        )
    from robot.robots.arm.judging import judged, policy
    from robot.robots.arm.training.practising import Practised

    iterations = max(1, round(ITERATIONS * config.effort))
    learner = Practised(config.seed, iterations)

    def look(weights: np.ndarray) -> Look:
        act = policy(weights, learner.layers)
        found, nominal = (judged(act, EPISODES, config.seed, hidden) for hidden in (True, False))
        figures: dict[str, float | int | None] = {
            "success": found.success,
            "insertion_s": found.insertion_s,
            "nominal_success": nominal.success,
        }
        text = f"{100.0 * found.success:.0f} % of hidden arms insert their peg, {100.0 * nominal.success:.0f} % of nominal ones"
        return Look(1.0 - found.success, figures, text)

    return Training(learner, iterations, range(iterations, 0, -2), look)


TRAINER = Trainer(begin, {"success": min}, "insertion_s")
