/* A trained policy as the firmware's out-of-tree controller.

   It flies while policy.arm is 1 and nothing speaks against it; at all other times the firmware's own controller does.
   What speaks against it (enum fault) gives control back in the same step, and latches: set policy.arm to 0, then to 1.

   It keeps the heading it had when it was armed: policies are trained to bring the nose to their world's x, from near it,
   and a quadrotor does not care which way that is.

   Rotors 0 to 3 of the policy are the firmware's motors M1 to M4: front right, back right, back left, front left. */
#include <stdbool.h>
#include <stdint.h>

#include "app.h"
#include "app_channel.h"
#include "controller.h"
#include "controller_pid.h"
#include "log.h"
#include "param.h"
#include "usec_time.h"

#define DEBUG_MODULE "POLICY"
#include "debug.h"

#include "image_record.h"
#include "landing.h"
#include "observation.h"
#include "policy.h"
#include "policy_app.h"
#include "sine_cosine.h"
#include "upload.h"
#include "witness.h"
#ifdef PATH_HARMONICS
#include "path.h"
#endif

#if __has_include("platform_defaults.h")
#include "platform_defaults.h" /* the firmware's; since 2025 with THRUST_MAX */
#endif

#define RAD_PER_DEG 0.0174532925f
#define STEPS_PER_DECISION (1000 / POLICY_RATE_HZ) /* the firmware calls a thousand times a second */
#define SETPOINT_AGE_MAX 200                       /* steps: the dead-man's timeout */

enum fault {
    NONE = 0,
    SELF_TEST = 1,     /* not yet passed, or failed: weights or constants are damaged */
    SETPOINT_OLD = 2,  /* nobody has sent one for SETPOINT_AGE_MAX: the dead-man's timeout */
    SETPOINT_KIND = 3, /* it is not a position in the world */
    NOT_FINITE = 4,    /* a number that the policy sees, or decides */
    TILT = 5,          /* more than policy.tiltDeg */
    RATE = 6,          /* faster than policy.rateDegS about an axis */
    POSITION = 7,      /* further than policy.fenceM, along an axis, from where it was armed */
    PARAMETER = 8,     /* one of them makes no sense */
    LANDING = 9,       /* the drone comes down by itself: landing.cause says why */
    CHOOSING = 10,     /* other weights are being looked through */
};

static enum { READY, FLYING, LATCHED } mode = LATCHED;

/* Parameters. None is persistent: a Crazyflie never wakes up armed. */
static uint8_t arm;
static uint8_t self_ok;
static uint32_t id = POLICY_ID;
static uint32_t version; /* of weights that came over the air; 0: those that were flashed */
static volatile uint8_t choosing; /* weights are being looked through: nobody takes over */
static uint8_t number = ControllerTypeOot; /* what to choose this controller by: it has changed with releases */
/* A path with 8 m/s^2 tilts the drone by 39 degrees. From more than this, at half a metre, the firmware's controller does not
   always come back to level before the ground: a policy that loses hold of the drone, such as one of another airframe,
   was let go on to 75 degrees, and the drone fell at up to 2.5 m/s. */
static float tilt_max_deg = 60.0f;
static float rate_max_deg_s = 1000.0f; /* the gyroscope ends at 2000 */
static float fence_m = 3.0f;
/* A rotor's thrust, N, at normalizedForce 1. Firmware that compensates for the battery takes 1 for its own THRUST_MAX
   and holds a thrust whatever the voltage, as a battery at its nominal voltage does in training. Where it does not, 1 is
   a motor's full voltage, which gives the drone's full thrust, less as the battery sags; the policy has met that, too. */
#if defined(THRUST_MAX) && defined(CONFIG_ENABLE_THRUST_BAT_COMPENSATED)
static float full_n = THRUST_MAX;
#else
static float full_n = FULL_THRUST_N;
#endif
#ifdef PATH_HARMONICS
static float lap_s = PATH_LAP_S;
#endif

/* Log variables. */
static uint8_t active;
static uint8_t fault; /* why the policy was refused or stopped, until policy.arm is 0 */
static uint32_t decisions, refusals, handbacks;
static uint16_t setpoint_age = UINT16_MAX; /* steps since the last new one */
static uint16_t decision_us;
static struct vec3_s target; /* where the policy is told to be */
#ifdef PATH_HARMONICS
static float lap_flown_s; /* policy.lapS when it was armed: a path does not change under the drone */
#endif

