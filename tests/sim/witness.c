#include "sim/witness.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Every route of every service that runs, by number. */
static struct {
    const struct service *rules;
    const struct route *route;
} seen[WITNESS_ROUTES_MAX];
static struct route routes[WITNESS_ROUTES_MAX];
static size_t route_count;

static struct str text_of_reply(const struct call_reply *reply, struct arena *arena)
{
    return arena_printf(arena, "%.*s %d %d %d %d %d %zu %.*s%.*s", STR_ARG(reply->intent_id),
                        (int)reply->outcome, (int)reply->status, (int)reply->attempts,
                        reply->parked, reply->by_person, reply->detail.len, STR_ARG(reply->detail),
                        STR_ARG(reply->body));
}

static enum verdict decide(size_t number, const struct event *ev, const void *state,
                           const struct context *ctx, struct effects *out)
{
    enum verdict verdict = seen[number].route->decide(ev, state, ctx, out);
    if (verdict != DONE)
        return verdict;
    struct str reply = ev->reply ? text_of_reply(ev->reply, ctx->arena) : STR("");
    struct lane_measured said = {
        .lane = arena_printf(ctx->arena, "%zu %" PRId64 " %" PRId64 " %.*s %.*s", number,
                             ctx->now_ms, ev->time_ms, STR_ARG(ev->id), STR_ARG(reply))};
    emit_lane_measured(out, ev->key, &said);
    return DONE;
}

/* clang-format off */
#define EACH(X)                                                                                    \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16)    \
    X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31)      \
    X(32) X(33) X(34) X(35) X(36) X(37) X(38) X(39)
/* clang-format on */

#define X(n)                                                                                       \
    static enum verdict decide_##n(const struct event *ev, const void *state,                      \
                                   const struct context *ctx, struct effects *out)                 \
    {                                                                                              \
        return decide(n, ev, state, ctx, out);                                                     \
    }
EACH(X)
#undef X

static rule *const rules[WITNESS_ROUTES_MAX] = {
#define X(n) decide_##n,
    EACH(X)
#undef X
};

void witness_all(struct witnessed *services, size_t count)
{
    for (size_t s = 0; s < count; s++) {
        const struct service *real = services[s].rules;
        assert(route_count + real->route_count <= WITNESS_ROUTES_MAX);
        services[s].service = *real;
        services[s].service.routes = &routes[route_count];
        for (size_t r = 0; r < real->route_count; r++, route_count++) {
            seen[route_count].rules = real;
            seen[route_count].route = &real->routes[r];
            routes[route_count] = real->routes[r];
            routes[route_count].decide = rules[route_count];
        }
    }
}

static bool take_number(struct str *text, int64_t *out)
{
    struct str word;
    str_split(*text, ' ', &word, text);
    return str_to_int64(word, out);
}

static bool read_reply(struct str text, const struct route *route, struct call_reply *out)
{
    int64_t outcome, status, attempts, parked, by_person, detail_bytes;
    str_split(text, ' ', &out->intent_id, &text);
    if (!take_number(&text, &outcome) || !take_number(&text, &status) ||
        !take_number(&text, &attempts) || !take_number(&text, &parked) ||
        !take_number(&text, &by_person) || !take_number(&text, &detail_bytes) ||
        (size_t)detail_bytes > text.len)
        return false;
    out->name = str_from(route->on_reply);
    out->outcome = (enum outcome)outcome;
    out->status = (int32_t)status;
    out->attempts = (int32_t)attempts;
    out->parked = parked != 0;
    out->by_person = by_person != 0;
    out->detail = (struct str){text.ptr, (size_t)detail_bytes};
    out->body = (struct str){text.ptr + detail_bytes, text.len - (size_t)detail_bytes};
    return true;
}

bool witness_read(struct str text, struct arena *arena, struct testimony *out)
{
    int64_t number;
    struct str rest = arena_copy(arena, text);
    if (!take_number(&rest, &number) || number < 0 || (size_t)number >= route_count)
        return false;
    *out = (struct testimony){.rules = seen[number].rules, .route = seen[number].route};
    if (!take_number(&rest, &out->now_ms) || !take_number(&rest, &out->time_ms))
        return false;
    str_split(rest, ' ', &out->event_id, &rest);
    return !out->route->on_reply || read_reply(rest, out->route, &out->reply);
}
