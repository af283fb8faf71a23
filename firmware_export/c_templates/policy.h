/* @TITLE@

   A decision, @RATE@ times a second:

@USE@

   The network sees (raw - offset) * scale:
@OBSERVATION@

   It decides, between -1 and 1; the command is action / scale + offset:
@ACTION@

   No heap, no libm; static scratch: one caller at a time. A NaN that goes in comes out, and stays among @KEEPS@
   until policy_reset. */
#ifndef POLICY_H
#define POLICY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

@DEFINES@

/* Where the fields of the observation begin. */
@STARTS@

/* Raw observation to what the network sees. */
void policy_normalise(const float raw[POLICY_SENSED], float x[POLICY_SENSED]);

@FUNCTIONS@

/* What the network saw in the newest decision: POLICY_INPUTS numbers. */
const float *policy_seen(void);

/* 1 if constants and weights have their CRC-32 and the golden vectors come out to the last bit, otherwise 0. */
int policy_selftest(void);

#if POLICY_BANKS > 0
/* Other constants, in RAM: how many bytes they are; write some of them to the bank that is not in force (0: they do not fit). */
uint32_t policy_bytes(void);
uint32_t policy_crc_32(const void *bytes, uint32_t n); /* of any bytes */
int policy_put(uint32_t offset, const void *bytes, uint32_t n);

/* Take the bank that was written to into force if it has this CRC-32 and its golden vectors come out: 1. Otherwise 0, and those
   that were in force still are. Not while another call of this file is under way. */
int policy_choose(uint32_t crc);
#endif

#ifdef __cplusplus
}
#endif

#endif
