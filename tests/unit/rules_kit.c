#include "rules_kit.h"

#include "avro/codec.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARENA_BYTES_MAX = 256 * 1024 * 1024, PUMPED_MAX = 1000 * 1000 };

struct kit_timer {
    char *name;
    int64_t due_ms;
};

struct kit_entry {
    const struct record_type *type;
    struct str key;
    bool has_state;
    struct buffer state; /* Avro */
    struct kit_timer timers[TIMERS_PER_KEY_MAX];
    size_t timer_count;
};

/* ---- records go through the codec, as in the runtime ---- */

static void encode(const struct record_type *type, const void *body, struct buffer *out)
{
    struct error err = {0};
    buffer_reset(out);
    if (avro_encode(type, body, out, &err)) {
        fprintf(stderr, "rules_kit: %s\n", err.text);
        abort();
    }
}

static const void *decode(const struct record_type *type, struct str bytes, struct arena *arena)
{
    const void *body;
    struct error err = {0};
    if (avro_decode(type, arena_copy(arena, bytes), arena, &body, &err)) {
        fprintf(stderr, "rules_kit: %s\n", err.text);
        abort();
    }
    return body;
}

static const void *take_over(struct arena *arena, const struct record_type *type, const void *body)
{
    struct buffer bytes;
    buffer_init(&bytes, STATE_BYTES_MAX);
    encode(type, body, &bytes);
    const void *copy = decode(type, buffer_str(&bytes), arena);
    buffer_done(&bytes);
    return copy;
}

static struct str str_copy(struct arena *arena, struct str s)
{
    return s.ptr ? arena_copy(arena, s) : s;
}

/* ---- entries ---- */

static struct kit_entry *entry_find(const struct kit *kit, const struct record_type *type,
                                    struct str key)
{
    for (size_t i = 0; i < kit->entry_count; i++)
        if (kit->entries[i].type == type && str_equal(kit->entries[i].key, key))
            return &kit->entries[i];
    return NULL;
}

static void entry_drop_timers(struct kit_entry *entry)
{
    for (size_t i = 0; i < entry->timer_count; i++)
        free(entry->timers[i].name);
    entry->timer_count = 0;
}

static void entry_set_state(struct kit_entry *entry, const void *state)
{
    entry->has_state = state != NULL;
    if (state)
        encode(entry->type, state, &entry->state);
    else
        entry_drop_timers(entry);
}

static struct kit_entry entry_new(const struct record_type *type, struct str key)
{
    struct kit_entry entry = {.type = type, .key = {strndup(key.ptr, key.len), key.len}};
    buffer_init(&entry.state, STATE_BYTES_MAX);
    return entry;
}

static struct kit_entry *entry_make(struct kit *kit, const struct record_type *type, struct str key)
{
    struct kit_entry *entry = entry_find(kit, type, key);
    if (entry)
        return entry;
    kit->entries = realloc(kit->entries, (kit->entry_count + 1) * sizeof(*kit->entries));
    assert(kit->entries);
    entry = &kit->entries[kit->entry_count++];
    *entry = entry_new(type, key);
    return entry;
}

static void entry_done(struct kit_entry *entry)
{
    entry_drop_timers(entry);
    buffer_done(&entry->state);
    free((char *)entry->key.ptr);
}

/* Keys without a state are forgotten, as in the runtime. */
static void entries_tidy(struct kit *kit)
{
    for (size_t i = 0; i < kit->entry_count; i++) {
        if (kit->entries[i].has_state)
            continue;
        entry_done(&kit->entries[i]);
        kit->entries[i--] = kit->entries[--kit->entry_count];
    }
}

static struct kit_timer *timer_find(struct kit_entry *entry, const char *name)
{
    for (size_t i = 0; entry && i < entry->timer_count; i++)
        if (strcmp(entry->timers[i].name, name) == 0)
            return &entry->timers[i];
    return NULL;
}

static void entry_cancel_timer(struct kit_entry *entry, const char *name)
{
    struct kit_timer *timer = timer_find(entry, name);
    if (!timer)
        return;
    free(timer->name);
    *timer = entry->timers[--entry->timer_count];
}

static void entry_set_timer(struct kit_entry *entry, const char *name, int64_t due_ms)
{
    entry_cancel_timer(entry, name);
    assert(entry->timer_count < TIMERS_PER_KEY_MAX);
    entry->timers[entry->timer_count++] = (struct kit_timer){strdup(name), due_ms};
}

/* The route for an event's type, or for a state's timer or reply. */
static const struct route *route_find(const struct kit *kit, const struct record_type *on,
                                      const struct record_type *state, const char *timer,
                                      const char *reply)
{
    for (size_t i = 0; i < kit->route_count; i++) {
        const struct route *route = &kit->routes[i];
        if (on && route->on == on)
            return route;
        if (timer && route->state == state && route->on_timer &&
            strcmp(route->on_timer, timer) == 0)
            return route;
        if (reply && route->state == state && route->on_reply &&
            strcmp(route->on_reply, reply) == 0)
            return route;
    }
    return NULL;
}

