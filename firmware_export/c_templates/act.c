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
