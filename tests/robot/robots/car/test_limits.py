"""The car's limits stand where each is needed: in its data sheet, in the task, and, whoever commands, in the driver."""

from drivers.vesc import VescLimits
from robot.robots.car.shield.supervision import FULL_BRAKE_A, RECOVERY_SPEED_M_S
from robot.tasks.race_track import task
from sim.car.model import load_parameters


def test_driver_task_and_data_sheet_agree() -> None:
    limits, car = VescLimits(), load_parameters()
    assert limits.steer_max_rad == car.steer_max_rad == task.STEER_MAX_RAD
    assert limits.speed_max_m_s == task.SPEED_MAX_M_S
    assert limits.speed_min_m_s <= -RECOVERY_SPEED_M_S
    assert limits.brake_current_a == FULL_BRAKE_A
