/* The network alone: normalised observation and past actions in, action out. */
void policy_infer(const float x[POLICY_INPUTS], float y[POLICY_OUTPUTS]);

#if POLICY_HISTORY > 0
/* Begin: pretend that every past action was this one, in all its components. */
void policy_reset(float first_action);
#endif

/* Decide: normalise, recall the past actions, infer, remember the action. */
void policy_act(const float sensed_raw[POLICY_SENSED], float action[POLICY_OUTPUTS]);
