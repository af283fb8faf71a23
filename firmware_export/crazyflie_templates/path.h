/* A closed path: a Fourier series that begins at the origin, from rest. */
#pragma once

struct path_point {
    float position_m[3], velocity_m_s[3], acceleration_m_s2[3]; /* world, relative to the path's origin */
};

/* Where the set-point is `time_s` after the start, laps of `lap_s` each. */
void path_at(float time_s, float lap_s, struct path_point *point);
