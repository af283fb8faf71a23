/* The positive part of each number. NaN stays NaN. */
static NOINLINE void relu_each(float *y, unsigned n)
{
    for (; n != 0; n--, y++) {
        union word x = {*y};
        const uint32_t number = mask_of_sign((x.bits & 0x7fffffffu) - 0x7f800001u), negative = mask_of_sign(x.bits);
        x.bits &= ~(number & negative);
        *y = x.value;
    }
}
