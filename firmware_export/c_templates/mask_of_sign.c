/* All ones if the highest bit is set, else zero. Masks take the place of comparisons, so that the same instructions run
   whatever the numbers; compilers that knew a mask for one would make a comparison of it again. */
static INLINE uint32_t mask_of_sign(uint32_t bits)
{
    uint32_t mask = 0u - (bits >> 31);
    OPAQUE(mask);
    return mask;
}
