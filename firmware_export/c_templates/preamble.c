#ifdef __FAST_MATH__
#error "compile this file without -ffast-math: its results would no longer be the same everywhere"
#endif

/* a * b + c is one rounding or two as this file says, not as the compiler likes. (Given -ffp-contract=fast, clang does
   not listen: the self-test then fails.) */
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

/* Compilers know nothing about x from here on: neither that it is constant, nor what it was made from. */
#define OPAQUE(x) __asm__("" : "+r"(x))
