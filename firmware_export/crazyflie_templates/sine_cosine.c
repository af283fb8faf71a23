#include "sine_cosine.h"

#include <stdint.h>

void sine_cosine(float angle_rad, float *sine, float *cosine)
{
    /* The nearest quarter turn, and what is left: within 45 degrees. Pi / 2 is taken off in two parts, exactly. */
    const float quarters = angle_rad * 0.636619772f;
    const int32_t quarter = (int32_t)(quarters + (quarters < 0.0f ? -0.5f : 0.5f));
    const float n = (float)quarter;
    const float x = (angle_rad - n * 1.5703125f) - n * 4.83826794897e-4f;
    const float y = x * x;
    const float s = x * (1.0f + y * (-1.66666667e-1f + y * (8.33332987e-3f + y * (-1.98396700e-4f + y * 2.7e-6f))));
    const float c = 1.0f + y * (-0.5f + y * (4.16666642e-2f + y * (-1.38887850e-3f + y * 2.45e-5f)));
    switch (quarter & 3) {
    case 0:
        *sine = s, *cosine = c;
        break;
    case 1:
        *sine = c, *cosine = -s;
        break;
    case 2:
        *sine = -s, *cosine = -c;
        break;
    default:
        *sine = -c, *cosine = s;
        break;
    }
}
