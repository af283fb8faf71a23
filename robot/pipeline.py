"""One tick of the robot's mind: readings in, a command out. No input or output, no clock, no hidden chance.

    estimate -> place on the course -> monitors, supervisor -> observe -> policy -> predictive brake -> command

The control loop feeds it what the drivers delivered; replay feeds it what the log says they delivered, and compares
the bytes of what comes out. Whatever decides anything is therefore in here.
"""

import math
from dataclasses import asdict
from enum import IntEnum
from typing import Any

import numpy as np

from drivers.base import LidarReading, VescReading
from policies.actor import Actor
from robot.course_place import CoursePlace
from robot.decisions import Decisions
from robot.demonstration.first_lap import FirstLap
from robot.estimation.estimator import Estimate, Estimator
from robot.estimation.mapless import MaplessEstimator
from robot.fallback import SLOW_M_S, Fallback
from robot.logs.records import EMERGENCY_STOP, FINISH, OUTPUTS, STAND
from robot.pipeline_setup import PipelineSetup
from robot.readings import lidar_reading, vesc_reading
from robot.recovery import Phase as RecoveryPhase
from robot.recovery import Place, Recovery
from robot.safety.monitors import Flag, Monitors, TickInputs
from robot.safety.predictive_brake import (
    AS_PROPOSED,
    MARGIN_M,
    SLIPPERY_SHARE,
    UNAVOIDABLE,
    believed_car,
    filter_action,
)
from robot.safety.stop_plan import PLAN_TICKS
from robot.safety.supervisor import FULL_BRAKE_A, Command, Mode, Reason, Supervisor
from robot.tally import Tally
from robot.tasks import race_track as task
from sim.car import P_EMPTY_V
from sim.track import Course

COMMAND_HISTORY = 12  # ticks; more than the longest latency
STANDING_M_S = 0.05
STANDING_S = 0.3
RELOCALISE_EVERY_S = 0.5

NOT_MEASURING = Flag.VALUES_STALE | Flag.IMU_STALE | Flag.LIDAR_STALE | Flag.VESC_LOST | Flag.LIDAR_LOST


class Phase(IntEnum):
    """What the robot is up to. Recovering is a mode of the supervisor, and can happen in any phase."""

    LOCALISE = 0  # stands still until it knows where it is
    DEMONSTRATE = 1
    DRAW_MAP = 2  # after a first lap without a map: stands, and makes map and course of it
    PRACTISE = 3
    FINISH = 4  # slows down along the course
    DONE = 5


