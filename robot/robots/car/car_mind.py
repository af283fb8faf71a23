"""What the minds of all cars have in common: the frame of a tick, the wheel's two hands, and what comes out of each tick."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from drivers.base import VescReading
from policies.actor import Actor
from policies.exploration import Exploration
from robot.robots.car.course_place import CoursePlace
from robot.robots.car.decisions import Decisions
from robot.robots.car.fallback import Fallback
from robot.robots.car.in_the_way import STANDING_M_S
from robot.robots.car.records import Phase
from robot.robots.car.setup import PipelineSetup
from robot.robots.car.shield.monitors import Flag, Monitors
from robot.robots.car.shield.rollout import N_COMMAND
from robot.robots.car.shield.supervision import FULL_BRAKE_A, TABLE, Command, execute
from robot.robots.car.tally import Tally
from robot.runtime.episodes import Outcome
from robot.runtime.records import Records
from robot.safety.supervisor import Mode, Supervisor
from robot.shared_memory.mailbox import NO_BELIEF
from robot.tasks.race_track import task
from sim.car.model import P_EMPTY_V, P_STEER_MAX

COMMAND_HISTORY = 12  # ticks; more than the longest latency


class CarMind:
    """The state that every car's mind has. transition, events, episode (a lap: practice_s, merit, outcome, baseline) and files (to be
    kept in the run's folder) are of this tick. car: `CarParameters.packed()`, whose wheels turn as far to both sides as its servo
    can; who reckons with more believes in turns that never come. fallback, stop_plan: how it stops, and what guardians are told of that.
    """

    fallback: Fallback
    stop_plan: np.ndarray

    def __init__(self, setup: PipelineSetup, records: Records) -> None:
        self.setup, self.records, self.tick_s = setup, records, task.TICK_S
        self.car = setup.car
        self.outputs = np.zeros((), records.outputs)
        self.transition: np.ndarray | None = None
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.episode: dict[str, Any] | None = None
        self.files: dict[str, bytes] = {}
        self.phase = Phase.LOCALISE
        self.actor = Actor(setup.layers, setup.weights)
        self.exploration = Exploration([setup.seed, 0xD1CE], task.ACTION_SIZE, task.DECISION_S, task.SPEC.explored_s)
        self.decisions = Decisions(setup.step, setup.episode, records.transition)
        self.is_decision = False
        self.sent = np.zeros((COMMAND_HISTORY, N_COMMAND))  # (steer, speed, brake) of the last ticks, newest last
        self.command = Command(0.0, 0.0, FULL_BRAKE_A)
        self.goal = (0.0, 0.0)
        self.ticks_to_decision = self.missed_ticks = 0
        self.tally = Tally(setup.practice_done_s, setup.baseline_laps)
        self.place = CoursePlace()
        self.last_time_s: float | None = None
        self.standing_s = 0.0
        self.recovering = self.by_hand = False  # by_hand: a person has the wheel, in practice
        self.mode, self.flags = Mode.RUN, Flag.NONE
        self.recovered = Flag.NONE  # what the recovery said in the last tick
        self.monitors, self.supervisor = Monitors(float(setup.car[P_EMPTY_V])), Supervisor(TABLE)

    @property
    def weights(self) -> np.ndarray:
        """The actor's, in use."""
        return self.actor.weights

    def set_weights(self, weights: np.ndarray, belief: Mapping[str, float] = NO_BELIEF) -> None:
        """Take into use the actor's weights (n,) float32 that the learner sent, from the next decision on.

        No belief is asked for: the estimator's own grips are newer than any fit's, and looser at once when the car slides.
        """
        self.actor.set_weights(weights)

    @property
    def takes_weights(self) -> bool:
        """False while the policy drives its baseline laps as it came."""
        return self.tally.baseline_laps == 0 and self.phase is Phase.PRACTISE

    def begin_tick(self, readings: np.ndarray) -> tuple[float, float]:
        """Nothing has come of this tick yet. Returns the time, and that since the last tick, s."""
        self.events.clear()
        self.files.clear()
        self.transition = self.episode = None
        self.is_decision = False
        now = float(readings["time_s"])
        elapsed_s = 0.0 if self.last_time_s is None else now - self.last_time_s
        self.last_time_s = now
        self.make_up(int(readings["missed_ticks"]))
        return now, elapsed_s

    def make_up(self, missed_ticks: int) -> None:
        """In the ticks that were missed, of so many since the start, the last command went on, and so did the decision: who counts
        them as none takes what the wheels have got by now for what is still on its way.
        """
        missed, self.missed_ticks = missed_ticks - self.missed_ticks, missed_ticks
        for _ in range(min(missed, COMMAND_HISTORY)):
            self.sent[:-1] = self.sent[1:]
        self.ticks_to_decision = max(0, self.ticks_to_decision - missed)

    def watch_standing(self, elapsed_s: float, vesc: VescReading) -> None:
        """For how long the wheels have stood."""
        self.standing_s = self.standing_s + elapsed_s if abs(vesc.erpm_speed_m_s) < STANDING_M_S else 0.0

    def send(self, proposed: Command) -> None:
        """What is proposed becomes, within the mode's limits, the command of this tick."""
        self.command = execute(self.mode, proposed, self.command, float(self.car[P_STEER_MAX]))
        self.sent[:-1] = self.sent[1:]
        self.sent[-1] = self.command.steer_rad, self.command.speed_m_s, self.command.brake_a

    def towards_goal(self) -> Command:
        """The next step of the decision in force."""
        self.ticks_to_decision -= 1
        return Command(
            task.slew(self.command.steer_rad, self.goal[0], task.STEER_SLEW_RAD_S, task.TICK_S),
            task.slew(self.command.speed_m_s, self.goal[1], task.SPEED_SLEW_M_S2, task.TICK_S),
        )

    def begin_chain(self) -> None:
        """The policy gets the wheel: a new chain of decisions."""
        self.decisions.restart(*task.action_for(self.command.steer_rad, self.command.speed_m_s))
        self.ticks_to_decision = 0

    def time_lap(self, now: float) -> None:
        """Report a lap that ends in this tick."""
        lap = self.tally.time_lap(now, self.place.s) if self.place.known else None
        if lap is not None:
            self.events.append(("lap", lap))
            outcome = Outcome.SUCCESS if lap["clean"] else Outcome.TAKEN_OVER
            self.episode = {"practice_s": lap["practice_s"], "merit": lap["lap_s"], "outcome": outcome,
                            "baseline": lap["baseline"]}  # fmt: skip

    def fill_common(self, readings: np.ndarray, observation: np.ndarray) -> None:
        """Write into this tick's OUTPUTS record what is every car's."""
        out, command = self.outputs, self.outputs["command"]
        out["tick"], out["time_s"], out["life"] = readings["tick"], readings["time_s"], readings["life"]
        believed, place = out["estimate"], self.place
        believed["s"], believed["lateral"], believed["heading_error"] = place.s, place.lateral, place.heading_error
        command["steer_rad"], command["speed_m_s"] = self.command.steer_rad, self.command.speed_m_s
        command["brake_a"] = self.command.brake_a
        self.tally.fill(out)
        out["decision"], out["step"], out["episode"] = self.decisions.count, self.decisions.step, self.decisions.episode
        out["phase"], out["mode"], out["reason"] = self.phase, self.mode, self.supervisor.reason
        out["flags"], out["is_decision"] = self.flags, self.is_decision
        out["finished"] = self.phase is Phase.DONE
        t = self.transition
        out["reward"] = 0.0 if t is None else t["reward"]
        out["terminated"], out["truncated"] = (0, 0) if t is None else (t["terminated"], t["truncated"])
        out["observation"] = observation
        out["proposed"], out["executed"] = self.decisions.proposed, self.decisions.executed