/* ---- the sink: a rule's wishes are kept in order and carried out when it says DONE ---- */

static struct kit *kit_of(struct effects_sink *sink)
{
    return (void *)((char *)sink - offsetof(struct kit, sink));
}

static void sink_emit(struct effects_sink *sink, const struct record_type *type, struct str key,
                      const void *body)
{
    struct kit *kit = kit_of(sink);
    assert(kit->emitted_count - kit->emitted_before < EMITS_MAX);
    kit->emitted = realloc(kit->emitted, (kit->emitted_count + 1) * sizeof(*kit->emitted));
    assert(kit->emitted);
    kit->emitted[kit->emitted_count++] =
        (struct kit_record){type, arena_copy(&kit->kept, key), take_over(&kit->kept, type, body)};
}

static void sink_put_state(struct effects_sink *sink, const void *state)
{
    entry_set_state(kit_of(sink)->staged, state);
}

static void sink_set_timer(struct effects_sink *sink, const char *name, int64_t due_ms)
{
    struct kit *kit = kit_of(sink);
    assert(route_find(kit, NULL, kit->staged->type, name, NULL) && "no route for this timer");
    entry_set_timer(kit->staged, name, due_ms);
}

static void sink_cancel_timer(struct effects_sink *sink, const char *name)
{
    entry_cancel_timer(kit_of(sink)->staged, name);
}

static struct kit_intent *intent_of(struct kit *kit, const struct record_type *state,
                                    struct str key, struct str id)
{
    for (size_t i = 0; i < kit->intent_count; i++)
        if (kit->intents[i].state == state && str_equal(kit->intents[i].key, key) &&
            str_equal(kit->intents[i].intent.id, id))
            return &kit->intents[i];
    return NULL;
}

static struct intent intent_copy(struct arena *arena, const struct intent *intent)
{
    struct intent copy = *intent;
    struct str *const strings[] = {&copy.id,          &copy.endpoint,     &copy.path,
                                   &copy.body,        &copy.content_type, &copy.idempotency_key,
                                   &copy.lookup_path, &copy.mail_from,    &copy.mail_to};
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        *strings[i] = str_copy(arena, *strings[i]);
    struct intent_header *headers =
        arena_alloc_array(arena, intent->header_count + 1, sizeof(*headers));
    for (size_t i = 0; i < intent->header_count; i++)
        headers[i] = (struct intent_header){str_copy(arena, intent->headers[i].name),
                                            str_copy(arena, intent->headers[i].value)};
    copy.headers = headers;
    return copy;
}

static void sink_intend(struct effects_sink *sink, const struct intent *intent)
{
    struct kit *kit = kit_of(sink);
    assert(intent->id.len && intent->name && intent->endpoint.len);
    if (intent_of(kit, kit->staged->type, kit->staged->key, intent->id))
        return;
    assert(kit->intent_count - kit->intents_before < INTENTS_PER_KEY_MAX);
    kit->intents = realloc(kit->intents, (kit->intent_count + 1) * sizeof(*kit->intents));
    assert(kit->intents);
    kit->intents[kit->intent_count++] =
        (struct kit_intent){.intent = intent_copy(&kit->kept, intent),
                            .state = kit->staged->type,
                            .key = arena_copy(&kit->kept, kit->staged->key)};
}

static void sink_withdraw(struct effects_sink *sink, struct str intent_id)
{
    struct kit *kit = kit_of(sink);
    struct kit_intent *intent = intent_of(kit, kit->staged->type, kit->staged->key, intent_id);
    if (intent && !intent->answered)
        intent->withdrawing = true;
}

/* ---- running ---- */

static const void *table_find(const struct tables *tables, const struct record_type *type,
                              struct str key)
{
    const struct kit *kit = (const void *)((const char *)tables - offsetof(struct kit, tables));
    for (size_t i = kit->table_count; i-- > 0;)
        if (kit->table[i].type == type && str_equal(kit->table[i].key, key))
            return kit->table[i].body;
    return NULL;
}

void kit_init(struct kit *kit, const struct route *routes, size_t route_count, const void *cfg)
{
    *kit = (struct kit){.routes = routes, .route_count = route_count};
    arena_init(&kit->kept, ARENA_BYTES_MAX);
    arena_init(&kit->scratch, ARENA_BYTES_MAX);
    kit->tables.find = table_find;
    kit->sink = (struct effects_sink){.emit = sink_emit,
                                      .put_state = sink_put_state,
                                      .set_timer = sink_set_timer,
                                      .cancel_timer = sink_cancel_timer,
                                      .intend = sink_intend,
                                      .withdraw = sink_withdraw};
    kit->ctx = (struct context){
        .now_ms = KIT_START_MS, .cfg = cfg, .tables = &kit->tables, .arena = &kit->scratch};
}

