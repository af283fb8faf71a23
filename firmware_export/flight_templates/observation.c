#include "observation.h"

#include "policy.h"
#include "policy_app.h"

float size_of(float x)
{
    return x < 0.0f ? -x : x;
}

float clipped(float x, float limit)
{
    return x > limit ? limit : x < -limit ? -limit : x;
}

bool all_finite(const float *numbers, int n)
{
    for (int i = 0; i < n; i++) {
        if (!__builtin_isfinite(numbers[i])) {
            return false;
        }
    }
    return true;
}

struct heading heading_of(const float attitude[4])
{
    const float w = attitude[0], z = attitude[3];
    const struct heading heading = {(w * w - z * z) / (w * w + z * z), 2.0f * w * z / (w * w + z * z)};
    return heading;
}

void turn_to_heading(const struct heading *heading, float vector[3])
{
    const float x = vector[0], y = vector[1];
    vector[0] = heading->cosine * x + heading->sine * y;
    vector[1] = heading->cosine * y - heading->sine * x;
}

float tilt_cosine(const float attitude[4])
{
    return 1.0f - 2.0f * (attitude[1] * attitude[1] + attitude[2] * attitude[2]);
}

void observe(const struct estimate *estimate, const struct heading *heading, const float target_m[3],
             const float target_m_s[3], float *raw)
{
    const float w = estimate->attitude[0], x = estimate->attitude[1];
    const float y = estimate->attitude[2], z = estimate->attitude[3];
    float body_axes[3][3] = {
        {1.0f - 2.0f * (y * y + z * z), 2.0f * (x * y + w * z), 2.0f * (x * z - w * y)},
        {2.0f * (x * y - w * z), 1.0f - 2.0f * (x * x + z * z), 2.0f * (y * z + w * x)},
        {2.0f * (x * z + w * y), 2.0f * (y * z - w * x), 1.0f - 2.0f * (x * x + y * y)},
    };
    float error[3], velocity[3];
    for (int axis = 0; axis < 3; axis++) {
        error[axis] = estimate->position_m[axis] - target_m[axis];
        velocity[axis] = estimate->velocity_m_s[axis] - target_m_s[axis];
    }
    turn_to_heading(heading, error);
    turn_to_heading(heading, velocity);
    for (int axis = 0; axis < 3; axis++) {
        turn_to_heading(heading, body_axes[axis]);
        for (int row = 0; row < 3; row++) {
            raw[POLICY_AT_ROTATION + 3 * row + axis] = body_axes[axis][row];
        }
        raw[POLICY_AT_POSITION_ERROR + axis] = clipped(error[axis], POSITION_ERROR_MAX_M);
        raw[POLICY_AT_VELOCITY_ERROR + axis] = velocity[axis];
        raw[POLICY_AT_ANGULAR_RATE + axis] = estimate->rate_rad_s[axis];
    }
}
