"""How an arm's policy is trained in the simulator, before it meets an arm: by a teacher who sees the hole."""

import numpy as np

from robot.training.trainer import Look, TrainConfig, Trainer, Training

ROUNDS = 8
EPISODES = 128


def begin(config: TrainConfig) -> Training:
    """A training with these options."""
    from robot.robots.arm.judging import judged, policy
    from robot.robots.arm.training.dagger import Dagger

    rounds = max(1, round(ROUNDS * config.effort))
    learner = Dagger(config.seed, rounds)

    def look(weights: np.ndarray) -> Look:
        found = judged(policy(weights, learner.layers), EPISODES, config.seed, hidden=True)
        figures: dict[str, float | int | None] = {"success": found.success, "insertion_s": found.insertion_s}
        return Look(1.0 - found.success, figures, f"{100.0 * found.success:.0f} % of hidden arms insert their peg")

    return Training(learner, rounds, range(0, rounds + 1, 2), look)


TRAINER = Trainer(begin, {"success": min}, "insertion_s")
