/* The firmware's channel between an app and the ground. */
#pragma once

#include <stddef.h>

#define APPCHANNEL_MTU 31
#define APPCHANNEL_WAIT_FOREVER (-1)

/* Send a packet of at most APPCHANNEL_MTU bytes without waiting; 0 if there is no room for it. */
int appchannelSendDataPacket(void *data, size_t length);
/* The next packet from the ground, of at most max_length bytes; its length. Here 0 where none waits, instead of waiting. */
size_t appchannelReceiveDataPacket(void *buffer, size_t max_length, int timeout_ms);
