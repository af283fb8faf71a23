"""A car with a camera that reckons itself where no course is stops without one, wheels as they are, and so does a guardian for it; then
it drives a new first lap.
"""

import io

import numpy as np
import pytest

from policies.actor import weight_count
from robot.robots.car.car_file import as_believed
from robot.robots.car.eyes.careful import drive_carefully
from robot.robots.car.eyes.mind import KNEW_S, KNOWN_LAPS, LOOK_S, LOST_MOST, SeeingPipeline
from robot.robots.car.eyes.seeing_car import load_seeing_car
from robot.robots.car.eyes.seeing_driver import LAYERS
from robot.robots.car.eyes.seen_laps import SEEN_LAPS_FILE
from robot.robots.car.eyes.sight import NO_WAY_S
from robot.robots.car.records import Phase
from robot.robots.car.setup import PipelineSetup
from robot.robots.car.shield.stop_plan import BRAKE, WAY
from robot.runtime.records import EMERGENCY_STOP
from robot.safety.supervisor import Mode
from robot.tasks.race_track import task
from robot.tasks.race_track.by_camera import SEEN
from tests.robot.robots.car.eyes.goes_round import ROBOT, GoesRound
from tests.robot.robots.car.eyes.seeing_rig import always


@pytest.mark.parametrize(("off", "lost"), [((0.0, 0.0), False), ((2.3, 0.0), True), ((0.0, 2.4), True)])
def test_it_brakes_along_a_course_only_where_it_may_be_on_one(off: tuple[float, float], lost: bool) -> None:
    car = GoesRound()
    car.practise(0.5)
    car.set_off(*off)
    car.told = EMERGENCY_STOP
    car.tick()
    assert car.mind.command.brake_a > 0.0 and car.mind.stop_plan[0, BRAKE] > 0.0
    assert bool(car.mind.stop_plan[:, WAY].any()) is not lost


def test_who_has_lost_its_place_stops_tells_so_and_drives_a_new_first_lap_with_what_it_has_learned() -> None:
    car = GoesRound()
    car.practise(0.5)
    newer = always(0.1, 1.6)
    car.mind.set_weights(newer)
    car.practise(1.0)
    steps = car.mind.decisions.step
    car.set_off(0.0, 2.4)
    car.tick()
    assert car.mind.mode is Mode.STOP and car.mind.command.brake_a > 0.0
    car.until(lambda mind: mind.phase is Phase.LOCALISE)
    assert len(car.lost) == 1 and "drives a new first lap" in car.lost[0]["text"] and not car.mind.place.known
    car.until(lambda mind: mind.phase is Phase.DEMONSTRATE)
    assert car.mind.standing_s > LOOK_S and not car.mind.takes_weights
    car.until(lambda mind: mind.phase is Phase.PRACTISE)
    assert car.courses == 2 and SEEN_LAPS_FILE in car.mind.files  # emptied: of another course nothing is true any more
    assert not np.load(io.BytesIO(car.mind.files[SEEN_LAPS_FILE]))["decisions"].size
    practised_s = car.mind.tally.practice_s
    car.practise(practised_s + 1.0)
    assert car.mind.mode is Mode.RUN and car.mind.decisions.step > steps and not car.failures
    assert np.array_equal(car.mind.weights, newer)


@pytest.mark.parametrize(("off", "carefully"), [((-2.3, 0.0), False), ((0.0, 2.4), True)])
def test_who_was_taught_one_way_drives_the_other_carefully_for_good(off: tuple[float, float], carefully: bool) -> None:
    car = GoesRound(600.0)
    car.practise(0.5)
    car.set_off(*off)
    car.until(lambda mind: mind.phase is Phase.LOCALISE)
    laps = car.mind.tally.laps_driven
    car.until(lambda mind: mind.tally.laps_driven == laps + KNOWN_LAPS)
    car.tick()
    assert (car.mind.sight.drives is drive_carefully) is carefully


def test_who_loses_it_soon_each_time_asks_for_somebody_and_who_knew_it_for_long_does_not() -> None:
    car = GoesRound(practice_s=600.0)
    for _ in range(2):
        car.practise(car.mind.tally.practice_s + 0.5)
        car.set_off(0.0, 2.4)
        car.until(lambda mind: mind.phase is Phase.LOCALISE)
    car.until(lambda mind: mind.phase is Phase.PRACTISE)
    car.mind.tally.practice_s += KNEW_S
    for lost in range(LOST_MOST):
        assert not car.failures
        car.practise(car.mind.tally.practice_s + 0.5)
        car.set_off(0.0, 2.4)
        car.until(lambda mind, lost=lost: mind.phase is (Phase.LOCALISE if lost < LOST_MOST - 1 else Phase.DONE))
    assert len(car.failures) == 1 and "put it back on the course" in car.failures[0]


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
