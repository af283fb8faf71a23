"""What a drone brings to be set up and checked."""

from robot.commissioning.commissioning import Commissioning
from robot.robots.quadrotor.setup_drone.options import DroneSetupOptions
from robot.runtime.joining import later

STEPS = "robot.robots.quadrotor.setup_drone"
COMMISSIONING = Commissioning(
    options=DroneSetupOptions,
    begin=later(f"{STEPS}.setting_up", "SettingUpDrone"),
    knows=later(f"{STEPS}.file", "is_drone_file"),
    checks=later(f"{STEPS}.drone_checks", "checks"),
    called="crazyflie",
)
