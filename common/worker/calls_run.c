/* What becomes of the calls that are first of their key: start, end, try again, give up. */
#include "worker/calls_state.h"
#include "worker/guards.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

const int64_t latency_bucket_ms[LATENCY_BUCKETS] = {5,   10,   25,   50,   100,   250,
                                                    500, 1000, 2500, 5000, 10000, 30000};

/* On which list a call stands: its phase says, and none while queued or running. */
static struct call_list *list_of(struct calls *calls, struct call *call)
{
    switch (call->phase) {
    case PHASE_QUEUED:
    case PHASE_RUNNING:
        return NULL;
    case PHASE_WAITING:
        return &call->target->waiting;
    case PHASE_MARKING:
        return &calls->marking;
    case PHASE_MARKED:
        return &calls->marked;
    case PHASE_FINISHED:
        return &calls->finished;
    case PHASE_TOLD:
        return &calls->told;
    }
    return NULL;
}

void call_enter(struct calls *calls, struct call *call, enum call_phase phase)
{
    call->phase = phase;
    struct call_list *list = list_of(calls, call);
    if (!call->lane && phase != PHASE_RUNNING) {
        call->orphaned_mono_ms = calls->mono_ms;
        list = &calls->orphans;
    }
    if (list)
        TAILQ_INSERT_TAIL(list, call, entry);
    if (call->lane && phase == PHASE_WAITING) {
        call->target->waiters++;
        if (call->due_mono_ms < call->target->next_due_mono_ms)
            call->target->next_due_mono_ms = call->due_mono_ms;
    }
}

void call_leave(struct calls *calls, struct call *call)
{
    struct call_list *list = list_of(calls, call);
    if (!call->lane && call->phase != PHASE_RUNNING)
        list = &calls->orphans;
    if (list)
        TAILQ_REMOVE(list, call, entry);
    if (call->lane && call->phase == PHASE_WAITING)
        call->target->waiters--;
}

void call_release_place(struct call *call)
{
    call->target->in_flight--;
    breaker_released(&call->target->breaker);
}

bool call_can_ask(const struct call *call)
{
    return call->target->endpoint->policy == POLICY_QUERY &&
           call->target->endpoint->kind == ENDPOINT_HTTP && call->intent.lookup_path.len > 0;
}

static void count_end(struct endpoint_stats *stats, enum outcome outcome, bool parked)
{
    switch (outcome) {
    case OUTCOME_OK:
        stats->ok++;
        return;
    case OUTCOME_REFUSED:
        stats->refused++;
        return;
    case OUTCOME_NOT_SENT:
        stats->not_sent++;
        return;
    case OUTCOME_UNKNOWN:
        break;
    }
    if (parked)
        stats->parked++;
    else
        stats->unknown++;
}

/* The call is on no list and has no place. */
void call_finish(struct calls *calls, struct call *call, enum outcome outcome, bool parked)
{
    struct call_reply *reply = &call->reply.reply;
    reply->outcome = outcome;
    reply->parked = parked;
    reply->attempts = call->sends;
    reply->detail = str_from(call->detail);
    count_end(&call->target->stats, outcome, parked);
    call_enter(calls, call, PHASE_FINISHED);
}

static void prefix_detail(struct call *call, const char *prefix)
{
    char before[sizeof(call->detail)];
    memcpy(before, call->detail, sizeof(before));
    snprintf(call->detail, sizeof(call->detail), "%s%s%.140s", prefix, before[0] ? ": " : "",
             before);
}

/* No more tries. What a person had called again may have happened the first time, and is his again.
 */
static void give_up(struct calls *calls, struct call *call, const char *why)
{
    bool retried = call->intent.retried;
    prefix_detail(call, why);
    call_finish(calls, call, call->maybe_sent || retried ? OUTCOME_UNKNOWN : OUTCOME_NOT_SENT,
                retried);
}

/* It may not be sent any more. To ask about what was sent in time is never too late. */
static bool has_expired(const struct calls *calls, const struct call *call)
{
    return !call->asks && call->intent.expires_at_ms > 0 &&
           calls->now_ms > call->intent.expires_at_ms;
}

