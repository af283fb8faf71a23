/* The firmware levels a drone 500 ms after its last set-point, and after 2000 ms it stops the motors, wherever the drone
   is: a fall. So this sends set-points of its own before that, in place of whoever has fallen silent: down where the
   drone is, until it stands on something. It goes by the estimate alone, and needs neither link nor host.

   The set-points have the greatest priority that the firmware knows (commander.h), above those of the radio and of the
   high-level commander. Once down, the motors stay off until landing.guard and policy.arm are 0: a host that comes back
   in the middle of the air does not take off again without meaning to.

   "Standing" is not a height, which may have drifted, but: told to go down, it does not. */
#include "landing.h"

#include <stdint.h>

#include "commander.h"
#include "log.h"
#include "param.h"
#include "pm.h"
#include "supervisor.h"

#define SILENCE_STEPS 400      /* of a millisecond, as all steps */
#define RATE_SILENCE_STEPS 100 /* after a set-point that is no place: the drone goes on turning as it was told last */
#define STEPS_PER_SETPOINT 10
#define DOWN_M_S 0.3f
#define COAST_S 0.3f           /* it is told to stop so far ahead, at its present speed */
#define LEAD_M 0.3f            /* the set-point is so far below the drone at most */
#define STANDING_M 0.2f        /* it stands if the set-point is further below than this ... */
#define STANDING_M_S 0.15f     /* ... and it moves slower than this ... */
#define STANDING_STEPS 1500    /* ... for so long, longer than one that still rises takes to turn round: see `descend` */
#define MOVING_STEPS 4         /* each step in which it moves faster takes back so many */
#define STEPS_MAX 30000        /* nothing comes down for longer: the estimate is wrong */

static enum { WATCHING = 0, DESCENDING = 1, DOWN = 2 } phase;

/* 0: nobody watches, unless the policy is armed. 1: land when set-points end or the battery is low. 2: land now. */
static uint8_t guard;
static uint8_t phase_logged, cause;

static uint32_t last_timestamp;
static uint32_t silence, descending_for, standing_for; /* steps */
static setpoint_t order;

/* A set-point that stops the motors: whoever gave it wants no landing, and the drone is on the ground, or falls. */
static bool stops_motors(const setpoint_t *setpoint)
{
    return setpoint->mode.z == modeDisable && setpoint->thrust == 0.0f;
}

static enum landing_cause find_cause(const setpoint_t *setpoint)
{
    if (stops_motors(setpoint)) {
        return LANDING_NONE;
    }
    if (guard == 2) {
        return LANDING_ORDERED;
    }
    if (silence > (setpoint->mode.x == modeAbs ? SILENCE_STEPS : RATE_SILENCE_STEPS)) {
        return LANDING_SILENCE;
    }
    return pmIsBatteryLow() ? LANDING_BATTERY : LANDING_NONE;
}

static bool is_finite(const struct vec3_s *vector)
{
    return __builtin_isfinite(vector->x) && __builtin_isfinite(vector->y) && __builtin_isfinite(vector->z);
}

/* Down from here, with the heading it has. The modes are those of a plain position set-point: the firmware's controller
   forgets its integrals when they change. */
static void begin(const state_t *state)
{
    order = (setpoint_t){0};
    order.mode.x = order.mode.y = order.mode.z = order.mode.yaw = modeAbs;
    order.position.x = state->position.x + COAST_S * state->velocity.x;
    order.position.y = state->position.y + COAST_S * state->velocity.y;
    order.position.z = state->position.z;
    order.attitude.yaw = state->attitude.yaw;
    descending_for = standing_for = 0;
    phase = DESCENDING;
}

/* A drone whose controller has had to push harder (a sagging battery, a turn at the rotors' limit) goes on up when it is told to come
   down, and turns slowly: the integral of its vertical velocity unwinds with kp / ki = 25 / 15 s, so that 0.3 m above its set-point it
   moves slower than STANDING_M_S for 0.85 s. Half a second of that was taken for standing once, a metre up. */
static void descend(const state_t *state)
{
    const float lowest = state->position.z - LEAD_M, speed = state->velocity.z;
    descending_for++;
    order.position.z -= 0.001f * DOWN_M_S;
    if (order.position.z < lowest) {
        order.position.z = lowest;
    }
    const bool still = speed > -STANDING_M_S && speed < STANDING_M_S;
    if (still && order.position.z < state->position.z - STANDING_M) {
        standing_for++;
    } else {
        standing_for -= standing_for < MOVING_STEPS ? standing_for : MOVING_STEPS;
    }
    if (standing_for > STANDING_STEPS || descending_for > STEPS_MAX || !supervisorIsFlying()) {
        order = (setpoint_t){0}; /* stops the motors */
        phase = DOWN;
    }
}

bool landing_step(bool policy_armed, const setpoint_t *setpoint, const state_t *state)
{
    static uint32_t steps;

    silence = setpoint->timestamp == last_timestamp ? silence + 1 : 0;
    last_timestamp = setpoint->timestamp;
    switch (phase) {
    case WATCHING:
        if ((guard != 0 || policy_armed) && supervisorIsFlying() && is_finite(&state->position) &&
            is_finite(&state->velocity)) {
            cause = (uint8_t)find_cause(setpoint);
            if (cause != LANDING_NONE) {
                begin(state);
            }
        }
        break;
    case DESCENDING:
        descend(state);
        break;
    case DOWN:
        if (guard == 0 && !policy_armed) {
            phase = WATCHING;
            cause = LANDING_NONE;
            commanderRelaxPriority();
        }
        break;
    }
    phase_logged = (uint8_t)phase;
    if (phase != WATCHING && steps++ % STEPS_PER_SETPOINT == 0) {
        commanderSetSetpoint(&order, COMMANDER_PRIORITY_EXTRX);
    }
    return phase != WATCHING;
}

PARAM_GROUP_START(landing)
/* 1: land when set-points end, or the battery is low. 2: land now. 0: do not, unless the policy is armed */
PARAM_ADD(PARAM_UINT8, guard, &guard)
PARAM_GROUP_STOP(landing)

LOG_GROUP_START(landing)
/* 0: watching, 1: coming down, 2: down, motors off until landing.guard and policy.arm are 0 */
LOG_ADD(LOG_UINT8, phase, &phase_logged)
/* enum landing_cause */
LOG_ADD(LOG_UINT8, cause, &cause)
LOG_GROUP_STOP(landing)
