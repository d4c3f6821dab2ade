/* The same decisions again, one after the other, with the same pure rules. */
#include "sim/oracle.h"

#include "base/hash.h"
#include "base/partition.h"
#include "cloudevents/cloudevents.h"
#include "ids/uuid5.h"

#include <inttypes.h>

/* One decision, while its rule runs. */
struct retake {
    struct effects_sink sink; /* first */
    struct oracle *oracle;
    struct folded *of;
    const struct event *ev;
    const struct stored *witness;
    int64_t now_ms;
    size_t emitted;
};

static struct written *find_written(struct oracle *oracle, struct str ce_id)
{
    struct written *written = oracle->written_buckets[oracle_bucket(ce_id)];
    while (written && !str_equal(written->ce_id, ce_id))
        written = written->next_bucket;
    return written;
}

static void on_emit(struct effects_sink *sink, const struct record_type *type, struct str key,
                    const void *body)
{
    struct retake *retake = (struct retake *)sink;
    struct oracle *oracle = retake->oracle;
    struct str index = arena_printf(&oracle->arena, "%zu", retake->emitted++);
    struct str ce_id =
        uuid5_of(&oracle->arena, str_from(retake->of->rules->name), retake->ev->id, index);
    struct written *written = find_written(oracle, ce_id);
    struct str value = oracle_encode(oracle, type, body);
    const char *wrong = !written                                    ? "is missing"
                        : written->expected                         ? "is there twice"
                        : !str_equal(written->record->key, key)     ? "has another key"
                        : !str_equal(written->record->value, value) ? "says something else"
                        : written->partition != partition_of(key, oracle->run->world->partitions)
                            ? "is on a wrong partition"
                        : written->record->moment != retake->witness->moment
                            ? "is of another transaction"
                            : NULL;
    if (wrong)
        run_wrong(oracle->run, CHECK_OUTPUTS, "output %zu (%s) of what %s decided for key %.*s %s",
                  retake->emitted - 1, type->name, retake->of->rules->name,
                  STR_ARG(retake->of->key), wrong);
    if (!written)
        return;
    written->expected = true;
    int64_t before = oracle_step(oracle, retake->of->rules, retake->of->key, written->topic,
                                 written->partition, written->offset);
    if (before > written->offset)
        run_wrong(oracle->run, CHECK_ORDER,
                  "%s, partition %d: %s emitted offset %d for key %.*s after offset %d",
                  written->topic, (int)written->partition, retake->of->rules->name,
                  (int)written->offset, STR_ARG(retake->of->key), (int)before);
}

static void on_put_state(struct effects_sink *sink, const void *state)
{
    struct retake *retake = (struct retake *)sink;
    struct folded *of = retake->of;
    of->dropping = state == NULL;
    if (!state)
        of->timer_count = 0;
    else
        of->state = oracle_encode(retake->oracle, of->state_type, state);
}

static size_t timer_at(const struct folded *of, struct str name)
{
    size_t at = 0;
    while (at < of->timer_count && !str_equal(of->timers[at].name, name))
        at++;
    return at;
}

static void remove_timer(struct folded *of, size_t at)
{
    of->timer_count--;
    memmove(&of->timers[at], &of->timers[at + 1], (of->timer_count - at) * sizeof(of->timers[0]));
}

static void on_set_timer(struct effects_sink *sink, const char *name, int64_t due_ms)
{
    struct retake *retake = (struct retake *)sink;
    struct folded *of = retake->of;
    size_t at = timer_at(of, str_from(name));
    if (at < of->timer_count && of->timers[at].due_at_ms == due_ms)
        return;
    of->timers[at] =
        (struct key_timer){str_from(name), due_ms <= retake->now_ms ? retake->now_ms + 1 : due_ms};
    of->timer_count += at == of->timer_count;
}

static void on_cancel_timer(struct effects_sink *sink, const char *name)
{
    struct folded *of = ((struct retake *)sink)->of;
    size_t at = timer_at(of, str_from(name));
    if (at < of->timer_count)
        remove_timer(of, at);
}

static struct promise *find_pending(const struct folded *of, struct str id)
{
    for (size_t i = 0; i < of->promise_count; i++)
        if (str_equal(of->promises[i]->id, id))
            return of->promises[i];
    return NULL;
}

