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

#ifdef __cplusplus
}
#endif

#endif