/* Sends and lookups are counted apart. */
static int32_t tries_of(const struct call *call)
{
    return call->asks ? call->lookups : call->sends;
}

static bool has_tried_enough(const struct calls *calls, const struct call *call)
{
    const struct endpoint *endpoint = call->target->endpoint;
    return tries_of(call) >= endpoint->attempts_max ||
           (call->begun_mono_ms >= 0 &&
            calls->mono_ms - call->begun_mono_ms >= endpoint->give_up_after_ms);
}

static int64_t quiet_ms(const struct calls *calls, const struct call *call)
{
    return guard(GUARD_QUIET)
               ? call->target->endpoint->timeout_ms + calls->options.session_timeout_ms
               : 0;
}

static void try_again(struct calls *calls, struct call *call, int64_t wait_at_least_ms)
{
    const struct endpoint *endpoint = call->target->endpoint;
    if (call->lane && has_tried_enough(calls, call)) {
        give_up(calls, call, "gave up");
        return;
    }
    struct backoff backoff = {.base_ms = endpoint->backoff_ms, .max_ms = endpoint->backoff_max_ms};
    int64_t wait_ms = backoff_wait_ms(&backoff, tries_of(call), &calls->seed);
    call->due_mono_ms = calls->mono_ms + (wait_ms > wait_at_least_ms ? wait_ms : wait_at_least_ms);
    call_enter(calls, call, PHASE_WAITING);
}

static void outcome_unknown(struct calls *calls, struct call *call, int64_t wait_at_least_ms)
{
    call->maybe_sent = true;
    if (call->target->endpoint->policy == POLICY_REPEAT || call->asks) {
        try_again(calls, call, wait_at_least_ms);
    } else if (call_can_ask(call)) {
        call->asks = true;
        call->begun_mono_ms = calls->mono_ms;
        try_again(calls, call, quiet_ms(calls, call));
    } else {
        call_finish(calls, call, OUTCOME_UNKNOWN, true);
    }
}

static void count_latency(struct target *target, int64_t ms)
{
    size_t bucket = 0;
    while (bucket < LATENCY_BUCKETS && ms > latency_bucket_ms[bucket])
        bucket++;
    target->stats.latency_count[bucket]++;
    target->stats.latency_sum_ms += (uint64_t)ms;
}

static void keep_answer(struct call *call, const struct attempt *attempt)
{
    free(call->answer);
    call->answer = attempt->body;
    call->reply.reply.body = (struct str){attempt->body ? attempt->body : "", attempt->body_len};
    call->reply.reply.status = attempt->status;
    snprintf(call->detail, sizeof(call->detail), "%s", attempt->detail);
}

static void note_trouble(struct target *target, const struct attempt *attempt)
{
    snprintf(target->stats.trouble, sizeof(target->stats.trouble), "%s", attempt->detail);
    if (attempt->kind != ATTEMPT_CREDENTIALS)
        return;
    target->stats.credentials_refused++;
    snprintf(target->stats.refusal, sizeof(target->stats.refusal), "%s", attempt->detail);
}

