#define crc_in_force POLICY_CRC32

/* The constants. Compilers that saw through the address would copy some of them into the code, where the CRC does not find
   them. */
static INLINE const struct policy_data *in_flash(void)
{
    const struct policy_data *data = &policy_data;
    OPAQUE(data);
    return data;
}
