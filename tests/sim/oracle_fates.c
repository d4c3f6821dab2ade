/* Every record that came in has exactly one fate. */
#include "sim/oracle.h"

#include "base/partition.h"
#include "cloudevents/cloudevents.h"
#include "worker/batch.h"

static struct str header(const struct stored *record, const char *name)
{
    return event_header_find(record->headers, record->header_count, name);
}

static const struct route *route_of(const struct service *rules, const struct record_type *type)
{
    for (size_t i = 0; i < rules->route_count; i++)
        if (rules->routes[i].on == type)
            return &rules->routes[i];
    return NULL;
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
        if (fate.type && route_of(rules, fate.type))
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

/* A sink for a rule that should have refused: nothing comes of what it wants. */
static void no_emit(struct effects_sink *sink, const struct record_type *type, struct str key,
                    const void *body)
{
    (void)sink, (void)type, (void)key, (void)body;
}

static void no_state(struct effects_sink *sink, const void *state)
{
    (void)sink, (void)state;
}

static void no_timer(struct effects_sink *sink, const char *name, int64_t due_ms)
{
    (void)sink, (void)name, (void)due_ms;
}

static void no_cancel(struct effects_sink *sink, const char *name)
{
    (void)sink, (void)name;
}

static void no_intent(struct effects_sink *sink, const struct intent *intent)
{
    (void)sink, (void)intent;
}

static void no_withdrawal(struct effects_sink *sink, struct str id)
{
    (void)sink, (void)id;
}

/* Whether the rule, asked in that state, says no with the letter's reason. At which time it was
 * asked stands nowhere: the letter's own is as good, since no refusal here looks at it. */
static bool says_no(struct oracle *oracle, const struct fate *fate, const struct stored *letter,
                    struct str state)
{
    struct effects_sink nothing = {.emit = no_emit,
                                   .put_state = no_state,
                                   .set_timer = no_timer,
                                   .cancel_timer = no_cancel,
                                   .intend = no_intent,
                                   .withdraw = no_withdrawal};
    const struct witnessed *asked = &oracle->run->scenario->services[fate->service];
    struct event ev = {.key = fate->key, .id = fate->ce_id, .time_ms = fate->record->timestamp_ms};
    ev.body = oracle_decode(oracle, fate->record->value, &ev.type);
    struct context ctx = {
        .now_ms = letter->timestamp_ms, .cfg = asked->cfg, .arena = &oracle->arena};
    struct effects out = {.sink = &nothing};
    const struct record_type *type;
    const void *had = state.ptr ? oracle_decode(oracle, state, &type) : NULL;
    return route_of(asked->rules, fate->type)->decide(&ev, had, &ctx, &out) == SET_ASIDE &&
           str_equal(str_from(out.reason), header(letter, "waybill_error_reason"));
}

/* In one of the states that the key had in the letter's transaction. */
static bool is_refused(struct oracle *oracle, const struct fate *fate, const struct stored *letter)
{
    const struct service *rules = oracle->run->scenario->services[fate->service].rules;
    const struct stood *stood =
        oracle_folded(oracle, rules, route_of(rules, fate->type)->state, fate->key)->stood;
    while (stood && stood->moment > letter->moment)
        stood = stood->next;
    while (stood && stood->moment == letter->moment) {
        if (says_no(oracle, fate, letter, stood->state))
            return true;
        stood = stood->next;
    }
    return says_no(oracle, fate, letter, stood ? stood->state : (struct str){NULL, 0});
}

static void check_reason(struct oracle *oracle, const struct fate *fate,
                         const struct stored *letter)
{
    if (is_refused(oracle, fate, letter))
        oracle->run->refused++;
    else
        run_wrong(oracle->run, CHECK_REFUSALS,
                  "%s: %.*s (%s) of key %.*s was set aside, which its rule does not do: %.*s",
                  oracle->run->scenario->services[fate->service].rules->name, STR_ARG(fate->ce_id),
                  fate->type->name, STR_ARG(fate->key),
                  STR_ARG(header(letter, "waybill_error_reason")));
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
            check_reason(oracle, fate, letter);
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
