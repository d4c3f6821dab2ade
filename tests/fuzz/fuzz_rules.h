/* A service's rules under fire: any valid events, in any order, from any payload, with timers and
 * replies between them. A rule that crashes takes its partition down with it.
 *
 * Include a service's main.c before, as the tests of rules do, and call fuzz_rules. An input is a
 * list of steps; see step(). Records are made of the input by their descriptors, so that any bytes
 * make a valid event. */
#ifndef WAYBILL_FUZZ_RULES_H
#define WAYBILL_FUZZ_RULES_H

#include "fuzz_input.h"
#include "rules_kit.h"
#include "worker/service.h"

#include "avro/codec.h"
#include "base/utf8.h"
#include "config/settings.h"
#include "events.h"

#include <stdio.h>
#include <stdlib.h>

enum { STEPS_MAX = 64, TEXT_BYTES = 512 * 1024, DEPTH_MAX = 8 };

/* What one run may use for texts and records. */
struct maker {
    struct input *in;
    struct arena arena;
    struct str words[16]; /* keys and names that events of this service share */
    size_t word_count;
    int depth;
};

/* Not UTF-8 would be refused by the codec before any rule saw it. */
static struct str make_text(struct maker *m)
{
    uint8_t choice = input_byte(m->in);
    if (choice < 128 && m->word_count > 0)
        return m->words[choice % m->word_count];
    struct str raw = input_bytes(m->in, choice & 31);
    return utf8_is_valid(raw) ? raw : STR("?");
}

static int64_t make_number(struct maker *m)
{
    uint8_t choice = input_byte(m->in);
    switch (choice >> 6) {
    case 0:
        return choice & 63;
    case 1:
        return -(int64_t)(choice & 63);
    case 2:
        return KIT_START_MS + (input_number(m->in, 2) - 32768) * MINUTE_MS;
    default:
        return input_number(m->in, choice & 1 ? 8 : 3);
    }
}

static void make_record(struct maker *m, const struct record_type *type, void *record);

static void make_value(struct maker *m, const struct value_type *type, void *slot)
{
    struct {
        void *ptr;
        size_t len;
    } list = {NULL, 0};
    int64_t number = 0;
    int32_t small = 0;
    double fraction = 0;
    struct str text = {NULL, 0};
    switch (type->kind) {
    case FIELD_BOOLEAN:
        *(bool *)slot = input_byte(m->in) & 1;
        break;
    case FIELD_INT:
        small = (int32_t)make_number(m);
        memcpy(slot, &small, sizeof(small));
        break;
    case FIELD_LONG:
        number = make_number(m);
        memcpy(slot, &number, sizeof(number));
        break;
    case FIELD_DOUBLE:
        fraction = (double)make_number(m) / 10;
        memcpy(slot, &fraction, sizeof(fraction));
        break;
    case FIELD_STRING:
    case FIELD_BYTES:
        text = make_text(m);
        memcpy(slot, &text, sizeof(text));
        break;
    case FIELD_ENUM:
        small = input_byte(m->in) % type->symbols->symbol_count;
        memcpy(slot, &small, sizeof(small));
        break;
    case FIELD_RECORD:
        make_record(m, type->record, slot);
        break;
    case FIELD_LIST:
        list.len = input_byte(m->in) & 3;
        if (list.len == 3)
            list.len = input_byte(m->in) & 15;
        if (m->depth > DEPTH_MAX)
            list.len = 0;
        list.ptr = arena_alloc_array(&m->arena, list.len + 1, type->item_bytes);
        for (size_t i = 0; i < list.len; i++)
            make_value(m, type->item, (char *)list.ptr + i * type->item_bytes);
        memcpy(slot, &list, sizeof(list));
        break;
    }
}

static void make_record(struct maker *m, const struct record_type *type, void *record)
{
    m->depth++;
    for (size_t i = 0; i < type->field_count; i++) {
        const struct field *field = &type->fields[i];
        void *slot = (char *)record + field->offset;
        if (field->type.nullable) {
            if (!(input_byte(m->in) & 1) || m->depth > DEPTH_MAX)
                continue;
            if (field->type.kind == FIELD_RECORD) {
                void *inner = arena_alloc(&m->arena, field->type.record->bytes);
                memcpy(slot, &inner, sizeof(inner));
                slot = inner;
            } else if (field->type.kind != FIELD_STRING && field->type.kind != FIELD_BYTES) {
                ((bool *)record)[field->has_offset] = true;
            }
        }
        make_value(m, &field->type, slot);
    }
    m->depth--;
}

