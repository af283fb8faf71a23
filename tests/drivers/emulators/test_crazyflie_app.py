"""The caller of a Crazyflie's app: tables, callbacks and memory are the app's, whatever the app does."""

import struct
from pathlib import Path

import pytest

from drivers.emulators.crazyflie_app import LEGACY, CrazyflieApp, SensorData, Setpoint, State
from firmware_export.compilers import shared_library
from firmware_export.crazyflie_app import STUBS

SOURCE = """
#include "app.h"
#include "controller.h"
#include "controller_pid.h"
#include "log.h"
#include "param.h"
#include "usec_time.h"
#define DEBUG_MODULE "TEST"
#include "debug.h"

static uint8_t small = 7;
static int16_t negative = -300;
static float real = 0.5f;
static uint32_t calls, time_us;

void appMain(void) { DEBUG_PRINT("hello %d\\n", 3); }
void controllerOutOfTreeInit(void) { calls = 100; }
bool controllerOutOfTreeTest(void) { return true; }

void controllerOutOfTree(control_t *control, const setpoint_t *setpoint, const sensorData_t *sensors,
                         const state_t *state, const stabilizerStep_t stabilizerStep)
{
    calls++;
    time_us = (uint32_t)usecTimestamp();
    real = setpoint->mode.quat + 10.0f * sensors->gyro.z + 100.0f * state->acc.z;
    controllerPid(control, setpoint, sensors, state, stabilizerStep + 1);
}

PARAM_GROUP_START(first)
PARAM_ADD(PARAM_UINT8 | PARAM_RONLY, small, &small)
PARAM_ADD(PARAM_INT16, negative, &negative)
PARAM_GROUP_STOP(first)
PARAM_GROUP_START(second)
PARAM_ADD_CORE(PARAM_FLOAT, real, &real)
PARAM_GROUP_STOP(second)
LOG_GROUP_START(counts)
LOG_ADD(LOG_UINT32, calls, &calls)
LOG_ADD(LOG_UINT32, time, &time_us)
LOG_GROUP_STOP(counts)
"""


@pytest.fixture(scope="module")
def shared_object(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("app")
    (folder / "app.c").write_text(SOURCE)
    return shared_library([folder / "app.c", STUBS / "stub_host.c"], folder / "app.so", include=[STUBS])


def level(control, setpoint, sensors, state, tick):
    control.controlMode, control.thrust = LEGACY, tick


def test_the_tables_name_what_the_app_has(shared_object):
    app = CrazyflieApp(shared_object, level)
    assert {name: (p.value, p.type, p.read_only) for name, p in app.parameters.items()} == {
        "first.small": (7, 0x48, True), "first.negative": (-300, 0x01, False), "second.real": (0.5, 0x26, False),
    }  # fmt: skip
    assert app.parameters["first.negative"].bytes == struct.pack("<h", -300)
    assert list(app.logs) == ["counts.calls", "counts.time"]
    assert app.console == ["TEST: hello 3\n"]


def test_what_is_written_is_the_app_s(shared_object):
    app, other = CrazyflieApp(shared_object, level), CrazyflieApp(shared_object, level)
    app.init()
    app.parameters["first.negative"].value = 12
    assert app.parameters["first.negative"].bytes == b"\x0c\x00" and app.logs["counts.calls"].value == 100
    assert other.parameters["first.negative"].value == -300 and other.logs["counts.calls"].value == 0


def test_a_step_hands_the_structures_through_to_their_last_fields(shared_object):
    app = CrazyflieApp(shared_object, level)
    setpoint, sensors, state = Setpoint(), SensorData(), State()
    setpoint.mode.quat, sensors.gyro.z, state.acc.z = 1, 2.0, 3.0
    app.set_time_us(123456)
    control = app.step(setpoint, sensors, state, 41)
    assert app.parameters["second.real"].value == 321.0
    assert (control.controlMode, control.thrust) == (LEGACY, 42.0)
    assert app.logs["counts.time"].value == 123456 and app.test()


def test_what_the_fallback_raises_is_not_lost(shared_object):
    def broken(*_):
        raise ZeroDivisionError("loop")

    app = CrazyflieApp(shared_object, broken)
    with pytest.raises(ZeroDivisionError, match="loop"):
        app.step(Setpoint(), SensorData(), State(), 1)


def test_an_app_of_other_structures_is_refused(tmp_path):
    header = (STUBS / "stabilizer_types.h").read_text().replace("acc_t acceleration;", "acc_t acceleration, jerk;")
    (tmp_path / "stabilizer_types.h").write_text(header)
    for stub in (STUBS / "stub_host.c", *STUBS.glob("*.h")):
        if stub.name != "stabilizer_types.h":
            (tmp_path / stub.name).write_text(stub.read_text())
    other = shared_library([tmp_path / "stub_host.c"], tmp_path / "app.so", include=[tmp_path])
    with pytest.raises(ValueError, match="built from other stubs"):
        CrazyflieApp(other, level)
