/* The other side of calls, with a ledger by idempotency key: what was asked, what was done.
 *
 * An endpoint that honours keys does nothing twice and answers the same again; the others do what
 * comes. What it does, it does within the caller's timeout, unless it honours keys: then it may
 * come to it later, too. A look-up says whether it was done. */
#include "sim/fake_state.h"

static struct deed *deed_of(struct fake_world *world, const char *endpoint, const char *key)
{
    for (size_t i = 0; i < world->deed_count; i++)
        if (strcmp(world->deeds[i].key, key) == 0 &&
            strcmp(world->deeds[i].endpoint, endpoint) == 0)
            return &world->deeds[i];
    assert(world->deed_count < DEEDS_MAX);
    struct deed *deed = &world->deeds[world->deed_count++];
    *deed = (struct deed){0};
    snprintf(deed->endpoint, sizeof(deed->endpoint), "%s", endpoint);
    snprintf(deed->key, sizeof(deed->key), "%s", key);
    return deed;
}

static const struct endpoint *endpoint_at(const struct fake_world *world, struct str url)
{
    for (size_t i = 0; world->endpoints && i < world->endpoints->len; i++) {
        struct str base = world->endpoints->list[i].url;
        if (url.len >= base.len && memcmp(url.ptr, base.ptr, base.len) == 0 &&
            (url.len == base.len || url.ptr[base.len] == '/'))
            return &world->endpoints->list[i];
    }
    return NULL;
}

/* The key of a request; a look-up bears it as the last part of its path. */
static void key_of(const struct http_request *request, bool lookup, char *out, size_t size)
{
    if (lookup) {
        struct str url = request->url;
        size_t at = url.len;
        while (at > 0 && url.ptr[at - 1] != '/')
            at--;
        snprintf(out, size, "\"%.*s\"", (int)(url.len - at), url.ptr + at);
        return;
    }
    for (size_t i = 0; i < request->header_count; i++)
        if (str_equal(request->headers[i].name, STR("Idempotency-Key")))
            snprintf(out, size, "%.*s", STR_ARG(request->headers[i].value));
}

static void act(struct fake_world *world, struct request *request, bool honours)
{
    struct deed *deed = &world->deeds[request->deed];
    request->acts_ms = -1;
    if (request->lookup || (honours && (deed->acts > 0 || deed->refused)))
        return;
    if (request->refuses) {
        deed->refused = true;
        return;
    }
    if (deed->acts++ == 0)
        deed->acted = ++world->moment;
    fake_tell(&world->faults, 0, "%s does %s%s", deed->endpoint, deed->key,
              deed->acts > 1 ? " AGAIN" : "");
}

static bool honours_keys(const struct fake_world *world, const struct deed *deed)
{
    const struct endpoint *endpoint =
        world->endpoints ? endpoints_find(world->endpoints, str_from(deed->endpoint)) : NULL;
    return endpoint && endpoint->honours_keys;
}

void outside_advance(struct fake_world *world)
{
    for (size_t i = 0; i < world->request_count; i++) {
        struct request *request = &world->requests[i];
        if (request->acts_ms >= 0 && request->acts_ms <= world->now_ms)
            act(world, request, honours_keys(world, &world->deeds[request->deed]));
    }
}

/* How the answer to a request that arrived reads. */
static void fill_answer(struct fake_world *world, struct request *request)
{
    const struct deed *deed = &world->deeds[request->deed];
    request->end = HTTP_ANSWERED;
    request->retry_after_ms = -1;
    if (request->lookup)
        request->status = deed->acts > 0 ? 200 : 404;
    else if (request->status == 0)
        request->status = deed->acts > 0 ? 200 : deed->refused ? 422 : 409;
}

/* Under random faults: when it acts, when it answers. */
static void plan(struct fake_world *world, const struct endpoint *endpoint, struct request *request)
{
    struct faults *faults = &world->faults;
    int64_t now_ms = world->now_ms, timeout_ms = endpoint->timeout_ms;
    int64_t took_ms = fake_pick(faults, timeout_ms / 2);
    request->acts_ms = now_ms + fake_pick(faults, took_ms + 1);
    request->answers_ms = now_ms + took_ms;
    request->end = HTTP_ANSWERED;
    if (fake_goes_wrong(faults, FAULT_CALL_NOT_SENT)) {
        request->acts_ms = -1;
        request->end = HTTP_NOT_SENT;
        return;
    }
    request->refuses = !request->lookup && fake_goes_wrong(faults, FAULT_CALL_REFUSED);
    if (fake_goes_wrong(faults, FAULT_CALL_LOST)) {
        request->acts_ms = -1;
        request->end = HTTP_UNKNOWN;
        request->answers_ms = now_ms + fake_pick(faults, timeout_ms + 1);
    } else if (fake_goes_wrong(faults, FAULT_CALL_ANSWER_LOST)) {
        request->end = HTTP_UNKNOWN;
        request->answers_ms = now_ms + timeout_ms;
    } else if (fake_goes_wrong(faults, FAULT_CALL_LATE)) {
        request->end = HTTP_UNKNOWN;
        request->answers_ms = now_ms + timeout_ms / 4;
        request->acts_ms = now_ms + timeout_ms / 4 +
                           fake_pick(faults, timeout_ms * (endpoint->honours_keys ? 2 : 1) / 2);
    } else if (fake_goes_wrong(faults, FAULT_CALL_BUSY)) {
        request->acts_ms = -1;
        request->status = 503;
    }
}

