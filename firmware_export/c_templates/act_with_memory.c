static float x[POLICY_INPUTS]; /* of the newest decision */

void policy_reset(struct policy_state *state, float first_action)
{
    for (unsigned i = 0; i < POLICY_MEMORY; i++) {
        state->memory[i] = 0.0f;
    }
    for (unsigned i = 0; i < POLICY_OUTPUTS; i++) {
        state->last_action[i] = first_action;
    }
}

void policy_act(struct policy_state *state, const float sensed_raw[POLICY_SENSED], float action[POLICY_OUTPUTS])
{
    policy_normalise(sensed_raw, x);
    for (unsigned i = 0; i < POLICY_OUTPUTS; i++) {
        x[POLICY_SENSED + i] = state->last_action[i];
    }
    policy_infer(x, state->memory, action);
    for (unsigned i = 0; i < POLICY_OUTPUTS; i++) {
        state->last_action[i] = action[i];
    }
}

const float *policy_seen(void)
{
    return x;
}
