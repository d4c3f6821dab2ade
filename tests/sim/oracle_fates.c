/* Every record that came in has exactly one fate. */
#include "sim/oracle.h"

#include "base/partition.h"
#include "cloudevents/cloudevents.h"
#include "worker/batch.h"

static struct str header(const struct stored *record, const char *name)
{
    return event_header_find(record->headers, record->header_count, name);
}

static bool has_route(const struct service *rules, const struct record_type *type)
{
    for (size_t i = 0; i < rules->route_count; i++)
        if (rules->routes[i].on == type)
            return true;
    return false;
}

static const struct record_type *type_of(struct oracle *oracle, struct str value)
{
    const struct record_type *type = NULL;
    if (value.ptr)
        oracle_decode(oracle, value, &type);
    return type;
}

static struct fate *first_of(struct oracle *oracle, const struct fate *like)
{
    for (struct fate *fate = oracle->fate_buckets[oracle_bucket(like->ce_id)]; fate;
         fate = fate->next_bucket)
        if (fate->service == like->service && fate->input == like->input &&
            str_equal(fate->ce_id, like->ce_id) && str_equal(fate->key, like->key))
            return fate->first;
    return NULL;
}

static void add(struct oracle *oracle, const struct fate *found)
{
    struct fate *fate = arena_alloc(&oracle->arena, sizeof(*fate));
    assert(fate);
    *fate = *found;
    struct fate *first = first_of(oracle, fate);
    fate->first = first ? first : fate;
    /* The first at home stands for all: that is the one that is decided. */
    if (first && !first->home && fate->home) {
        fate->copies = first->copies;
        fate->strays = first->strays;
        for (struct fate *other = oracle->fates; other; other = other->next)
            if (other->first == first)
                other->first = fate;
        fate->first = fate;
    }
    if (fate->home)
        fate->first->copies++;
    else
        fate->first->strays++;
    fate->next = oracle->fates;
    oracle->fates = fate;
    struct fate **bucket = &oracle->fate_buckets[oracle_bucket(fate->ce_id)];
    fate->next_bucket = *bucket;
    *bucket = fate;
}

static void collect(struct oracle *oracle, size_t service, int32_t input, int32_t partition)
{
    struct fake_world *world = oracle->run->world;
    const struct service *rules = oracle->run->scenario->services[service].rules;
    char name[NAME];
    snprintf(name, sizeof(name), "%s%s", world->prefix, rules->inputs[input]);
    const struct log *log = fake_log_of(world, name, partition);
    for (int64_t at = 0; at < log->count; at++) {
        const struct stored *record = &log->records[at];
        if (!oracle_was_seen(record))
            continue;
        oracle->run->records++;
        struct fate fate = {.service = service,
                            .input = input,
                            .partition = partition,
                            .offset = at,
                            .key = record->key,
                            .ce_id = header(record, "ce_id"),
                            .record = record,
                            .type = type_of(oracle, record->value),
                            .home = partition_of(record->key, world->partitions) == partition,
                            .hopped = header(record, HOP_HEADER).ptr != NULL};
        if (fate.type && has_route(rules, fate.type))
            add(oracle, &fate);
    }
}

void oracle_collect_fates(struct oracle *oracle)
{
    const struct scenario *scenario = oracle->run->scenario;
    for (size_t s = 0; s < scenario->service_count; s++)
        for (int32_t input = 0; scenario->services[s].rules->inputs[input]; input++)
            for (int32_t p = 0; p < oracle->run->world->partitions; p++)
                collect(oracle, s, input, p);
}

struct fate *oracle_fate(struct oracle *oracle, const struct service *rules,
                         const struct record_type *type, struct str key, struct str ce_id)
{
    for (struct fate *fate = oracle->fate_buckets[oracle_bucket(ce_id)]; fate;
         fate = fate->next_bucket)
        if (fate->home && fate->type == type && str_equal(fate->ce_id, ce_id) &&
            str_equal(fate->key, key) &&
            oracle->run->scenario->services[fate->service].rules == rules)
            return fate->first;
    return NULL;
}

/* ---- the dead letters ---- */

static int64_t number_in(const struct stored *record, const char *name)
{
    int64_t number = -1;
    return str_to_int64(header(record, name), &number) ? number : -1;
}

static void bury(struct oracle *oracle, size_t service, const struct stored *letter)
{
    const struct service *rules = oracle->run->scenario->services[service].rules;
    struct str topic = header(letter, "waybill_error_topic");
    int64_t partition = number_in(letter, "waybill_error_partition"),
            offset = number_in(letter, "waybill_error_offset");
    for (struct fate *fate = oracle->fates; fate; fate = fate->next)
        if (fate->service == service && fate->partition == partition && fate->offset == offset &&
            str_equal(topic, str_from(rules->inputs[fate->input]))) {
            fate->first->dead++;
            return;
        }
    run_wrong(oracle->run, CHECK_FATES, "%s: a dead letter of %.*s, partition %d, offset %d: %.*s",
              rules->name, STR_ARG(topic), (int)partition, (int)offset,
              STR_ARG(header(letter, "waybill_error_reason")));
}

static void bury_all(struct oracle *oracle, size_t service)
{
    struct fake_world *world = oracle->run->world;
    char name[NAME];
    snprintf(name, sizeof(name), "%s%s.dlq", world->prefix,
             oracle->run->scenario->services[service].rules->name);
    for (int32_t p = 0; p < world->partitions; p++) {
        const struct log *log = fake_log_of(world, name, p);
        for (int64_t at = 0; at < log->count; at++)
            if (oracle_was_seen(&log->records[at]))
                bury(oracle, service, &log->records[at]);
    }
}

/* Copies of a refused event are refused one by one; of any other one, the first is decided. */
static void check_fate(struct oracle *oracle, const struct fate *fate)
{
    const struct service *rules = oracle->run->scenario->services[fate->service].rules;
    const char *what = fate->decided + fate->dead == 0             ? "was never decided"
                       : fate->decided > 1                         ? "was decided more than once"
                       : fate->decided + fate->dead > fate->copies ? "has more fates than copies"
                                                                   : NULL;
    if (what)
        run_wrong(oracle->run, fate->decided + fate->dead == 0 ? CHECK_GOES_ON : CHECK_FATES,
                  "%s: %.*s (%s) of key %.*s, partition %d, offset %d %s: %d copies, decided %d "
                  "times, %d dead letters",
                  rules->name, STR_ARG(fate->ce_id), fate->type->name, STR_ARG(fate->key),
                  (int)fate->partition, (int)fate->offset, what, fate->copies, fate->decided,
                  fate->dead);
}

static void check_stray(struct oracle *oracle, const struct fate *fate)
{
    int hopped = 0;
    for (const struct fate *other = oracle->fates; other; other = other->next)
        hopped += other->first == fate->first && other->home && other->hopped;
    if (hopped != fate->first->strays)
        run_wrong(oracle->run, hopped < fate->first->strays ? CHECK_GOES_ON : CHECK_FATES,
                  "%.*s of key %.*s lay on a wrong partition %d times, and was sent on "
                  "%d times",
                  STR_ARG(fate->ce_id), STR_ARG(fate->key), fate->first->strays, hopped);
}

void oracle_check_fates(struct oracle *oracle)
{
    for (size_t s = 0; s < oracle->run->scenario->service_count; s++)
        bury_all(oracle, s);
    for (const struct fate *fate = oracle->fates; fate; fate = fate->next) {
        if (fate->first == fate && fate->home)
            check_fate(oracle, fate);
        if (!fate->home)
            check_stray(oracle, fate);
    }
}
