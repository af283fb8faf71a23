"""One tick of the mind of a car that has a camera, and neither lidar nor map. Readings in, a command out, and nothing else.

    reckon -> place on the lap that it drove first -> monitors, supervisor -> see -> policy -> sight -> command

It never sees a picture: what an encoder made of the newest one is a field of its readings, which grows old like any other. A car whose
embedding is old brakes along the course, by wheels and gyro. How far the way is free nobody measures: the encoder tells that too, and
the policy gets no more speed than fits (`sight.py`).
"""

import math
from dataclasses import replace

import numpy as np

from drivers.base import LidarReading, VescReading
from drivers.reading_record import reading_of
from robot.perception.mount import MOTION
from robot.perception.result import PerceptionReading
from robot.robots.car.car_mind import CarMind
from robot.robots.car.course_place import CoursePlace
from robot.robots.car.demonstration.course_from_lap import COURSE_FILE, course_bytes
from robot.robots.car.devices import really_sent, vesc_reading
from robot.robots.car.estimation.estimator import Estimate
from robot.robots.car.estimation.floor_speed import FloorSpeed
from robot.robots.car.estimation.pulsed_motor import FASTEST_M_S, GRIP_SHARES, LEAST_GRIP_SHARES
from robot.robots.car.eyes.blind_fallback import BlindFallback
from robot.robots.car.eyes.careful import drive_carefully
from robot.robots.car.eyes.corridor_tracker import CorridorTracker
from robot.robots.car.eyes.first_lap import by_sight
from robot.robots.car.eyes.reckoned_lap import ReckonedLap
from robot.robots.car.eyes.records import RECORDS
from robot.robots.car.eyes.seen_laps import SEEN_LAPS_FILE, SeenLaps
from robot.robots.car.eyes.seen_stack import SeenStack
from robot.robots.car.eyes.sight import Sight, grip_left, hold_back
from robot.robots.car.eyes.way_back import Phase as BackPhase
from robot.robots.car.eyes.way_back import WayBack
from robot.robots.car.records import Phase
from robot.robots.car.setup import PipelineSetup
from robot.robots.car.shield.monitors import Flag, TickInputs
from robot.robots.car.shield.predictive_brake import SLIPPERY
from robot.robots.car.shield.rollout import V_X, believed_cars
from robot.robots.car.shield.stop_plan import PLAN_TICKS
from robot.robots.car.shield.supervision import FULL_BRAKE_A, Command, Reason
from robot.runtime.records import BY_HAND, EMERGENCY_STOP, FINISH, STAND
from robot.safety.supervisor import Mode
from robot.tasks.race_track import task
from robot.tasks.race_track.by_camera import SEEN
from sim.car.model import P_GRIP_F, P_GRIP_R, P_STEER_MAX
from sim.distance_field import rasterise

EYES_STALE_S = 0.15  # of a camera with 60 pictures a second, eight in a row are missing
LOOK_S = 1.0  # standing, before the first lap: the gyro shows its bias
STANDING_S = 0.3
LOST_M, LOST_RAD = 2.0, 0.5 * math.pi  # off the course by more: the reckoning is wrong, or the car has turned round
KNEW_S, LOST_MOST = (
    60.0,
    3,
)  # of practice that a first lap is worth; so many in a row that are not, and somebody has to look
KNOWN_LAPS = 2  # clean ones in a row: it has shown that it can drive here
PLACE_LOST = "the car does not know any more where on its lap it is: it drives a new first lap, from where it stands"
CANNOT = "the car {}: put it back on the course, and go on with --resume"
UNTOUCHED = (Reason.STUCK, Reason.CORNERED)  # a recovery begins, and nothing was hit
NOWHERE = CoursePlace()
NOTHING = np.empty(0, np.float32)
NO_LIDAR = LidarReading(NOTHING, NOTHING, NOTHING, 0.0, 0)  # of which the monitors miss nothing


