/* What it knows from one decision to the next, the caller's. The memory is what it has found out about what it flies,
   numbers between -1 and 1. */
struct policy_state {
    float memory[POLICY_MEMORY], last_action[POLICY_OUTPUTS];
};

/* The network alone: normalised observation and last action in, action out; the memory becomes the next one. */
void policy_infer(const float x[POLICY_INPUTS], float memory[POLICY_MEMORY], float y[POLICY_OUTPUTS]);

/* Begin: nothing is remembered, and the last action was this one, in all its components. */
void policy_reset(struct policy_state *state, float first_action);

/* Decide: normalise, infer, remember. */
void policy_act(struct policy_state *state, const float sensed_raw[POLICY_SENSED], float action[POLICY_OUTPUTS]);
