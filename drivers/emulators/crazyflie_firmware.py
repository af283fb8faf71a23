"""The virtual Crazyflie's firmware: the 1 kHz loop from estimate to motors, and the packets' way into it.

One tick: high-level commander, commander, supervisor, controller, motors, as the stabilizer loop of the firmware.
"""

import struct
from collections import deque
from typing import Protocol

import numpy as np

from drivers.emulators.crazyflie_body import Body
from drivers.emulators.crazyflie_commander import HIGH_LEVEL_MS, Commander, HighLevelCommander, Priority, level
from drivers.emulators.crazyflie_health import Health
from drivers.emulators.crazyflie_localization import tell_pose
from drivers.emulators.crazyflie_pid import CascadedPid
from drivers.emulators.crazyflie_power import BRUSHLESS_N, Battery
from drivers.emulators.crazyflie_setpoint import Setpoint, generic_setpoint, rpyt_setpoint
from drivers.emulators.crazyflie_supervisor import State, Supervisor
from drivers.emulators.crazyflie_toc import LogService, LogVariable, Parameter, ParamService
from drivers.emulators.crazyflie_variables import log_variables, parameters
from drivers.emulators.crazyflie_version import NEWEST, Version
from drivers.emulators.crtp import NULL_PACKET, Packet, Port, decoded
from sim.quadrotor.model import V_Z, Z

DEVICE_TYPE, BRUSHLESS_TYPE = b"CF21", b"C21B"  # platform_*.c
AS_NEW = (1.0, 1.0, 1.0, 1.0)
SUPERVISOR_MS = 40  # 25 Hz
CONTROLLER_PID = 1  # stabilizer.controller
CONSOLE_BYTES = 30
APP_CHANNEL = 2  # of the platform port


class OutOfTree(Protocol):
    """An app's controller, controllerOutOfTree, with its entries in the tables."""

    log_variables: list[LogVariable]
    parameters: list[Parameter]

    def start(self) -> None:
        """controllerOutOfTreeInit: the controller is selected."""

    def control(self, firmware: "Firmware", setpoint: Setpoint, forces: np.ndarray) -> None:
        """One tick: fill in rotor forces (4,) as shares of the greatest thrust."""

    def console(self) -> str:
        """What the app has printed since the last call."""
        ...

    def take(self, data: bytes) -> None:
        """A packet to the app, over its channel."""

    def run_task(self) -> None:
        """appMain, in what the control loop leaves of a millisecond."""

    def packets(self) -> list[bytes]:
        """What the app has given to its channel since the last call."""
        ...


