/* A program that tests its policy and says whether it is intact; nothing in it flies. */
#include "image_record.h"
#include "policy.h"

int main(void)
{
    return image_policy()[0] != 0 && policy_selftest();
}
