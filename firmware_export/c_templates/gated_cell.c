/* The next memory of n numbers, of a gated recurrent unit's sums: gates r, z, c side by side, n each. It is left in `memory` and
   in `joined`; `seen` is used up. A sigmoid is half a tanh of the half, and a half. */
static INLINE void next_memory(const struct policy_data *data, float *seen, const float *recalled, float *memory,
                               float *joined, unsigned n)
{
    const float *const update = seen + n, *const candidate = seen + 2 * n;
    for (unsigned i = 0; i < 2 * n; i++) {
        seen[i] = 0.5f * (seen[i] + recalled[i]);
    }
    tanh_each(data, seen, 2 * n);
    for (unsigned i = 0; i < 2 * n; i++) {
        seen[i] = MULTIPLY_ADD(0.5f, seen[i], 0.5f);
    }
    for (unsigned i = 0; i < n; i++) {
        seen[2 * n + i] = MULTIPLY_ADD(seen[i], recalled[2 * n + i], seen[2 * n + i]);
    }
    tanh_each(data, seen + 2 * n, n);
    for (unsigned i = 0; i < n; i++) {
        memory[i] = joined[i] = MULTIPLY_ADD(update[i], memory[i] - candidate[i], candidate[i]);
    }
}
