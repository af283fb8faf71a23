/* The positive part of each number. NaN stays NaN. */
static NOINLINE void relu_each(float *y, unsigned n)
{
    for (; n != 0; n--, y++) {
        *y = *y < 0.0f ? 0.0f : *y;
    }
}
