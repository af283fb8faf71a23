/* A program that tests its policy and says whether it is intact. */
#include "policy.h"

int main(void)
{
    return policy_selftest();
}
