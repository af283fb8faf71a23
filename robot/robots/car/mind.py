"""One tick of the robot's mind: readings in, a command out. No input or output, no clock, no hidden chance.

    estimate -> place on the course -> monitors, supervisor -> observe -> policy -> predictive brake -> command

The control loop feeds it what the drivers delivered; replay feeds it what the log says they delivered, and compares
the bytes of what comes out. Whatever decides anything is therefore in here.
"""

import math
from dataclasses import asdict, replace

import numpy as np

from drivers.base import LidarReading, VescReading
from robot.robots.car.car_mind import CarMind
from robot.robots.car.demonstration.course_from_lap import COURSE_FILE, course_bytes
from robot.robots.car.demonstration.first_lap import FirstLap
from robot.robots.car.devices import lidar_reading, really_sent, vesc_reading
from robot.robots.car.estimation import lidar_speed, pulsed_motor
from robot.robots.car.estimation.dead_reckoning import DeadReckoning
from robot.robots.car.estimation.estimator import Estimate, Estimator
from robot.robots.car.estimation.lidar_speed import LidarSpeed
from robot.robots.car.estimation.mapless import MaplessEstimator
from robot.robots.car.fallback import Fallback
from robot.robots.car.in_the_way import InTheWay, Moment
from robot.robots.car.passing import way_round
from robot.robots.car.place_search import PlaceSearch
from robot.robots.car.records import RECORDS, Phase
from robot.robots.car.recovery import Phase as RecoveryPhase
from robot.robots.car.recovery import Place, Recovery
from robot.robots.car.setup import PipelineSetup
from robot.robots.car.shield.monitors import Flag, TickInputs
from robot.robots.car.shield.predictive_brake import (
    AS_PROPOSED,
    BY_A_HAIR,
    MARGIN_M,
    SLIPPERY,
    SLOWER,
    STEERED,
    UNAVOIDABLE,
    filter_action,
)
from robot.robots.car.shield.rollout import SLOW_M_S, V_X, believed_cars
from robot.robots.car.shield.stop_plan import PLAN_TICKS
from robot.robots.car.shield.supervision import FULL_BRAKE_A, Command, Reason
from robot.runtime.records import BY_HAND, EMERGENCY_STOP, FINISH, STAND
from robot.safety.supervisor import Mode
from robot.tasks.race_track import task
from sim.car.model import P_GRIP_F, P_GRIP_R, P_HALF_LENGTH, P_HALF_WIDTH, P_STEER_MAX
from sim.distance_field import footprint_clearance
from sim.tracks.track import Course

STANDING_S = 0.3
DOUBT_AFTER_S, DOUBTFUL_QUALITY = 2.0, 0.75  # somebody in front of the lidar hides less of the map
BLOCKED_MAX_S = 120.0  # people walk on sooner
CLOSE_M = 0.1  # between body and wall: far enough to stop, as slow as the car is there
FLOOR_UNKNOWN = 0.3  # between the share of the grip that is believed and the least: before the first fast corner
UNKNOWN_FLOOR_M_S = 4.0  # enough to learn in a corner what the floor holds; from 5.8 ice leaves no way out of it
NOT_SEEING = Flag.LIDAR_LOST | Flag.LIDAR_STALE | Flag.LIDAR_FROZEN
NOT_MEASURING = Flag.VALUES_STALE | Flag.IMU_STALE | Flag.LIDAR_STALE | Flag.VESC_LOST | Flag.LIDAR_LOST


