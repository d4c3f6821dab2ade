/* Which calls are held: offered, in order per key, told, forgotten, dropped and found again. */
#include "worker/calls.h"

#include "base/hash.h"
#include "worker/calls_state.h"
#include "worker/guards.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXTS = 15, MISSING_QUEUE_MAX = 10000 };

static uint64_t hash_of(struct str s)
{
    return hash_add(HASH_START, s);
}

static uint64_t lane_hash_of(const struct task_intent *intent)
{
    return hash_add(hash_add(hash_of(intent->state_type), STR(":")), intent->key);
}

static struct call **find_slot(const struct calls *calls, struct str id)
{
    struct call **slot = (struct call **)&calls->by_id[hash_of(id) % CALL_BUCKETS];
    while (*slot && !str_equal((*slot)->reply.id, id))
        slot = &(*slot)->next_by_id;
    return slot;
}

/* NULL also for orphans: they are nobody's until they are offered again. */
static struct call *find_held(const struct calls *calls, struct str id)
{
    struct call *call = *find_slot(calls, id);
    return call && call->lane ? call : NULL;
}

static struct target *target_of(const struct calls *calls, struct str endpoint)
{
    for (size_t i = 0; i + 1 < calls->target_count; i++)
        if (str_equal(calls->targets[i].endpoint->name, endpoint))
            return &calls->targets[i];
    return &calls->targets[calls->target_count - 1];
}

/* Where the strings of an intent are, so that they are copied and measured alike. */
static void texts_of(struct task_intent *intent, struct str *out[TEXTS])
{
    struct str *texts[TEXTS] = {
        &intent->intent_id, &intent->state_type,      &intent->key,         &intent->name,
        &intent->endpoint,  &intent->method,          &intent->path,        &intent->content_type,
        &intent->body,      &intent->idempotency_key, &intent->lookup_path, &intent->mail_from,
        &intent->mail_to,   &intent->cause_id,        &intent->traceparent};
    memcpy(out, texts, sizeof(texts));
}

static size_t bytes_of(const struct task_intent *intent, struct str id)
{
    struct task_intent copy = *intent;
    struct str *texts[TEXTS];
    texts_of(&copy, texts);
    size_t bytes = sizeof(struct call) + id.len + intent->headers.len * sizeof(struct header);
    for (size_t i = 0; i < TEXTS; i++)
        bytes += texts[i]->len;
    for (size_t i = 0; i < intent->headers.len; i++)
        bytes += intent->headers.ptr[i].name.len + intent->headers.ptr[i].value.len;
    return bytes;
}

static struct str copy_text(char **at, struct str s)
{
    if (!s.ptr)
        return s;
    char *start = *at;
    if (s.len)
        memcpy(start, s.ptr, s.len);
    *at += s.len;
    return (struct str){start, s.len};
}

static struct call *call_new(const struct task_intent *intent, struct str id)
{
    size_t bytes = bytes_of(intent, id);
    struct call *call = calloc(1, bytes);
    if (!call)
        return NULL;
    struct header *headers = (struct header *)(call + 1);
    char *at = (char *)(headers + intent->headers.len);
    call->bytes = bytes;
    call->intent = *intent;
    struct str *texts[TEXTS];
    texts_of(&call->intent, texts);
    for (size_t i = 0; i < TEXTS; i++)
        *texts[i] = copy_text(&at, *texts[i]);
    for (size_t i = 0; i < intent->headers.len; i++)
        headers[i] = (struct header){.name = copy_text(&at, intent->headers.ptr[i].name),
                                     .value = copy_text(&at, intent->headers.ptr[i].value)};
    call->intent.headers.ptr = headers;
    call->reply = (struct calls_reply){.id = copy_text(&at, id),
                                       .intent = &call->intent,
                                       .reply = {.intent_id = call->intent.intent_id,
                                                 .name = call->intent.name,
                                                 .endpoint = call->intent.endpoint,
                                                 .body = STR("")}};
    return call;
}

static void free_memory(struct calls *calls, struct call *call)
{
    calls->bytes -= call->bytes;
    free(call->answer);
    free(call);
}

void call_free(struct calls *calls, struct call *call)
{
    assert(!call->lane && call->phase != PHASE_RUNNING);
    call_leave(calls, call);
    *find_slot(calls, call->reply.id) = call->next_by_id;
    free_memory(calls, call);
}

/* It may not be sent at all; or an earlier owner may have sent it, nobody can be asked, and it may
 * not be sent twice. */
