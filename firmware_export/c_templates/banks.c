uint32_t policy_crc_32(const void *bytes, uint32_t n)
{
    const struct policy_data *const flash = &policy_data;
    const uint32_t *table = flash->crc_table;
    OPAQUE(table);
    return crc_32(table, bytes, n);
}

uint32_t policy_bytes(void)
{
    return sizeof(struct policy_data);
}

int policy_put(uint32_t offset, const void *bytes, uint32_t n)
{
    const unsigned char *from = bytes;
    if (offset > sizeof *banks || n > sizeof *banks - offset) {
        return 0;
    }
    for (unsigned char *to = (unsigned char *)&banks[idle] + offset; n != 0; n--) {
        *to++ = *from++;
    }
    return 1;
}

int policy_choose(uint32_t crc)
{
    const struct policy_data *const before = chosen, *const flash = &policy_data;
    const uint32_t *table = flash->crc_table;
    OPAQUE(table);
    chosen = &banks[idle];
    if (!are_intact(table, crc)) {
        chosen = before;
        return 0;
    }
    crc_in_force = crc;
    idle = (idle + 1) % POLICY_BANKS;
    return 1;
}
