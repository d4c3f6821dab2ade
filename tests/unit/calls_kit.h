/* For tests of the calls: a transport that only notes what it is asked to send, answers by hand,
 * and a clock that stands still. */
#ifndef WAYBILL_TESTS_CALLS_KIT_H
#define WAYBILL_TESTS_CALLS_KIT_H

#include "worker/calls.h"

#include <assert.h>
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>

enum { SENT_MAX = 4096, TEXT_MAX = 256, EPOCH = 1, TASK = 3, SESSION_MS = 10000 };

/* What was handed to the transport. */
struct sent {
    void *owner;
    bool smtp, answered;
    char method[16], url[TEXT_MAX], body[TEXT_MAX], headers[1024], to[TEXT_MAX];
    struct http_request http; /* its numbers and flags only */
};

static struct world {
    struct sent sent[SENT_MAX];
    size_t sent_count, answered_count;
    struct http_result http[SENT_MAX];
    struct smtp_result smtp[SENT_MAX];
    size_t http_count, http_taken, smtp_count, smtp_taken;
    bool full;
    int64_t token_wait_ms;
    int tokens_taken;
    struct endpoint endpoints[4];
    struct endpoints list;
    struct calls_options options;
    struct calls *calls;
    int64_t now_ms, mono_ms, next_ms;
} world;

static inline void copy_text(char *out, size_t size, struct str s)
{
    snprintf(out, size, "%.*s", STR_ARG(s));
}

static inline int fake_http_submit(void *self, const struct http_request *request,
                                   struct error *err)
{
    struct sent *sent = &world.sent[world.sent_count];
    (void)self;
    assert(world.sent_count < SENT_MAX);
    if (world.full)
        return error_set(err, ERROR_RETRY, "full");
    if (http_url_check(request->url) == HTTP_URL_REFUSED)
        return error_set(err, ERROR_SET_ASIDE, "URL not allowed");
    *sent = (struct sent){.owner = request->owner, .http = *request};
    copy_text(sent->method, sizeof(sent->method), request->method);
    copy_text(sent->url, sizeof(sent->url), request->url);
    copy_text(sent->body, sizeof(sent->body), request->body);
    for (size_t i = 0, at = 0; i < request->header_count; i++)
        at +=
            (size_t)snprintf(sent->headers + at, sizeof(sent->headers) - at, "%.*s: %.*s\n",
                             STR_ARG(request->headers[i].name), STR_ARG(request->headers[i].value));
    world.sent_count++;
    return 0;
}

static inline bool fake_http_collect(void *self, struct http_result *out)
{
    (void)self;
    if (world.http_taken == world.http_count)
        return false;
    *out = world.http[world.http_taken++];
    return true;
}

static inline int fake_smtp_submit(void *self, const struct smtp_request *request,
                                   struct error *err)
{
    struct sent *sent = &world.sent[world.sent_count++];
    (void)self, (void)err;
    *sent = (struct sent){.owner = request->owner, .smtp = true};
    copy_text(sent->to, sizeof(sent->to), request->mail_to);
    copy_text(sent->body, sizeof(sent->body), request->message);
    return 0;
}

static inline bool fake_smtp_collect(void *self, struct smtp_result *out)
{
    (void)self;
    if (world.smtp_taken == world.smtp_count)
        return false;
    *out = world.smtp[world.smtp_taken++];
    return true;
}

static inline int64_t fake_token(void *self, const struct endpoint *endpoint, int64_t mono_ms)
{
    (void)self, (void)endpoint, (void)mono_ms;
    world.tokens_taken += world.token_wait_ms == 0;
    return world.token_wait_ms;
}

static inline struct endpoint an_endpoint(const char *name)
{
    return (struct endpoint){.name = str_from(name),
                             .url = STR("https://acme.example/v1"),
                             .policy = POLICY_REPEAT,
                             .honours_keys = true,
                             .timeout_ms = 5000,
                             .connect_timeout_ms = 1000,
                             .body_bytes_max = 1000,
                             .in_flight_max = 2,
                             .queue_max = 100,
                             .attempts_max = 1000,
                             .give_up_after_ms = 60000,
                             .backoff_ms = 100,
                             .backoff_max_ms = 1000};
}

/* "acme" repeats, "park" parks, "query" asks, "mail" is SMTP and parks. Change world.endpoints
 * before begin. */
static inline void set_up(void)
{
    calls_free(world.calls);
    world = (struct world){.now_ms = 1000000, .mono_ms = 5000};
    world.endpoints[0] = an_endpoint("acme");
    world.endpoints[1] = an_endpoint("park");
    world.endpoints[1].policy = POLICY_PARK;
    world.endpoints[1].honours_keys = false;
    world.endpoints[1].commit_started = true;
    world.endpoints[2] = an_endpoint("query");
    world.endpoints[2].policy = POLICY_QUERY;
    world.endpoints[2].commit_started = true;
    world.endpoints[3] = an_endpoint("mail");
    world.endpoints[3].kind = ENDPOINT_SMTP;
    world.endpoints[3].url = STR("smtp://127.0.0.1");
    world.endpoints[3].policy = POLICY_PARK;
    world.endpoints[3].honours_keys = false;
    world.endpoints[3].commit_started = true;
    world.options = (struct calls_options){.take_token = fake_token,
                                           .user_agent = STR("waybill/test"),
                                           .session_timeout_ms = SESSION_MS,
                                           .orphan_keep_ms = 60000,
                                           .bytes_max = 1 << 20,
                                           .seed = 1};
}

