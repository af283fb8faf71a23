/* The constants, by an address that compilers cannot see through: they would copy some of them into the code, where the
   CRC does not find them. */
static INLINE const struct policy_data *in_flash(void)
{
    const struct policy_data *data = &policy_data;
    __asm__("" : "+r"(data));
    return data;
}
