#pragma once

#include <cstdio>

#define PX4_INFO(...) (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr))
#define PX4_WARN(...) PX4_INFO(__VA_ARGS__)
#define PX4_ERR(...) PX4_INFO(__VA_ARGS__)