static uint32_t steps; /* since it was armed */
#if POLICY_MEMORY > 0
static struct policy_state remembered; /* what the policy has found out since it took over */
#endif
static struct vec3_s home;
static struct heading heading; /* where the nose pointed when it was armed */
static float forces[STABILIZER_NR_OF_MOTORS];
static uint16_t motors[STABILIZER_NR_OF_MOTORS]; /* `forces`, 65535 as 1 */
static uint8_t since_decision;                   /* steps */

/* The firmware's low-priority task: a self-test would hold up the control loop. It goes on for ever there; here, as long as
   packets wait. */
void appMain(void)
{
    static bool tested;
    static uint8_t packet[APPCHANNEL_MTU];
    size_t length;
    if (!tested) {
        tested = true;
        self_ok = policy_selftest() != 0;
        DEBUG_PRINT("%s, policy %s: self-test %s\n", POLICY_TASK, image_policy(),
                    self_ok ? "passed" : "FAILED, the policy will not fly");
    }
    while ((length = appchannelReceiveDataPacket(packet, sizeof packet, APPCHANNEL_WAIT_FOREVER)) != 0) {
        upload_take(packet, length);
    }
}

/* The control loop interrupts this task, never the other way round: whoever has not taken over before `choosing` does not
   until it is over, and whoever has is seen to fly. */
enum upload_state choose_uploaded(uint32_t crc, uint32_t policy_id, uint32_t policy_version)
{
#if POLICY_BANKS > 0
    enum upload_state came_to = UPLOAD_WAITS;
    choosing = 1;
    __asm__ volatile("" ::: "memory");
    if (mode != FLYING) {
        came_to = policy_choose(crc) ? UPLOAD_CHOSEN : UPLOAD_SPOILT;
    }
    if (came_to == UPLOAD_CHOSEN) {
        id = policy_id;
        version = policy_version;
        self_ok = 1;
    }
    __asm__ volatile("" ::: "memory");
    choosing = 0;
    return came_to;
#else
    (void)crc;
    (void)policy_id;
    (void)policy_version;
    return UPLOAD_REFUSED;
#endif
}

uint32_t version_in_force(void)
{
    return version;
}

void controllerOutOfTreeInit(void)
{
    controllerPidInit();
    mode = LATCHED; /* chosen anew, perhaps in flight: it must be armed anew */
    active = 0;
}

bool controllerOutOfTreeTest(void)
{
    return controllerPidTest();
}

static void watch_setpoint(const setpoint_t *setpoint)
{
    static uint32_t last;
    if (setpoint->timestamp != last) {
        last = setpoint->timestamp;
        setpoint_age = 0;
    } else if (setpoint_age < UINT16_MAX) {
        setpoint_age++;
    }
}

/* What speaks against flying the policy now. Comparisons are such that NaN speaks against it. */
static enum fault find_fault(const setpoint_t *setpoint, const sensorData_t *sensors, const state_t *state)
{
    const quaternion_t *const q = &state->attitudeQuaternion;
    const float seen[] = {state->position.x, state->position.y, state->position.z, state->velocity.x,
                          state->velocity.y, state->velocity.z, sensors->gyro.x,   sensors->gyro.y,
                          sensors->gyro.z,   setpoint->position.x, setpoint->position.y, setpoint->position.z,
                          q->x, q->y, q->z, q->w};
    const float attitude[4] = {q->w, q->x, q->y, q->z};
    float sine, cosine;

    if (!self_ok) {
        return SELF_TEST;
    }
    if (mode != FLYING && choosing) {
        return CHOOSING;
    }
    if (setpoint_age > SETPOINT_AGE_MAX) {
        return SETPOINT_OLD;
    }
    if (setpoint->mode.x != modeAbs || setpoint->mode.y != modeAbs || setpoint->mode.z != modeAbs) {
        return SETPOINT_KIND;
    }
    if (!all_finite(seen, sizeof seen / sizeof *seen)) {
        return NOT_FINITE;
    }
    if (!(tilt_max_deg >= 0.0f && tilt_max_deg <= 180.0f && rate_max_deg_s > 0.0f && fence_m > 0.0f && full_n > 0.0f)) {
        return PARAMETER;
    }
#ifdef PATH_HARMONICS
    if (!(lap_s >= PATH_LAP_MIN_S && lap_s <= 1000.0f)) {
        return PARAMETER;
    }
#endif
    sine_cosine(tilt_max_deg * RAD_PER_DEG, &sine, &cosine);
    if (!(tilt_cosine(attitude) >= cosine)) {
        return TILT;
    }
    if (!(size_of(sensors->gyro.x) <= rate_max_deg_s && size_of(sensors->gyro.y) <= rate_max_deg_s &&
          size_of(sensors->gyro.z) <= rate_max_deg_s)) {
        return RATE;
    }
    if (mode == FLYING && !(size_of(state->position.x - home.x) <= fence_m &&
                            size_of(state->position.y - home.y) <= fence_m &&
                            size_of(state->position.z - home.z) <= fence_m)) {
        return POSITION;
    }
    return NONE;
}