static void attempt_ended(struct calls *calls, struct call *call, const struct attempt *attempt)
{
    struct target *target = call->target;
    const struct endpoint *endpoint = target->endpoint;
    assert(call->phase == PHASE_RUNNING);
    calls->running--;
    target->in_flight--;
    target->next_due_mono_ms = 0;
    count_latency(target, calls->mono_ms - call->sent_mono_ms);
    keep_answer(call, attempt);
    if (attempt->healthy)
        breaker_succeeded(&target->breaker);
    else
        breaker_failed(&target->breaker,
                       &(struct breaker_limits){.failures = endpoint->breaker_failures,
                                                .window_ms = endpoint->breaker_window_ms,
                                                .open_ms = endpoint->breaker_open_ms},
                       calls->mono_ms);
    int64_t wait_ms = attempt->retry_after_ms > 0 ? attempt->retry_after_ms : 0;
    if (wait_ms > RETRY_AFTER_MS_MAX)
        wait_ms = RETRY_AFTER_MS_MAX;
    if (wait_ms > 0 && calls->mono_ms + wait_ms > target->paused_until_mono_ms)
        target->paused_until_mono_ms = calls->mono_ms + wait_ms; /* it speaks for all our calls */
    if (attempt->kind != ATTEMPT_OK && attempt->kind != ATTEMPT_REFUSED)
        note_trouble(target, attempt);

    bool doubted = call->doubted;
    call->doubted = false;
    switch (attempt->kind) {
    case ATTEMPT_OK:
        call_finish(calls, call, OUTCOME_OK, false);
        return;
    case ATTEMPT_REFUSED:
        if (call->intent.retried && !endpoint->honours_keys)
            call_finish(calls, call, OUTCOME_UNKNOWN,
                        true); /* the first time may still have been */
        else if (doubted)      /* we were; another owner may have been told yes meanwhile */
            outcome_unknown(calls, call, wait_ms);
        else
            call_finish(calls, call, OUTCOME_REFUSED, false);
        return;
    case ATTEMPT_IN_PROGRESS:
        call->maybe_sent = true;
        try_again(calls, call, wait_ms);
        return;
    case ATTEMPT_ABSENT:
        call->maybe_sent = call->asks = false;
        try_again(calls, call, wait_ms);
        return;
    case ATTEMPT_NOT_SENT:
    case ATTEMPT_CREDENTIALS:
        if (call->maybe_sent) /* not by us, this time; but perhaps by another owner */
            outcome_unknown(calls, call, wait_ms);
        else
            try_again(calls, call, wait_ms);
        return;
    case ATTEMPT_UNKNOWN:
        outcome_unknown(calls, call, wait_ms);
        return;
    }
}

static void collect(struct calls *calls)
{
    void *self = calls->transports.self;
    struct http_result http;
    while (calls->transports.http_collect(self, &http)) {
        struct attempt attempt = attempt_of_http(http.owner, &http);
        attempt_ended(calls, http.owner, &attempt);
    }
    struct smtp_result smtp;
    while (calls->transports.smtp_collect(self, &smtp)) {
        struct attempt attempt = attempt_of_smtp(&smtp);
        attempt_ended(calls, smtp.owner, &attempt);
    }
}

/* The call has a place and is on no list. */
static void send_now(struct calls *calls, struct call *call)
{
    struct target *target = call->target;
    struct error err = {0};
    if (has_expired(calls, call)) {
        call_release_place(call);
        give_up(calls, call, "expired");
        return;
    }
    if (attempt_submit(calls, call, &err) != 0) {
        call_release_place(call);
        snprintf(call->detail, sizeof(call->detail), "%.190s", err.text);
        if (err.action == ERROR_SET_ASIDE) {
            give_up(calls, call, "cannot be sent");
            return;
        }
        call->due_mono_ms = calls->mono_ms + SUBMIT_AGAIN_MS;
        call_enter(calls, call, PHASE_WAITING);
        return;
    }
    call->sent_mono_ms = calls->mono_ms;
    target->stats.attempts++;
    if (call->asks) {
        call->lookups++;
        target->stats.lookups++;
    } else if (call->sends++ > 0) {
        target->stats.retries++;
    }
    calls->running++;
    call_enter(calls, call, PHASE_RUNNING);
}

/* It was stopped between its mark and its sending. */
static void wait_on(struct calls *calls, struct call *call)
{
    call_release_place(call);
    call_enter(calls, call, PHASE_WAITING);
}

/* Gives the call its place. */
static void start(struct calls *calls, struct call *call)
{
    struct target *target = call->target;
    call_leave(calls, call);
    target->in_flight++;
    breaker_started(&target->breaker, calls->mono_ms);
    if (guard(GUARD_STARTED) && call->intent.marks_first && !call->marked && !call->asks)
        call_enter(calls, call, PHASE_MARKING);
    else
        send_now(calls, call);
}

/* Ends what has expired or was tried for long enough. What is switched off only expires. */
static void sweep(struct calls *calls, struct target *target)
{
    struct call *call = TAILQ_FIRST(&target->waiting), *next;
    for (; call; call = next) {
        next = TAILQ_NEXT(call, entry);
        if (call->begun_mono_ms < 0 && !target_is_off(target))
            call->begun_mono_ms = calls->mono_ms;
        const char *why = has_expired(calls, call) ? "expired" : NULL;
        if (!why && !target_is_off(target) && has_tried_enough(calls, call))
            why = "gave up";
        if (!why)
            continue;
        call_leave(calls, call);
        give_up(calls, call, why);
    }
    target->sweep_due_mono_ms = calls->mono_ms + SWEEP_MS;
}

