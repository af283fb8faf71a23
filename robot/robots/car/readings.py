"""From a tick's READINGS record back to what the drivers delivered."""

import numpy as np

from drivers.base import LidarReading, VescReading


def vesc_reading(readings: np.ndarray) -> VescReading:
    """The motor controller's part of READINGS."""
    r = readings
    return VescReading(
        float(r["wheel_speed_m_s"]), float(r["motor_current_a"]), float(r["input_voltage_v"]), int(r["fault_code"]),
        float(r["tachometer_m"]), float(r["accel_x_m_s2"]), float(r["accel_y_m_s2"]), float(r["accel_z_m_s2"]),
        float(r["yaw_rate_rad_s"]), float(r["values_age_s"]), float(r["imu_age_s"]),
    )  # fmt: skip


def lidar_reading(readings: np.ndarray) -> LidarReading:
    """The lidar's part of READINGS."""
    n = int(readings["points"])
    return LidarReading(
        readings["angle_rad"][:n], readings["distance_m"][:n], readings["age_s"][:n], float(readings["scan_age_s"]),
        int(readings["revolution"]),
    )  # fmt: skip
