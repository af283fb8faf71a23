"""Read, think, write, at a steady period: the loop that owns the robot's drivers.

Each tick starts at its own time on the clock. A tick that ends late skips the ticks that it overran (and counts them):
the phase is kept and nothing spins. Whatever goes wrong in a tick, the car is told to stop before anyone is told why.
"""

import numpy as np

from drivers.base import LidarReading, LinkLost, VescReading
from drivers.rplidar import RPLidar
from drivers.vesc import Vesc
from robot.robots.car.mind import Pipeline
from robot.runtime.clock import Clock
from robot.runtime.records import LIDAR_POINTS_MAX, READINGS
from robot.tasks.race_track.task import TICK_S

RECONNECT_EVERY_TICKS = 10


class ControlLoop:
    """One robot's drivers, its pipeline, and the record of what happened in the newest tick."""

    def __init__(self, clock: Clock, vesc: Vesc, lidar: RPLidar, pipeline: Pipeline, life: int) -> None:
        self.clock = clock
        self.vesc = vesc
        self.lidar = lidar
        self.pipeline = pipeline
        self.readings = np.zeros((), READINGS)
        self.readings["life"] = life
        self.outputs = pipeline.outputs
        self.tick = 0
        self.start_s = clock.now() + TICK_S
        self.missed_ticks = 0
        self.vesc_up = self.lidar_up = True
        self.sent = (0.0, 0.0, 0.0)

    def wait(self) -> None:
        """Sleep until the next tick's time, skipping those that have already passed."""
        self.tick += 1
        late = self.clock.now() - self.due_s
        if late > TICK_S:
            skipped = int(late / TICK_S)
            self.tick += skipped
            self.missed_ticks += skipped
        self.clock.sleep_until(self.due_s)

    @property
    def due_s(self) -> float:
        """When the present tick was to begin."""
        return self.start_s + self.tick * TICK_S

    def run_tick(self, stop_requested: int, learner_up: bool, weights_version: int, weights_age_s: float,
                 key: tuple[float, float]) -> None:  # fmt: skip
        """Read, think, write once. Afterwards `readings` and `outputs` hold the tick's records."""
        self.read(stop_requested, learner_up, weights_version, weights_age_s, key)
        self.pipeline.tick(self.readings)
        self.write()

    def read(self, stop_requested: int, learner_up: bool, weights_version: int, weights_age_s: float,
             key: tuple[float, float]) -> None:  # fmt: skip
        """Fill `readings` with what the drivers have and what else the pipeline may know."""
        now = self.clock.now()
        vesc, lidar = self._read_vesc(), self._read_lidar()
        r = self.readings
        r["tick"], r["time_s"], r["lateness_s"] = self.tick, now, max(0.0, now - self.due_s)
        r["missed_ticks"] = self.missed_ticks
        r["vesc_up"], r["lidar_up"] = self.vesc_up, self.lidar_up
        r["sent_steer_rad"], r["sent_speed_m_s"], r["sent_brake_a"] = self.sent
        r["stop_requested"], r["learner_up"] = stop_requested, learner_up
        r["weights_version"], r["weights_age_s"] = weights_version, weights_age_s
        r["key_steer_rad"], r["key_speed_m_s"] = key
        r["values_age_s"], r["imu_age_s"], r["scan_age_s"] = np.inf, np.inf, np.inf
        r["points"] = 0
        if vesc is not None:
            r["wheel_speed_m_s"] = vesc.erpm_speed_m_s
            r["motor_current_a"] = vesc.motor_current_a
            r["input_voltage_v"] = vesc.input_voltage_v
            r["tachometer_m"] = vesc.tachometer_m
            r["accel_x_m_s2"], r["accel_y_m_s2"] = vesc.accel_x_m_s2, vesc.accel_y_m_s2
            r["accel_z_m_s2"] = vesc.accel_z_m_s2
            r["yaw_rate_rad_s"] = vesc.yaw_rate_rad_s
            r["values_age_s"], r["imu_age_s"] = vesc.values_age_s, vesc.imu_age_s
            r["fault_code"] = vesc.fault_code
        if lidar is not None:
            points = min(len(lidar.angle_rad), LIDAR_POINTS_MAX)
            r["points"], r["revolution"], r["scan_age_s"] = points, lidar.revolution, lidar.scan_age_s
            r["angle_rad"][:points] = lidar.angle_rad[:points]
            r["distance_m"][:points] = lidar.distance_m[:points]
            r["age_s"][:points] = lidar.age_s[:points]

    def _read_vesc(self) -> VescReading | None:
        try:
            if not self.vesc_up and self.tick % RECONNECT_EVERY_TICKS == 0:
                self.vesc_up = self.vesc.reconnect()
            return self.vesc.read() if self.vesc_up else None
        except LinkLost:
            self.vesc_up = False
            return None

    def _read_lidar(self) -> LidarReading | None:
        try:
            if not self.lidar_up and self.tick % RECONNECT_EVERY_TICKS == RECONNECT_EVERY_TICKS // 2:
                self.lidar_up = self.lidar.reconnect()
            return self.lidar.read() if self.lidar_up else None
        except LinkLost:
            self.lidar_up = False
            return None

    def write(self) -> None:
        """Send the pipeline's command; remember what was really sent."""
        out = self.outputs
        try:
            if out["brake_a"] > 0.0:
                sent = self.vesc.brake(float(out["brake_a"]), float(out["servo_rad"]))
            else:
                sent = self.vesc.write(float(out["servo_rad"]), float(out["speed_m_s"]))
            self.sent = (sent.steer_rad, sent.speed_m_s, sent.brake_current_a)
        except LinkLost:
            self.vesc_up = False
            self.sent = (0.0, 0.0, 0.0)

    def stop(self) -> None:
        """Bring the car to rest. Never raises."""
        self.vesc.stop()
        self.lidar.stop()
