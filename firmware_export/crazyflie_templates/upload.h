#pragma once

#include <stddef.h>
#include <stdint.h>

enum upload_state {
    UPLOAD_NONE,    /* nothing was begun since power-on */
    UPLOAD_RUNS,    /* pieces are missing */
    UPLOAD_WHOLE,   /* all pieces are there, and wait for being chosen */
    UPLOAD_CHOSEN,  /* they are the policy now */
    UPLOAD_SPOILT,  /* they were no policy: the one before stays */
    UPLOAD_WAITS,   /* the policy flies: not now */
    UPLOAD_REFUSED, /* this app has no room for weights, or for other ones than these */
};

/* A packet of the app channel; of others than its own it knows nothing. */
void upload_take(const void *packet, size_t length);

/* Of policy_controller.c: take what was uploaded into force, unless the policy flies. Returns an upload_state. */
enum upload_state choose_uploaded(uint32_t crc, uint32_t policy_id, uint32_t policy_version);
uint32_t version_in_force(void);
