#pragma once

/* Sine and cosine of an angle within +-1000 turns, error below 3e-7 and the turns' rounding; without libm, so that the
   same bits come out on the chip and on a computer. */
void sine_cosine(float angle_rad, float *sine, float *cosine);
