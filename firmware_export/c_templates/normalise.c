void policy_normalise(const float raw[POLICY_SENSED], float x[POLICY_SENSED])
{
    const struct policy_data *const data = in_flash();
    for (unsigned i = 0; i < POLICY_SENSED; i++) {
        x[i] = (raw[i] - data->offset[i]) * data->scale[i];
    }
}
