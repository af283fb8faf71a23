/* a * b + c with one rounding. */
#if defined(__clang__) && defined(__arm__) && defined(__ARM_FEATURE_FMA)
static INLINE float fused(float a, float b, float c) /* here clang's builtin may become a call of libm */
{
    __asm__("vfma.f32 %0, %1, %2" : "+t"(c) : "t"(a), "t"(b));
    return c;
}
#define MULTIPLY_ADD(a, b, c) fused(a, b, c)
#else
#define MULTIPLY_ADD(a, b, c) __builtin_fmaf(a, b, c)
#endif
