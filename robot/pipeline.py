"""One tick of the robot's mind: readings in, a command out. No input or output, no clock, no hidden chance.

    estimate -> place on the course -> monitors, supervisor -> observe -> policy -> predictive brake -> command

The control loop feeds it what the drivers delivered; replay feeds it what the log says they delivered, and compares
the bytes of what comes out. Whatever decides anything is therefore in here.
"""

import math
from enum import IntEnum
from typing import Any

import numpy as np

from drivers.base import LidarReading, VescReading
from policies.actor import Actor
from policies.backup.pure_pursuit import lookahead, pursue
from robot.decisions import Decisions
from robot.demonstration.calibration import Calibrator
from robot.demonstration.first_map import Closure, first_map
from robot.demonstration.gap_follower import GapFollower
from robot.estimation.estimator import Estimate, Estimator
from robot.estimation.mapless import MaplessEstimator
from robot.lap_timer import LapTimer
from robot.logs.records import OUTPUTS
from robot.pipeline_setup import PipelineSetup
from robot.recovery import Phase as RecoveryPhase
from robot.recovery import Place, Recovery
from robot.safety.monitors import Flag, Monitors, TickInputs
from robot.safety.predictive_brake import (
    AS_PROPOSED,
    MARGIN_M,
    SLIPPERY_SHARE,
    UNAVOIDABLE,
    backup_action,
    believed_car,
    braking_left,
    clearance,
    filter_action,
)
from robot.safety.supervisor import BACKUP_SPEED_M_S, FULL_BRAKE_A, Command, Mode, Reason, Supervisor
from robot.tasks import race_track as task
from sim.car import P_FRONT, P_MOTOR_GAIN, P_REAR, P_STEER_MAX
from sim.track import Course, project