static struct request *free_request(struct fake_world *world)
{
    for (size_t i = 0; i < world->request_count; i++)
        if (!world->requests[i].process && world->requests[i].acts_ms < 0)
            return &world->requests[i];
    assert(world->request_count < REQUESTS_MAX);
    return &world->requests[world->request_count++];
}

static void note_call(struct fake_world *world, const char *key, struct str url)
{
    if (world->turns.wait)
        return;
    assert(world->call_count < FAKE_CALLS_MAX);
    struct fake_call *call = &world->calls[world->call_count++];
    snprintf(call->key, sizeof(call->key), "%s", key);
    snprintf(call->path, sizeof(call->path), "%.*s", STR_ARG(url));
}

/* Something of it reaches the other side. */
static void note_request(struct deed *deed, const struct fake_process *process, bool lookup,
                         struct str url, uint64_t moment)
{
    if (lookup) {
        deed->lookups++;
        return;
    }
    if (deed->requests++ == 0) {
        deed->asked = moment;
        snprintf(deed->path, sizeof(deed->path), "%.*s", STR_ARG(url));
    }
    deed->asked_last = moment;
    deed->asked_again |= deed->told == process->number;
}

static int port_submit(void *self, const struct http_request *request, struct error *err)
{
    struct fake_process *process = self;
    struct fake_world *world = process->world;
    char key[128] = "";
    if (!fake_enter(process, CALL_SUBMIT))
        return error_set(err, ERROR_RETRY, "dead");
    const struct endpoint *endpoint = endpoint_at(world, request->url);
    bool lookup = str_equal(request->method, STR("GET"));
    key_of(request, lookup, key, sizeof(key));
    note_call(world, key, request->url);
    struct deed *deed = deed_of(world, endpoint ? endpoint->name.ptr : "?", key);
    struct request *asked = free_request(world);
    *asked = (struct request){.process = process,
                              .owner = request->owner,
                              .deed = (int)(deed - world->deeds),
                              .lookup = lookup,
                              .acts_ms = -1,
                              .retry_after_ms = -1};
    if (deed->tried == 0)
        deed->tried = world->moment;
    fake_tell(&world->faults, process->number, "%s %s at %s", lookup ? "looks up" : "sends", key,
              deed->endpoint);
    if (world->turns.wait && endpoint)
        plan(world, endpoint, asked);
    if (!world->turns.wait || asked->end != HTTP_NOT_SENT)
        note_request(deed, process, lookup, request->url, ++world->moment);
    fake_leave(process, CALL_SUBMIT);
    return 0;
}

static struct request *first_answered(struct fake_process *process)
{
    struct fake_world *world = process->world;
    struct request *first = NULL;
    for (size_t i = 0; i < world->request_count && !world->hold; i++) {
        struct request *request = &world->requests[i];
        if (request->process == process && request->answers_ms <= world->now_ms &&
            (!first || request->answers_ms < first->answers_ms))
            first = request;
    }
    return first;
}

static bool port_collect(void *self, struct http_result *out)
{
    struct fake_process *process = self;
    struct fake_world *world = process->world;
    struct request *request;
    if (!fake_enter(process, CALL_COLLECT) || !(request = first_answered(process)))
        return false;
    if (!world->turns.wait) {
        request->end = world->next_end;
        request->status = world->next_status;
        world->next_end = HTTP_ANSWERED;
        world->next_status = 200;
    } else if (request->end == HTTP_ANSWERED) {
        fill_answer(world, request);
    }
    *out = (struct http_result){.owner = request->owner,
                                .end = request->end,
                                .status = request->status,
                                .retry_after_ms = request->retry_after_ms};
    fake_tell(&world->faults, process->number, "hears of %s: %s %d",
              world->deeds[request->deed].key,
              request->end == HTTP_ANSWERED   ? "answer"
              : request->end == HTTP_NOT_SENT ? "not sent"
                                              : "unknown",
              request->status);
    if (request->end == HTTP_ANSWERED && request->status / 100 == 2)
        world->deeds[request->deed].told = process->number;
    request->process = NULL;
    return true;
}

void fake_outside_forget(struct fake_process *process)
{
    for (size_t i = 0; i < process->world->request_count; i++)
        if (process->world->requests[i].process == process)
            process->world->requests[i].process = NULL;
}

static int port_smtp_submit(void *self, const struct smtp_request *request, struct error *err)
{
    (void)self;
    (void)request;
    return error_set(err, ERROR_SET_ASIDE, "no SMTP here");
}

static bool port_smtp_collect(void *self, struct smtp_result *out)
{
    (void)self;
    (void)out;
    return false;
}

void fake_outside_port(struct transports *transports)
{
    transports->http_submit = port_submit;
    transports->http_collect = port_collect;
    transports->smtp_submit = port_smtp_submit;
    transports->smtp_collect = port_smtp_collect;
}

/* ---- by hand ---- */

size_t fake_world_calls(const struct fake_world *world, const struct fake_call **out)
{
    *out = world->calls;
    return world->call_count;
}

void fake_world_next_call(struct fake_world *world, enum http_end end, int32_t status)
{
    world->next_end = end;
    world->next_status = status;
}

void fake_world_hold_calls(struct fake_world *world, bool hold)
{
    world->hold = hold;
}