class Pipeline:
    """The state of the robot's mind. `tick` reads READINGS and fills `outputs` (OUTPUTS), in place."""

    def __init__(self, setup: PipelineSetup) -> None:
        self.setup = setup
        self.outputs = np.zeros((), OUTPUTS)
        self.transition: np.ndarray | None = None  # completed in this tick
        self.events: list[tuple[str, dict[str, Any]]] = []  # of this tick
        self.phase = Phase.LOCALISE
        self.actor = Actor(setup.layers, setup.weights)
        self.noise = np.random.default_rng([setup.seed, 0xD1CE])
        self.no_noise = np.zeros(task.ACTION_SIZE, np.float32)
        self.decisions = Decisions(setup.step, setup.episode)
        self.observation = np.zeros(task.OBSERVATION_SIZE, np.float32)
        self.executed = np.zeros(task.ACTION_SIZE)
        self.is_decision = False
        self.brake_reason = AS_PROPOSED
        self.brake_car = believed_car(setup.car)
        self.slippery_car = believed_car(setup.car, SLIPPERY_SHARE)
        self.trim_rad, self.latency_s = setup.trim_rad, setup.latency_s
        self.sent = np.zeros((COMMAND_HISTORY, 2))  # (steer, speed) commands of the last ticks, newest last
        self.command = Command(0.0, 0.0, FULL_BRAKE_A)
        self.goal = (0.0, 0.0)
        self.ticks_to_decision = 0
        self.tally = Tally(setup.practice_done_s, setup.baseline_laps)
        self.first_lap = FirstLap(setup.car, setup.demo_lap_s, setup.keyboard, setup.proved)
        # servo_rad, brake_a: row k is to be sent k + 1 ticks after the present one, if nobody thinks any more
        self.stop_plan = np.tile((-setup.trim_rad, FULL_BRAKE_A), (PLAN_TICKS, 1))
        self.place = CoursePlace()
        self.fallback = Fallback(self.place, setup.car)
        self.last_time_s: float | None = None
        self.standing_s = 0.0
        self.relocalise_s = -math.inf
        self.mode = Mode.RUN
        self.flags = Flag.NONE
        self.recovered = Flag.NONE  # what the recovery said in the last tick
        self.monitors = Monitors(float(setup.car[P_EMPTY_V]))
        self.supervisor = Supervisor()
        self.recovery = Recovery(setup.car)
        self.recovering = False
        self.grid = setup.grid
        self.estimator: Estimator | MaplessEstimator = MaplessEstimator(setup.car)
        if setup.course is not None and setup.grid is not None:
            self.estimator = Estimator(setup.grid, None, setup.seed, setup.car)
            self.take_course(setup.course)

    def take_course(self, course: Course) -> None:
        """Drive on this course from now on."""
        self.place.take(course)
        self.tally.take_course(course.length_m)

    def set_weights(self, learned: np.ndarray) -> None:
        """Take into use what the learner sent, from the next decision on.

        learned (n + 2,) float32: the actor's weights, then two shares of the nominal grip: what the car is believed to
        have, and the least that it may have.
        """
        self.actor.set_weights(learned[:-2])
        self.brake_car = believed_car(self.setup.car, float(learned[-2]))
        self.slippery_car = believed_car(self.setup.car, float(learned[-1]))

    @property
    def takes_weights(self) -> bool:
        """False while the policy drives its baseline laps as it came."""
        return self.tally.baseline_laps == 0 and self.phase is Phase.PRACTISE

    # One tick

    def tick(self, readings: np.ndarray) -> None:
        """`readings` (READINGS) in; `outputs`, `events` and `transition` hold what came of it."""
        self.events.clear()
        self.transition = None
        self.is_decision = False
        now = float(readings["time_s"])
        elapsed_s = 0.0 if self.last_time_s is None else now - self.last_time_s
        self.last_time_s = now
        vesc, lidar = vesc_reading(readings), lidar_reading(readings)
        estimate = self.estimator.update(now, vesc, lidar)
        way_m = self.place.update(estimate, self.brake_car)
        self.decisions.moved(way_m)
        self.first_lap.moved(way_m)
        if self.phase <= Phase.DEMONSTRATE:
            self.first_lap.watch(now, estimate, vesc, lidar)
        if self.proving:
            self.prove(now, elapsed_s, readings, vesc, lidar)
        self.supervise(now, readings, vesc, lidar, estimate)
        if self.phase is Phase.PRACTISE and int(readings["stop_requested"]) != STAND:
            self.tally.practice_s += elapsed_s
            self.time_lap(now)
        self.standing_s = self.standing_s + elapsed_s if abs(vesc.erpm_speed_m_s) < STANDING_M_S else 0.0
        self.change_phase(now, readings, estimate)
        proposed = self.drive(now, elapsed_s, readings, vesc, lidar, estimate)
        self.command = self.supervisor.execute(proposed, self.command)
        self.sent[:-1] = self.sent[1:]
        self.sent[-1] = self.command.steer_rad, self.command.speed_m_s
        if self.phase is Phase.DEMONSTRATE:
            self.first_lap.sent(now, self.command.steer_rad, vesc)
        self.fill_outputs(readings, estimate)
        self.plan_stop()

    def plan_stop(self) -> None:
        """What is to be sent if nobody thinks any more after this tick."""
        self.stop_plan[:] = self.command.steer_rad - self.trim_rad, FULL_BRAKE_A

    def supervise(self, now: float, readings: np.ndarray, vesc: VescReading, lidar: LidarReading,
                  estimate: Estimate) -> None:  # fmt: skip
        """Flags, and the mode that follows from them; an episode ends when the mode takes the wheel from the policy."""
        flags = self.monitors.check(
            TickInputs(
                now_s=now,
                vesc=vesc,
                lidar=lidar,
                vesc_up=bool(readings["vesc_up"]),
                lidar_up=bool(readings["lidar_up"]),
                late_s=float(readings["lateness_s"]),
                missed_ticks=int(readings["missed_ticks"]),
                sent_speed_m_s=float(readings["sent_speed_m_s"]),
                x=estimate.x,
                y=estimate.y,
                pose_lost=estimate.lost and not self.proving,
                room_m=self.place.room_m if not (self.recovering or self.proving) else math.inf,
                backwards=not (estimate.lost or self.recovering or self.proving)
                and math.cos(self.place.heading_error) < -0.2,
                cornered=self.brake_reason == UNAVOIDABLE and abs(vesc.erpm_speed_m_s) < SLOW_M_S,
                emergency=int(readings["stop_requested"]) == EMERGENCY_STOP,
                held=int(readings["stop_requested"]) == STAND,
                learner_age_s=float(readings["weights_age_s"]) if readings["learner_up"] else 0.0,
                numbers=(estimate.v_x, estimate.v_y, estimate.yaw_rate, self.goal[0], self.goal[1]),
            )
        )
        self.flags = flags | self.recovered
        self.recovered = Flag.NONE
        before = self.mode
        self.mode = self.supervisor.decide(self.flags, now)
        if self.mode is before:
            return
        if before is Mode.RUN:
            collided = self.mode is Mode.RECOVER and self.supervisor.reason is not Reason.STUCK
            self.end_episode(now, estimate, collided)
        if self.mode is Mode.RECOVER:
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
            self.decisions.restart(*task.action_for(self.command.steer_rad, self.command.speed_m_s))
            self.ticks_to_decision = 0

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

    def time_lap(self, now: float) -> None:
        """Report a lap that ends in this tick."""
        lap = self.tally.time_lap(now, self.place.s) if self.place.known else None
        if lap is not None:
            self.events.append(("lap", lap))

    def change_phase(self, now: float, readings: np.ndarray, estimate: Estimate) -> None:
        """Go on to the next phase when this one has reached its end."""
        before = self.phase
        if self.phase is Phase.LOCALISE and not self.proving and not estimate.lost and self.mode is Mode.RUN:
            self.phase = Phase.PRACTISE if self.first_lap.lap_s > 0.0 else Phase.DEMONSTRATE
            self.first_lap.begin(now)
        elif self.phase is Phase.DEMONSTRATE and self.first_lap.closed(self.estimator, self.place.course):
            self.calibrate(now)
            self.end_episode(now, estimate, collided=False)
            self.decisions.restart(*task.action_for(self.command.steer_rad, self.command.speed_m_s))
            self.ticks_to_decision = 0
            self.phase = Phase.DRAW_MAP if self.place.course is None else Phase.PRACTISE
        elif self.phase is Phase.DRAW_MAP and self.standing_s > STANDING_S:
            self.draw_map()
            self.phase = Phase.LOCALISE
        over = self.tally.practice_s >= self.setup.practice_s or 0 < self.setup.laps <= self.tally.laps_driven
        over = over and self.phase is Phase.PRACTISE
        over = over or bool(self.first_lap.first_metres.finding)
        if self.phase < Phase.FINISH and (over or int(readings["stop_requested"]) in (FINISH, EMERGENCY_STOP)):
            self.end_episode(now, estimate, collided=False)
            self.phase = Phase.FINISH
        elif self.phase is Phase.FINISH and self.standing_s > STANDING_S:
            self.phase = Phase.DONE
        if self.phase is not before:
            self.events.append(("phase", {"practice_s": self.tally.practice_s, "phase": self.phase.name}))

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
        check.step(now, elapsed_s, float(readings["sent_steer_rad"]), vesc, lidar, may_drive)
        if check.active:
            return
        self.first_lap.proving = False
        measured = {} if check.measured is None else asdict(check.measured)
        self.events.append(("proved", {"wrong": check.finding, **measured}))
        if check.finding:
            self.events.append(("failure", {"reason": check.finding}))

    def calibrate(self, now: float) -> None:
        """Take over the trim and latency that the demonstration showed, if it showed them well enough."""
        calibration = self.first_lap.end(now)
        if calibration.confident:
            self.trim_rad, self.latency_s = calibration.trim_rad, calibration.latency_s
        self.events.append(("calibration", {"demo_lap_s": self.first_lap.lap_s, "confident": calibration.confident,
                                            "trim_rad": self.trim_rad, "latency_s": self.latency_s}))  # fmt: skip

    def draw_map(self) -> None:
        """Make map and course of the first lap, and go on with an estimator that knows them."""
        self.grid, course, pose = self.first_lap.draw_map(self.estimator)
        self.estimator = Estimator(self.grid, pose, self.setup.seed, self.setup.car)
        self.take_course(course)
        self.events.append(("course", {"length_m": course.length_m}))

    # Driving

    def drive(self, now: float, elapsed_s: float, readings: np.ndarray, vesc: VescReading, lidar: LidarReading,
              estimate: Estimate) -> Command:  # fmt: skip
        """What to ask of the car in this tick, before the supervisor's limits."""
        if self.mode is Mode.RECOVER:
            return self.recover(elapsed_s, vesc, lidar, estimate)
        stands_lost = estimate.lost and self.standing_s > STANDING_S
        if stands_lost and now - self.relocalise_s > RELOCALISE_EVERY_S:
            self.relocalise_s = now
            self.look_for_place()
        if self.proving and self.mode <= Mode.BACKUP:
            return self.first_lap.first_metres.command
        stands = self.phase in (Phase.LOCALISE, Phase.DRAW_MAP, Phase.DONE)
        finishing = self.phase is Phase.FINISH
        if self.mode >= Mode.STOP or stands or (finishing and abs(vesc.erpm_speed_m_s) < SLOW_M_S):
            return self.fallback.stop(self.command, vesc, estimate, self.brake_car)
        if self.mode is Mode.BACKUP:
            return self.fallback.follow(self.command, estimate.v_x)
        if self.ticks_to_decision == 0:
            if finishing:
                self.goal = self.fallback.slow_down(self.command, estimate, self.brake_car, self.latency_s)
            else:
                self.decide(now, readings, vesc, lidar, estimate)
            self.ticks_to_decision = task.TICKS_PER_DECISION
        self.ticks_to_decision -= 1
        return Command(
            task.slew(self.command.steer_rad, self.goal[0], task.STEER_SLEW_RAD_S, task.TICK_S),
            task.slew(self.command.speed_m_s, self.goal[1], task.SPEED_SLEW_M_S2, task.TICK_S),
        )

    def look_for_place(self) -> None:
        """Search the map for the car."""
        if isinstance(self.estimator, Estimator):
            self.estimator.relocalise()

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
            proposed = np.array(task.action_for(*self.first_lap.wish(readings)), np.float32)
        elif self.setup.explore and self.tally.baseline_laps == 0:
            proposed = self.actor.sample(self.observation, self.noise.standard_normal(task.ACTION_SIZE, np.float32))
        else:
            proposed = self.actor.mean(self.observation)
        self.executed[:] = proposed
        self.brake_reason = AS_PROPOSED
        if self.setup.predictive_brake and place.course is not None and not demonstrating:
            self.brake_reason = filter_action(
                float(proposed[0]), float(proposed[1]), place.s, place.lateral, place.heading_error, estimate.v_x,
                estimate.v_y, estimate.yaw_rate, self.sent, place.packed, place.course.spacing_m, self.brake_car,
                self.slippery_car, self.latency_s, MARGIN_M, self.executed,
            )  # fmt: skip
            self.tally.overrides += self.brake_reason != AS_PROPOSED
        self.decisions.decide(now, self.observation, proposed, self.executed.astype(np.float32), demonstrating)
        self.goal = task.target(float(self.executed[0]), float(self.executed[1]))

    def recover(self, elapsed_s: float, vesc: VescReading, lidar: LidarReading, estimate: Estimate) -> Command:
        """Let the recovery drive; say when it has succeeded, or given up. Without a course nobody knows where to."""
        here = self.place
        if here.course is None:
            self.recovered = Flag.RECOVERY_FAILED
            return Command(self.command.steer_rad, 0.0, FULL_BRAKE_A)
        row = here.packed[max(0, here.row)]
        place = Place(here.s, here.lateral, here.heading_error, float(row[5]), float(row[6]))
        command = self.recovery.step(elapsed_s, vesc.erpm_speed_m_s, estimate.yaw_rate, lidar, place, here.packed,
                                     here.course.spacing_m)  # fmt: skip
        if self.recovery.relocalise:
            self.look_for_place()
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
        out = self.outputs
        out["tick"], out["time_s"], out["life"] = readings["tick"], readings["time_s"], readings["life"]
        out["x"], out["y"], out["yaw"] = estimate.x, estimate.y, estimate.yaw
        out["v_x"], out["v_y"], out["yaw_rate"] = estimate.v_x, estimate.v_y, estimate.yaw_rate
        out["quality"], out["lost"], out["pose_age_s"] = estimate.quality, estimate.lost, estimate.pose_age_s
        out["s"], out["lateral"], out["heading_error"] = self.place.s, self.place.lateral, self.place.heading_error
        out["steer_rad"], out["speed_m_s"] = self.command.steer_rad, self.command.speed_m_s
        out["brake_a"] = self.command.brake_a
        out["servo_rad"] = self.command.steer_rad - self.trim_rad
        self.tally.fill(out)
        out["demo_lap_s"], out["trim_rad"], out["latency_s"] = self.first_lap.lap_s, self.trim_rad, self.latency_s
        out["decision"], out["step"], out["episode"] = self.decisions.count, self.decisions.step, self.decisions.episode
        out["phase"], out["mode"], out["reason"] = self.phase, self.mode, self.supervisor.reason
        out["flags"], out["brake_reason"], out["is_decision"] = self.flags, self.brake_reason, self.is_decision
        out["finished"] = self.phase is Phase.DONE
        t = self.transition
        out["reward"] = 0.0 if t is None else t["reward"]
        out["terminated"], out["truncated"] = (0, 0) if t is None else (t["terminated"], t["truncated"])
        out["observation"] = self.observation
        out["proposed"], out["executed"] = self.decisions.proposed, self.decisions.executed
