"""A car with a camera that reckons itself where no course is stops without one, wheels as they are, and so does a guardian for it."""

import numpy as np
import pytest

from policies.actor import weight_count
from robot.robots.car.car_file import as_believed
from robot.robots.car.estimation import fusion
from robot.robots.car.eyes.mind import LOOK_S, SeeingPipeline
from robot.robots.car.eyes.rehearsal import drive_round
from robot.robots.car.eyes.seeing_car import load_seeing_car
from robot.robots.car.eyes.seeing_driver import LAYERS
from robot.robots.car.eyes.sight import NO_WAY_S
from robot.robots.car.records import Phase
from robot.robots.car.setup import PipelineSetup
from robot.robots.car.shield.stop_plan import BRAKE, WAY
from robot.runtime.records import EMERGENCY_STOP
from robot.tasks.race_track import task
from robot.tasks.race_track.by_camera import SEEN

ROBOT = "virtual-camera-car"


class Stopped(SeeingPipeline):
    """Told to stop soon after its first lap, or not, when it suddenly reckons itself elsewhere."""

    off = (0.0, 0.0)  # m to the left of it, rad
    told = True
    failure = ""
    braked: tuple[float, float] | None = None  # by itself, A, and at the beginning of a guardian's stop
    along: bool = True  # whether that stop leads along the course

    def tick(self, readings: np.ndarray) -> None:
        stops = self.braked is None and self.phase is Phase.PRACTISE and self.tally.practice_s > 0.5
        if stops:
            readings = readings.copy()
            readings["stop_requested"] = EMERGENCY_STOP if self.told else readings["stop_requested"]
            left = -self.place.packed[self.place.row, 3], self.place.packed[self.place.row, 2]
            self.tracker.state[: fusion.YAW + 1] += self.off[0] * left[0], self.off[0] * left[1], self.off[1]
        super().tick(readings)
        if stops:
            self.braked = self.command.brake_a, float(self.stop_plan[0, BRAKE])
            self.along = bool(self.stop_plan[:, WAY].any())
            self.failure = "".join(fields["reason"] for kind, fields in self.events if kind == "failure")


def drive(off: tuple[float, float], told: bool) -> Stopped:
    believed, weights = as_believed(ROBOT, load_seeing_car(ROBOT)).packed(), np.zeros(weight_count(LAYERS), np.float32)
    mind = Stopped(
        PipelineSetup(1, 60.0, 0, False, False, True, False, believed, LAYERS, weights, None, None, encoder=7)
    )
    mind.off, mind.told = off, told
    drive_round(mind)
    return mind


@pytest.mark.parametrize(("off", "lost"), [((0.0, 0.0), False), ((2.3, 0.0), True), ((0.0, 2.4), True)])
def test_it_brakes_along_a_course_only_where_it_may_be_on_one(off: tuple[float, float], lost: bool) -> None:
    mind = drive(off, told=True)
    assert mind.braked is not None
    assert mind.along is not lost and min(mind.braked) > 0.0


def test_who_does_not_know_where_it_is_stops_and_asks_for_a_person() -> None:
    mind = drive((0.0, 2.4), told=False)
    assert mind.braked is not None and min(mind.braked) > 0.0 and not mind.along
    assert "does not know where on its lap it is: put it back" in mind.failure


def test_who_sees_no_way_from_where_it_was_put_moves_neither_on_nor_back_and_asks_for_somebody() -> None:
    believed, weights = as_believed(ROBOT, load_seeing_car(ROBOT)).packed(), np.zeros(weight_count(LAYERS), np.float32)
    mind = SeeingPipeline(
        PipelineSetup(1, 60.0, 0, False, False, True, False, believed, LAYERS, weights, None, None, encoder=7)
    )
    readings, failures = np.zeros((), mind.records.readings), []
    readings["motor"]["up"] = readings["camera"]["up"] = 1
    readings["motor"]["input_voltage_v"] = 12.0
    readings["camera"]["points"], readings["camera"]["encoder"] = SEEN, 7
    for tick in range(round((LOOK_S + 3.0 * NO_WAY_S) / task.TICK_S)):
        readings["tick"], readings["time_s"] = tick + 1, (tick + 1) * task.TICK_S
        readings["motor"]["erpm_speed_m_s"] = 1e-4 * (tick % 3)
        mind.tick(readings)
        assert mind.command.speed_m_s == 0.0
        failures += [fields["reason"] for kind, fields in mind.events if kind == "failure"]
    assert len(failures) == 1 and "put it back on the course" in failures[0]
