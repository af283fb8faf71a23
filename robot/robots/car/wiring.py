"""How the robot's file and the session together say that the devices are wired."""

from drivers.rplidar import RPLidarSettings
from drivers.vesc import VescSettings
from robot.robots.robot_file import RobotConfig


def vesc_settings(port: str, robot: RobotConfig) -> VescSettings:
    """The gains and end stops of the robot's file, on the port that the session found."""
    wiring = robot.vesc
    return VescSettings(
        port=port,
        baud=wiring.baud,
        erpm_per_m_s=wiring.erpm_per_m_s,
        servo_per_rad=wiring.servo_gain,
        servo_centre=wiring.servo_offset,
        servo_min=wiring.servo_min,
        servo_max=wiring.servo_max,
    )


def lidar_settings(port: str, robot: RobotConfig) -> RPLidarSettings:
    """How the robot's file says that the lidar is mounted, on the port that the session found."""
    mount = robot.lidar
    return RPLidarSettings(
        port=port,
        baud=mount.baud,
        mount_yaw_rad=mount.mount_yaw_rad,
        mirrored=mount.mirrored,
        mount_x_m=mount.mount_x_m,
        mount_y_m=mount.mount_y_m,
    )
