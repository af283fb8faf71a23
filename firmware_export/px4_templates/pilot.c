#include "pilot.h"

#include "observation.h"
#include "policy.h"
#include "policy_app.h"

#define TILT_COSINE_MIN 0.5f
#define RATE_MAX_RAD_S 17.4532925f /* gyroscopes end at 2000 degrees/s */
#define FENCE_M 3.0f

static const int rotor_of_motor[PILOT_MOTORS] = {0, 2, 3, 1};

static int intact;
static float home_m[3];
static struct heading heading;
#if POLICY_MEMORY > 0
static struct policy_state remembered; /* what the policy has found out since it took over */
#endif

int pilot_selftest(void)
{
    intact = policy_selftest();
    return intact;
}

/* North, east, down to north, west, up, and forward, right, down to forward, left, up: half a turn about x. */
static void turn_over(const float down[3], float up[3])
{
    up[0] = down[0];
    up[1] = -down[1];
    up[2] = -down[2];
}

static struct estimate turned_over(const struct pilot_estimate *down)
{
    struct estimate up;
    turn_over(down->position_m, up.position_m);
    turn_over(down->velocity_m_s, up.velocity_m_s);
    turn_over(down->rate_rad_s, up.rate_rad_s);
    up.attitude[0] = down->attitude[0];
    turn_over(down->attitude + 1, up.attitude + 1);
    return up;
}

/* Comparisons are such that NaN speaks against flying. */
static enum pilot_fault find_fault(const struct pilot_estimate *estimate)
{
    if (!intact) {
        return PILOT_SELF_TEST;
    }
    if (!all_finite((const float *)estimate, sizeof *estimate / sizeof(float))) {
        return PILOT_NOT_FINITE;
    }
    if (!(tilt_cosine(estimate->attitude) >= TILT_COSINE_MIN)) {
        return PILOT_TILT;
    }
    for (int axis = 0; axis < 3; axis++) {
        if (!(size_of(estimate->rate_rad_s[axis]) <= RATE_MAX_RAD_S)) {
            return PILOT_RATE;
        }
    }
    return PILOT_NONE;
}

enum pilot_fault pilot_take_over(const struct pilot_estimate *estimate)
{
    const enum pilot_fault fault = find_fault(estimate);
    if (fault != PILOT_NONE) {
        return fault;
    }
    const struct estimate up = turned_over(estimate);
    heading = heading_of(up.attitude);
    for (int axis = 0; axis < 3; axis++) {
        home_m[axis] = estimate->position_m[axis];
    }
#if POLICY_MEMORY > 0
    policy_reset(&remembered, HOVER_ACTION);
#elif POLICY_HISTORY > 0
    policy_reset(HOVER_ACTION);
#endif
    return PILOT_NONE;
}

void pilot_reset(const float moved_m[3], const float turned[4])
{
    float up[4] = {turned[0]};
    turn_over(turned + 1, up + 1);
    const struct heading by = heading_of(up), before = heading;
    heading.cosine = before.cosine * by.cosine - before.sine * by.sine;
    heading.sine = before.sine * by.cosine + before.cosine * by.sine;
    for (int axis = 0; axis < 3; axis++) {
        home_m[axis] += moved_m[axis];
    }
}

enum pilot_fault pilot_decide(const struct pilot_estimate *estimate, const float target_m[3], float speed[PILOT_MOTORS])
{
    static const float still_m_s[3] = {0.0f, 0.0f, 0.0f};
    float raw[POLICY_SENSED], action[POLICY_OUTPUTS], target_up_m[3];
    const enum pilot_fault fault = find_fault(estimate);
    if (fault != PILOT_NONE) {
        return fault;
    }
    for (int axis = 0; axis < 3; axis++) {
        if (!(size_of(estimate->position_m[axis] - home_m[axis]) <= FENCE_M)) {
            return PILOT_FENCE;
        }
    }
    const struct estimate up = turned_over(estimate);
    turn_over(target_m, target_up_m);
    observe(&up, &heading, target_up_m, still_m_s, raw);
    if (!all_finite(raw, POLICY_SENSED)) {
        return PILOT_NOT_FINITE;
    }
#if POLICY_MEMORY > 0
    policy_act(&remembered, raw, action);
#else
    policy_act(raw, action);
#endif
    if (!all_finite(action, POLICY_OUTPUTS)) {
        return PILOT_NOT_FINITE;
    }
    for (int motor = 0; motor < PILOT_MOTORS; motor++) {
        const float share = 0.5f + 0.5f * action[rotor_of_motor[motor]];
        speed[motor] = share < 0.0f ? 0.0f : share > 1.0f ? 1.0f : share;
    }
    return PILOT_NONE;
}
