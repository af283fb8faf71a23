"""What an arm brings to be set up and checked."""

from robot.commissioning.commissioning import Commissioning
from robot.robots.arm.setup_arm.options import ArmSetupOptions
from robot.runtime.joining import later

STEPS = "robot.robots.arm.setup_arm"
COMMISSIONING = Commissioning(
    options=ArmSetupOptions,
    begin=later(f"{STEPS}.setting_up", "SettingUpArm"),
    knows=later(f"{STEPS}.file", "is_arm_file"),
    checks=later(f"{STEPS}.arm_checks", "checks"),
)
