#pragma once

#include <cstdint>

using param_t = uint32_t;

extern "C" param_t param_find(const char *name);
extern "C" int param_get(param_t param, void *value);