void kit_done(struct kit *kit)
{
    for (size_t i = 0; i < kit->entry_count; i++)
        entry_done(&kit->entries[i]);
    free(kit->entries);
    free(kit->emitted);
    free(kit->intents);
    free(kit->table);
    arena_done(&kit->kept);
    arena_done(&kit->scratch);
    *kit = (struct kit){0};
}

/* A copy of the entry (which may be NULL) for the rule to change. */
static struct kit_entry entry_stage(const struct record_type *type, struct str key,
                                    const struct kit_entry *from)
{
    struct kit_entry staged = entry_new(type, key);
    if (from) {
        staged.has_state = from->has_state;
        buffer_add_str(&staged.state, buffer_str(&from->state));
    }
    for (size_t i = 0; from && i < from->timer_count; i++)
        entry_set_timer(&staged, from->timers[i].name, from->timers[i].due_ms);
    return staged;
}

static enum verdict decide(struct kit *kit, const struct route *route, struct event ev)
{
    struct kit_entry *entry = entry_find(kit, route->state, ev.key);
    struct kit_entry staged = entry_stage(route->state, ev.key, entry);
    struct buffer body;
    buffer_init(&body, STATE_BYTES_MAX);
    if (ev.body)
        encode(ev.type, ev.body, &body);
    arena_reset(&kit->scratch);
    if (ev.body)
        ev.body = decode(ev.type, buffer_str(&body), &kit->scratch);
    buffer_done(&body);
    const void *state = entry && entry->has_state
                            ? decode(route->state, buffer_str(&entry->state), &kit->scratch)
                            : NULL;
    if (!ev.id.ptr)
        ev.id = arena_printf(&kit->scratch, "kit-event-%lld", (long long)++kit->event_number);
    kit->staged = &staged;
    kit->emitted_before = kit->emitted_count;
    kit->intents_before = kit->intent_count;
    kit->effects = (struct effects){.sink = &kit->sink};
    enum verdict verdict = route->decide(&ev, state, &kit->ctx, &kit->effects);
    kit->staged = NULL;
    for (size_t i = 0; i < kit->intent_count; i++) {
        kit->intents[i].withdrawn |= kit->intents[i].withdrawing && verdict == DONE;
        kit->intents[i].withdrawing = false;
    }
    if (verdict == DONE) {
        assert((staged.has_state || !staged.timer_count) && "a timer needs a state to live with");
        entry = entry_make(kit, route->state, ev.key);
        struct kit_entry old = *entry;
        *entry = staged;
        staged = old;
    } else {
        kit->emitted_count = kit->emitted_before;
        kit->intent_count = kit->intents_before;
    }
    entry_done(&staged);
    entries_tidy(kit);
    return verdict;
}

enum verdict kit_run(struct kit *kit, const struct event *ev)
{
    const struct route *route = route_find(kit, ev->type, NULL, NULL, NULL);
    assert(route && "no route for this event");
    return decide(kit, route, *ev);
}

enum verdict kit_event(struct kit *kit, const struct record_type *type, struct str key,
                       const void *body)
{
    return kit_run(
        kit, &(struct event){.type = type, .body = body, .key = key, .time_ms = kit->ctx.now_ms});
}

enum verdict kit_reply(struct kit *kit, const struct record_type *state, struct str key,
                       const struct call_reply *reply)
{
    struct kit_intent *intent = intent_of(kit, state, key, reply->intent_id);
    assert(intent && !intent->withdrawn && !intent->answered);
    const struct route *route = route_find(kit, NULL, state, NULL, intent->intent.name);
    assert(route && "no route for this reply");
    struct call_reply full = *reply;
    full.name = str_from(intent->intent.name);
    full.endpoint = intent->intent.endpoint;
    intent->answered = !reply->parked;
    return decide(kit, route,
                  (struct event){.reply = &full, .key = key, .time_ms = kit->ctx.now_ms});
}

enum verdict kit_fire(struct kit *kit, const struct record_type *state, struct str key,
                      const char *name)
{
    struct kit_entry *entry = entry_find(kit, state, key);
    struct kit_timer *timer = timer_find(entry, name);
    assert(timer && "this timer is not set");
    const struct route *route = route_find(kit, NULL, state, name, NULL);
    assert(route && "no route for this timer");
    struct event ev = {.timer = name, .key = key, .time_ms = timer->due_ms};
    entry_cancel_timer(entry, name);
    return decide(kit, route, ev);
}

