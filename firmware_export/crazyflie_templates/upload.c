/* Other weights over the air: all constants of a policy of the same shape, in pieces of up to BYTES, into the bank of RAM that is
   not in force. Any piece may be lost, doubled or late: who sends asks which are missing, and sends them again. At last it says
   what they are to be (CRC-32, the policy's id, a version): only then are they looked through, golden vectors included, and only
   while the policy does not fly do they take the place of those that were. Whatever fails, these stay.

   Packets, numbers little-endian:
     BEGIN   kind, transfer, number of bytes (u32)
     PIECE   kind, transfer, number of the piece (u16), its bytes; the last one may be shorter
     ASK     kind, transfer
     CHOOSE  kind, transfer, CRC-32 of all bytes, id, version (u32 each), CRC-32 of the packet so far
     TELL    the answer to all but PIECE: kind, transfer, state, 0, version in force (u32), how many are missing (u16), the first
             of them (u16 each) */
#include "upload.h"

#include <stdbool.h>
#include <string.h>

#include "app_channel.h"
#include "policy.h"

#define BEGIN 0x42
#define PIECE 0x44
#define ASK 0x51
#define CHOOSE 0x53
#define TELL 0x4f

static struct {
    uint8_t kind, transfer, state, nothing;
    uint32_t version;
    uint16_t missing, first[9];
} told;

#if POLICY_BANKS > 0
#define BYTES 26
#define PIECES_MAX 1024
static uint8_t there[PIECES_MAX / 8];
static uint32_t pieces, missing;
static uint8_t transfer; /* which one is under way, by who sends */
static enum upload_state state;

static uint32_t word_at(const uint8_t *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static bool is_there(uint32_t piece)
{
    return there[piece / 8] >> piece % 8 & 1;
}

static void begin(uint8_t number, uint32_t bytes)
{
    if (state != UPLOAD_NONE && state != UPLOAD_REFUSED && number == transfer) {
        return; /* the packet came twice, or its answer was lost */
    }
    transfer = number;
    pieces = missing = (bytes + BYTES - 1) / BYTES;
    state = bytes == policy_bytes() && pieces <= PIECES_MAX ? UPLOAD_RUNS : UPLOAD_REFUSED;
    memset(there, 0, sizeof there);
}

static void take_piece(const uint8_t *packet, size_t length)
{
    uint16_t piece;
    memcpy(&piece, packet + 2, sizeof piece);
    if (state != UPLOAD_RUNS || packet[1] != transfer || piece >= pieces || is_there(piece)) {
        return;
    }
    const uint32_t offset = BYTES * (uint32_t)piece;
    const uint32_t wanted = policy_bytes() - offset < BYTES ? policy_bytes() - offset : BYTES;
    if (length - 4 != wanted || !policy_put(offset, packet + 4, wanted)) {
        return;
    }
    there[piece / 8] |= (uint8_t)(1u << piece % 8);
    if (--missing == 0) {
        state = UPLOAD_WHOLE;
    }
}

static void choose(const uint8_t *packet)
{
    if (packet[1] != transfer || (state != UPLOAD_WHOLE && state != UPLOAD_WAITS) ||
        word_at(packet + 14) != policy_crc_32(packet, 14)) {
        return;
    }
    state = choose_uploaded(word_at(packet + 2), word_at(packet + 6), word_at(packet + 10));
}

static void tell(void)
{
    told.transfer = transfer;
    told.state = (uint8_t)state;
    told.missing = (uint16_t)missing;
    memset(told.first, 0, sizeof told.first);
    for (uint32_t piece = 0, n = 0; piece < pieces && piece < PIECES_MAX && n < sizeof told.first / 2; piece++) {
        if (!is_there(piece)) {
            told.first[n++] = (uint16_t)piece;
        }
    }
}

static void obey(const uint8_t *packet, size_t length)
{
    if (packet[0] == BEGIN && length == 6) {
        begin(packet[1], word_at(packet + 2));
    } else if (packet[0] == CHOOSE && length == 18) {
        choose(packet);
    }
    tell();
}
#else
static void take_piece(const uint8_t *packet, size_t length)
{
    (void)packet;
    (void)length;
}

static void obey(const uint8_t *packet, size_t length)
{
    (void)length;
    told.transfer = packet[1];
    told.state = UPLOAD_REFUSED;
}
#endif

void upload_take(const void *packet, size_t length)
{
    const uint8_t *const bytes = packet;
    if (length > 4 && bytes[0] == PIECE) {
        take_piece(bytes, length);
    } else if (length >= 2 && (bytes[0] == BEGIN || bytes[0] == ASK || bytes[0] == CHOOSE)) {
        obey(bytes, length);
        told.kind = TELL;
        told.version = version_in_force();
        appchannelSendDataPacket(&told, sizeof told);
    }
}
