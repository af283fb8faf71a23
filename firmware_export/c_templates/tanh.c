/* tanh of each number, as a rational function of it: Eigen's, with which the policy was trained. NaN stays NaN. */
static NOINLINE void tanh_each(const struct policy_data *data, float *y, unsigned n)
{
    const float limit = data->tanh_limit[0], *const a = data->tanh_above, *const b = data->tanh_below;
    const float a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3], a4 = a[4], a5 = a[5], a6 = a[6];
    const float b0 = b[0], b1 = b[1], b2 = b[2], b3 = b[3];
    for (; n != 0; n--, y++) {
        const float x = clamped(*y, limit), z = x * x;
        float above = MULTIPLY_ADD(z, a6, a5);
        above = MULTIPLY_ADD(z, above, a4);
        above = MULTIPLY_ADD(z, above, a3);
        above = MULTIPLY_ADD(z, above, a2);
        above = MULTIPLY_ADD(z, above, a1);
        above = MULTIPLY_ADD(z, above, a0);
        float below = MULTIPLY_ADD(z, b3, b2);
        below = MULTIPLY_ADD(z, below, b1);
        below = MULTIPLY_ADD(z, below, b0);
        *y = x * above / below;
    }
}
