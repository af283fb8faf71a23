void policy_normalise(const float raw[POLICY_SENSED], float x[POLICY_SENSED])
{
    const struct policy_data *const data = in_flash();
    for (unsigned i = 0; i < POLICY_SENSED; i++) {
        x[i] = (raw[i] - data->offset[i]) * data->scale[i];
    }
}

#if POLICY_HISTORY > 0
static float ring[POLICY_HISTORY][POLICY_OUTPUTS]; /* from `newest` on upwards, and round: actions, newest first */
static unsigned newest;

void policy_reset(float first_action)
{
    newest = 0;
    for (unsigned slot = 0; slot < POLICY_HISTORY; slot++) {
        for (unsigned i = 0; i < POLICY_OUTPUTS; i++) {
            ring[slot][i] = first_action;
        }
    }
}

static void remember(const float action[POLICY_OUTPUTS])
{
    newest = newest == 0 ? POLICY_HISTORY - 1 : newest - 1;
    for (unsigned i = 0; i < POLICY_OUTPUTS; i++) {
        ring[newest][i] = action[i];
    }
}

static void recall(float *x)
{
    for (unsigned age = 0, slot = newest; age < POLICY_HISTORY; age++) {
        for (unsigned i = 0; i < POLICY_OUTPUTS; i++) {
            *x++ = ring[slot][i];
        }
        slot = slot == POLICY_HISTORY - 1 ? 0 : slot + 1;
    }
}
#endif

static float x[POLICY_INPUTS]; /* of the newest decision */

void policy_act(const float sensed_raw[POLICY_SENSED], float action[POLICY_OUTPUTS])
{
    policy_normalise(sensed_raw, x);
#if POLICY_HISTORY > 0
    recall(x + POLICY_SENSED);
    policy_infer(x, action);
    remember(action);
#else
    policy_infer(x, action);
#endif
}

const float *policy_seen(void)
{
    return x;
}

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

/* Whether the constants in force have a CRC-32, and give their golden vectors. table: of the CRC, which is known to be right,
   or is found wrong with it. */
static int are_intact(const uint32_t *table, uint32_t crc)
{
    const struct policy_data *const data = in_flash();
    if (crc_32(table, (const unsigned char *)data, sizeof *data) != crc) {
        return 0;
    }
    for (unsigned vector = 0; vector < GOLDEN_VECTORS; vector++) {
        float y[POLICY_OUTPUTS];
        policy_infer(data->golden_inputs[vector], y);
        for (unsigned i = 0; i < POLICY_OUTPUTS; i++) {
            const union word found = {y[i]}, golden = {data->golden_outputs[vector][i]};
            if (found.bits != golden.bits) { /* bits, not values: NaN differs, and so does -0 */
                return 0;
            }
        }
    }
    return 1;
}

int policy_selftest(void)
{
    return are_intact(in_flash()->crc_table, crc_in_force);
}