size_t kit_advance(struct kit *kit, int64_t ms)
{
    int64_t until_ms = kit->ctx.now_ms + ms;
    for (size_t fired = 0;; fired++) {
        const struct kit_entry *next = NULL;
        const struct kit_timer *timer = NULL;
        for (size_t i = 0; i < kit->entry_count; i++)
            for (size_t t = 0; t < kit->entries[i].timer_count; t++)
                if (kit->entries[i].timers[t].due_ms <= until_ms &&
                    (!timer || kit->entries[i].timers[t].due_ms < timer->due_ms)) {
                    next = &kit->entries[i];
                    timer = &next->timers[t];
                }
        if (!timer) {
            kit->ctx.now_ms = until_ms;
            return fired;
        }
        assert(fired < PUMPED_MAX);
        if (timer->due_ms > kit->ctx.now_ms)
            kit->ctx.now_ms = timer->due_ms;
        char *name = strdup(timer->name);
        struct str key = {strndup(next->key.ptr, next->key.len), next->key.len};
        kit_fire(kit, next->type, key, name);
        free(name);
        free((char *)key.ptr);
    }
}

size_t kit_pump(struct kit *kit)
{
    size_t given = 0;
    while (kit->pumped_count < kit->emitted_count) {
        assert(given < PUMPED_MAX && "the rules answer themselves without end");
        struct kit_record record = kit->emitted[kit->pumped_count++];
        if (!route_find(kit, record.type, NULL, NULL, NULL))
            continue;
        kit_event(kit, record.type, record.key, record.body);
        given++;
    }
    return given;
}

/* ---- looking ---- */

static const struct kit_record *emitted_find(const struct kit *kit, const struct record_type *type,
                                             size_t nth)
{
    for (size_t i = 0; i < kit->emitted_count; i++)
        if ((!type || kit->emitted[i].type == type) && nth-- == 0)
            return &kit->emitted[i];
    return NULL;
}

size_t kit_count(const struct kit *kit, const struct record_type *type)
{
    size_t count = 0;
    for (size_t i = 0; i < kit->emitted_count; i++)
        count += !type || kit->emitted[i].type == type;
    return count;
}

const void *kit_emitted(const struct kit *kit, const struct record_type *type, size_t nth)
{
    const struct kit_record *record = emitted_find(kit, type, nth);
    return record ? record->body : NULL;
}

struct str kit_emitted_key(const struct kit *kit, const struct record_type *type, size_t nth)
{
    const struct kit_record *record = emitted_find(kit, type, nth);
    return record ? record->key : (struct str){0};
}

void kit_forget(struct kit *kit)
{
    kit->emitted_count = kit->pumped_count = kit->intent_count = 0;
    if (!kit->table_count)
        arena_reset(&kit->kept);
}

const void *kit_state(struct kit *kit, const struct record_type *state, struct str key)
{
    const struct kit_entry *entry = entry_find(kit, state, key);
    return entry ? decode(state, buffer_str(&entry->state), &kit->scratch) : NULL;
}

void kit_put_state(struct kit *kit, const struct record_type *state, struct str key,
                   const void *body)
{
    entry_set_state(entry_make(kit, state, key), body);
    entries_tidy(kit);
}

size_t kit_state_bytes(const struct kit *kit, const struct record_type *state, struct str key)
{
    const struct kit_entry *entry = entry_find(kit, state, key);
    return entry ? entry->state.len : 0;
}

int64_t kit_timer_due(const struct kit *kit, const struct record_type *state, struct str key,
                      const char *name)
{
    const struct kit_timer *timer = timer_find(entry_find(kit, state, key), name);
    return timer ? timer->due_ms : -1;
}

size_t kit_timer_count(const struct kit *kit, const struct record_type *state, struct str key)
{
    const struct kit_entry *entry = entry_find(kit, state, key);
    return entry ? entry->timer_count : 0;
}

const struct kit_intent *kit_intent_pending(const struct kit *kit, size_t nth)
{
    for (size_t i = 0; i < kit->intent_count; i++)
        if (!kit->intents[i].withdrawn && !kit->intents[i].answered && nth-- == 0)
            return &kit->intents[i];
    return NULL;
}

const struct kit_intent *kit_intent_find(const struct kit *kit, struct str id)
{
    for (size_t i = 0; i < kit->intent_count; i++)
        if (str_equal(kit->intents[i].intent.id, id))
            return &kit->intents[i];
    return NULL;
}

void kit_table_put(struct kit *kit, const struct record_type *type, struct str key,
                   const void *body)
{
    kit->table = realloc(kit->table, (kit->table_count + 1) * sizeof(*kit->table));
    assert(kit->table);
    kit->table[kit->table_count++] =
        (struct kit_record){type, arena_copy(&kit->kept, key), take_over(&kit->kept, type, body)};
}