static bool has_free_place(const struct calls *calls, const struct target *target)
{
    return !target_is_off(target) && target->in_flight < target->endpoint->in_flight_max &&
           calls->mono_ms >= target->paused_until_mono_ms &&
           breaker_allows(&target->breaker, calls->mono_ms);
}

/* Asks for a token of the rate limit; without one the endpoint pauses. */
static bool within_rate(const struct calls *calls, struct target *target)
{
    if (target->endpoint->rate_per_s <= 0 || !calls->options.take_token)
        return true;
    int64_t wait_ms =
        calls->options.take_token(calls->options.take_token_self, target->endpoint, calls->mono_ms);
    if (wait_ms > 0)
        target->paused_until_mono_ms = calls->mono_ms + wait_ms;
    return wait_ms <= 0;
}

static void start_due(struct calls *calls, struct target *target)
{
    if (calls->mono_ms < target->next_due_mono_ms)
        return;
    int64_t next_due_ms = INT64_MAX;
    target->next_due_mono_ms = INT64_MAX; /* lowered by what comes back from start */
    struct call *call = TAILQ_FIRST(&target->waiting), *next;
    for (; call; call = next) {
        next = TAILQ_NEXT(call, entry);
        if (call->due_mono_ms == DUE_AFTER_QUIET)
            call->begun_mono_ms = call->due_mono_ms = calls->mono_ms + quiet_ms(calls, call);
        if (call->due_mono_ms > calls->mono_ms) {
            next_due_ms = call->due_mono_ms < next_due_ms ? call->due_mono_ms : next_due_ms;
            continue;
        }
        if (!has_free_place(calls, target) || !within_rate(calls, target)) {
            next_due_ms = 0;
            break;
        }
        start(calls, call);
    }
    if (next_due_ms < target->next_due_mono_ms)
        target->next_due_mono_ms = next_due_ms;
}

/* When the target wants to be looked at again; a place that becomes free wakes the loop anyway. */
static int64_t next_look(const struct calls *calls, const struct target *target)
{
    int64_t at = target->next_due_mono_ms;
    if (target->waiters == 0)
        return INT64_MAX;
    if (at < target->paused_until_mono_ms)
        at = target->paused_until_mono_ms;
    if (breaker_state_at(&target->breaker, calls->mono_ms) == BREAKER_OPEN &&
        at < target->breaker.open_until_ms)
        at = target->breaker.open_until_ms;
    if (at <= calls->mono_ms || at > target->sweep_due_mono_ms)
        at = target->sweep_due_mono_ms;
    return at;
}

static void forget_old_orphans(struct calls *calls)
{
    struct call *call;
    while ((call = TAILQ_FIRST(&calls->orphans)) &&
           calls->mono_ms - call->orphaned_mono_ms >= calls->options.orphan_keep_ms)
        call_free(calls, call);
}

int64_t calls_tick(struct calls *calls, int64_t now_ms, int64_t mono_ms, enum calls_sending sending)
{
    calls->now_ms = now_ms;
    calls->mono_ms = mono_ms;
    collect(calls);
    forget_old_orphans(calls);
    if (sending == CALLS_SEND_NOTHING)
        return INT64_MAX;

    struct call *call;
    while ((call = TAILQ_FIRST(&calls->marked))) {
        call_leave(calls, call);
        if (target_is_off(call->target))
            wait_on(calls, call);
        else
            send_now(calls, call);
    }
    if (sending == CALLS_SEND_MARKED)
        return INT64_MAX;
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < calls->target_count; i++) {
        struct target *target = &calls->targets[i];
        if (target->waiters == 0)
            continue;
        if (mono_ms >= target->sweep_due_mono_ms)
            sweep(calls, target);
        start_due(calls, target);
        int64_t at = next_look(calls, target);
        next_ms = at < next_ms ? at : next_ms;
    }
    return next_ms;
}
