"""An app that shows what it is given and does what its parameters say, called as the virtual Crazyflie's controller."""

import math
import shutil
import struct
from pathlib import Path

import pytest

from drivers.emulators.crazyflie_controller import AppController
from drivers.emulators.crtp import Port
from firmware_export.crazyflie_app import build_for_host

APP = """
#include "app.h"
#include "controller.h"
#include "controller_pid.h"
#include "log.h"
#include "param.h"
#define DEBUG_MODULE "TEST"
#include "debug.h"

static uint8_t mode; /* 0: the firmware's controller, 1: forces, 2: forces that are no numbers */
static float force = 0.8f;
static int16_t starts;
static uint32_t steps, asked_ms, setpoint_ms;
static float pitch, qy, x, vy, gyro_y, acc_z, wanted_z;
static uint8_t mode_z;

void appMain(void) { DEBUG_PRINT("hello\\n"); }
void controllerOutOfTreeInit(void) { starts++; }
bool controllerOutOfTreeTest(void) { return true; }
void controllerOutOfTree(control_t *control, const setpoint_t *setpoint, const sensorData_t *sensors,
                         const state_t *state, const stabilizerStep_t stabilizerStep)
{
    steps++;
    asked_ms = stabilizerStep;
    setpoint_ms = setpoint->timestamp;
    pitch = state->attitude.pitch;
    qy = state->attitudeQuaternion.y;
    x = state->position.x;
    vy = state->velocity.y;
    gyro_y = sensors->gyro.y;
    acc_z = sensors->acc.z;
    wanted_z = setpoint->position.z;
    mode_z = (uint8_t)setpoint->mode.z;
    if (mode == 0) {
        controllerPid(control, setpoint, sensors, state, stabilizerStep);
        return;
    }
    control->controlMode = controlModeForce;
    for (int i = 0; i < 4; i++) {
        control->normalizedForces[i] = mode == 1 ? force : __builtin_nanf("");
    }
}

PARAM_GROUP_START(test)
PARAM_ADD(PARAM_UINT8, mode, &mode)
PARAM_ADD(PARAM_FLOAT, force, &force)
PARAM_ADD(PARAM_INT16 | PARAM_RONLY, starts, &starts)
PARAM_GROUP_STOP(test)
LOG_GROUP_START(test)
LOG_ADD(LOG_UINT32, steps, &steps)
LOG_ADD(LOG_UINT32, askedMs, &asked_ms)
LOG_ADD(LOG_UINT32, setpointMs, &setpoint_ms)
LOG_ADD(LOG_FLOAT, pitch, &pitch)
LOG_ADD(LOG_FLOAT, qy, &qy)
LOG_ADD(LOG_FLOAT, x, &x)
LOG_ADD(LOG_FLOAT, vy, &vy)
LOG_ADD(LOG_FLOAT, gyroY, &gyro_y)
LOG_ADD(LOG_FLOAT, accZ, &acc_z)
LOG_ADD(LOG_FLOAT, wantedZ, &wanted_z)
LOG_ADD(LOG_UINT8, modeZ, &mode_z)
LOG_GROUP_STOP(test)
"""


@pytest.fixture(scope="module")
def shared_object(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc: apt-get install gcc")
    folder = tmp_path_factory.mktemp("app")
    (folder / "src").mkdir()
    (folder / "src" / "app.c").write_text(APP)
    (folder / "src" / "Kbuild").write_text("obj-y += app.o\n")
    return build_for_host(folder)


@pytest.fixture
def drone(make_drone, shared_object: Path):
    return make_drone(app=AppController(shared_object))


def logged(drone, name: str) -> float:
    return next(v.read() for v in drone.firmware.log.variables if v.name == f"test.{name}")


def write(drone, name: str, value: float) -> None:
    """Set a parameter by its packet."""
    index, parameter = next((k, p) for k, p in enumerate(drone.firmware.param.parameters) if p.name == name)
    drone.ask(Port.PARAM, 2, struct.pack("<H", index) + struct.pack(parameter.form, value))


def test_the_app_is_the_controller_from_the_start_and_called_every_millisecond(drone):
    assert drone.firmware.controller == 6
    before = logged(drone, "steps")
    drone.wait(0.1)
    assert logged(drone, "steps") - before == 100
    assert logged(drone, "askedMs") == drone.firmware.now_ms - 1


def test_the_app_sees_set_point_estimate_and_sensors(drone):
    drone.climb(0.8)
    drone.stream(0.3, 8, 0.8, -0.5, 0.0, 0.0)
    drone.stream(0.02, 7, 1.0, 0.0, 0.7, 0.0)
    assert logged(drone, "wantedZ") == pytest.approx(0.7)
    assert logged(drone, "modeZ") == 1
    assert drone.firmware.now_ms - logged(drone, "setpointMs") == 20
    before, sensed = drone.body.estimate.copy(), drone.body.sensors.copy()
    drone.wait(0.001)
    assert logged(drone, "x") == pytest.approx(before[0])
    assert logged(drone, "vy") == pytest.approx(before[4])
    assert logged(drone, "qy") == pytest.approx(before[11])
    assert logged(drone, "pitch") == pytest.approx(before[14])
    assert logged(drone, "gyroY") == pytest.approx(sensed[1])
    assert logged(drone, "accZ") == pytest.approx(sensed[5])
    assert logged(drone, "pitch") * logged(drone, "qy") < 0.0  # the firmware's pitch is inverted


def test_the_firmwares_controller_flies_when_the_app_calls_it(drone):
    drone.climb(1.0)
    drone.stream(2.0, 7, 0.3, 0.0, 1.0, 0.0)
    assert math.dist(drone.position, (0.3, 0.0, 1.0)) < 0.1


def test_the_apps_forces_reach_the_rotors_only_while_they_may_turn(drone):
    write(drone, "test.mode", 1)
    drone.wait(0.5)
    assert not drone.firmware.forces.any()
    drone.arm()
    drone.wait(0.1)
    assert drone.firmware.forces == pytest.approx([0.8] * 4)
    drone.wait(0.3)  # nobody holds it level: uneven rotors turn it over within a second
    assert drone.position[2] > 0.01
    write(drone, "test.force", 2.0)
    drone.wait(0.01)
    assert drone.firmware.forces == pytest.approx([1.0] * 4)


def test_forces_that_are_no_numbers_stop_the_rotors(drone):
    drone.climb(1.0)
    write(drone, "test.mode", 2)
    drone.wait(0.5)
    assert not drone.firmware.forces.any()
    assert math.isfinite(drone.position[2])


def test_the_controller_can_be_changed_by_parameter_and_is_started_anew(drone):
    starts = next(p for p in drone.firmware.param.parameters if p.name == "test.starts")
    assert (starts.read(), starts.write) == (1, None)
    write(drone, "stabilizer.controller", 1)
    before = logged(drone, "steps")
    drone.wait(0.1)
    assert logged(drone, "steps") == before
    write(drone, "stabilizer.controller", 6)
    assert starts.read() == 2


def test_what_the_app_prints_is_on_the_console(drone):
    text = b"".join(datagram[1:] for datagram in drone.firmware.outgoing() if datagram[0] == 0x0C).decode()
    assert "TEST: hello\n" in text
