/* The landing that the drone does by itself, when nobody else would bring it down. */
#pragma once

#include <stdbool.h>

#include "stabilizer_types.h"

enum landing_cause {
    LANDING_NONE = 0,
    LANDING_ORDERED = 1, /* landing.guard is 2 */
    LANDING_SILENCE = 2, /* no set-point any more: host or link are gone */
    LANDING_BATTERY = 3, /* the firmware says that the battery is low */
};

/* One step of the stabilizer's loop. policy_armed: policy.arm is 1. Whether the landing has the say: nothing else may. */
bool landing_step(bool policy_armed, const setpoint_t *setpoint, const state_t *state);
