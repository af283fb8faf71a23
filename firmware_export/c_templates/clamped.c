/* x, no further from zero than a limit. NaN stays NaN. */
static INLINE float clamped(float x, float limit)
{
    const union word from = {x}, most = {limit};
    const uint32_t size = from.bits & 0x7fffffffu, excess = size - most.bits, not_nan = 0x7f800000u - size;
    union word to;
    to.bits = (from.bits & 0x80000000u) | (most.bits + (excess & mask_of_sign(excess | not_nan)));
    return to.value;
}