/* A store's or carrier's own bytes, as they stand in the input up to the next NUL. */
static void make_payload(struct maker *m, struct payload_received *payload)
{
    static const char *const sources[] = {"shopify", "woocommerce", "shiprocket", "unheard_of"};
    static const char *const topics[] = {"orders/create", "orders/cancelled", "order.updated", ""};
    uint8_t choice = input_byte(m->in);
    *payload = (struct payload_received){.source = str_from(sources[choice & 3]),
                                         .topic = str_from(topics[choice >> 2 & 3]),
                                         .received_at_ms = KIT_START_MS,
                                         .body = input_until(m->in, '\0')};
}

static void event_step(struct kit *kit, struct maker *m)
{
    const struct route *route = &kit->routes[input_byte(m->in) % kit->route_count];
    struct str key = m->words[input_byte(m->in) % m->word_count];
    if (!route->on)
        return;
    void *body = arena_alloc(&m->arena, route->on->bytes);
    if (!body)
        return;
    if (route->on == &payload_received)
        make_payload(m, body);
    else
        make_record(m, route->on, body);
    kit_event(kit, route->on, key, body);
}

static void reply_step(struct kit *kit, struct maker *m)
{
    static const int32_t statuses[] = {0, 200, 201, 202, 400, 404, 409, 422, 429, 500, 503, 250};
    const struct kit_intent *pending = kit_intent_pending(kit, input_byte(m->in) & 3);
    if (!pending)
        return;
    struct call_reply reply = {
        .intent_id = pending->intent.id,
        .outcome = (enum outcome)(input_byte(m->in) & 3),
        .status = statuses[input_byte(m->in) % (sizeof(statuses) / sizeof(statuses[0]))],
        .detail = STR("as the other side says"),
        .attempts = 1,
        .body = input_until(m->in, '\0')};
    reply.parked = reply.outcome == OUTCOME_UNKNOWN && (input_byte(m->in) & 1);
    kit_reply(kit, pending->state, pending->key, &reply);
}

static void step(struct kit *kit, struct maker *m)
{
    static const int64_t spans_ms[] = {MINUTE_MS, HOUR_MS, DAY_MS, 10 * DAY_MS};
    uint8_t choice = input_byte(m->in);
    switch (choice & 7) {
    case 0:
        kit_advance(kit, spans_ms[choice >> 6]);
        break;
    case 1:
    case 2:
        reply_step(kit, m);
        break;
    case 3:
        kit_pump(kit);
        break;
    default:
        event_step(kit, m);
    }
}

/* words: what keys and names of this service's events are made of; NULL at the end. The first are
 * good as keys. */
static int fuzz_rules(const struct service *service, const char *settings_file,
                      const char *const *words, const uint8_t *data, size_t size)
{
    static void *cfg;
    static struct arena cfg_arena;
    if (!cfg) {
        const char *const files[] = {settings_file, NULL};
        struct error err = {0};
        arena_init(&cfg_arena, 16 * 1024 * 1024);
        cfg = arena_alloc(&cfg_arena, service->settings->bytes);
        const struct config_part part = {service->settings, cfg};
        if (!cfg || settings_load(&part, 1, files, NULL, NULL, &cfg_arena, &err)) {
            fprintf(stderr, "%s: %s\n", settings_file, err.text);
            abort();
        }
    }
    struct input in = {data, size};
    struct maker m = {.in = &in};
    struct kit kit;
    arena_init(&m.arena, 64 * 1024 * 1024);
    while (m.word_count < 16 && words[m.word_count]) {
        m.words[m.word_count] = str_from(words[m.word_count]);
        m.word_count++;
    }
    kit_init(&kit, service->routes, service->route_count, cfg);
    for (int i = 0; i < STEPS_MAX && in.left > 0; i++)
        step(&kit, &m);
    kit_done(&kit);
    arena_done(&m.arena);
    return 0;
}

#endif
