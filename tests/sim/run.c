#include "sim/run.h"

#include "avro/codec.h"
#include "base/partition.h"

#include <stdarg.h>

const char *const run_check_names[CHECK_COUNT] = {
#define X(name, word, text) [CHECK_##name] = word,
    RUN_CHECKS(X)
#undef X
};

void run_wrong(struct run *run, enum run_check check, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (run->wrong_count < RUN_WRONG_MAX || (run->failed >> check & 1U) == 0) {
        char *wrong = run->wrong[run->wrong_kept++];
        int named = snprintf(wrong, sizeof(run->wrong[0]), "%s: ", run_check_names[check]);
        vsnprintf(wrong + named, sizeof(run->wrong[0]) - (size_t)named, format, args);
    }
    va_end(args);
    run->failed |= 1U << check;
    run->wrong_count++;
}

static int32_t partition_for(struct run *run, const char *topic, const char *key)
{
    int32_t home = partition_of(str_from(key), run->world->partitions);
    if (strncmp(topic, "inbound.", 8) != 0 || !fake_goes_wrong(&run->world->faults, FAULT_FOREIGN))
        return home;
    return (home + 1) % run->world->partitions;
}

void run_send(struct run *run, const struct record_type *type, const char *topic, const char *key,
              const void *body, bool may_repeat)
{
    struct error err = {0};
    struct buffer value;
    char id[24];
    buffer_init(&value, 100000);
    if (avro_encode_framed(type, body, &value, &err))
        run_wrong(run, CHECK_READABLE, "cannot encode %s: %s", type->name, err.text);
    snprintf(id, sizeof(id), "e%d", ++run->sent);
    const struct event_header headers[] = {{STR("ce_id"), str_from(id)},
                                           {STR("ce_source"), STR("outside")}};
    int times = may_repeat && fake_goes_wrong(&run->world->faults, FAULT_DUPLICATE) ? 2 : 1;
    for (int i = 0; i < times; i++)
        fake_world_write(run->world, topic, partition_for(run, topic, key), key, buffer_str(&value),
                         headers, 2);
    fake_tell(&run->world->faults, 0, "%s of %s comes: %s%s", type->name, key, id,
              times > 1 ? ", twice" : "");
    buffer_done(&value);
}
