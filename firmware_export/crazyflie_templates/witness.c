/* One decision of DECISIONS is told whole: what the network saw, its own past actions among it, and what it put out. Who has
   the weights can then say whether they give this, bit by bit.

   It goes over the app channel, one packet every STEPS_PER_PACKET: what a radio has to spare beside the log. A packet for
   which there is no room is lost, and its decision with it. Packet: WITNESS_KIND, number of the part, 28 bytes of `told`.

   A policy with memory tells its memory, too, and the first decision of a flight always: then nothing may be remembered. */
#include "witness.h"

#include <string.h>

#include "app_channel.h"

#define DECISIONS 50
#define STEPS_PER_PACKET 20
#define WITNESS_KIND 0x57
#define BYTES 28
#define PARTS ((sizeof told + BYTES - 1) / BYTES)

static struct {
    uint32_t decision;
#if POLICY_MEMORY > 0
    uint32_t flown;
    float memory[POLICY_MEMORY], memory_next[POLICY_MEMORY];
#endif
    float seen[POLICY_INPUTS], done[POLICY_OUTPUTS];
} told;
static struct {
    uint8_t kind, part, bytes[BYTES];
} packet;
static unsigned part = UINT8_MAX; /* the next one; PARTS or more: nothing is left to be told */
static uint32_t steps;

static void tell(uint32_t decision, const float *action)
{
    told.decision = decision;
    memcpy(told.seen, policy_seen(), sizeof told.seen);
    memcpy(told.done, action, sizeof told.done);
    part = 0;
}

#if POLICY_MEMORY > 0
void witness_decision(uint32_t decision, const float *action, uint32_t flown, const float *memory,
                      const float *memory_next)
{
    if (flown == 0 || (part >= PARTS && decision % DECISIONS == 0)) {
        told.flown = flown;
        memcpy(told.memory, memory, sizeof told.memory);
        memcpy(told.memory_next, memory_next, sizeof told.memory_next);
        tell(decision, action);
    }
}
#else
void witness_decision(uint32_t decision, const float *action)
{
    if (part >= PARTS && decision % DECISIONS == 0) {
        tell(decision, action);
    }
}
#endif

void witness_step(void)
{
    if (steps++ % STEPS_PER_PACKET != 0 || part >= PARTS) {
        return;
    }
    const unsigned begin = part * BYTES, left = sizeof told - begin;
    packet.kind = WITNESS_KIND;
    packet.part = (uint8_t)part;
    memset(packet.bytes, 0, BYTES);
    memcpy(packet.bytes, (const uint8_t *)&told + begin, left < BYTES ? left : BYTES);
    part = appchannelSendDataPacket(&packet, sizeof packet) ? part + 1 : UINT8_MAX;
}