static inline void begin(void)
{
    static const struct transports fake = {.http_submit = fake_http_submit,
                                           .http_collect = fake_http_collect,
                                           .smtp_submit = fake_smtp_submit,
                                           .smtp_collect = fake_smtp_collect};
    world.list = (struct endpoints){.list = world.endpoints, .len = 4};
    world.calls = calls_new(&world.list, &fake, &world.options);
    assert(world.calls);
}

static inline void begin_default(void)
{
    set_up();
    begin();
}

static inline void set_default(struct str *text, struct str to)
{
    if (!text->ptr)
        *text = to;
}

static inline struct task_intent with_defaults(struct task_intent intent)
{
    set_default(&intent.state_type, STR("order"));
    set_default(&intent.key, STR("k1"));
    set_default(&intent.name, STR("submit"));
    set_default(&intent.endpoint, STR("acme"));
    set_default(&intent.path, STR("/orders"));
    set_default(&intent.body, STR("{}"));
    const struct endpoint *endpoint = endpoints_find(&world.list, intent.endpoint);
    intent.marks_first = !endpoint || endpoint->commit_started; /* as it was when it was asked */
    return intent;
}

/* an_intent(.key = STR("k2"), .endpoint = STR("park")): its id is given when it is offered. */
#define an_intent(...) with_defaults((struct task_intent){.created_at_ms = 1, __VA_ARGS__})

static inline enum offer_result offer_from(const char *id, struct task_intent intent,
                                           uint64_t epoch, enum calls_origin origin)
{
    intent.intent_id = str_from(id);
    return calls_offer(world.calls, str_from(id), &intent, TASK, epoch, origin);
}

static inline enum offer_result offer(const char *id, struct task_intent intent)
{
    return offer_from(id, intent, EPOCH, CALLS_FRESH);
}

static inline void tick(void)
{
    world.next_ms = calls_tick(world.calls, world.now_ms, world.mono_ms, true);
}

/* Time passes as the loop would let it: tick by tick. */
static inline void pass(int64_t ms)
{
    int64_t until = world.mono_ms + ms;
    while (world.mono_ms < until) {
        world.mono_ms += 10;
        world.now_ms += 10;
        tick();
    }
}

/* Answers the n-th request (0 = the first), and ticks. */
static inline void answer(size_t n, struct http_result result)
{
    assert(n < world.sent_count && !world.sent[n].answered);
    world.sent[n].answered = true;
    result.owner = world.sent[n].owner;
    if (result.retry_after_ms == 0)
        result.retry_after_ms = -1;
    if (!result.detail[0])
        snprintf(result.detail, sizeof(result.detail), "status %d", (int)result.status);
    world.http[world.http_count++] = result;
    tick();
}

static inline void answer_status(size_t n, int32_t status)
{
    answer(n, (struct http_result){.end = HTTP_ANSWERED, .status = status});
}

static inline void answer_end(size_t n, enum http_end end)
{
    answer(n, (struct http_result){.end = end, .detail = "lost"});
}

static inline void answer_mail(size_t n, enum smtp_end end, int32_t status)
{
    assert(n < world.sent_count && !world.sent[n].answered);
    world.sent[n].answered = true;
    world.smtp[world.smtp_count++] =
        (struct smtp_result){.owner = world.sent[n].owner, .end = end, .status = status};
    tick();
}

/* As a worker does that commits at once. */
static inline void commit_marks(void)
{
    struct calls_mark mark;
    size_t cursor = 0, count = 0;
    struct str ids[64];
    while (calls_next_mark(world.calls, &cursor, &mark))
        ids[count++] = mark.id;
    for (size_t i = 0; i < count; i++)
        calls_started_committed(world.calls, ids[i]);
    tick();
}

static inline const struct endpoint_stats *stats(size_t i)
{
    static struct endpoint_stats out;
    CU_ASSERT(calls_stats(world.calls, i, world.mono_ms, &out));
    return &out;
}

/* The next reply is of this id and says this. */
static inline const struct call_reply *expect_reply(const char *id, enum outcome outcome)
{
    static const struct call_reply none = {.outcome = OUTCOME_UNKNOWN};
    struct calls_reply *reply = calls_next_reply(world.calls);
    CU_ASSERT_PTR_NOT_NULL(reply);
    if (!reply)
        return &none;
    CU_ASSERT(str_equal(reply->id, str_from(id)));
    CU_ASSERT_EQUAL(reply->reply.outcome, outcome);
    CU_ASSERT_EQUAL(reply->task, TASK);
    return &reply->reply;
}

/* Answers every request the same way until a reply comes; returns how long that took. */
static inline int64_t until_reply(enum http_end end, int32_t status, int64_t at_most_ms)
{
    int64_t start = world.mono_ms;
    for (size_t n = 0; world.mono_ms - start < at_most_ms; pass(10)) {
        for (; n < world.sent_count; n++)
            if (!world.sent[n].answered)
                answer(n, (struct http_result){.end = end, .status = status});
        if (stats(0)->not_sent + stats(0)->unknown + stats(2)->unknown > 0)
            return world.mono_ms - start;
    }
    return -1;
}

static inline void forget(const char *id)
{
    calls_forget(world.calls, str_from(id));
    tick();
}

#define EXPECT_SENT(count)       CU_ASSERT_EQUAL(world.sent_count, (size_t)(count))
#define EXPECT_HAS(text, part)   CU_ASSERT_PTR_NOT_NULL(strstr(text, part))
#define EXPECT_LACKS(text, part) CU_ASSERT_PTR_NULL(strstr(text, part))
#define EXPECT_NO_REPLY()        CU_ASSERT_PTR_NULL(calls_next_reply(world.calls))

#endif
