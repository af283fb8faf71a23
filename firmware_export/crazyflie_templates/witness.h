#pragma once

#include <stdint.h>

/* After the policy's decision of this number (policy.decisions): tell it, if it is its turn. */
void witness_decision(uint32_t decision, const float *action);
/* Once in every step of the stabilizer's loop. */
void witness_step(void);
