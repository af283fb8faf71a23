/* CRC-32 of IEEE 802.3, as zlib has it, four bits at a time. */
static uint32_t crc_32(const uint32_t *table, const unsigned char *byte, uint32_t n)
{
    uint32_t crc = 0xffffffffu;
    for (; n != 0; n--) {
        crc ^= *byte++;
        crc = (crc >> 4) ^ table[crc & 15u];
        crc = (crc >> 4) ^ table[crc & 15u];
    }
    return ~crc;
}

/* Bits, not values: NaN differs, and so does -0. */
static int same_bits(const float *found, const float *golden, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const union word one = {found[i]}, other = {golden[i]};
        if (one.bits != other.bits) {
            return 0;
        }
    }
    return 1;
}

/* Whether the constants in force have a CRC-32, and give their golden vectors. table: of the CRC, which is known to be right,
   or is found wrong with it. */
static int are_intact(const uint32_t *table, uint32_t crc)
{
    const struct policy_data *const data = in_flash();
    if (crc_32(table, (const unsigned char *)data, sizeof *data) != crc) {
        return 0;
    }
#if POLICY_MEMORY > 0
    float memory[POLICY_MEMORY] = {0.0f}; /* its own: the vectors are steps, one after the other */
#endif
    for (unsigned vector = 0; vector < GOLDEN_VECTORS; vector++) {
        float y[POLICY_OUTPUTS];
#if POLICY_MEMORY > 0
        policy_infer(data->golden_inputs[vector], memory, y);
#else
        policy_infer(data->golden_inputs[vector], y);
#endif
        if (!same_bits(y, data->golden_outputs[vector], POLICY_OUTPUTS)) {
            return 0;
        }
    }
#if POLICY_MEMORY > 0
    return same_bits(memory, data->golden_memory, POLICY_MEMORY);
#else
    return 1;
#endif
}

int policy_selftest(void)
{
    return are_intact(in_flash()->crc_table, crc_in_force);
}
