/* The firmware's console; as there, DEBUG_MODULE is defined before this is included. */
#pragma once

#include "stub_host.h"

#define DEBUG_PRINT(...) stub_print(DEBUG_MODULE ": " __VA_ARGS__)
