/* 1 / square root, by Newton's method from a guess made of the exponent's bits: the same everywhere, without libm. */
static INLINE float inverse_root(float x)
{
    union word guess = {x};
    guess.bits = 0x5f3759dfu - (guess.bits >> 1);
    float root = guess.value;
    for (unsigned step = 0; step < 4; step++) {
        root = root * MULTIPLY_ADD(-0.5f * x, root * root, 1.5f);
    }
    return root;
}

/* Bring n numbers to mean 0 and variance 1. */
static NOINLINE void layer_norm(float *y, unsigned n, float one_over_n, float epsilon)
{
    float mean = 0.0f, variance = 0.0f;
    for (unsigned i = 0; i < n; i++) {
        mean += y[i];
    }
    mean *= one_over_n;
    for (unsigned i = 0; i < n; i++) {
        y[i] -= mean;
        variance = MULTIPLY_ADD(y[i], y[i], variance);
    }
    const float scale = inverse_root(variance * one_over_n + epsilon);
    for (unsigned i = 0; i < n; i++) {
        y[i] *= scale;
    }
}
