/* y = x W + b. Four outputs at a time; the weights lie in the order of reading: for each four outputs, for each input,
   four weights. Sums of eight products are added to the total, rather than each product: smaller numbers, smaller
   errors. `y` has room for a multiple of four. */
#if defined(__ARM_ARCH_7EM__) && defined(__ARM_FP)
/* Sixteen weights in one instruction, and four inputs: compilers do not find it. The registers must be neighbours. */
#define LOAD_FOUR_BY_FOUR(weight, input)                                                                               \
    register float w0 __asm__("s16"), w1 __asm__("s17"), w2 __asm__("s18"), w3 __asm__("s19");                         \
    register float w4 __asm__("s20"), w5 __asm__("s21"), w6 __asm__("s22"), w7 __asm__("s23");                         \
    register float w8 __asm__("s24"), w9 __asm__("s25"), w10 __asm__("s26"), w11 __asm__("s27");                       \
    register float w12 __asm__("s28"), w13 __asm__("s29"), w14 __asm__("s30"), w15 __asm__("s31");                     \
    register float x0 __asm__("s8"), x1 __asm__("s9"), x2 __asm__("s10"), x3 __asm__("s11");                           \
    __asm__("vldmia %0!, {s16-s31}\n\tvldmia %1!, {s8-s11}"                                                            \
            : "+r"(weight), "+r"(input), "=t"(w0), "=t"(w1), "=t"(w2), "=t"(w3), "=t"(w4), "=t"(w5), "=t"(w6),         \
              "=t"(w7), "=t"(w8), "=t"(w9), "=t"(w10), "=t"(w11), "=t"(w12), "=t"(w13), "=t"(w14), "=t"(w15),          \
              "=t"(x0), "=t"(x1), "=t"(x2), "=t"(x3)                                                                   \
            :                                                                                                          \
            : "memory")
#else
#define LOAD_FOUR_BY_FOUR(weight, input)                                                                               \
    const float w0 = weight[0], w1 = weight[1], w2 = weight[2], w3 = weight[3], w4 = weight[4], w5 = weight[5];        \
    const float w6 = weight[6], w7 = weight[7], w8 = weight[8], w9 = weight[9], w10 = weight[10], w11 = weight[11];    \
    const float w12 = weight[12], w13 = weight[13], w14 = weight[14], w15 = weight[15];                                \
    const float x0 = input[0], x1 = input[1], x2 = input[2], x3 = input[3];                                            \
    weight += 16;                                                                                                      \
    input += 4
#endif

#define ADD_PRODUCTS(wa, wb, wc, wd, x)                                                                                \
    a = MULTIPLY_ADD(wa, x, a);                                                                                        \
    b = MULTIPLY_ADD(wb, x, b);                                                                                        \
    c = MULTIPLY_ADD(wc, x, c);                                                                                        \
    d = MULTIPLY_ADD(wd, x, d)

static NOINLINE void dense(const float *weight, const float *bias, const float *x, float *y, unsigned inputs,
                           unsigned outputs)
{
    for (unsigned row = 0; row < outputs; row += 4) {
        const float *input = x;
        float total_a = bias[row], total_b = bias[row + 1], total_c = bias[row + 2], total_d = bias[row + 3];
        for (unsigned eights = inputs / 8; eights != 0; eights--) {
            float a, b, c, d;
            {
                LOAD_FOUR_BY_FOUR(weight, input);
                a = w0 * x0;
                b = w1 * x0;
                c = w2 * x0;
                d = w3 * x0;
                ADD_PRODUCTS(w4, w5, w6, w7, x1);
                ADD_PRODUCTS(w8, w9, w10, w11, x2);
                ADD_PRODUCTS(w12, w13, w14, w15, x3);
            }
            {
                LOAD_FOUR_BY_FOUR(weight, input);
                ADD_PRODUCTS(w0, w1, w2, w3, x0);
                ADD_PRODUCTS(w4, w5, w6, w7, x1);
                ADD_PRODUCTS(w8, w9, w10, w11, x2);
                ADD_PRODUCTS(w12, w13, w14, w15, x3);
            }
            total_a += a;
            total_b += b;
            total_c += c;
            total_d += d;
        }
        float a = 0.0f, b = 0.0f, c = 0.0f, d = 0.0f;
        for (unsigned rest = inputs % 8; rest != 0; rest--) {
            ADD_PRODUCTS(weight[0], weight[1], weight[2], weight[3], *input);
            weight += 4;
            input++;
        }
        y[row] = total_a + a;
        y[row + 1] = total_b + b;
        y[row + 2] = total_c + c;
        y[row + 3] = total_d + d;
    }
}