static void remove_promise(struct folded *of, const struct promise *promise)
{
    size_t at = 0;
    while (of->promises[at] != promise)
        at++;
    of->promise_count--;
    memmove(&of->promises[at], &of->promises[at + 1],
            (of->promise_count - at) * sizeof(of->promises[0]));
}

/* Whether a reply to it was decided at any time. */
static bool will_answer(const struct oracle *oracle, const struct folded *of, struct str id)
{
    for (const struct promise *promise = oracle->answered_buckets[oracle_bucket(id)]; promise;
         promise = promise->next)
        if (promise->of == of && str_equal(promise->id, id))
            return true;
    return false;
}

static void on_intend(struct effects_sink *sink, const struct intent *intent)
{
    struct retake *retake = (struct retake *)sink;
    struct oracle *oracle = retake->oracle;
    struct folded *of = retake->of;
    if (find_pending(of, intent->id))
        return;
    struct promise *promise = arena_alloc(&oracle->arena, sizeof(*promise));
    assert(promise && of->promise_count < INTENTS_PER_KEY_MAX);
    promise->rules = of->rules;
    promise->of = of;
    promise->id = arena_copy(&oracle->arena, intent->id);
    promise->idempotency_key = intent->idempotency_key.ptr
                                   ? arena_copy(&oracle->arena, intent->idempotency_key)
                                   : promise->id;
    promise->endpoint = arena_copy(&oracle->arena, intent->endpoint);
    promise->asked = retake->witness->moment;
    promise->expires_ms = intent->expires_ms;
    promise->will_answer = will_answer(oracle, of, intent->id);
    promise->next = oracle->promises;
    oracle->promises = promise;
    of->promises[of->promise_count++] = promise;
}

/* What may have started comes to its end all the same: then a reply tells. What is parked is
 * nobody's any more. */
static void on_withdraw(struct effects_sink *sink, struct str id)
{
    const struct retake *retake = (struct retake *)sink;
    struct oracle *oracle = retake->oracle;
    struct promise *promise = find_pending(retake->of, id);
    uint64_t moment = retake->witness->moment;
    if (!promise)
        return;
    bool in_time =
        !promise->parked && oracle_withdraws_in_time(oracle, promise, moment, retake->now_ms);
    oracle->run->withdrawals_in_time += in_time;
    if (promise->will_answer && !in_time && !promise->parked)
        return;
    if (!promise->parked)
        promise->withdrawn = moment;
    remove_promise(retake->of, promise);
}

static void note_state(struct oracle *oracle, struct folded *of, uint64_t moment)
{
    struct stood *stood = arena_alloc(&oracle->arena, sizeof(*stood));
    assert(stood);
    *stood = (struct stood){.next = of->stood, .state = of->state, .moment = moment};
    of->stood = stood;
}

static void keep(struct folded *of)
{
    if (!of->state.ptr)
        of->timer_count = 0;
    if (!of->dropping || of->promise_count > 0)
        return;
    of->state = (struct str){NULL, 0};
    of->timer_count = 0;
    of->dropping = false;
}

/* ---- what was asked ---- */

static bool find_record(struct oracle *oracle, const struct testimony *said,
                        const struct written *witness, struct event *ev)
{
    struct fate *fate =
        oracle_fate(oracle, said->rules, said->route->on, witness->record->key, witness->cause);
    if (!fate) {
        run_wrong(oracle->run, CHECK_DECISIONS,
                  "%s decided %s %.*s of key %.*s, which was never sent", said->rules->name,
                  said->route->on->name, STR_ARG(witness->cause), STR_ARG(witness->record->key));
        return false;
    }
    fate->decided++;
    ev->body = oracle_decode(oracle, fate->record->value, &ev->type);
    if (fate->record->moment >= witness->record->moment)
        run_wrong(oracle->run, CHECK_DECISIONS, "%s decided %.*s before it was committed",
                  said->rules->name, STR_ARG(witness->cause));
    const char *topic = said->rules->inputs[fate->input];
    int64_t before =
        oracle_step(oracle, said->rules, fate->key, topic, fate->partition, fate->offset);
    if (before > fate->offset)
        run_wrong(oracle->run, CHECK_ORDER,
                  "%s decided offset %d of %s, partition %d, key %.*s, after offset %d",
                  said->rules->name, (int)fate->offset, topic, (int)fate->partition,
                  STR_ARG(fate->key), (int)before);
    return true;
}

