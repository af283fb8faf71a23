#ifdef __FAST_MATH__
#error "compile this file without -ffast-math: its results would no longer be the same everywhere"
#endif

/* a * b + c is one rounding or two as this file says, not as the compiler likes. */
#if defined(__clang__)
#pragma clang fp contract(off)
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#else
#error "needs gcc or clang"
#endif

#define INLINE inline __attribute__((always_inline)) /* when compiling for size, too */
#define NOINLINE __attribute__((noinline))

union word {
    float value;
    uint32_t bits;
};

/* All ones if the highest bit is set, else zero. Masks take the place of comparisons, so that the same instructions run
   whatever the numbers. */
static INLINE uint32_t mask_of_sign(uint32_t bits)
{
    return 0u - (bits >> 31);
}

/* x, no further from zero than a limit. NaN stays NaN. */
static INLINE float clamped(float x, float limit)
{
    const union word from = {x}, most = {limit};
    const uint32_t size = from.bits & 0x7fffffffu, excess = size - most.bits, not_nan = 0x7f800000u - size;
    union word to;
    to.bits = (from.bits & 0x80000000u) | (most.bits + (excess & mask_of_sign(excess | not_nan)));
    return to.value;
}
