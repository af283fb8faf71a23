/* a * b + c with two roundings. */
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
