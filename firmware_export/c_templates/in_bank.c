/* The constants in force: those in flash, or a bank of RAM that was filled later and found whole (policy_choose). A bank
   that is written to is never the one in force. */
static struct policy_data banks[POLICY_BANKS];
static unsigned idle; /* the one that may be written to */
static const struct policy_data *chosen = &policy_data;
static uint32_t crc_in_force = POLICY_CRC32;

static INLINE const struct policy_data *in_flash(void)
{
    const struct policy_data *data = chosen;
    OPAQUE(data);
    return data;
}