/* The observation, in SI units as policy.h lists it. The firmware's Euler angles have their pitch inverted; its quaternion is
   right-handed, body to world. */
static void see(const setpoint_t *setpoint, const sensorData_t *sensors, const state_t *state, float *raw)
{
    const quaternion_t *const q = &state->attitudeQuaternion;
    const struct estimate estimate = {
        {state->position.x, state->position.y, state->position.z},
        {state->velocity.x, state->velocity.y, state->velocity.z},
        {q->w, q->x, q->y, q->z},
        {sensors->gyro.x * RAD_PER_DEG, sensors->gyro.y * RAD_PER_DEG, sensors->gyro.z * RAD_PER_DEG},
    };
    float target_m_s[3] = {0.0f, 0.0f, 0.0f};
    target = setpoint->position;
#ifdef PATH_HARMONICS
    const float time_s = 0.001f * (float)steps;
    struct path_point point;
    for (int ahead = 3; ahead >= 0; ahead--) { /* ends with the present */
        path_at(time_s + PATH_PREVIEW_S * (float)ahead, lap_flown_s, &point);
        float *const acceleration = raw + POLICY_AT_PATH_ACCELERATION + 3 * ahead;
        for (int axis = 0; axis < 3; axis++) {
            acceleration[axis] = point.acceleration_m_s2[axis];
            target_m_s[axis] = point.velocity_m_s[axis];
        }
        turn_to_heading(&heading, acceleration);
    }
    target.x += point.position_m[0];
    target.y += point.position_m[1];
    target.z += point.position_m[2];
#endif
    const float target_m[3] = {target.x, target.y, target.z};
    observe(&estimate, &heading, target_m, target_m_s, raw);
}

/* One decision: new `forces`. False if a number that went in or came out is not finite. */
static bool decide(const setpoint_t *setpoint, const sensorData_t *sensors, const state_t *state)
{
    static float raw[POLICY_SENSED], action[POLICY_OUTPUTS];
    const uint64_t begin_us = usecTimestamp();
    see(setpoint, sensors, state, raw);
    if (!all_finite(raw, POLICY_SENSED)) {
        return false;
    }
#if POLICY_MEMORY > 0
    const struct policy_state before = remembered;
    policy_act(&remembered, raw, action);
#else
    policy_act(raw, action);
#endif
    for (int rotor = 0; rotor < STABILIZER_NR_OF_MOTORS; rotor++) {
        const float speed = 0.5f * (action[rotor] + 1.0f); /* of full speed */
        const float thrust_n = THRUST_0_N + speed * (THRUST_1_N + speed * THRUST_2_N);
        forces[rotor] = clipped(thrust_n / full_n, 1.0f);
        motors[rotor] = forces[rotor] > 0.0f ? (uint16_t)(65535.0f * forces[rotor]) : 0;
    }
    decision_us = (uint16_t)(usecTimestamp() - begin_us);
    decisions++;
#if POLICY_MEMORY > 0
    witness_decision(decisions, action, steps / STEPS_PER_DECISION, before.memory, remembered.memory);
#else
    witness_decision(decisions, action);
#endif
    return all_finite(forces, STABILIZER_NR_OF_MOTORS);
}

static void take_over(const state_t *state)
{
#if POLICY_MEMORY > 0
    policy_reset(&remembered, HOVER_ACTION); /* as if it had hovered, and found out nothing */
#elif POLICY_HISTORY > 0
    policy_reset(HOVER_ACTION); /* as if it had hovered */
#endif
    home = state->position;
    const quaternion_t *const q = &state->attitudeQuaternion;
    const float attitude[4] = {q->w, q->x, q->y, q->z};
    heading = heading_of(attitude);
    steps = 0;
#ifdef PATH_HARMONICS
    lap_flown_s = lap_s;
#endif
    mode = FLYING;
}

