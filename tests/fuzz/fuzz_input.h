/* Bytes of the fuzzer, taken apart piece by piece; what is no more there reads as zero. */
#ifndef WAYBILL_FUZZ_INPUT_H
#define WAYBILL_FUZZ_INPUT_H

#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *at;
    size_t left;
};

static inline uint8_t input_byte(struct input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->at++;
}

static inline int64_t input_number(struct input *in, int bytes)
{
    uint64_t number = 0;
    for (int i = 0; i < bytes; i++)
        number = number << 8 | input_byte(in);
    return (int64_t)number;
}

/* Up to len bytes, borrowed. */
static inline struct str input_bytes(struct input *in, size_t len)
{
    struct str bytes = {(const char *)in->at, len < in->left ? len : in->left};
    in->at += bytes.len;
    in->left -= bytes.len;
    return bytes;
}

static inline struct str input_rest(struct input *in)
{
    return input_bytes(in, in->left);
}

/* Up to the separator, which is passed over: so that a person can write an input in an editor. */
static inline struct str input_until(struct input *in, char separator)
{
    size_t len = 0;
    while (len < in->left && (char)in->at[len] != separator)
        len++;
    struct str bytes = input_bytes(in, len);
    (void)input_byte(in);
    return bytes;
}

#endif
