#include "sim/person.h"

#include "topics/operator.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

void person_sends(const char *what, const char *key, enum amount amount, const char *id,
                  const char *again, bool without_effects)
{
    enum { HEADERS = 8 };
    struct event_header headers[HEADERS] = {{STR("ce_id"), str_from(id)},
                                            {STR(OPERATOR_WHAT_HEADER), str_from(what)},
                                            {STR(OPERATOR_ID_HEADER), STR("probe.dlq/0/7")},
                                            {STR(OPERATOR_TOPIC_HEADER), STR("inbound.orders")},
                                            {STR(OPERATOR_PARTITION_HEADER), STR("0")},
                                            {STR(OPERATOR_OFFSET_HEADER), STR("0")}};
    size_t count = 6;
    struct buffer buffer;
    const struct payment_captured paid = {
        .order_id = str_from(key), .amount_minor = amount, .currency = STR("INR")};
    if (again)
        headers[count++] = (struct event_header){STR(OPERATOR_AGAIN_HEADER), str_from(again)};
    if (without_effects)
        headers[count++] = (struct event_header){STR(OPERATOR_EFFECTS_HEADER), STR("off")};
    fake_world_write(world, "probe.operator", home_of(key), key,
                     framed(&payment_captured, &paid, &buffer), headers, count);
    buffer_done(&buffer);
}

/* The intent of a changelog record; false if it is something else. Lives in the arena. */
static bool is_intent(const struct fake_record *record, struct arena *arena,
                      const struct task_intent **out)
{
    struct error err = {0};
    struct str rest;
    const void *body;
    int32_t schema_id;
    *out = NULL;
    if (!str_starts_with(record->key, STR("i:")))
        return false;
    if (!record->value.ptr)
        return true;
    CU_ASSERT_EQUAL_FATAL(framing_split(record->value, &schema_id, &rest, &err), 0);
    CU_ASSERT_EQUAL_FATAL(avro_decode(&task_intent, rest, arena, &body, &err), 0);
    *out = body;
    return true;
}

int64_t person_finds(const char *key, const char *id, enum intent_status *out_status)
{
    static struct fake_record records[RECORDS_MAX];
    char field[100];
    int64_t sequence = -1;
    struct arena arena;
    arena_init(&arena, 10000000);
    snprintf(field, sizeof(field), "i:lane.measured:%zu:%s:%s", strlen(key), key, id);
    size_t count = fake_world_read(world, "probe.changelog", records, RECORDS_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct task_intent *intent;
        if (!str_equal(records[i].key, str_from(field)) || !is_intent(&records[i], &arena, &intent))
            continue;
        sequence = intent ? intent->sequence : -1;
        *out_status = intent ? intent->status : INTENT_STATUS_PENDING;
    }
    arena_done(&arena);
    return sequence;
}

static size_t find_parked(const struct parked *list, size_t count, const char *key, const char *id)
{
    size_t at = 0;
    while (at < count && (strcmp(list[at].key, key) != 0 || strcmp(list[at].id, id) != 0))
        at++;
    return at;
}

/* "i:lane.measured:2:k1:call-7" -> "k1", "call-7" */
static void split(struct str field, char key[16], char id[32])
{
    struct str part;
    for (int i = 0; i < 3; i++)
        str_split(field, ':', &part, &field);
    str_split(field, ':', &part, &field);
    snprintf(key, 16, "%.*s", STR_ARG(part));
    snprintf(id, 32, "%.*s", STR_ARG(field));
}

size_t person_looks(struct parked out[PARKED_LIST_MAX])
{
    static struct fake_record records[RECORDS_MAX];
    size_t parked = 0;
    struct arena arena;
    arena_init(&arena, 10000000);
    size_t count = fake_world_read(world, "probe.changelog", records, RECORDS_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct task_intent *intent;
        char key[16], id[32];
        if (!is_intent(&records[i], &arena, &intent))
            continue;
        split(records[i].key, key, id);
        size_t at = find_parked(out, parked, key, id);
        bool is_parked = intent && intent->status == INTENT_STATUS_PARKED;
        if (!is_parked && at < parked)
            out[at] = out[--parked];
        if (!is_parked || at == PARKED_LIST_MAX)
            continue;
        memcpy(out[at].key, key, sizeof(key));
        memcpy(out[at].id, id, sizeof(id));
        out[at].sequence = intent->sequence;
        parked += at == parked;
    }
    arena_done(&arena);
    return parked;
}

void person_answers(const char *key, const char *id, int64_t sequence, enum call_answer what,
                    const char *event_id)
{
    const struct event_header headers[] = {{STR("ce_id"), str_from(event_id)},
                                           {STR(OPERATOR_WHAT_HEADER), STR("answer")}};
    const struct call_answered body = {.state_type = STR("lane.measured"),
                                       .intent_id = str_from(id),
                                       .sequence = sequence,
                                       .answer = what,
                                       .why = STR("they say so"),
                                       .by = STR("ann")};
    struct buffer buffer;
    fake_world_write(world, "probe.operator", home_of(key), key,
                     framed(&call_answered, &body, &buffer), headers, 2);
    buffer_done(&buffer);
}

void person_switches(const char *service, const char *endpoint, bool stopped)
{
    struct buffer buffer;
    char key[100];
    const struct endpoint_switched turned = {.service = str_from(service),
                                             .endpoint = str_from(endpoint),
                                             .stopped = stopped,
                                             .why = STR("test"),
                                             .by = STR("ann")};
    snprintf(key, sizeof(key), "%s/%s", service, endpoint);
    fake_world_write(world, "controls", 0, key, framed(&endpoint_switched, &turned, &buffer), NULL,
                     0);
    buffer_done(&buffer);
}
