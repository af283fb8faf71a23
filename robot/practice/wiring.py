"""How the robot's file and the session together say that the devices are wired."""

from drivers.vesc import VescSettings
from robot.config import RobotConfig


def vesc_settings(port: str, robot: RobotConfig) -> VescSettings:
    """The gains of the robot's file, on the port that the session found. Raises ValueError naming a wrong one."""
    wiring = robot.vesc
    return VescSettings(
        port=port,
        baud=wiring.baud,
        erpm_per_m_s=wiring.erpm_per_m_s,
        servo_per_rad=wiring.servo_gain,
        servo_centre=wiring.servo_offset,
    )
