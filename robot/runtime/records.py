"""What a tick of the control loop took in and gave out: the records of the log, field by field.

`READINGS` is everything that the pipeline gets to know in a tick, `OUTPUTS` everything that it decides: replay feeds
the one and compares the bytes of the other. Fields are aligned (see `schema.py`): widest types first, no padding.

A record's key is (life, tick). In each life of the control process ticks count up from 1, and tick - missed_ticks goes
up by exactly 1 from record to record, so that a gap shows.
"""

import numpy as np

LIDAR_POINTS_MAX = 256
FINISH, EMERGENCY_STOP, STAND = 1, 2, 3  # of `stop_requested`; 0: none

READINGS = np.dtype(
    [
        ("tick", "u8"),
        ("time_s", "f8"),
        # motor controller; ages are inf where nothing was ever received
        ("wheel_speed_m_s", "f8"),
        ("motor_current_a", "f8"),
        ("input_voltage_v", "f8"),
        ("tachometer_m", "f8"),
        ("accel_x_m_s2", "f8"),
        ("accel_y_m_s2", "f8"),
        ("accel_z_m_s2", "f8"),
        ("yaw_rate_rad_s", "f8"),
        ("values_age_s", "f8"),
        ("imu_age_s", "f8"),
        # lidar: the points that arrived since the last tick
        ("scan_age_s", "f8"),
        # what the last tick really sent, and how the loop keeps time
        ("sent_steer_rad", "f8"),
        ("sent_speed_m_s", "f8"),
        ("sent_brake_a", "f8"),
        ("lateness_s", "f8"),
        # the operator: keyboard driving
        ("key_steer_rad", "f8"),
        ("key_speed_m_s", "f8"),
        ("missed_ticks", "u8"),
        ("weights_version", "u8"),  # taken into use before this tick's decision; 0: the initial ones
        ("weights_age_s", "f8"),
        ("fault_code", "u4"),
        ("vesc_up", "u4"),  # 0: the link is lost
        ("lidar_up", "u4"),
        ("stop_requested", "u4"),  # FINISH (Ctrl-C); EMERGENCY_STOP; STAND: until it is withdrawn
        ("learner_up", "u4"),
        ("revolution", "u4"),
        ("points", "u4"),
        ("life", "u4"),  # which start of the control process in this run, from 1; its setup is in setup-<life>.npz
        ("angle_rad", "f4", (LIDAR_POINTS_MAX,)),
        ("distance_m", "f4", (LIDAR_POINTS_MAX,)),
        ("age_s", "f4", (LIDAR_POINTS_MAX,)),
    ],
    align=True,
)

OUTPUTS = np.dtype(
    [
        ("tick", "u8"),
        ("time_s", "f8"),
        # where the car believes to be
        ("x", "f8"),
        ("y", "f8"),
        ("yaw", "f8"),
        ("v_x", "f8"),
        ("v_y", "f8"),
        ("yaw_rate", "f8"),
        ("quality", "f8"),
        ("pose_age_s", "f8"),
        ("s", "f8"),
        ("lateral", "f8"),
        ("heading_error", "f8"),
        # what it does
        ("steer_rad", "f8"),  # command, before the trim is taken off
        ("speed_m_s", "f8"),
        ("brake_a", "f8"),
        ("servo_rad", "f8"),  # what the servo is told: the command less the measured trim
        ("practice_s", "f8"),
        ("reward", "f8"),
        ("last_lap_s", "f8"),
        ("best_lap_s", "f8"),
        ("demo_lap_s", "f8"),
        ("recovery_s", "f8"),  # duration of the last recovery
        ("trim_rad", "f8"),  # as calibrated
        ("latency_s", "f8"),
        ("decision", "u8"),
        ("step", "u8"),  # transitions so far
        ("phase", "u4"),
        ("mode", "u4"),
        ("reason", "u4"),
        ("brake_reason", "u4"),
        ("lost", "u4"),
        ("is_decision", "u4"),
        ("terminated", "u4"),
        ("truncated", "u4"),
        ("laps", "u4"),
        ("lap_clean", "u4"),
        ("collisions", "u4"),
        ("overrides", "u4"),
        ("recoveries", "u4"),
        ("recoveries_failed", "u4"),
        ("finished", "u4"),
        ("life", "u4"),  # copied from the readings
        ("episode", "u4"),
        ("flags", "u4"),  # robot.robots.car.shield.monitors.Flag
        ("laps_driven", "u4"),  # clean or not, the baseline's too
        ("baseline", "u4"),  # 1 while the policy drives as it came, before it learns
        ("observation", "f4", (50,)),
        ("proposed", "f4", (2,)),
        ("executed", "f4", (2,)),
    ],
    align=True,
)