static bool is_for_a_person(const struct call *call)
{
    if (call->intent.held_back)
        return true;
    return call->maybe_sent && call->target->endpoint->policy != POLICY_REPEAT && !call->asks;
}

/* The first of the lane gets its chance. */
static void promote(struct calls *calls, struct lane *lane)
{
    struct call *call = lane->first;
    if (!call || call->phase != PHASE_QUEUED)
        return;
    if (is_for_a_person(call)) {
        snprintf(call->detail, sizeof(call->detail), "%s",
                 call->intent.held_back ? "not called: effects were off when it was asked for"
                                        : "sent by an earlier owner, its outcome is not known");
        call_finish(calls, call, OUTCOME_UNKNOWN, true);
    } else {
        call_enter(calls, call, PHASE_WAITING);
    }
}

static bool lane_is_of(const struct lane *lane, const struct task_intent *intent)
{
    const struct task_intent *other = &lane->first->intent;
    return str_equal(other->key, intent->key) && str_equal(other->state_type, intent->state_type);
}

static struct lane **find_lane(struct calls *calls, const struct task_intent *intent)
{
    struct lane **slot = &calls->lanes[lane_hash_of(intent) % CALL_BUCKETS];
    while (*slot && !lane_is_of(*slot, intent))
        slot = &(*slot)->next;
    return slot;
}

/* By sequence, but behind a first one that has already gone. The call is on no list. False = no
 * memory. */
static bool lane_add(struct calls *calls, struct call *call)
{
    struct lane **lane = find_lane(calls, &call->intent);
    if (!*lane && !(*lane = calloc(1, sizeof(**lane))))
        return false;
    struct call *first = (*lane)->first;
    struct call **at = &(*lane)->first;
    if (first && first->phase > PHASE_WAITING)
        at = &first->next_in_lane;
    while (*at && (*at)->intent.sequence <= call->intent.sequence)
        at = &(*at)->next_in_lane;
    if (first && *at == first) {
        call_leave(calls, first);
        call_enter(calls, first, PHASE_QUEUED);
    }
    call->next_in_lane = *at;
    *at = call;
    call->lane = *lane;
    call->target->held++;
    return true;
}

static void lane_remove(struct calls *calls, struct call *call)
{
    struct lane **lane = find_lane(calls, &call->intent);
    struct call **at = &(*lane)->first;
    while (*at != call)
        at = &(*at)->next_in_lane;
    *at = call->next_in_lane;
    call->lane = NULL;
    call->next_in_lane = NULL;
    call->target->held--;
    if (!(*lane)->first) {
        struct lane *empty = *lane;
        *lane = empty->next;
        free(empty);
    }
}

/* Without a reply, or after it. The next one of its key gets its chance. */
static void discard(struct calls *calls, struct call *call)
{
    struct lane *lane = call->lane;
    bool alone = lane->first == call && !call->next_in_lane;
    call_leave(calls, call);
    if (call_has_place(call))
        call_release_place(call);
    lane_remove(calls, call);
    *find_slot(calls, call->reply.id) = call->next_by_id;
    free_memory(calls, call);
    if (!alone)
        promote(calls, lane);
}

/* What an earlier owner may have done with an intent that we read from the store. */
static bool may_have_been_sent(const struct call *call)
{
    return call->marked || !call->intent.marks_first;
}

/* As one that was never tried here. */
static void begin_anew(struct call *call)
{
    call->phase = PHASE_QUEUED;
    call->asks = call->maybe_sent && call_can_ask(call);
    call->due_mono_ms = call->asks ? DUE_AFTER_QUIET : 0;
    call->begun_mono_ms = -1;
}

/* An orphan comes home. When the task was away, another owner may have called, too: what we know
 * to have happened still holds, that nothing happened does not. Not even that we were refused,
 * where one can ask: without a key the two calls are not one, and the other may have been told yes.
 */
static void adopt(struct call *call, const struct task_intent *intent, uint64_t epoch)
{
    bool was_away = call->epoch != epoch;
    call->epoch = epoch;
    call->marked = call->marked || intent->status == INTENT_STATUS_STARTED;
    call->intent.sequence = intent->sequence;
    call->intent.retried = intent->retried;
    if (was_away && may_have_been_sent(call))
        call->maybe_sent = true;
    if (call->phase == PHASE_RUNNING) {
        call->doubted = call->doubted || (was_away && call_can_ask(call));
        return;
    }
    enum outcome outcome = call->reply.reply.outcome;
    bool came_to_nothing =
        outcome == OUTCOME_NOT_SENT || (outcome == OUTCOME_REFUSED && call_can_ask(call));
    if (call->phase == PHASE_FINISHED && (!was_away || !came_to_nothing))
        return;
    if (was_away)
        begin_anew(call);
    else
        call->phase = PHASE_QUEUED;
}

