"""A training of a wrist camera's encoder: `robot train --task peg_insert --eyes`. The run's folder has encoder.onnx beside policy.npz, the policy that
comes with the project for holes that a stage tells of: what is new is who tells.
"""

import numpy as np

from policies.policy_file import load_policy
from robot.perception.encoder_file import ENCODER_FILE
from robot.robots.arm.eyes.learner import WristLearner
from robot.robots.arm.eyes.seen_insertions import seen_insertions
from robot.robots.arm.eyes.wrist_view import HEIGHT, WIDTH
from robot.robots.arm.judging import policy
from robot.robots.arm.training.labelled import SHIPPED_POLICY
from robot.tasks.peg_insert import SIZE, SPEC
from robot.training.trainer import Check, Look, TrainConfig, Training
from sim.camera.wrist_looks import draw_wrist_looks, nominal_wrist_lens

ITERATIONS, CHECK_EVERY = 100, 50
LOOKS = 512
ARMS = 48  # that judge
MM = 1000.0


def begin(config: TrainConfig) -> Training:
    """A training with these options, judged by hidden arms with other looks."""
    looks = draw_wrist_looks(LOOKS, config.seed, WIDTH, HEIGHT)
    iterations = max(1, round(ITERATIONS * config.effort))
    shipped = load_policy(SHIPPED_POLICY, SPEC.name, SIZE)
    learner = WristLearner(looks, nominal_wrist_lens(WIDTH, HEIGHT), shipped, iterations, config.seed)

    def look(weights: np.ndarray) -> Look:
        off = learner.calibrate()
        encoder, act = learner.encoder, policy(weights, learner.layers)
        hidden, begun_m, ended_m = seen_insertions(act, encoder, ARMS, config.seed, hidden=True)
        nominal, _, _ = seen_insertions(act, encoder, ARMS, config.seed, hidden=False)
        figures = {
            "success": hidden.success, "took_s": hidden.took_s, "nominal_success": nominal.success,
            "off_at_first_mm": round(MM * begun_m, 3), "off_at_last_mm": round(MM * ended_m, 3),
            **{name: round(value, 5) for name, value in off.items()},
        }  # fmt: skip
        words = (f"{100.0 * hidden.success:.0f} % of hidden arms succeed, {100.0 * nominal.success:.0f} % of nominal ones; holes seen "
                 f"{MM * begun_m:.1f} mm off, {MM * ended_m:.1f} at last")  # fmt: skip
        return Look(1.0 - hidden.success, figures, words, encoder)

    def files(checks: list[Check], best: Check) -> dict[str, bytes]:
        return {ENCODER_FILE: best.look.detail}

    return Training(learner, iterations, range(iterations, 0, -CHECK_EVERY), look, pictures=files)
