"""The virtual Crazyflie's supervisor: may the motors turn?

States, conditions and times as Bitcraze documents them (supervisor/index.md, states.md, arming.md, crash_handling.md,
crtp_supervisor.md). The motors have to be armed, as on a Crazyflie 2.1 Brushless.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from drivers.emulators.crazyflie_body import ACC_X, ACC_Z

LEVEL_MS, SHUTDOWN_MS = 500, 2000  # age of the set-point: level out; motors off
EMERGENCY_WATCHDOG_MS = 1000
FLYING_MS = 2000  # a drone flies until its motors have been still for so long
PREFLIGHT_MS, LANDED_MS = 30_000, 3000  # armed without flying; landed: then it is disarmed
TILTED_G, TILTED_MS = 0.5, 1000  # the accelerometer's z, and for how long, that make a drone tumbled
UPSIDE_DOWN_G, UPSIDE_DOWN_MS = -0.2, 100
FREE_FALL_G = 0.1


class State(IntEnum):
    """What the drone is in."""

    PREFLIGHT_FAILED = 1
    PREFLIGHT_PASSED = 2
    READY = 3
    FLYING = 4
    LANDED = 5
    RESET = 6
    LEVEL_OUT = 7
    FREE_FALL = 8
    LOCKED = 9
    CRASHED = 10


MOTORS_MAY_RUN = (State.READY, State.FLYING, State.LEVEL_OUT, State.LANDED)


@dataclass(frozen=True)
class Conditions:
    """What the states change by."""

    armed: bool
    flying: bool
    tumbled: bool
    setpoint_old: bool
    setpoint_lost: bool
    emergency: bool
    crashed: bool
    preflight_over: bool
    landed_over: bool


def next_state(state: State, c: Conditions) -> State:
    """One step of the state machine, a function of nothing else; rows in order of severity."""
    if c.emergency and state not in (State.LOCKED, State.FREE_FALL):
        return State.FREE_FALL
    rows: dict[State, tuple[tuple[bool, State], ...]] = {
        State.PREFLIGHT_FAILED: ((not c.tumbled, State.PREFLIGHT_PASSED),),
        State.PREFLIGHT_PASSED: ((c.tumbled, State.PREFLIGHT_FAILED), (c.armed, State.READY)),
        State.READY: (
            (c.tumbled or not c.armed, State.PREFLIGHT_FAILED),
            (c.preflight_over, State.PREFLIGHT_FAILED),
            (c.flying, State.FLYING),
        ),
        State.FLYING: (
            (c.setpoint_lost, State.FREE_FALL),
            (c.tumbled, State.CRASHED),
            (not c.armed, State.RESET),
            (c.setpoint_old, State.LEVEL_OUT),
            (not c.flying, State.LANDED),
        ),
        State.LEVEL_OUT: (
            (c.setpoint_lost or c.tumbled, State.FREE_FALL),
            (not c.setpoint_old, State.FLYING),
        ),
        State.LANDED: ((c.landed_over or not c.armed, State.RESET), (c.flying, State.FLYING)),
        State.RESET: ((True, State.PREFLIGHT_FAILED),),
        State.CRASHED: ((not c.crashed and not c.tumbled, State.PREFLIGHT_FAILED),),
        State.FREE_FALL: ((True, State.LOCKED),),
        State.LOCKED: (),
    }
    return next((new for holds, new in rows[state] if holds), state)


class Supervisor:
    """The state machine with its clocks, and the requests that reach it."""

    def __init__(self) -> None:
        self.state = State.PREFLIGHT_FAILED
        self.is_armed = self.is_crashed = self.is_tumbled = False
        self.stop_parameter = 0  # stabilizer.stop
        self._emergency = False
        self._watchdog_ms: int | None = None
        self._thrust_ms: int | None = None
        self._tilted_ms: int | None = None
        self._entered_ms = 0

    @property
    def motors_may_run(self) -> bool:
        return self.state in MOTORS_MAY_RUN

    @property
    def is_flying(self) -> bool:
        return self.state in (State.FLYING, State.LEVEL_OUT)

    def arm(self, wanted: bool) -> bool:
        """Arm or disarm. True if it now is as wanted."""
        if wanted and not self.is_armed and self.state != State.PREFLIGHT_PASSED:
            return False
        self.is_armed = wanted
        return True

    def recover(self) -> bool:
        """Leave the crashed state, if the drone is upright again."""
        if self.is_crashed and self.is_tumbled:
            return False
        self.is_crashed = False
        return True

    def emergency_stop(self) -> None:
        """Stop the motors now, until the next start."""
        self._emergency = True

    def feed_watchdog(self, now_ms: int) -> None:
        """From the first time on, the motors stop when this is not called for EMERGENCY_WATCHDOG_MS."""
        self._watchdog_ms = now_ms

    def update(self, now_ms: int, sensors: np.ndarray, setpoint_ms: int, motors_turn: bool) -> None:
        """One step. setpoint_ms: when the newest set-point came; motors_turn: any force was asked for."""
        if motors_turn:
            self._thrust_ms = now_ms
        self.is_tumbled = self._tumbled(now_ms, sensors)
        age_ms, in_state_ms = now_ms - setpoint_ms, now_ms - self._entered_ms
        watchdog = self._watchdog_ms is not None and now_ms - self._watchdog_ms > EMERGENCY_WATCHDOG_MS
        new = next_state(
            self.state,
            Conditions(
                armed=self.is_armed,
                flying=self._thrust_ms is not None and now_ms - self._thrust_ms < FLYING_MS,
                tumbled=self.is_tumbled,
                setpoint_old=age_ms > LEVEL_MS,
                setpoint_lost=age_ms > SHUTDOWN_MS,
                emergency=self._emergency or watchdog or self.stop_parameter != 0,
                crashed=self.is_crashed,
                preflight_over=in_state_ms > PREFLIGHT_MS,
                landed_over=in_state_ms > LANDED_MS,
            ),
        )
        if new != self.state:
            self.state, self._entered_ms = new, now_ms
            self.is_crashed = self.is_crashed or new == State.CRASHED
            self.is_armed = self.is_armed and self.motors_may_run

    def _tumbled(self, now_ms: int, sensors: np.ndarray) -> bool:
        """Tilted for long, or upside down for a moment. In free fall, which is a way to fly, the clock starts anew."""
        acc_z = sensors[ACC_Z]
        if acc_z >= TILTED_G or np.abs(sensors[ACC_X : ACC_Z + 1]).max() < FREE_FALL_G:
            self._tilted_ms = None
            return False
        if self._tilted_ms is None:
            self._tilted_ms = now_ms
        for_ms = now_ms - self._tilted_ms
        return for_ms > TILTED_MS or (acc_z < UPSIDE_DOWN_G and for_ms > UPSIDE_DOWN_MS)

    def bits(self, plan_flies: bool, plan_finished: bool) -> int:
        """The state bitfield, `supervisor.info`; the last two are about the high-level commander."""
        flags = (
            self.state == State.PREFLIGHT_PASSED,
            self.is_armed,
            False,  # armed by itself
            self.motors_may_run,
            self.is_flying,
            self.is_tumbled,
            self.state == State.LOCKED,
            self.is_crashed,
            plan_flies,
            plan_finished,
        )
        return sum(bool(flag) << k for k, flag in enumerate(flags))
