#pragma once

#include <stdint.h>

#include "policy.h"

/* After the policy's decision of this number (policy.decisions): tell it, if it is its turn. */
#if POLICY_MEMORY > 0
/* flown: decisions before it since the policy took over; memory: before the decision, and after it. */
void witness_decision(uint32_t decision, const float *action, uint32_t flown, const float *memory,
                      const float *memory_next);
#else
void witness_decision(uint32_t decision, const float *action);
#endif
/* Once in every step of the stabilizer's loop. */
void witness_step(void);