static bool take_timer(struct oracle *oracle, const struct testimony *said, struct folded *of,
                       struct event *ev)
{
    size_t at = timer_at(of, str_from(said->route->on_timer));
    ev->timer = said->route->on_timer;
    if (at == of->timer_count || of->timers[at].due_at_ms != said->time_ms ||
        said->now_ms < said->time_ms) {
        run_wrong(oracle->run, CHECK_TIMERS, "timer %s of key %.*s fired %s", said->route->on_timer,
                  STR_ARG(of->key),
                  at == of->timer_count                       ? "though it was not set"
                  : of->timers[at].due_at_ms != said->time_ms ? "for another time than was set"
                                                              : "too early");
        return false;
    }
    remove_timer(of, at);
    return true;
}

/* Of a reply that no pending call has. */
static const char *why_nobody_waits(const struct oracle *oracle, const struct folded *of,
                                    struct str id)
{
    for (const struct promise *promise = oracle->promises; promise; promise = promise->next)
        if (promise->of == of && promise->withdrawn && str_equal(promise->id, id))
            return "was withdrawn in time";
    return "nobody waits for";
}

static bool take_reply(struct oracle *oracle, const struct testimony *said, struct folded *of,
                       struct event *ev, const struct stored *witness)
{
    struct promise *promise = find_pending(of, said->reply.intent_id);
    if (!promise || (promise->parked && said->reply.parked)) {
        run_wrong(oracle->run, CHECK_REPLIES, "a reply to %.*s of key %.*s, which %s",
                  STR_ARG(said->reply.intent_id), STR_ARG(of->key),
                  promise ? "was parked before"
                          : why_nobody_waits(oracle, of, said->reply.intent_id));
        return false;
    }
    promise->answered = witness->moment;
    promise->answered_by = witness->writer;
    promise->outcome = said->reply.outcome;
    promise->parked = said->reply.parked;
    if (!promise->parked)
        remove_promise(of, promise);
    ev->reply = &said->reply;
    return true;
}

/* ---- one after the other ---- */

static void retake(struct oracle *oracle, const struct testimony *said,
                   const struct written *witness)
{
    struct folded *of =
        oracle_folded(oracle, said->rules, said->route->state, witness->record->key);
    struct event ev = {.key = of->key, .id = said->event_id, .time_ms = said->time_ms};
    bool known = said->route->on         ? find_record(oracle, said, witness, &ev)
                 : said->route->on_timer ? take_timer(oracle, said, of, &ev)
                                         : take_reply(oracle, said, of, &ev, witness->record);
    if (!known)
        return;
    struct retake again = {.sink = {.emit = on_emit,
                                    .put_state = on_put_state,
                                    .set_timer = on_set_timer,
                                    .cancel_timer = on_cancel_timer,
                                    .intend = on_intend,
                                    .withdraw = on_withdraw},
                           .oracle = oracle,
                           .of = of,
                           .ev = &ev,
                           .witness = witness->record,
                           .now_ms = said->now_ms};
    const void *cfg = NULL;
    for (size_t s = 0; s < oracle->run->scenario->service_count; s++)
        if (oracle->run->scenario->services[s].rules == said->rules)
            cfg = oracle->run->scenario->services[s].cfg;
    struct context ctx = {.now_ms = said->now_ms, .cfg = cfg, .arena = &oracle->arena};
    struct effects out = {.sink = &again.sink};
    const struct record_type *type;
    const void *state = of->state.ptr ? oracle_decode(oracle, of->state, &type) : NULL;
    if (said->route->decide(&ev, state, &ctx, &out) != DONE) {
        run_wrong(oracle->run, CHECK_DECISIONS,
                  "%s did what its rule refuses to do for key %.*s: %s", said->rules->name,
                  STR_ARG(of->key), out.reason);
        return;
    }
    keep(of);
    note_state(oracle, of, witness->record->moment);
    oracle->run->decisions++;
}