class Pipeline(CarMind):
    """The state of the robot's mind. `tick` reads READINGS and fills `outputs` (OUTPUTS), in place."""

    def __init__(self, setup: PipelineSetup) -> None:
        super().__init__(setup, RECORDS)
        self.observation = np.zeros(task.OBSERVATION_SIZE, np.float32)
        self.executed = np.zeros(task.ACTION_SIZE)
        self.brake_reason = AS_PROPOSED
        self.latency_s = setup.latency_s
        self.first_lap = FirstLap(setup.car, setup.demo_lap_s, setup.keyboard, setup.proved)
        # For k + 1 ticks after the present one, if nobody thinks any more: servo_rad, brake_a, turned_rad, way_m
        self.stop_plan = np.tile((-setup.trim_rad, FULL_BRAKE_A, 0.0, 0.0), (PLAN_TICKS, 1))
        self.reckoning = DeadReckoning()
        self.fallback = Fallback(self.place, believed_cars(self.car, (1.0, 1.0), SLIPPERY), setup.latency_s)
        self.place_search = PlaceSearch()
        self.recovery = Recovery(setup.car)
        self.in_the_way = InTheWay(setup.car, self.place, self.fallback)
        self.take_trim(setup.trim_rad)
        self.gave_way = False  # in the last tick
        self.grid = setup.grid
        self.lidar_speed = None if setup.measured_speed else LidarSpeed(setup.car)
        self.estimator: Estimator | MaplessEstimator = MaplessEstimator(setup.car)
        if setup.course is not None and setup.grid is not None:
            self.estimator = Estimator(setup.grid, None, setup.seed, setup.car, setup.course, setup.told)
            self.take_course(setup.course)
        self.doubt_odometry()

    def doubt_odometry(self) -> None:
        """Speed and yaw rate that the lidar tells are no wheels and no gyro."""
        if self.lidar_speed is not None:
            self.estimator.unsure = lidar_speed.UNSURE

    def take_trim(self, trim_rad: float) -> None:
        """Take this off every command from now on: it leaves less of the servo's way to one side."""
        self.trim_rad = trim_rad
        self.car = self.setup.car.copy()
        self.car[P_STEER_MAX] -= abs(trim_rad)
        self.recovery.steer_max_rad = self.in_the_way.giving_way.steer_max_rad = float(self.car[P_STEER_MAX])

    def take_course(self, course: Course) -> None:
        """Drive on this course from now on."""
        self.place.take(course)
        self.tally.take_course(course.length_m)

    # One tick

    def tick(self, readings: np.ndarray) -> None:
        """`readings` (READINGS) in; `outputs`, `events` and `transition` hold what came of it."""
        now, elapsed_s = self.begin_tick(readings)
        vesc, lidar = vesc_reading(readings), lidar_reading(readings)
        if self.lidar_speed is not None:
            vesc = self.lidar_speed.update(now, vesc, really_sent(readings), self.latency_s, lidar)
        estimate = self.estimator.update(now, vesc, lidar)
        shares = estimate.grip_shares, estimate.least_grip_shares
        if self.lidar_speed is not None:
            shares = pulsed_motor.GRIP_SHARES, pulsed_motor.LEAST_GRIP_SHARES
        self.fallback.cars = believed_cars(self.car, *shares)
        way_m = self.find_place(elapsed_s, estimate)
        self.decisions.moved(way_m)
        self.first_lap.moved(way_m)
        if self.phase <= Phase.DEMONSTRATE:
            self.first_lap.watch(now, estimate, vesc, lidar)
        if self.proving:
            self.prove(now, elapsed_s, readings, vesc, lidar)
        self.watch_giving_way(elapsed_s, way_m, vesc, lidar, estimate)
        self.recovery.watch(elapsed_s, vesc.erpm_speed_m_s, estimate.yaw_rate, lidar)
        self.supervise(now, readings, vesc, lidar, estimate)
        if self.phase is Phase.PRACTISE and int(readings["stop_requested"]) != STAND:
            self.tally.practice_s += elapsed_s
            self.time_lap(now)
        self.watch_standing(elapsed_s, vesc)
        if self.searching and (self.standing_s == 0.0 or not estimate.lost):
            self.estimator.stop_looking()  # type: ignore[union-attr]
        self.change_phase(now, readings, estimate)
        self.take_over(now, int(readings["stop_requested"]) == BY_HAND, estimate)
        proposed = self.drive(now, elapsed_s, readings, vesc, lidar, estimate)
        self.send(proposed)
        command = self.command
        self.estimator.sent(now, command.steer_rad - self.trim_rad, command.speed_m_s, command.brake_a, self.latency_s)
        if self.phase is Phase.DEMONSTRATE:
            self.first_lap.sent(now, self.command.steer_rad, vesc)
        self.fill_outputs(readings, estimate)
        self.fallback.plan(self.command, vesc, self.sent, self.stop_plan)
        self.stop_plan[:, 0] -= self.trim_rad

    def find_place(self, elapsed_s: float, estimate: Estimate) -> float:
        """The place on the course, by dead reckoning while the lidar does not see. Returns the way since the last, m."""
        trusted = not estimate.lost and not self.flags & NOT_SEEING
        pose = self.reckoning.update(estimate, elapsed_s, trusted)
        if pose is not None and not trusted:
            estimate = replace(estimate, x=pose[0], y=pose[1], yaw=pose[2], lost=False)
        way_m = self.place.update(estimate, self.setup.car)
        if self.lidar_speed is not None:
            self.place.at[V_X] += self.lidar_speed.margin_m_s
        return way_m

    @property
    def finds_no_way_on(self) -> bool:
        """Whether the predictive brake finds no way that keeps off the walls, or, close to one, none that keeps its margin: map
        and estimate are not good enough for less. Where somebody is near, there may be no more room than that."""
        by_a_hair = self.brake_reason == BY_A_HAIR and self.place.room_m < CLOSE_M and not self.in_the_way.near
        return self.brake_reason == UNAVOIDABLE or by_a_hair

    def supervise(self, now: float, readings: np.ndarray, vesc: VescReading, lidar: LidarReading,
                  estimate: Estimate) -> None:  # fmt: skip
        """Flags, and the mode that follows from them; an episode ends when the mode takes the wheel from the policy."""
        blocked = self.is_blocked(now, readings, vesc, estimate)
        giving_way = self.in_the_way.giving_way.active
        flags = self.monitors.check(
            TickInputs(
                now_s=now,
                vesc=vesc,
                lidar=lidar,
                vesc_up=bool(readings["motor"]["up"]),
                lidar_up=bool(readings["lidar"]["up"]),
                late_s=float(readings["lateness_s"]),
                missed_ticks=int(readings["missed_ticks"]),
                sent_speed_m_s=float(readings["motor"]["sent_speed_m_s"]),
                x=estimate.x,
                y=estimate.y,
                pose_lost=estimate.lost and not self.proving,
                room_m=math.inf if self.proving else self.room_m(estimate),
                backwards=not (estimate.lost or self.recovering or self.proving)
                and math.cos(self.place.heading_error) < -0.2,
                cornered=self.finds_no_way_on and abs(vesc.erpm_speed_m_s) < SLOW_M_S and not self.in_the_way.hemmed_in,
                blocked=blocked and not giving_way,
                gives_way=giving_way,
                emergency=int(readings["stop_requested"]) == EMERGENCY_STOP,
                held=int(readings["stop_requested"]) == STAND,
                learner_age_s=float(readings["weights_age_s"]) if readings["learner_up"] else 0.0,
                grip=float(max(self.fallback.cars[0, P_GRIP_F], self.fallback.cars[0, P_GRIP_R])),
                numbers=(estimate.v_x, estimate.v_y, estimate.yaw_rate, self.goal[0], self.goal[1]),
            )
        )
        self.flags = flags | self.recovered
        self.recovered = Flag.NONE
        before = self.mode
        self.mode = self.supervisor.decide(self.flags, now)
        gave_way, self.gave_way = self.gave_way, self.gives_way
        if self.mode is before and gave_way <= self.gave_way:
            return
        if before is Mode.RUN:
            self.brake_reason, self.in_the_way.goes_round = AS_PROPOSED, False
            collided = self.mode is Mode.RECOVER and self.supervisor.reason not in (Reason.STUCK, Reason.GIVES_WAY)
            self.end_episode(now, estimate, collided)
        if self.mode is Mode.RECOVER and not self.gave_way:
            if not self.recovering:
                self.count_trouble(estimate)
            self.recovering = True
            self.brake_reason = AS_PROPOSED
            self.recovery.begin()
        elif self.mode > Mode.RUN:
            self.events.append(("fault", {"practice_s": self.tally.practice_s, "mode": self.mode.name,
                                          "reason": self.supervisor.reason.name}))  # fmt: skip
        else:
            self.events.append(("running", {"practice_s": self.tally.practice_s, "after": before.name}))
            self.begin_chain()

    @property
    def gives_way(self) -> bool:
        """Whether the car rolls back before somebody, or is about to."""
        return self.mode is Mode.RECOVER and self.supervisor.reason is Reason.GIVES_WAY

    def watch_giving_way(
        self, elapsed_s: float, way_m: float, vesc: VescReading, lidar: LidarReading, estimate: Estimate
    ) -> None:
        """Whether the car, if it waits for somebody, is to roll back."""
        waits = self.supervisor.reason is Reason.BLOCKED
        driven_by_hand = self.setup.keyboard and self.phase is Phase.DEMONSTRATE
        may = (waits or self.gives_way or self.mode is Mode.RUN) and not self.flags & (NOT_MEASURING | Flag.COLLISION)
        may = may and not estimate.lost and Phase.LOCALISE < self.phase < Phase.FINISH and not driven_by_hand
        self.in_the_way.watch(elapsed_s, waits, may, way_m, vesc.erpm_speed_m_s, estimate.yaw_rate, lidar)

    def is_blocked(self, now: float, readings: np.ndarray, vesc: VescReading, estimate: Estimate) -> bool:
        """Whether what the map does not have keeps the car from going on."""
        doubtful = self.recovering or bool(self.flags & NOT_MEASURING) or estimate.quality < DOUBTFUL_QUALITY
        self.in_the_way.see(now, estimate, self.estimator, self.grid, doubtful)
        waits, decides = self.supervisor.reason is Reason.BLOCKED, int(readings["tick"]) % task.TICKS_PER_DECISION == 0
        return self.in_the_way.blocks(Moment(self.mode, waits, self.recovering, decides, self.brake_reason,
                                             vesc.erpm_speed_m_s, self.command, self.sent))  # fmt: skip

    def room_m(self, estimate: Estimate) -> float:
        """Between body and wall, m, as far as anybody knows. Beyond the course's edge the map says where the walls are."""
        if estimate.lost or self.recovering:
            return math.inf
        room = self.place.room_m
        if room < 0.0 and self.grid is not None:
            half_length, half_width = self.setup.car[P_HALF_LENGTH], self.setup.car[P_HALF_WIDTH]
            room = max(room, float(footprint_clearance(self.grid.distance_m, self.grid.frame, estimate.x, estimate.y,
                                                       estimate.yaw, half_length, half_width)))  # fmt: skip
        return room

    def count_trouble(self, estimate: Estimate) -> None:
        """A recovery begins: note why."""
        reason = self.supervisor.reason
        kind = reason.name.lower() if reason in (Reason.STUCK, Reason.CORNERED) else "collision"
        if reason is Reason.OFF_COURSE and self.phase is Phase.FINISH:
            kind = "spun"  # while braking to the end of the session: no wall is involved
        self.tally.collisions += kind == "collision"
        self.events.append((kind, {"practice_s": self.tally.practice_s, "phase": self.phase.name, "reason": reason.name,
                                   "s": self.place.s, "x": estimate.x, "y": estimate.y}))  # fmt: skip

    def end_episode(self, now: float, estimate: Estimate, collided: bool) -> None:
        """The policy loses the wheel: its last decision ends here, and the lap is not clean."""
        if self.place.course is None:
            return
        if not estimate.lost:
            self.observe(estimate)
        if self.decisions.pending:
            self.transition = self.decisions.complete(now, self.observation, collided, taken_over=True)
        self.tally.timer.spoil()

    def take_over(self, now: float, wanted: bool, estimate: Estimate) -> None:
        """A person takes the wheel in practice, or gives it back: a new chain of decisions begins."""
        wanted = wanted and self.phase is Phase.PRACTISE
        if wanted is self.by_hand:
            return
        self.by_hand = wanted
        self.events.append(("by_hand", {"practice_s": self.tally.practice_s, "on": wanted}))
        if self.mode is Mode.RUN:
            self.end_episode(now, estimate, collided=False)
            self.begin_chain()

    def change_phase(self, now: float, readings: np.ndarray, estimate: Estimate) -> None:
        """Go on to the next phase when this one has reached its end."""
        before = self.phase
        if self.phase is Phase.LOCALISE and not self.proving and not estimate.lost and self.mode is Mode.RUN:
            self.phase = Phase.PRACTISE if self.first_lap.lap_s > 0.0 else Phase.DEMONSTRATE
            self.first_lap.begin(now)
        elif self.phase is Phase.DEMONSTRATE and self.first_lap.closed(self.estimator, self.place.course):
            self.calibrate(now)
            self.end_episode(now, estimate, collided=False)
            self.begin_chain()
            self.phase = Phase.DRAW_MAP if self.place.course is None else Phase.PRACTISE
        elif self.phase is Phase.DRAW_MAP and self.standing_s > STANDING_S:
            self.draw_map()
            self.phase = Phase.LOCALISE
        over = self.tally.practice_s >= self.setup.practice_s or 0 < self.setup.laps <= self.tally.laps_driven
        over = over and self.phase is Phase.PRACTISE
        over = over or bool(self.first_lap.first_metres.finding) or self.given_up(estimate)
        if self.phase < Phase.FINISH and (over or int(readings["stop_requested"]) in (FINISH, EMERGENCY_STOP)):
            self.end_episode(now, estimate, collided=False)
            self.phase = Phase.FINISH
        elif self.phase is Phase.FINISH and self.standing_s > STANDING_S:
            self.phase = Phase.DONE
        if self.phase is not before:
            self.events.append(("phase", {"practice_s": self.tally.practice_s, "phase": self.phase.name}))

    def doubtful(self, now: float, estimate: Estimate) -> bool:
        """Whether what seems to stand in the way may be a wall, seen from elsewhere than the car believes to be."""
        waits_s = now - self.supervisor.state.since_s if self.supervisor.reason is Reason.BLOCKED else 0.0
        return waits_s > DOUBT_AFTER_S and self.standing_s > STANDING_S and estimate.quality < DOUBTFUL_QUALITY

    def given_up(self, estimate: Estimate) -> bool:
        """Whether what stands in the way has been waited for so long that it will not go by itself; says so once."""
        waits = self.phase < Phase.FINISH and self.supervisor.reason is Reason.BLOCKED
        if not waits or self.in_the_way.giving_way.waited_s < BLOCKED_MAX_S:
            return False
        self.events.append(("failure", {"reason": "something that is not on the map has stood in the way for "
                                        f"{BLOCKED_MAX_S:.0f} s, ahead of x {estimate.x:.1f}, y {estimate.y:.1f}: take it away, or map the "
                                        "place as it is now"}))  # fmt: skip
        return True

    @property
    def proving(self) -> bool:
        """Whether the car is still to show that it is wired as its file says, or has shown that it is not.

        Where it is need not be known for that, and if the file is wrong, what the estimate says of it is worth nothing.
        """
        return bool(self.first_lap.first_metres.finding) or (self.phase is Phase.LOCALISE and self.first_lap.proving)

    def prove(self, now: float, elapsed_s: float, readings: np.ndarray, vesc: VescReading, lidar: LidarReading) -> None:
        """Drive the first metres, and say what they show."""
        check = self.first_lap.first_metres
        if not check.active:
            return
        may_drive = self.mode <= Mode.BACKUP and not self.flags & NOT_MEASURING
        check.step(now, elapsed_s, float(readings["motor"]["sent_steer_rad"]), vesc, lidar, may_drive)
        if check.active:
            return
        self.first_lap.proving = False
        measured = {} if check.measured is None else asdict(check.measured)
        self.events.append(("proved", {"wrong": check.finding, **measured}))
        if check.finding:
            self.events.append(("failure", {"reason": check.finding, "in_robot_file": True}))

    def calibrate(self, now: float) -> None:
        """Take over the trim and latency that the demonstration showed, if it showed them well enough."""
        calibration = self.first_lap.end(now)
        if calibration.confident:
            self.take_trim(calibration.trim_rad)
            self.latency_s = calibration.latency_s
            self.fallback.latency_s = self.latency_s
        self.events.append(("calibration", {"demo_lap_s": self.first_lap.lap_s, "confident": calibration.confident,
                                            "trim_rad": self.trim_rad, "latency_s": self.latency_s}))  # fmt: skip

    def draw_map(self) -> None:
        """Make map and course of the first lap, and go on with an estimator that knows them."""
        self.grid, course, pose = self.first_lap.draw_map(self.estimator)
        self.estimator = Estimator(self.grid, pose, self.setup.seed, self.setup.car, course)
        self.doubt_odometry()
        self.take_course(course)
        self.events.append(("course", {"length_m": course.length_m}))
        self.files[COURSE_FILE] = course_bytes(course, self.grid)

    # Driving

    def drive(self, now: float, elapsed_s: float, readings: np.ndarray, vesc: VescReading, lidar: LidarReading,
              estimate: Estimate) -> Command:  # fmt: skip
        """What to ask of the car in this tick, before the supervisor's limits."""
        if self.doubtful(now, estimate):
            self.estimator.lost = True
        stands_lost = estimate.lost and self.standing_s > STANDING_S
        if stands_lost and self.place_search.due(now) and self.mode is not Mode.RECOVER:
            self.look_for_place(now)
        if self.gives_way:
            return self.in_the_way.giving_way.command
        fast = abs(vesc.erpm_speed_m_s) > SLOW_M_S and self.place.known
        if self.mode is Mode.RECOVER and not (fast and self.recovery.elapsed_s == 0.0):
            return self.recover(now, elapsed_s, vesc, estimate)
        if self.proving and self.mode <= Mode.BACKUP:
            return self.first_lap.first_metres.command
        stands = self.phase in (Phase.LOCALISE, Phase.DRAW_MAP, Phase.FINISH, Phase.DONE)
        if self.mode >= Mode.RECOVER or stands:
            return self.fallback.stop(self.command, vesc, self.sent)
        if self.mode is Mode.BACKUP:
            return self.fallback.follow(self.command, vesc, self.sent)
        if self.ticks_to_decision == 0:
            self.decide(now, readings, vesc, lidar, estimate)
            self.ticks_to_decision = task.TICKS_PER_DECISION
        return self.towards_goal()

    def look_for_place(self, now: float) -> None:
        """Go on searching the map for the standing car; where it cannot be found to begin with, that is the end."""
        if not isinstance(self.estimator, Estimator):
            return
        at_the_start = self.phase is Phase.LOCALISE and self.tally.laps_driven == 0
        event = self.place_search.step(now, self.estimator, at_the_start)
        if event is not None:
            self.events.append(event)
            self.phase = Phase.FINISH if event[0] == "failure" else self.phase

    @property
    def searching(self) -> bool:
        """Whether a search of the map is under way."""
        return isinstance(self.estimator, Estimator) and self.estimator.search is not None

    def observe(self, estimate: Estimate) -> None:
        """What the task lets the policy see, into `self.observation`; nothing where there is no course yet."""
        place, (newest, older) = self.place, self.decisions.earlier
        if place.course is None:
            return
        task.observe(
            estimate.v_x, estimate.v_y, estimate.yaw_rate, self.command.steer_rad, self.command.speed_m_s,
            newest[0], newest[1], older[0], older[1], place.s, place.lateral, place.heading_error,
            place.table, 0, len(place.table), place.course.spacing_m, self.observation,
        )  # fmt: skip

    def decide(self, now: float, readings: np.ndarray, vesc: VescReading, lidar: LidarReading,
               estimate: Estimate) -> None:  # fmt: skip
        """A new decision: complete the one before, see, propose, check, put in force."""
        place = self.place
        self.observe(estimate)
        if place.course is not None and self.decisions.pending:
            self.transition = self.decisions.complete(now, self.observation, collided=False, taken_over=False)
        self.is_decision = True
        demonstrating = self.phase is Phase.DEMONSTRATE
        if demonstrating:
            proposed = np.array(task.action_for(*self.first_lap.wish(readings, self.place)), np.float32)
        elif self.by_hand:
            proposed = np.array(task.action_for(*map(float, readings["operator"])), np.float32)
        elif self.setup.explore and self.tally.baseline_laps == 0:
            proposed = self.actor.sample(self.observation, self.exploration.draw())
        else:
            proposed = self.actor.mean(self.observation)
        self.executed[:] = proposed
        steer, speed = task.target(float(proposed[0]), float(proposed[1]))
        fastest = self.fastest_m_s(estimate)
        if speed > fastest:
            self.executed[:] = task.action_for(steer, fastest)
        self.brake_reason = AS_PROPOSED
        if self.setup.predictive_brake and place.course is not None and not demonstrating:
            wish = float(self.executed[0]), float(self.executed[1])
            self.brake_reason, kept = self.keep_off(wish, self.fallback.obstacles)
            everybody = len(self.in_the_way.seen) == len(self.fallback.obstacles)
            if self.brake_reason == UNAVOIDABLE and not everybody and place.at[V_X] > SLOW_M_S:
                # Too fast for who only may be there: as slow as can be kept on the course, and no spin for nobody's sake.
                self.brake_reason, kept = self.keep_off((wish[0], -1.0), self.in_the_way.seen)
                self.brake_reason = max(SLOWER, self.brake_reason)
            looks_round = self.brake_reason != AS_PROPOSED or self.in_the_way.ahead
            way = way_round(place, self.fallback, self.sent, fastest) if looks_round else None
            self.in_the_way.goes_round = way is not None
            if way is not None:
                self.executed[:], kept[:] = way
                self.brake_reason = STEERED
            self.fallback.kept[:] = kept
            if speed > fastest and self.brake_reason == AS_PROPOSED:
                self.brake_reason = SLOWER
            self.tally.decided(self.brake_reason != AS_PROPOSED)
        self.decisions.decide(
            now, self.observation, proposed, self.executed.astype(np.float32), demonstrating or self.by_hand
        )
        self.goal = task.target(float(self.executed[0]), float(self.executed[1]))

    def keep_off(self, wish: tuple[float, float], obstacles: np.ndarray) -> tuple[int, np.ndarray]:
        """Put what may be done of a wish, an action, into `executed`. Returns the predictive brake's reason, and what it keeps."""
        place, kept = self.place, self.fallback.kept.copy()
        assert place.course is not None
        reason = filter_action(
            *wish, place.at, self.sent, place.packed, place.course.spacing_m, obstacles, self.fallback.cars,
            self.latency_s, MARGIN_M, kept, self.executed,
        )  # fmt: skip
        return reason, kept

    def fastest_m_s(self, estimate: Estimate) -> float:
        """What is asked of the motor at most: less without wheel speed, and where no corner has shown what the floor holds."""
        if self.lidar_speed is not None:
            return pulsed_motor.FASTEST_M_S
        unknown = max(np.subtract(estimate.grip_shares, estimate.least_grip_shares)) > FLOOR_UNKNOWN
        careful = self.setup.predictive_brake and self.phase is not Phase.DEMONSTRATE
        return UNKNOWN_FLOOR_M_S if unknown and careful else task.SPEED_MAX_M_S

    def recover(self, now: float, elapsed_s: float, vesc: VescReading, estimate: Estimate) -> Command:
        """Let the recovery drive; say when it has succeeded, or given up. Without a course nobody knows where to."""
        here = self.place
        if here.course is None:
            self.recovered = Flag.RECOVERY_FAILED
            return Command(self.command.steer_rad, 0.0, FULL_BRAKE_A)
        if self.searching and self.standing_s > STANDING_S:  # what it began with holds only while the car stands
            self.look_for_place(now)
            return Command(self.command.steer_rad, 0.0, FULL_BRAKE_A)
        row = here.packed[max(0, here.row)]
        place = Place(here.s, here.lateral, here.heading_error, float(row[5]), float(row[6]))
        command = self.recovery.step(elapsed_s, vesc.erpm_speed_m_s, place, here.packed, here.course.spacing_m)
        if self.recovery.relocalise:
            self.look_for_place(now)
        if self.recovery.finished:
            succeeded = self.recovery.phase is RecoveryPhase.DONE
            self.recovered = Flag.RECOVERED if succeeded else Flag.RECOVERY_FAILED
            self.recovering = False
            told = self.tally.end_recovery(self.recovery.elapsed_s, succeeded, self.recovery.legs)
            self.events.append(("recovery", told))
        return command

    # What comes out

    def fill_outputs(self, readings: np.ndarray, estimate: Estimate) -> None:
        """Write this tick's OUTPUTS record."""
        self.fill_common(readings, self.observation)
        out = self.outputs
        believed = out["estimate"]
        believed["x"], believed["y"], believed["yaw"] = estimate.x, estimate.y, estimate.yaw
        believed["v_x"], believed["v_y"], believed["yaw_rate"] = estimate.v_x, estimate.v_y, estimate.yaw_rate
        believed["quality"], believed["lost"] = estimate.quality, estimate.lost
        believed["pose_age_s"] = estimate.pose_age_s
        command = out["command"]
        command["servo_rad"] = self.command.steer_rad - self.trim_rad
        if self.lidar_speed is not None:
            command["speed_m_s"], command["brake_a"] = self.lidar_speed.throttle(
                self.command.speed_m_s, self.command.brake_a
            )
        figures = out["figures"]
        figures["demo_lap_s"], figures["brake_reason"] = self.first_lap.lap_s, self.brake_reason
        figures["trim_rad"], figures["latency_s"] = self.trim_rad, self.latency_s
