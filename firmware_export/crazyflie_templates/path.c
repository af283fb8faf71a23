#include "path.h"

#include "policy_app.h"
#include "sine_cosine.h"

#define TWO_PI 6.283185307f

static const float amplitudes[3][PATH_HARMONICS][2] = PATH_AMPLITUDES_M; /* of sine and cosine, x, y, z */

void path_at(float time_s, float lap_s, struct path_point *point)
{
    /* The warm-up stretches time: at `time_s` the set-point has come as far as it would in `path_s` at full speed. */
    const float warm_s = time_s < PATH_WARM_UP_S ? time_s : PATH_WARM_UP_S;
    const float path_s = 0.5f * warm_s * warm_s / PATH_WARM_UP_S + (time_s - warm_s);
    const float pace = warm_s / PATH_WARM_UP_S;
    const float gain = time_s < PATH_WARM_UP_S ? 1.0f / PATH_WARM_UP_S : 0.0f;
    const float laps = path_s / lap_s, rate = TWO_PI / lap_s;

    float sine, cosine;
    sine_cosine((laps - (float)(int)laps) * TWO_PI, &sine, &cosine);
    for (int axis = 0; axis < 3; axis++) {
        float position = 0.0f, velocity = 0.0f, acceleration = 0.0f;
        float s = sine, c = cosine, order = rate;
        for (int k = 0; k < PATH_HARMONICS; k++) {
            const float a = amplitudes[axis][k][0], b = amplitudes[axis][k][1];
            position += a * s + b * (c - 1.0f);
            velocity += order * (a * c - b * s);
            acceleration -= order * order * (a * s + b * c);
            const float next = s * cosine + c * sine;
            c = c * cosine - s * sine;
            s = next;
            order += rate;
        }
        point->position_m[axis] = position;
        point->velocity_m_s[axis] = pace * velocity;
        point->acceleration_m_s2[axis] = pace * pace * acceleration + gain * velocity;
    }
}