class Firmware:
    """All of the drone but its radio."""

    def __init__(
        self,
        body: Body,
        app: OutOfTree | None = None,
        version: Version = NEWEST,
        propellers: tuple[float, ...] = AS_NEW,
    ) -> None:
        """propellers: how far each is out of balance, as a multiple of what a new one is."""
        self.body, self.app, self.version = body, app, version
        self.health = Health(body, propellers, body.errors.rng)
        self.now_ms = 0
        self.battery = Battery(body)
        self.pid = CascadedPid(body.quadrotor, body.hover_force())
        self.commander, self.high_level, self.supervisor = Commander(), HighLevelCommander(), Supervisor()
        self.reset_wanted = False  # kalman.resetEstimation: the estimator's task takes it up, and clears it
        self.impact_m_s = 0.0  # the greatest speed at which it has touched the ground, for judges
        self.forces = np.zeros(4)  # m1 to m4, shares of the greatest thrust
        self.setpoint = Setpoint()  # the one that is flown, after the supervisor
        self.packed = self.setpoint.packed()
        self.info = 0  # supervisor.info, as of the supervisor's last step
        self._overridden: tuple[Setpoint, State] = self.setpoint, State.RESET
        self._thrust_locked = True
        self._console: deque[bytes] = deque()
        self._controller = 0
        self.select_controller(0)
        extra_logs = app.log_variables if app else []
        extra_parameters = app.parameters if app else []
        self.log = LogService([*log_variables(self), *extra_logs])
        self.param = ParamService([*parameters(self), *extra_parameters])
        self.say("SYS: ----------------------------\nSYS: Virtual Crazyflie is up and running!\n")

    # The loop.

    def tick(self) -> None:
        """One millisecond."""
        if self.now_ms % HIGH_LEVEL_MS == 0:
            self._plan()
        if self.now_ms % SUPERVISOR_MS == 0:
            self._supervise_flight()
        self._override()
        self.battery.update(self.now_ms)
        self.health.update(self.now_ms, self.supervisor.is_flying)
        if self.app is not None and self._controller == self.version.out_of_tree:
            self.app.control(self, self.setpoint, self.forces)
            if text := self.app.console():
                self.say(text)
        else:
            self.control_pid(self.now_ms, self.forces)
        if self.app is not None:
            self.app.run_task()
        if not self.supervisor.motors_may_run:
            self.forces[:] = 0.0
        if self.reset_wanted:
            self.reset_wanted = False
            self.body.reset_estimator()
        height_m, climb_m_s = float(self.body.state[Z]), float(self.body.state[V_Z])
        self.body.step(self.forces)
        if height_m > 0.0 and self.body.state[Z] <= 0.0:
            self.impact_m_s = max(self.impact_m_s, -climb_m_s)
        self.now_ms += 1

    def _plan(self) -> None:
        """Take the high-level commander's set-point."""
        if not self.supervisor.motors_may_run:
            self.high_level.stop()
        goal = self.high_level.setpoint(self.now_ms, self.body.estimate)
        self.commander.take(goal, Priority.HIGH_LEVEL, self.now_ms)

    def _supervise_flight(self) -> None:
        """Let the supervisor see sensors, the set-point's age and the motors."""
        supervisor, plan, before = self.supervisor, self.high_level, self.supervisor.state
        set_ms = self.commander.setpoint.timestamp_ms
        supervisor.update(self.now_ms, self.body.sensors, set_ms, bool(self.forces.any()))
        self.info = supervisor.bits(plan.is_flying, plan.finished(self.now_ms))
        if supervisor.state != before:
            self.say(f"SUP: {supervisor.state.name.lower().replace('_', ' ')}\n")

    def _override(self) -> None:
        """Fly the commander's set-point, or what the supervisor makes of it."""
        wanted, state = self.commander.setpoint, self.supervisor.state
        if wanted is self._overridden[0] and state == self._overridden[1]:
            return
        self._overridden = wanted, state
        if not self.supervisor.motors_may_run:
            self.setpoint = Setpoint()
        else:
            self.setpoint = level(wanted) if state == State.LEVEL_OUT else wanted
        self.packed = self.setpoint.packed()

    def control_pid(self, step: int, forces: np.ndarray) -> list[float]:
        """controllerPid, what an app falls back to as well: see `CascadedPid.control`."""
        return self.pid.control(step, self.packed, self.body.estimate, self.body.sensors, forces)

    @property
    def controller(self) -> int:
        """stabilizer.controller"""
        return self._controller

    def select_controller(self, number: int) -> None:
        """Choose a controller; 0: the default, which is the app's if there is one. Others than the two are not there."""
        there = (CONTROLLER_PID,) if self.app is None else (CONTROLLER_PID, self.version.out_of_tree)
        number = number or there[-1]
        if number == self._controller or number not in there:
            return
        self._controller = number
        if self.app is not None and number == self.version.out_of_tree:
            self.app.start()

    def say(self, text: str) -> None:
        """Print on the console."""
        data = text.encode()
        self._console.extend(data[k : k + CONSOLE_BYTES] for k in range(0, len(data), CONSOLE_BYTES))

    # The packets.

    def receive(self, datagram: bytes) -> bytes | None:
        """Carry out what a datagram asks for; returns the answer's datagram."""
        if datagram == NULL_PACKET:
            return NULL_PACKET  # as a simulator does to whoever looks for one
        packet = decoded(datagram)
        answer = None if packet is None else self._answer(packet)
        return None if answer is None else answer.encoded()

    def outgoing(self) -> list[bytes]:
        """What the drone sends of its own accord: log blocks that are due, the console, and what its app has to say."""
        packets = self.log.due(self.now_ms)
        if self.app is not None:
            packets += [Packet(Port.PLATFORM, APP_CHANNEL, data) for data in self.app.packets()]
        while self._console:
            packets.append(Packet(Port.CONSOLE, 0, self._console.popleft()))
        return [packet.encoded() for packet in packets]

    def _answer(self, packet: Packet) -> Packet | None:
        port, channel, data = packet
        if port == Port.LOG:
            return self.log.answer(packet, self.now_ms)
        if port == Port.PARAM:
            return self.param.answer(packet)
        if port == Port.COMMANDER:
            self._rpyt(data)
        elif port == Port.SETPOINT:
            self._generic(channel, data)
        elif port == Port.HIGH_LEVEL:
            error = self.high_level.answer(data, self.now_ms, self.supervisor.motors_may_run)
            return Packet(port, channel, data[:3].ljust(3, b"\0") + bytes([error]))
        elif port == Port.SUPERVISOR and self.version.has_supervisor_port:
            return self._supervise(channel, data)
        elif port == Port.LOCALIZATION and data[:1] in (b"\3", b"\4") and channel == 1:
            self._old_emergency_stop(data)
        elif port == Port.LOCALIZATION:
            tell_pose(self.body, channel, data)
        elif port == Port.PLATFORM:
            return self._platform(channel, data)
        elif port == Port.MEM and channel == 0 and data[:1] == b"\x01":
            return Packet(port, channel, b"\x01\x00")  # no memories
        elif port == Port.LINK and channel == 0:
            return packet  # echo
        elif port == Port.LINK and channel == 1:
            return Packet(port, channel, b"Bitcraze Crazyflie".ljust(CONSOLE_BYTES, b"\0"))
        return None

    def _rpyt(self, data: bytes) -> None:
        """Port 3. Thrust stays 0 until a set-point without thrust has come."""
        setpoint = rpyt_setpoint(data)
        if setpoint is None:
            return
        if self.commander.priority == Priority.DISABLED:
            self._thrust_locked = True
        if data.endswith(b"\0\0"):
            self._thrust_locked = False
        self._from_ground(Setpoint() if self._thrust_locked else setpoint)

    def _generic(self, channel: int, data: bytes) -> None:
        """Port 7: set-points, and on channel 1 the notice that they end."""
        if channel == 1 and data[:1] == b"\0":
            self.relax()
        elif channel == 0 and (setpoint := generic_setpoint(data)) is not None:
            self._from_ground(setpoint)

    def _from_ground(self, setpoint: Setpoint) -> None:
        self.command(setpoint, Priority.GROUND)

    def command(self, setpoint: Setpoint, priority: Priority) -> None:
        """commanderSetSetpoint: a taken set-point from elsewhere stops the high-level commander's plan."""
        if self.commander.take(setpoint, priority, self.now_ms) and priority > Priority.HIGH_LEVEL:
            self.high_level.stop()

    def relax(self) -> None:
        """commanderRelaxPriority: every source is listened to again."""
        self.high_level.tell(self.body.estimate)
        self.commander.relax()

    def _supervise(self, channel: int, data: bytes) -> Packet | None:
        """Port 9: states (channel 0) and commands (channel 1)."""
        command = data[0] if data else 0
        reply = None
        if channel == 0 and command == 0x0C:
            reply = struct.pack("<H", self.info)
        elif channel == 0 and 1 <= command <= 0x0B:
            reply = bytes([self.info >> (command - 1) & 1])
        elif channel == 1 and command == 0x01 and len(data) > 1:
            reply = bytes([self.supervisor.arm(bool(data[1])), self.supervisor.is_armed])
        elif channel == 1 and command == 0x02:
            reply = bytes([self.supervisor.recover(), not self.supervisor.is_crashed])
        elif channel == 1 and command == 0x03:
            self.supervisor.emergency_stop()
        elif channel == 1 and command == 0x04:
            self.supervisor.feed_watchdog(self.now_ms)
        return None if reply is None else Packet(Port.SUPERVISOR, channel, bytes([command | 0x80]) + reply)

    def _old_emergency_stop(self, data: bytes) -> None:
        """Port 6, where emergency stop and its watchdog were before protocol version 12."""
        if data[:1] == b"\x03":
            self.supervisor.emergency_stop()
        elif data[:1] == b"\x04":
            self.supervisor.feed_watchdog(self.now_ms)

    def _platform(self, channel: int, data: bytes) -> Packet | None:
        """Port 13: versions (channel 1); arming and recovery as before protocol version 12 (channel 0)."""
        if channel == APP_CHANNEL:
            if self.app is not None:
                self.app.take(data)
            return None
        command = data[:1]
        version = self.version
        replies = {
            b"\0": struct.pack("<I", version.protocol),
            b"\1": version.name.encode() + b"\0",
            b"\2": (BRUSHLESS_TYPE if self.body.thrust_max_n > BRUSHLESS_N else DEVICE_TYPE) + b"\0",
        }
        if channel == 1 and command in replies:
            return Packet(Port.PLATFORM, channel, command + replies[command])
        if channel == 0 and command == b"\1" and len(data) > 1:
            done = self.supervisor.arm(bool(data[1]))
            return Packet(Port.PLATFORM, channel, command + bytes([done, self.supervisor.is_armed]))
        if channel == 0 and command == b"\2":
            done = self.supervisor.recover()
            return Packet(Port.PLATFORM, channel, command + bytes([done, not self.supervisor.is_crashed]))
        return None