class SeeingPipeline(CarMind):
    """The state of the mind. `tick` reads READINGS and fills `outputs` (OUTPUTS), in place."""

    def __init__(self, setup: PipelineSetup) -> None:
        super().__init__(setup, RECORDS)
        self.seen, self.sight = SeenStack(), Sight(float(setup.car[P_STEER_MAX]))
        self.tracker, self.lap = CorridorTracker(setup.car), ReckonedLap()
        self.floor_speed = None if setup.measured_speed else FloorSpeed(setup.car)
        self.size = SEEN + (0 if setup.measured_speed else MOTION)
        self.demo_lap_s = 0.0
        self.fallback = BlindFallback(self.place, believed_cars(setup.car, (1.0, 1.0), SLIPPERY), setup.latency_s)
        self.stop_plan = np.tile((0.0, FULL_BRAKE_A, 0.0, 0.0), (PLAN_TICKS, 1))
        self.way_back, self.seen_laps = WayBack(), SeenLaps()
        self.cornered, self.clean_in_a_row = False, 0  # laps
        self.other_way_round = False  # than it drove at first
        self.lost_in_a_row, self.knew_since_s = 0, 0.0  # the place; since when, of practice, it was known

    # One tick

    def tick(self, readings: np.ndarray) -> None:
        """`readings` (READINGS) in; `outputs`, `events` and `transition` hold what came of it."""
        now, elapsed_s = self.begin_tick(readings)
        vesc, eyes = vesc_reading(readings), reading_of(readings["camera"], PerceptionReading)
        if self.floor_speed is not None:
            vesc = self.floor_speed.update(now, vesc, really_sent(readings), self.setup.latency_s, eyes.frame,
                                           self.floor_in(eyes), eyes.embedding_age_s)  # fmt: skip
            self.tracker.unsure = self.floor_speed.sigma_m_s, self.floor_speed.rate_sigma_rad_s
        estimate = self.tracker.update(now, vesc)
        if self.floor_speed is not None:
            estimate = replace(estimate, grip_shares=GRIP_SHARES, least_grip_shares=LEAST_GRIP_SHARES)
        rolled_m = self.tracker.odometry.motion.rolled_m
        self.fallback.cars = believed_cars(self.setup.car, estimate.grip_shares, estimate.least_grip_shares)
        self.sight.grip = grip_left(estimate.least_grip_shares)
        knows = self.clean_in_a_row >= KNOWN_LAPS and not self.other_way_round
        self.sight.drives = hold_back if knows else drive_carefully
        self.decisions.moved(self.place.update(estimate, self.setup.car))
        self.place.at[V_X] += self.margin_m_s
        self.fallback.place = NOWHERE if self.is_lost else self.place
        if self.phase is Phase.DEMONSTRATE:
            self.lap.watch(now, rolled_m, estimate)
        self.cornered = self.sight.finds_no_way(elapsed_s, self.standing_s > 0.0 and self.mode is Mode.RUN)
        self.supervise(now, readings, vesc, eyes, estimate)
        if self.phase is Phase.PRACTISE and self.mode is Mode.RUN:
            self.tracker.hold_to(self.place)
        if self.phase is Phase.PRACTISE and int(readings["stop_requested"]) != STAND:
            self.tally.practice_s += elapsed_s
            self.time_lap(now)
            if self.episode is not None:
                self.tell_of_lap(estimate)
        self.watch_standing(elapsed_s, vesc)
        self.change_phase(now, int(readings["stop_requested"]), eyes, estimate)
        self.take_over(now, int(readings["stop_requested"]) == BY_HAND, eyes, estimate)
        proposed = self.drive(now, elapsed_s, rolled_m, readings, vesc, eyes, estimate)
        self.send(proposed)
        command = self.command
        self.tracker.sent(now, command.steer_rad, command.speed_m_s, command.brake_a, self.setup.latency_s)
        self.fill_outputs(readings, estimate)
        self.fallback.plan(self.command, vesc, self.sent, self.stop_plan)

    @property
    def is_lost(self) -> bool:
        """Whether it cannot be where it is reckoned to be: a stop along the course would lead somewhere else."""
        return abs(self.place.lateral) > LOST_M or abs(self.place.heading_error) > LOST_RAD

    @property
    def margin_m_s(self) -> float:
        """How much faster than it seems the car may be."""
        return 0.0 if self.floor_speed is None else self.floor_speed.margin_m_s

    def floor_in(self, eyes: PerceptionReading) -> np.ndarray | None:
        """What the newest picture tells of the floor's motion (MOTION,); None of a picture that counts for nothing."""
        return None if self.eye_flags(True, eyes) else eyes.embedding[SEEN:]

    def eye_flags(self, up: bool, eyes: PerceptionReading) -> Flag:
        """Whether what it sees is new, and of the encoder that its policy was trained with."""
        fits = len(eyes.embedding) == self.size and eyes.encoder == self.setup.encoder
        fresh = fits and 0.0 <= eyes.embedding_age_s <= EYES_STALE_S and bool(np.isfinite(eyes.embedding).all())
        return (Flag.NONE if up else Flag.EYES_LOST) | (Flag.NONE if up and fresh else Flag.EYES_STALE)

    def supervise(self, now: float, readings: np.ndarray, vesc: VescReading, eyes: PerceptionReading,
                  estimate: Estimate) -> None:  # fmt: skip
        """Flags, and the mode that follows from them; an episode ends when the mode takes the wheel from the policy."""
        flags = self.monitors.check(
            TickInputs(
                now_s=now,
                vesc=vesc,
                lidar=NO_LIDAR,
                vesc_up=bool(readings["motor"]["up"]),
                lidar_up=True,
                late_s=float(readings["lateness_s"]),
                missed_ticks=int(readings["missed_ticks"]),
                sent_speed_m_s=float(readings["motor"]["sent_speed_m_s"]),
                x=estimate.x,
                y=estimate.y,
                pose_lost=self.is_lost,
                cornered=self.cornered,
                emergency=int(readings["stop_requested"]) == EMERGENCY_STOP,
                held=int(readings["stop_requested"]) == STAND,
                learner_age_s=float(readings["weights_age_s"]) if readings["learner_up"] else 0.0,
                grip=float(max(self.fallback.cars[0, P_GRIP_F], self.fallback.cars[0, P_GRIP_R])),
                numbers=(estimate.v_x, estimate.v_y, estimate.yaw_rate, *self.goal),
            )
        )
        self.flags = flags | self.eye_flags(bool(readings["camera"]["up"]), eyes) | self.recovered
        self.recovered = Flag.NONE
        before, self.mode = self.mode, self.supervisor.decide(self.flags, now)
        if self.mode is before:
            return
        if before is Mode.RUN:
            collided = self.mode is Mode.RECOVER and self.supervisor.reason not in UNTOUCHED
            self.end_episode(now, eyes, estimate, collided)
        if self.mode is Mode.RECOVER:
            if not self.recovering:
                reason = self.supervisor.reason
                kind = reason.name.lower() if reason in UNTOUCHED else "collision"
                self.tally.collisions += kind == "collision"
                self.clean_in_a_row = 0
                self.events.append((kind, {"practice_s": self.tally.practice_s, "phase": self.phase.name, "x": estimate.x,
                                           "y": estimate.y, "s": self.place.s, "reason": reason.name}))  # fmt: skip
            self.recovering = True
            self.tally.baseline_laps = 0  # as it came it does not get round: let it learn
            self.way_back.begin(as_it_came=self.supervisor.reason is Reason.CORNERED)
        elif self.mode > Mode.RUN:
            self.events.append(("fault", {"practice_s": self.tally.practice_s, "mode": self.mode.name,
                                          "reason": self.supervisor.reason.name}))  # fmt: skip
        else:
            self.events.append(("running", {"practice_s": self.tally.practice_s, "after": before.name}))
            self.begin_chain()

    def begin_chain(self) -> None:
        """See `CarMind`; it begins with what is seen now."""
        super().begin_chain()
        self.seen.forget()

    def end_episode(self, now: float, eyes: PerceptionReading, estimate: Estimate, collided: bool) -> None:
        """The policy loses the wheel: its last decision ends here, and the lap is not clean."""
        if self.decisions.pending and self.phase is Phase.PRACTISE:
            self.see(eyes, estimate)
            self.transition = self.decisions.complete(now, self.seen.observation, collided, taken_over=True)
        self.decisions.pending = False
        self.tally.timer.spoil()

    def change_phase(self, now: float, stop: int, eyes: PerceptionReading, estimate: Estimate) -> None:
        """Go on to the next phase when this one has reached its end."""
        before = self.phase
        if self.phase is Phase.LOCALISE and self.mode is Mode.RUN and self.standing_s > LOOK_S:
            self.tracker.put(0.0, 0.0, 0.0)  # whatever the gyro said until its bias was known
            self.phase = Phase.DEMONSTRATE
        elif self.phase is Phase.DEMONSTRATE and self.lap.closed:
            self.draw_course(now)
            self.end_episode(now, eyes, estimate, collided=False)
            self.begin_chain()
            self.phase = Phase.PRACTISE
        elif self.phase is Phase.PRACTISE and self.is_lost and self.standing_s > STANDING_S:
            self.forget_place()
            self.phase = Phase.LOCALISE
        over = self.tally.practice_s >= self.setup.practice_s or 0 < self.setup.laps <= self.tally.laps_driven
        hopeless = "cannot free itself" if self.flags & Flag.RECOVERY_FAILED else ""
        if self.lost_in_a_row == LOST_MOST:
            hopeless = f"has lost its place {LOST_MOST} times, each time soon after it had driven a first lap"
        if hopeless and self.phase < Phase.FINISH:
            self.events.append(("failure", {"reason": CANNOT.format(hopeless)}))
            over = True
        if self.phase < Phase.FINISH and (
            (over and (hopeless or self.phase >= Phase.DEMONSTRATE)) or stop in (FINISH, EMERGENCY_STOP)
        ):
            self.end_episode(now, eyes, estimate, collided=False)
            self.phase = Phase.FINISH
        elif self.phase is Phase.FINISH and self.standing_s > STANDING_S:
            self.phase = Phase.DONE
        if self.phase is not before:
            self.events.append(("phase", {"practice_s": self.tally.practice_s, "phase": self.phase.name}))

    def forget_place(self) -> None:
        """It is not where it was reckoned to be, and nobody can tell where it is: what comes is as at the beginning. Who drives, and what
        was learned of driving, stays; but whoever has turned round was taught the other way, and is held carefully for good.
        """
        knew_s = self.tally.practice_s - self.knew_since_s
        self.lost_in_a_row = self.lost_in_a_row + 1 if knew_s < KNEW_S else 1
        self.events.append(("place_lost", {"practice_s": self.tally.practice_s, "knew_s": knew_s, "lateral": self.place.lateral,
                                           "heading_error": self.place.heading_error, "text": PLACE_LOST}))  # fmt: skip
        self.other_way_round ^= abs(self.place.heading_error) > LOST_RAD
        self.place.forget()
        self.lap, self.seen_laps, self.clean_in_a_row = ReckonedLap(), SeenLaps(), 0

    def draw_course(self, now: float) -> None:
        """The first lap is closed: make a course of it, and be at its beginning."""
        course, (x, y, yaw) = self.lap.course(), self.lap.off
        self.place.take(course)
        self.tally.take_course(course.length_m)
        self.tracker.put(float(course.x[0]), float(course.y[0]), float(course.heading[0]))
        assert self.lap.began_s is not None
        self.demo_lap_s, self.knew_since_s = now - self.lap.began_s, self.tally.practice_s
        self.files[SEEN_LAPS_FILE] = self.seen_laps.to_bytes()  # of a course of an earlier life there may be another
        self.files[COURSE_FILE] = course_bytes(course, rasterise(course))
        self.events.append(("course", {"length_m": course.length_m, "off_x_m": x, "off_y_m": y, "off_yaw_rad": yaw}))
        self.events.append(("calibration", {"demo_lap_s": self.demo_lap_s, "confident": False, "trim_rad": self.setup.trim_rad,
                                            "latency_s": self.setup.latency_s}))  # fmt: skip

    def tell_of_lap(self, estimate: Estimate) -> None:
        """A lap has ended: what was seen so far becomes a file of the run, where it tells more."""
        self.clean_in_a_row = self.clean_in_a_row + 1 if self.tally.lap_clean else 0
        trim_rad = self.tracker.single_tracks.trim_rad
        told = self.seen_laps.end_lap(self.decisions.step, estimate.grip_shares, trim_rad)
        if told is not None:
            self.files[SEEN_LAPS_FILE] = told

    def take_over(self, now: float, wanted: bool, eyes: PerceptionReading, estimate: Estimate) -> None:
        """A person takes the wheel, or gives it back: a new chain of decisions begins."""
        wanted = wanted and self.phase in (Phase.DEMONSTRATE, Phase.PRACTISE)
        if wanted is self.by_hand:
            return
        self.by_hand = wanted
        self.events.append(("by_hand", {"practice_s": self.tally.practice_s, "on": wanted}))
        if self.mode is Mode.RUN:
            self.end_episode(now, eyes, estimate, collided=False)
            self.begin_chain()

    # Driving

    def drive(self, now: float, elapsed_s: float, rolled_m: float, readings: np.ndarray, vesc: VescReading,
              eyes: PerceptionReading, estimate: Estimate) -> Command:  # fmt: skip
        """What to ask of the car in this tick, before the supervisor's limits."""
        if self.mode is Mode.RECOVER and self.phase < Phase.FINISH:
            return self.recover(elapsed_s, vesc, rolled_m)
        self.way_back.watch(rolled_m, self.command.steer_rad)
        if self.mode > Mode.RUN or self.phase not in (Phase.DEMONSTRATE, Phase.PRACTISE):
            return self.fallback.stop(self.command, vesc, self.sent)
        if self.ticks_to_decision == 0:
            self.decide(now, readings, eyes, estimate)
            self.ticks_to_decision = task.TICKS_PER_DECISION
        return self.towards_goal()

    def recover(self, elapsed_s: float, vesc: VescReading, rolled_m: float) -> Command:
        """Let the recovery drive; say when it has succeeded, or given up."""
        command = self.way_back.step(elapsed_s, vesc.erpm_speed_m_s, rolled_m)
        if self.way_back.finished:
            succeeded = self.way_back.phase is BackPhase.DONE
            self.recovered = Flag.RECOVERED if succeeded else Flag.RECOVERY_FAILED
            self.recovering = False
            self.events.append(
                ("recovery", self.tally.end_recovery(self.way_back.elapsed_s, succeeded, self.way_back.tries))
            )
        return command

    def see(self, eyes: PerceptionReading, estimate: Estimate) -> None:
        """What the policy sees now, into `seen`; it stays what it was where there is nothing new to see."""
        if not self.flags & Flag.EYES_STALE:
            self.seen.take(eyes.embedding[:SEEN], estimate, self.command, self.decisions.earlier)
            self.sight.see(eyes.embedding[:SEEN], eyes.embedding_age_s, estimate.v_x + self.margin_m_s)

    def decide(self, now: float, readings: np.ndarray, eyes: PerceptionReading, estimate: Estimate) -> None:
        """A new decision: complete the one before, see, propose, put in force."""
        self.see(eyes, estimate)
        observation = self.seen.observation
        if self.decisions.pending and self.phase is Phase.PRACTISE:
            self.transition = self.decisions.complete(now, observation, collided=False, taken_over=False)
        self.is_decision = True
        if self.by_hand:
            proposed = np.array(task.action_for(*map(float, readings["operator"])), np.float32)
        elif not self.place.known:
            proposed = by_sight(self.sight.free_m, float(self.car[P_STEER_MAX]))
        elif self.setup.explore and self.phase is Phase.PRACTISE and self.tally.baseline_laps == 0:
            proposed = self.actor.sample(observation, self.exploration.draw())
        else:
            proposed = self.actor.mean(observation)
        executed = self.sight.held_back(self.no_faster(proposed), estimate.v_x + self.margin_m_s)
        self.tally.decided(bool(executed[1] < proposed[1]))
        if self.phase is Phase.PRACTISE:
            self.seen_laps.add(self.decisions.step, self.place.s, self.place.lateral, observation)
        self.decisions.decide(now, observation, proposed, executed, self.by_hand)
        steer, speed = task.target(float(executed[0]), float(executed[1]))
        self.goal = steer, 0.0 if self.sight.stops else speed

    def no_faster(self, proposed: np.ndarray) -> np.ndarray:
        """An action (2,) that asks for no more than what a car that measures no speed may drive."""
        steer, speed = task.target(float(proposed[0]), float(proposed[1]))
        if self.floor_speed is None or speed <= FASTEST_M_S:
            return proposed
        return np.array([proposed[0], task.action_for(steer, FASTEST_M_S)[1]], np.float32)

    # What comes out

    def fill_outputs(self, readings: np.ndarray, estimate: Estimate) -> None:
        """Write this tick's OUTPUTS record."""
        self.fill_common(readings, self.seen.observation)
        out = self.outputs
        for name in ("x", "y", "yaw", "v_x", "v_y", "yaw_rate", "quality", "lost", "pose_age_s"):
            out["estimate"][name] = getattr(estimate, name)
        out["command"]["servo_rad"] = self.command.steer_rad
        if self.floor_speed is not None:
            out["command"]["speed_m_s"], out["command"]["brake_a"] = self.floor_speed.throttle(
                self.command.speed_m_s, self.command.brake_a
            )
        out["figures"]["demo_lap_s"], out["figures"]["latency_s"] = self.demo_lap_s, self.setup.latency_s