COMMAND_HISTORY = 12  # ticks; more than the longest latency
SEARCH_BACK, SEARCH_AHEAD = 30, 60  # rows of the course around the last place
JUMP_M = 1.0  # a longer step between two ticks is the estimate's, not the car's
STANDING_M_S = 0.05
SLOW_M_S = 1.0  # full braking cannot make the car slide any more
STANDING_S = 0.3
RELOCALISE_EVERY_S = 0.5


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
        self.wheelbase_m = float(setup.car[P_FRONT] + setup.car[P_REAR])
        self.trim_rad, self.latency_s = setup.trim_rad, setup.latency_s
        self.sent = np.zeros((COMMAND_HISTORY, 2))  # (steer, speed) commands of the last ticks, newest last
        self.command = Command(0.0, 0.0, FULL_BRAKE_A)
        self.goal = (0.0, 0.0)
        self.ticks_to_decision = 0
        self.practice_s = setup.practice_done_s
        self.demo_lap_s = setup.demo_lap_s
        self.demo_start_s = 0.0
        self.demo_driven_m = 0.0
        self.baseline_laps = setup.baseline_laps
        self.laps = self.laps_driven = 0
        self.last_lap_s = self.best_lap_s = 0.0
        self.lap_clean = False
        self.collisions = self.overrides = self.recoveries = self.recoveries_failed = 0
        self.recovery_s = 0.0
        self.last_time_s: float | None = None
        self.standing_s = 0.0
        self.relocalise_s = -math.inf
        self.mode = Mode.RUN
        self.flags = Flag.NONE
        self.recovered = Flag.NONE  # what the recovery said in the last tick
        self.gap_follower = GapFollower()
        self.guided = (0.0, 0.0)  # what the gap follower says
        self.calibrator = Calibrator(setup.car)
        self.monitors = Monitors()
        self.supervisor = Supervisor()
        self.recovery = Recovery(setup.car)
        self.recovering = False
        self.closure: Closure | None = None
        self.grid = setup.grid
        self.course: Course | None = None
        self.row = -1  # on the course; -1: not placed yet
        self.s = self.lateral = self.heading_error = 0.0
        self.room_m = math.inf
        self.estimator: Estimator | MaplessEstimator = MaplessEstimator()
        if setup.course is not None and setup.grid is not None:
            self.estimator = Estimator(setup.grid, None, setup.seed)
            self.take_course(setup.course)

    def take_course(self, course: Course) -> None:
        """Drive on this course from now on."""
        self.course = course
        self.packed = course.packed()
        self.table = task.preview_table(course.x, course.y, course.heading, course.curvature, course.width_left,
                                        course.width_right, course.spacing_m)  # fmt: skip
        self.timer = LapTimer(course.length_m)
        self.row = -1

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
        return self.baseline_laps == 0 and self.phase is Phase.PRACTISE

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
        self.locate(estimate)
        if self.phase <= Phase.DEMONSTRATE:
            self.guided = self.gap_follower.command(now, estimate, vesc, lidar)
        self.supervise(now, readings, vesc, lidar, estimate)
        if self.phase is Phase.PRACTISE:
            self.practice_s += elapsed_s
            self.time_laps(now)
        self.standing_s = self.standing_s + elapsed_s if abs(vesc.erpm_speed_m_s) < STANDING_M_S else 0.0
        self.change_phase(now, readings, estimate)
        proposed = self.drive(now, elapsed_s, readings, vesc, lidar, estimate)
        self.command = self.supervisor.execute(proposed, self.command)
        self.sent[:-1] = self.sent[1:]
        self.sent[-1] = self.command.steer_rad, self.command.speed_m_s
        if self.phase is Phase.DEMONSTRATE:
            self.calibrator.add(now, self.command.steer_rad, vesc)
        self.fill_outputs(readings, estimate)

    def locate(self, estimate: Estimate) -> None:
        """Find the place on the course, and count the way there."""
        if estimate.lost or self.course is None:
            self.row = -1
            self.room_m = math.inf
            return
        known = self.row >= 0
        back, ahead = (SEARCH_BACK, SEARCH_AHEAD) if known else (0, len(self.packed) - 1)
        before = self.s
        self.row, self.s, self.lateral, self.heading_error = project(
            self.packed, self.course.spacing_m, estimate.x, estimate.y, estimate.yaw, max(0, self.row), back, ahead
        )
        self.room_m = clearance(
            self.s, self.lateral, self.heading_error, self.packed, self.course.spacing_m, self.brake_car
        )
        length = self.course.length_m
        step = (self.s - before + 0.5 * length) % length - 0.5 * length
        if known and abs(step) < JUMP_M:
            self.decisions.moved(step)
            self.demo_driven_m += step

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
                pose_lost=estimate.lost,
                room_m=self.room_m if not self.recovering else math.inf,
                backwards=not (estimate.lost or self.recovering) and math.cos(self.heading_error) < -0.2,
                cornered=self.brake_reason == UNAVOIDABLE and abs(vesc.erpm_speed_m_s) < SLOW_M_S,
                emergency=int(readings["stop_requested"]) == 2,
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
            self.events.append(("fault", {"practice_s": self.practice_s, "mode": self.mode.name,
                                          "reason": self.supervisor.reason.name}))  # fmt: skip
        else:
            self.events.append(("running", {"practice_s": self.practice_s, "after": before.name}))
            self.decisions.restart(*task.action_for(self.command.steer_rad, self.command.speed_m_s))
            self.ticks_to_decision = 0

    def count_trouble(self, estimate: Estimate) -> None:
        """A recovery begins: note why."""
        reason = self.supervisor.reason
        kind = reason.name.lower() if reason in (Reason.STUCK, Reason.CORNERED) else "collision"
        if reason is Reason.OFF_COURSE and self.phase is Phase.FINISH:
            kind = "spun"  # while braking to the end of the session: no wall is involved
        self.collisions += kind == "collision"
        self.events.append((kind, {"practice_s": self.practice_s, "phase": self.phase.name, "reason": reason.name,
                                   "s": self.s, "x": estimate.x, "y": estimate.y}))  # fmt: skip

    def end_episode(self, now: float, estimate: Estimate, collided: bool) -> None:
        """The policy loses the wheel: its last decision ends here, and the lap is not clean."""
        if self.course is None:
            return
        if not estimate.lost:
            self.observe(estimate)
        if self.decisions.pending:
            self.transition = self.decisions.complete(now, self.observation, collided, taken_over=True)
        self.timer.spoil()

    def time_laps(self, now: float) -> None:
        """Count and time laps."""
        if self.row < 0:
            return
        lap = self.timer.update(now, self.s)
        if lap is None:
            return
        self.last_lap_s, self.lap_clean = lap
        self.laps_driven += 1
        baseline = self.baseline_laps > 0
        if self.lap_clean and not baseline:
            self.laps += 1
            self.best_lap_s = min(self.best_lap_s or math.inf, self.last_lap_s)
        self.events.append(("lap", {"lap_s": self.last_lap_s, "clean": self.lap_clean, "baseline": baseline,
                                    "practice_s": self.practice_s}))  # fmt: skip
        self.baseline_laps = max(0, self.baseline_laps - 1)

    def change_phase(self, now: float, readings: np.ndarray, estimate: Estimate) -> None:
        """Go on to the next phase when this one has reached its end."""
        before = self.phase
        if self.phase is Phase.LOCALISE and not estimate.lost and self.mode is Mode.RUN:
            self.phase = Phase.PRACTISE if self.demo_lap_s > 0.0 else Phase.DEMONSTRATE
            self.demo_start_s, self.demo_driven_m = now, 0.0
        elif self.phase is Phase.DEMONSTRATE and self.lap_is_closed():
            self.demo_lap_s = now - self.demo_start_s
            self.calibrate()
            self.end_episode(now, estimate, collided=False)
            self.decisions.restart(*task.action_for(self.command.steer_rad, self.command.speed_m_s))
            self.ticks_to_decision = 0
            self.phase = Phase.DRAW_MAP if self.course is None else Phase.PRACTISE
        elif self.phase is Phase.DRAW_MAP and self.standing_s > STANDING_S:
            self.draw_map()
            self.phase = Phase.LOCALISE
        over = self.practice_s >= self.setup.practice_s or 0 < self.setup.laps <= self.laps_driven
        over = over and self.phase is Phase.PRACTISE
        if self.phase < Phase.FINISH and (over or readings["stop_requested"]):
            self.end_episode(now, estimate, collided=False)
            self.phase = Phase.FINISH
        elif self.phase is Phase.FINISH and self.standing_s > STANDING_S:
            self.phase = Phase.DONE
        if self.phase is not before:
            self.events.append(("phase", {"practice_s": self.practice_s, "phase": self.phase.name}))

    def lap_is_closed(self) -> bool:
        """Whether the demonstration has gone once round: by the course, or, without one, by what the lidar sees."""
        if isinstance(self.estimator, MaplessEstimator):
            if self.estimator.closed and self.closure is None:
                self.closure = Closure.of(self.estimator)
            return self.closure is not None
        assert self.course is not None
        return self.demo_driven_m >= self.course.length_m

    def calibrate(self) -> None:
        """Take over the trim and latency that the demonstration showed, if it showed them well enough."""
        calibration = self.calibrator.result()
        if calibration.confident:
            self.trim_rad, self.latency_s = calibration.trim_rad, calibration.latency_s
        self.events.append(("calibration", {"demo_lap_s": self.demo_lap_s, "confident": calibration.confident,
                                            "trim_rad": self.trim_rad, "latency_s": self.latency_s}))  # fmt: skip

    def draw_map(self) -> None:
        """Make map and course of the first lap, and go on with an estimator that knows them."""
        assert isinstance(self.estimator, MaplessEstimator) and self.closure is not None
        self.grid, course, pose = first_map(self.estimator, self.closure)
        self.estimator = Estimator(self.grid, pose, self.setup.seed)
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
        stands = self.phase in (Phase.LOCALISE, Phase.DRAW_MAP, Phase.DONE)
        finishing = self.phase is Phase.FINISH
        if self.mode >= Mode.STOP or stands or (finishing and abs(vesc.erpm_speed_m_s) < SLOW_M_S):
            return self.stop(vesc, estimate)
        if self.mode is Mode.BACKUP:
            return Command(self.pursue(estimate.v_x), BACKUP_SPEED_M_S)
        if self.ticks_to_decision == 0:
            if finishing:
                self.slow_down(estimate)
            else:
                self.decide(now, readings, vesc, lidar, estimate)
            self.ticks_to_decision = task.TICKS_PER_DECISION
        self.ticks_to_decision -= 1
        return Command(
            task.slew(self.command.steer_rad, self.goal[0], task.STEER_SLEW_RAD_S, task.TICK_S),
            task.slew(self.command.speed_m_s, self.goal[1], task.SPEED_SLEW_M_S2, task.TICK_S),
        )

    def stop(self, vesc: VescReading, estimate: Estimate) -> Command:
        """Brake along the course, as hard as cornering lets the tyres."""
        steer = self.command.steer_rad if estimate.lost else self.pursue(estimate.v_x)
        braking = braking_left(vesc.erpm_speed_m_s * vesc.yaw_rate_rad_s, self.brake_car)
        slow = abs(vesc.erpm_speed_m_s) < SLOW_M_S
        return Command(steer, 0.0, FULL_BRAKE_A if slow else braking / self.setup.car[P_MOTOR_GAIN])

    def slow_down(self, estimate: Estimate) -> None:
        """A decision of the backup's, at the end of a session."""
        if self.course is None or estimate.lost:
            self.goal = (self.command.steer_rad, 0.0)
            return
        action = backup_action(self.s, self.lateral, self.heading_error, estimate.v_x, self.packed,
                               self.course.spacing_m, self.brake_car, self.latency_s)  # fmt: skip
        self.goal = task.target(*action)

    def look_for_place(self) -> None:
        """Search the map for the car."""
        if isinstance(self.estimator, Estimator):
            self.estimator.relocalise()

    def pursue(self, v_x: float) -> float:
        """Steering angle that follows the course, rad; without a course, the present one."""
        if self.course is None:
            return self.command.steer_rad
        return pursue(self.packed, self.course.spacing_m, self.s, self.lateral, self.heading_error, lookahead(v_x),
                      0.0, self.wheelbase_m, self.setup.car[P_STEER_MAX])  # fmt: skip

    def observe(self, estimate: Estimate) -> None:
        """What the task lets the policy see, into `self.observation`; nothing where there is no course yet."""
        if self.course is None:
            return
        newest, older = self.decisions.earlier
        task.observe(
            estimate.v_x, estimate.v_y, estimate.yaw_rate, self.command.steer_rad, self.command.speed_m_s,
            newest[0], newest[1], older[0], older[1], self.s, self.lateral, self.heading_error,
            self.table, 0, len(self.table), self.course.spacing_m, self.observation,
        )  # fmt: skip

    def decide(self, now: float, readings: np.ndarray, vesc: VescReading, lidar: LidarReading,
               estimate: Estimate) -> None:  # fmt: skip
        """A new decision: complete the one before, see, propose, check, put in force."""
        self.observe(estimate)
        if self.course is not None and self.decisions.pending:
            self.transition = self.decisions.complete(now, self.observation, collided=False, taken_over=False)
        self.is_decision = True
        demonstrating = self.phase is Phase.DEMONSTRATE
        if demonstrating:
            if self.setup.keyboard:
                steer, speed = float(readings["key_steer_rad"]), float(readings["key_speed_m_s"])
            else:
                steer, speed = self.guided
            proposed = np.array(task.action_for(steer, speed), np.float32)
        elif self.setup.explore and self.baseline_laps == 0:
            proposed = self.actor.sample(self.observation, self.noise.standard_normal(task.ACTION_SIZE, np.float32))
        else:
            proposed = self.actor.mean(self.observation)
        self.executed[:] = proposed
        self.brake_reason = AS_PROPOSED
        if self.setup.predictive_brake and self.course is not None and not demonstrating:
            self.brake_reason = filter_action(
                float(proposed[0]), float(proposed[1]), self.s, self.lateral, self.heading_error, estimate.v_x,
                estimate.v_y, estimate.yaw_rate, self.sent, self.packed, self.course.spacing_m, self.brake_car,
                self.slippery_car, self.latency_s, MARGIN_M, self.executed,
            )  # fmt: skip
            self.overrides += self.brake_reason != AS_PROPOSED
        self.decisions.decide(now, self.observation, proposed, self.executed.astype(np.float32), demonstrating)
        self.goal = task.target(float(self.executed[0]), float(self.executed[1]))

    def recover(self, elapsed_s: float, vesc: VescReading, lidar: LidarReading, estimate: Estimate) -> Command:
        """Let the recovery drive; say when it has succeeded, or given up. Without a course nobody knows where to."""
        if self.course is None:
            self.recovered = Flag.RECOVERY_FAILED
            return Command(self.command.steer_rad, 0.0, FULL_BRAKE_A)
        row = self.packed[max(0, self.row)]
        place = Place(self.s, self.lateral, self.heading_error, float(row[5]), float(row[6]))
        command = self.recovery.step(elapsed_s, vesc.erpm_speed_m_s, estimate.yaw_rate, lidar, place, self.packed,
                                     self.course.spacing_m)  # fmt: skip
        if self.recovery.relocalise:
            self.look_for_place()
        if self.recovery.finished:
            succeeded = self.recovery.phase is RecoveryPhase.DONE
            self.recovered = Flag.RECOVERED if succeeded else Flag.RECOVERY_FAILED
            self.recovering = False
            self.recovery_s = self.recovery.elapsed_s
            self.recoveries += 1
            self.recoveries_failed += not succeeded
            self.events.append(("recovery", {"practice_s": self.practice_s, "duration_s": self.recovery_s,
                                             "succeeded": succeeded, "legs": self.recovery.legs}))  # fmt: skip
        return command

    # What comes out

    def fill_outputs(self, readings: np.ndarray, estimate: Estimate) -> None:
        """Write this tick's OUTPUTS record."""
        out = self.outputs
        out["tick"], out["time_s"], out["life"] = readings["tick"], readings["time_s"], readings["life"]
        out["x"], out["y"], out["yaw"] = estimate.x, estimate.y, estimate.yaw
        out["v_x"], out["v_y"], out["yaw_rate"] = estimate.v_x, estimate.v_y, estimate.yaw_rate
        out["quality"], out["lost"], out["pose_age_s"] = estimate.quality, estimate.lost, estimate.pose_age_s
        out["s"], out["lateral"], out["heading_error"] = self.s, self.lateral, self.heading_error
        out["steer_rad"], out["speed_m_s"] = self.command.steer_rad, self.command.speed_m_s
        out["brake_a"] = self.command.brake_a
        out["servo_rad"] = self.command.steer_rad - self.trim_rad
        out["practice_s"], out["demo_lap_s"] = self.practice_s, self.demo_lap_s
        out["last_lap_s"], out["best_lap_s"] = self.last_lap_s, self.best_lap_s
        out["laps_driven"] = self.laps_driven
        out["laps"], out["lap_clean"] = self.laps, self.lap_clean
        out["recovery_s"], out["trim_rad"], out["latency_s"] = self.recovery_s, self.trim_rad, self.latency_s
        out["decision"], out["step"], out["episode"] = self.decisions.count, self.decisions.step, self.decisions.episode
        out["phase"], out["mode"], out["reason"] = self.phase, self.mode, self.supervisor.reason
        out["flags"], out["brake_reason"], out["is_decision"] = self.flags, self.brake_reason, self.is_decision
        out["collisions"], out["overrides"] = self.collisions, self.overrides
        out["recoveries"], out["recoveries_failed"] = self.recoveries, self.recoveries_failed
        out["baseline"] = self.baseline_laps > 0
        out["finished"] = self.phase is Phase.DONE
        t = self.transition
        out["reward"] = 0.0 if t is None else t["reward"]
        out["terminated"], out["truncated"] = (0, 0) if t is None else (t["terminated"], t["truncated"])
        out["observation"] = self.observation
        out["proposed"], out["executed"] = self.decisions.proposed, self.decisions.executed


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