static bool make_room(struct calls *calls, const struct target *target, size_t bytes)
{
    struct call *orphan;
    while (calls->bytes + bytes > calls->options.bytes_max &&
           (orphan = TAILQ_FIRST(&calls->orphans)))
        call_free(calls, orphan);
    return calls->bytes + bytes <= calls->options.bytes_max &&
           target->held < (size_t)target->endpoint->queue_max;
}

static struct call *take(struct calls *calls, struct str id, const struct task_intent *intent,
                         enum calls_origin origin)
{
    struct target *target = target_of(calls, intent->endpoint);
    struct call *call = NULL;
    if (make_room(calls, target, bytes_of(intent, id)))
        call = call_new(intent, id);
    if (!call)
        return NULL;
    calls->bytes += call->bytes;
    call->target = target;
    if (target->endpoint == &calls->missing)
        snprintf(target->stats.trouble, sizeof(target->stats.trouble), "%.*s",
                 STR_ARG(intent->endpoint));
    call->marked = intent->status == INTENT_STATUS_STARTED;
    call->maybe_sent = origin == CALLS_RESTORED && may_have_been_sent(call);
    begin_anew(call);
    struct call **slot = find_slot(calls, id);
    call->next_by_id = *slot;
    *slot = call;
    return call;
}

enum offer_result calls_offer(struct calls *calls, struct str id, const struct task_intent *intent,
                              int32_t task, uint64_t epoch, enum calls_origin origin)
{
    struct call *call = *find_slot(calls, id);
    if (intent->status == INTENT_STATUS_PARKED || (call && call->lane))
        return CALLS_TAKEN;
    if (call && call->phase != PHASE_RUNNING && call->intent.sequence != intent->sequence) {
        call_free(calls, call); /* of a time before a person had it called again */
        call = NULL;
    }
    if (call) {
        call_leave(calls, call);
        adopt(call, intent, epoch);
    } else {
        call = take(calls, id, intent, origin);
        if (!call)
            return CALLS_FULL;
    }
    call->task = call->reply.task = task;
    call->epoch = epoch;
    if (!lane_add(calls, call)) {
        call_enter(calls, call, call->phase);
        return CALLS_FULL;
    }
    if (call->phase == PHASE_FINISHED)
        call_enter(calls, call, PHASE_FINISHED);
    promote(calls, call->lane);
    return CALLS_TAKEN;
}

bool calls_stop(struct calls *calls, struct str endpoint, bool stopped)
{
    struct target *target = target_of(calls, endpoint);
    if (target->endpoint == &calls->missing || target->stopped == stopped)
        return false;
    target->stopped = stopped;
    struct call *call;
    TAILQ_FOREACH(call, &target->waiting, entry)
    if (call->due_mono_ms != DUE_AFTER_QUIET)
        call->begun_mono_ms = -1;
    target->next_due_mono_ms = target->sweep_due_mono_ms = 0;
    return true;
}

size_t calls_room(const struct calls *calls, struct str endpoint)
{
    const struct target *target = target_of(calls, endpoint);
    size_t max = (size_t)target->endpoint->queue_max;
    if (calls->bytes >= calls->options.bytes_max && TAILQ_EMPTY(&calls->orphans))
        return 0;
    return target->held < max ? max - target->held : 0;
}

bool calls_holds(const struct calls *calls, struct str id)
{
    return find_held(calls, id) != NULL;
}

bool calls_has_started(const struct calls *calls, struct str id)
{
    const struct call *call = find_held(calls, id);
    return call && (call->maybe_sent || call->intent.retried || call->phase >= PHASE_RUNNING);
}

void calls_withdraw(struct calls *calls, struct str id)
{
    struct call *call = find_held(calls, id);
    if (call && !calls_has_started(calls, id))
        discard(calls, call);
}

bool calls_next_mark(const struct calls *calls, size_t *cursor, struct calls_mark *out)
{
    const struct call *call = TAILQ_FIRST(&calls->marking);
    for (size_t i = 0; call && i < *cursor; i++)
        call = TAILQ_NEXT(call, entry);
    if (!call)
        return false;
    ++*cursor;
    *out = (struct calls_mark){.id = call->reply.id, .task = call->task, .intent = &call->intent};
    return true;
}

