"""How a quadrotor is trained: `robot train --task hover` and `--task track_trajectory`, by gradients or by their rivals."""

from robot.robots.quadrotor.training.settings import FlightTrainConfig
from robot.runtime.joining import later
from robot.training.trainer import Trainer

TRAINING = "robot.robots.quadrotor.training.training"
TRAINER = Trainer(
    options=FlightTrainConfig,
    warm_up=later(TRAINING, "warm_up"),
    begin=later(TRAINING, "begin"),
    lines=later(TRAINING, "lines"),
    worst={"survival": min, "position_error_m": max, "action_change": max, "survival_randomised": min, "wall_s": max},
    merit="position_error_m",
)
