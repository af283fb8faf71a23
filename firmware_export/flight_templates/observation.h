/* What a policy that flies sees of an autopilot's estimate. */
#pragma once

#include <stdbool.h>

struct estimate {
    float position_m[3], velocity_m_s[3]; /* world, z up */
    float attitude[4];                    /* w, x, y, z: body (x forward, y left, z up) to world */
    float rate_rad_s[3];                  /* body */
};

/* Where the nose points: the attitude's twist about the vertical. */
struct heading {
    float cosine, sine;
};

/* The tilt's limit keeps the divisor from zero. */
struct heading heading_of(const float attitude[4]);

/* A vector of the world, along the heading's x and y. */
void turn_to_heading(const struct heading *heading, float vector[3]);

/* Cosine of the angle between the drone's axis and the vertical. */
float tilt_cosine(const float attitude[4]);

float size_of(float x);
float clipped(float x, float limit); /* NaN stays NaN */
bool all_finite(const float *numbers, int n);

/* Those fields of the observation that an estimate gives, in SI units as policy.h lists them: for the world's x, the heading.
   target: where it should be, and how fast. raw: POLICY_SENSED numbers. */
void observe(const struct estimate *estimate, const struct heading *heading, const float target_m[3],
             const float target_m_s[3], float *raw);