/* ---- what was written ---- */

static void note_written(struct oracle *oracle, const struct topic *topic, int32_t partition,
                         int64_t offset)
{
    const struct stored *record = &topic->logs[partition].records[offset];
    struct cloudevent ce;
    cloudevent_read(record->headers, record->header_count, &ce);
    if (!oracle_was_seen(record) || record->writer == 0 || !ce.id.ptr ||
        strncmp(topic->name + strlen(topic->name) - 4, ".dlq", 4) == 0)
        return;
    /* What was only sent on to its right partition is not a worker's own. */
    if (event_header_find(record->headers, record->header_count, "waybill_hops").ptr)
        return;
    struct written *written = arena_alloc(&oracle->arena, sizeof(*written));
    assert(written);
    *written = (struct written){.ce_id = ce.id,
                                .cause = ce.cause,
                                .record = record,
                                .topic = topic->name,
                                .partition = partition,
                                .offset = offset};
    struct written *twin = find_written(oracle, ce.id);
    if (twin)
        run_wrong(oracle->run, CHECK_OUTPUTS, "%s has %.*s twice, at offsets %d and %d",
                  topic->name, STR_ARG(ce.id), (int)twin->offset, (int)offset);
    struct written **bucket = &oracle->written_buckets[oracle_bucket(ce.id)];
    written->next_bucket = *bucket;
    *bucket = written;
}

static void note_all_written(struct oracle *oracle)
{
    const struct fake_world *world = oracle->run->world;
    for (size_t t = 0; t < world->topic_count; t++)
        for (int32_t p = 0; p < world->partitions; p++)
            for (int64_t at = 0; at < world->topics[t].logs[p].count; at++)
                note_written(oracle, &world->topics[t], p, at);
}

/* Calls f for each decision of a task in the order taken. */
static void each_testimony(struct oracle *oracle, int32_t partition,
                           void (*f)(struct oracle *, const struct testimony *,
                                     const struct written *))
{
    struct fake_world *world = oracle->run->world;
    char name[NAME];
    snprintf(name, sizeof(name), "%s%s", world->prefix, WITNESS_TOPIC);
    const struct log *log = fake_log_of(world, name, partition);
    for (int64_t at = 0; at < log->count; at++) {
        const struct stored *record = &log->records[at];
        const struct record_type *type;
        struct testimony said;
        if (!oracle_was_seen(record))
            continue;
        const struct lane_measured *text = oracle_decode(oracle, record->value, &type);
        struct written *written =
            find_written(oracle, event_header_find(record->headers, record->header_count, "ce_id"));
        if (!text || !written || !witness_read(text->lane, &oracle->arena, &said)) {
            run_wrong(oracle->run, CHECK_READABLE, "a witness cannot be understood");
            continue;
        }
        written->expected = true;
        f(oracle, &said, written);
    }
}

static void note_answer(struct oracle *oracle, const struct testimony *said,
                        const struct written *witness)
{
    if (!said->route->on_reply)
        return;
    struct promise *promise = arena_alloc(&oracle->arena, sizeof(*promise));
    assert(promise);
    promise->of = oracle_folded(oracle, said->rules, said->route->state, witness->record->key);
    promise->id = said->reply.intent_id;
    struct promise **bucket = &oracle->answered_buckets[oracle_bucket(promise->id)];
    promise->next = *bucket;
    *bucket = promise;
}

void oracle_fold(struct oracle *oracle)
{
    note_all_written(oracle);
    for (int32_t p = 0; p < oracle->run->world->partitions; p++)
        each_testimony(oracle, p, note_answer);
    for (int32_t p = 0; p < oracle->run->world->partitions; p++)
        each_testimony(oracle, p, retake);
    for (size_t b = 0; b < ORACLE_BUCKETS; b++)
        for (const struct written *written = oracle->written_buckets[b]; written;
             written = written->next_bucket)
            if (!written->expected)
                run_wrong(oracle->run, CHECK_OUTPUTS,
                          "%s, partition %d, offset %d: nobody decided to write this",
                          written->topic, (int)written->partition, (int)written->offset);
}
