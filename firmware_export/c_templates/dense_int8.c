/* y = scale * (x W) + b with weights of eight bits and inputs of sixteen: one scale for each output. */
#if defined(__ARM_FEATURE_SIMD32)
#include <arm_acle.h>
static INLINE uint32_t bytes_0_and_2(uint32_t four)
{
    return __sxtb16(four);
}

static INLINE uint32_t bytes_1_and_3(uint32_t four)
{
    uint32_t two;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(two) : "r"(four));
    return two;
}

static INLINE int32_t add_two_products(uint32_t w, uint32_t x, int32_t sum)
{
    return __smlad((int16x2_t)w, (int16x2_t)x, sum);
}
#else
static INLINE uint32_t bytes_0_and_2(uint32_t four)
{
    const uint32_t low = (uint32_t)(int8_t)(four & 0xffu), high = (uint32_t)(int8_t)(four >> 16 & 0xffu);
    return (low & 0xffffu) | high << 16;
}

static INLINE uint32_t bytes_1_and_3(uint32_t four)
{
    return bytes_0_and_2(four >> 8);
}

static INLINE int32_t add_two_products(uint32_t w, uint32_t x, int32_t sum)
{
    const int16_t w_low = (int16_t)(w & 0xffffu), w_high = (int16_t)(w >> 16);
    const int16_t x_low = (int16_t)(x & 0xffffu), x_high = (int16_t)(x >> 16);
    return sum + w_low * x_low + w_high * x_high;
}
#endif

/* Weights of one output for four inputs, in bytes 0, 2, 1, 3. */
static INLINE int32_t add_four_products(uint32_t w, uint32_t x01, uint32_t x23, int32_t sum)
{
    return add_two_products(bytes_1_and_3(w), x23, add_two_products(bytes_0_and_2(w), x01, sum));
}

static NOINLINE void dense(const uint32_t *weight, const float *scale, const float *bias, const uint32_t *x, float *y,
                           unsigned inputs, unsigned outputs)
{
    for (unsigned row = 0; row < outputs; row += 4) {
        const uint32_t *input = x;
        int32_t a = 0, b = 0, c = 0, d = 0;
        for (unsigned fours = (inputs + 3) / 4; fours != 0; fours--) {
            const uint32_t x01 = input[0], x23 = input[1];
            a = add_four_products(weight[0], x01, x23, a);
            b = add_four_products(weight[1], x01, x23, b);
            c = add_four_products(weight[2], x01, x23, c);
            d = add_four_products(weight[3], x01, x23, d);
            weight += 4;
            input += 2;
        }
        y[row] = MULTIPLY_ADD((float)a, scale[row], bias[row]);
        y[row + 1] = MULTIPLY_ADD((float)b, scale[row + 1], bias[row + 1]);
        y[row + 2] = MULTIPLY_ADD((float)c, scale[row + 2], bias[row + 2]);
        y[row + 3] = MULTIPLY_ADD((float)d, scale[row + 3], bias[row + 3]);
    }
}

/* A number in sixteen bits, halves to even, clipped. */
static INLINE uint32_t sixteen_bits(float x, float steps_per_unit)
{
    const union word rounded = {clamped(x * steps_per_unit, 32767.0f) + 12582912.0f}; /* 1.5 * 2^23: it leaves the integer in the low bits */
    return rounded.bits & 0xffffu;
}

/* n numbers, two to a word. */
static NOINLINE void quantise(const float *x, float steps_per_unit, uint32_t *words, unsigned n)
{
    for (; n >= 2; n -= 2, x += 2) {
        *words++ = sixteen_bits(x[0], steps_per_unit) | sixteen_bits(x[1], steps_per_unit) << 16;
    }
    if (n != 0) {
        *words = sixteen_bits(*x, steps_per_unit);
    }
}

/* Zero; NaN if a number is not finite, which integers would hide. */
static NOINLINE float zero_if_finite(const float *x, unsigned n)
{
    float zero = 0.0f;
    for (; n != 0; n--) {
        zero = MULTIPLY_ADD(*x++, 0.0f, zero);
    }
    return zero;
}
