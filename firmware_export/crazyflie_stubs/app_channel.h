/* The firmware's channel from an app to the ground. */
#pragma once

#include <stddef.h>

#define APPCHANNEL_MTU 31

/* Send a packet of at most APPCHANNEL_MTU bytes without waiting; 0 if there is no room for it. */
int appchannelSendDataPacket(void *data, size_t length);