void controllerOutOfTree(control_t *control, const setpoint_t *setpoint, const sensorData_t *sensors,
                         const state_t *state, const stabilizerStep_t stabilizerStep)
{
    const bool was_flying = mode == FLYING;
    const bool armed = arm == 1;
    watch_setpoint(setpoint);
    witness_step();
    const bool landing = landing_step(armed, setpoint, state);

    enum fault found = NONE;
    if (!armed) {
        mode = READY;
        fault = NONE;
    } else if (mode != LATCHED) {
        found = landing ? LANDING : find_fault(setpoint, sensors, state);
        if (found == NONE && mode == READY) {
            take_over(state);
        }
        if (found == NONE && steps % STEPS_PER_DECISION == 0 && !decide(setpoint, sensors, state)) {
            found = NOT_FINITE;
        }
        if (found != NONE) {
            mode = LATCHED;
            fault = (uint8_t)found;
            *(was_flying ? &handbacks : &refusals) += 1;
        }
    }
    active = mode == FLYING;

    if (mode == FLYING) {
        since_decision = (uint8_t)(steps % STEPS_PER_DECISION);
        steps++;
        control->controlMode = controlModeForce;
        for (int rotor = 0; rotor < STABILIZER_NR_OF_MOTORS; rotor++) {
            control->normalizedForces[rotor] = forces[rotor];
        }
    } else {
        /* Its loops run each at a rate of their own and leave `control`, which holds our forces, as it is in between:
           in the step that it takes over it is told step 0, which is a multiple of every rate. */
        controllerPid(control, setpoint, sensors, state, was_flying ? 0 : stabilizerStep);
    }
}

PARAM_GROUP_START(policy)
/* 1: fly the policy. 0: fly the firmware's controller, and forget what stopped the policy */
PARAM_ADD(PARAM_UINT8, arm, &arm)
/* 1: weights, constants and golden vectors are intact */
PARAM_ADD(PARAM_UINT8 | PARAM_RONLY, selfOk, &self_ok)
/* First 32 bits of POLICY_SHA256: which policy this is */
PARAM_ADD(PARAM_UINT32 | PARAM_RONLY, id, &id)
/* The value of stabilizer.controller that chooses this controller */
PARAM_ADD(PARAM_UINT8 | PARAM_RONLY, controller, &number)
PARAM_ADD(PARAM_FLOAT, tiltDeg, &tilt_max_deg)
PARAM_ADD(PARAM_FLOAT, rateDegS, &rate_max_deg_s)
PARAM_ADD(PARAM_FLOAT, fenceM, &fence_m)
PARAM_ADD(PARAM_FLOAT, fullN, &full_n)
#ifdef PATH_HARMONICS
/* Time of a lap, s; taken over when the policy is armed */
PARAM_ADD(PARAM_FLOAT, lapS, &lap_s)
#endif
PARAM_GROUP_STOP(policy)

LOG_GROUP_START(policy)
LOG_ADD(LOG_UINT8, active, &active)
LOG_ADD(LOG_UINT8, fault, &fault)
LOG_ADD(LOG_UINT32, decisions, &decisions)
LOG_ADD(LOG_UINT32, refusals, &refusals)
LOG_ADD(LOG_UINT32, handbacks, &handbacks)
LOG_ADD(LOG_UINT16, age, &setpoint_age)
LOG_ADD(LOG_UINT16, us, &decision_us)
/* Which weights fly: 0, those that were flashed; else the version that came over the air with them */
LOG_ADD(LOG_UINT32, version, &version)
/* What the newest decision asks of the rotors, 65535 as normalized force 1, and for how many steps it has by now */
LOG_ADD(LOG_UINT16, m1, &motors[0])
LOG_ADD(LOG_UINT16, m2, &motors[1])
LOG_ADD(LOG_UINT16, m3, &motors[2])
LOG_ADD(LOG_UINT16, m4, &motors[3])
LOG_ADD(LOG_UINT8, since, &since_decision)
LOG_ADD(LOG_FLOAT, x, &target.x)
LOG_ADD(LOG_FLOAT, y, &target.y)
LOG_ADD(LOG_FLOAT, z, &target.z)
LOG_GROUP_STOP(policy)