void calls_started_committed(struct calls *calls, struct str id)
{
    struct call *call = find_held(calls, id);
    if (!call)
        return;
    call->marked = true;
    if (call->phase == PHASE_MARKING) {
        call_leave(calls, call);
        call_enter(calls, call, PHASE_MARKED);
    }
}

struct calls_reply *calls_next_reply(struct calls *calls)
{
    struct call *call = TAILQ_FIRST(&calls->finished);
    if (!call)
        return NULL;
    call_leave(calls, call);
    call_enter(calls, call, PHASE_TOLD);
    return &call->reply;
}

void calls_forget(struct calls *calls, struct str id)
{
    struct call *call = find_held(calls, id);
    if (!call)
        return;
    assert(call->phase == PHASE_FINISHED || call->phase == PHASE_TOLD);
    discard(calls, call);
}

void calls_rewind(struct calls *calls)
{
    struct call *call;
    TAILQ_FOREACH(call, &calls->told, entry)
    call->phase = PHASE_FINISHED;
    TAILQ_CONCAT(&calls->told, &calls->finished, entry);
    TAILQ_CONCAT(&calls->finished, &calls->told, entry);
}

static void orphan(struct calls *calls, struct call *call)
{
    enum call_phase phase = call->phase;
    call_leave(calls, call);
    if (phase == PHASE_MARKING || phase == PHASE_MARKED)
        call_release_place(call);
    if (phase == PHASE_TOLD)
        phase = PHASE_FINISHED;
    else if (phase != PHASE_RUNNING && phase != PHASE_FINISHED)
        phase = PHASE_WAITING;
    lane_remove(calls, call);
    bool kept = call->phase != PHASE_TOLD || guard(GUARD_REPLIES_KEPT);
    call_enter(calls, call, phase);
    if (!kept)
        call_free(calls, call);
}

void calls_drop_task(struct calls *calls, int32_t task)
{
    for (size_t i = 0; i < CALL_BUCKETS; i++)
        for (struct call *call = calls->by_id[i], *next; call; call = next) {
            next = call->next_by_id;
            if (call->lane && call->task == task)
                orphan(calls, call);
        }
}

size_t calls_running(const struct calls *calls)
{
    return calls->running;
}

bool calls_stats(const struct calls *calls, size_t i, int64_t mono_ms, struct endpoint_stats *out)
{
    if (i >= calls->target_count)
        return false;
    const struct target *target = &calls->targets[i];
    *out = target->stats;
    out->name = target->endpoint->name;
    out->waiting = target->waiters;
    out->in_flight = (size_t)target->in_flight;
    out->breaker = breaker_state_at(&target->breaker, mono_ms);
    out->off = target_is_off(target);
    out->stopped = target->stopped;
    return true;
}

struct calls *calls_new(const struct endpoints *endpoints, const struct transports *transports,
                        const struct calls_options *options)
{
    struct calls *calls = calloc(1, sizeof(*calls));
    if (!calls)
        return NULL;
    calls->target_count = endpoints->len + 1;
    calls->targets = calloc(calls->target_count, sizeof(*calls->targets));
    if (!calls->targets) {
        free(calls);
        return NULL;
    }
    calls->transports = *transports;
    calls->options = *options;
    calls->seed = options->seed;
    calls->missing = (struct endpoint){.name = STR("?"),
                                       .off = true,
                                       .policy = POLICY_REPEAT,
                                       .queue_max = MISSING_QUEUE_MAX,
                                       .attempts_max = INT32_MAX};
    for (size_t i = 0; i < calls->target_count; i++) {
        struct target *target = &calls->targets[i];
        target->endpoint = i < endpoints->len ? &endpoints->list[i] : &calls->missing;
        target->next_due_mono_ms = INT64_MAX;
        TAILQ_INIT(&target->waiting);
    }
    TAILQ_INIT(&calls->marking);
    TAILQ_INIT(&calls->marked);
    TAILQ_INIT(&calls->finished);
    TAILQ_INIT(&calls->told);
    TAILQ_INIT(&calls->orphans);
    return calls;
}

void calls_free(struct calls *calls)
{
    if (!calls)
        return;
    for (size_t i = 0; i < CALL_BUCKETS; i++) {
        struct call *call;
        while ((call = calls->by_id[i])) {
            calls->by_id[i] = call->next_by_id;
            free_memory(calls, call);
        }
        struct lane *lane;
        while ((lane = calls->lanes[i])) {
            calls->lanes[i] = lane->next;
            free(lane);
        }
    }
    free(calls->targets);
    free(calls);
}
