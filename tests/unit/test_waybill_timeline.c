/* What events say in plain words, and the life of an order as lines. */
/* links: waybill_tool */
#include "events.h"
#include "waybill/telling.h"
#include "waybill/timeline.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

static struct arena arena;
static struct buffer page;

static void begin(void)
{
    arena_done(&arena);
    arena_init(&arena, 4 << 20);
}

static bool tells(const struct record_type *type, const void *body, const char *expected)
{
    struct str text = telling_of(type, body, &arena);
    if (str_equal(text, str_from(expected)))
        return true;
    printf("\n  expected: %s\n  told:     %.*s\n", expected, STR_ARG(text));
    return false;
}

/* Parts hang below events: looked for through all fields. */
static const struct record_type *find_record(const struct record_type *in, const char *name,
                                             int depth)
{
    if (strcmp(in->name, name) == 0)
        return in;
    for (size_t i = 0; i < in->field_count && depth < 6; i++) {
        const struct value_type *type = &in->fields[i].type;
        const struct record_type *below =
            type->kind == FIELD_LIST ? type->item->record : type->record;
        const struct record_type *found = below ? find_record(below, name, depth + 1) : NULL;
        if (found)
            return found;
    }
    return NULL;
}

static void test_every_template_leads_to_fields_that_exist(void)
{
    for (size_t t = 0; t < telling_count; t++) {
        const struct record_type *type = NULL;
        for (size_t i = 0; i < record_type_count && !type; i++)
            type = find_record(record_types[i], tellings[t].name, 0);
        if (!type || !telling_fits(&tellings[t], type))
            printf("\n  %s: %s\n", tellings[t].name, type ? tellings[t].text : "no such record");
        CU_ASSERT_TRUE(type && telling_fits(&tellings[t], type));
    }
}

static void test_every_event_has_a_template(void)
{
    for (size_t i = 0; i < record_type_count; i++) {
        bool found = record_types[i]->topic == NULL;
        for (size_t t = 0; t < telling_count; t++)
            found |= strcmp(tellings[t].name, record_types[i]->name) == 0;
        if (!found)
            printf("\n  no template: %s\n", record_types[i]->name);
        CU_ASSERT_TRUE(found);
    }
}

static void test_leaves_out_what_is_not_there(void)
{
    begin();
    struct cancel_submitted cancel = {.order_id = STR("a:1"), .requested_by = STR("customer")};
    CU_ASSERT_TRUE(tells(&cancel_submitted, &cancel, "by customer"));
    cancel.reason = STR("changed my mind");
    CU_ASSERT_TRUE(tells(&cancel_submitted, &cancel, "by customer: changed my mind"));
    struct order_cancelled cancelled = {.reason = STR("short"), .refund_due = true};
    CU_ASSERT_TRUE(tells(&order_cancelled, &cancelled, "short, refund due"));
    struct order_submitted empty = {.currency = STR("EUR")};
    CU_ASSERT_TRUE(tells(&order_submitted, &empty, ", €0.00"));
}

static void test_tells_lists_money_dates_and_symbols(void)
{
    begin();
    struct order_line lines[] = {{.sku = STR("A"), .quantity = 2},
                                 {.sku = STR("B"), .quantity = 1}};
    struct payment paid = {.status = PAYMENT_STATUS_PAID};
    struct order_submitted submitted = {.lines = {lines, 2},
                                        .currency = STR("EUR"),
                                        .total_minor = 123450,
                                        .payment = &paid,
                                        .has_promised_on = true,
                                        .promised_on = 17419};
    CU_ASSERT_TRUE(
        tells(&order_submitted, &submitted, "2×A, 1×B, €1,234.50 paid, promised 2017-09-10"));
    struct shipment_status_changed changed = {.tracking_number = STR("T1"),
                                              .status = SHIPMENT_STATUS_OUT_FOR_DELIVERY,
                                              .leg = SHIPMENT_LEG_RTO};
    CU_ASSERT_TRUE(tells(&shipment_status_changed, &changed, "T1: rto out for delivery"));
    struct shipment_delivered delivered = {.tracking_number = STR("T1"),
                                           .delivered_on = 17420,
                                           .days_late = 1,
                                           .has_promise_met = true};
    CU_ASSERT_TRUE(tells(&shipment_delivered, &delivered, "T1 on 2017-09-11, 1 day late"));
    delivered.days_late = 12;
    CU_ASSERT_TRUE(tells(&shipment_delivered, &delivered, "T1 on 2017-09-11, 12 days late"));
}

static void test_long_lists_are_cut(void)
{
    begin();
    struct reject_reason reasons[11] = {0};
    for (int i = 0; i < 11; i++)
        reasons[i].code = REJECT_CODE_MISSING_SKU;
    struct order_rejected rejected = {.reasons = {reasons, 11}};
    struct str text = telling_of(&order_rejected, &rejected, &arena);
    CU_ASSERT_PTR_NOT_NULL(strstr(text.ptr, ", … 3 more"));
}

#define LEGEND "← n: caused by line n; ⇠ n: by a timer or call that line n led to\n"

static const struct topic orders = {.name = STR_INIT("orders"), .use = TOPIC_EVENTS};
static const struct topic inbound = {.name = STR_INIT("inbound.orders"), .use = TOPIC_EVENTS};
static const struct topic dead = {.name = STR_INIT("intake.dlq"), .use = TOPIC_DEAD_LETTERS};
static const struct cancel_submitted cancel = {.requested_by = STR_INIT("customer")};

static struct decoded event(const struct topic *topic, const char *id, const char *cause,
                            int64_t time_ms)
{
    return (struct decoded){
        .topic = topic,
        .time_ms = time_ms,
        .type = &cancel_submitted,
        .body = &cancel,
        .ce = {.id = str_from(id), .cause = str_from(cause), .source = STR("waybill/intake")}};
}

static const char *timeline(struct decoded *events, size_t count, struct timeline_style style)
{
    begin();
    buffer_done(&page);
    buffer_init(&page, 1 << 20);
    timeline_sort(events, count);
    timeline_write(events, count, &style, &arena, &page);
    return buffer_str(&page).ptr;
}

static void test_a_cause_stands_before_its_effect_whatever_the_clocks_say(void)
{
    struct decoded events[] = {event(&orders, "c", "b", 1000), event(&orders, "b", "a", 500),
                               event(&inbound, "a", NULL, 2000), event(&orders, "x", NULL, 1)};
    timeline_sort(events, 4);
    CU_ASSERT_STRING_EQUAL(events[0].ce.id.ptr, "x");
    CU_ASSERT_STRING_EQUAL(events[1].ce.id.ptr, "a");
    CU_ASSERT_STRING_EQUAL(events[2].ce.id.ptr, "b");
    CU_ASSERT_STRING_EQUAL(events[3].ce.id.ptr, "c");
}

static void test_causes_in_a_circle_do_no_harm(void)
{
    struct decoded events[] = {event(&orders, "a", "b", 1), event(&orders, "b", "a", 2),
                               event(&orders, "c", "c", 3)};
    timeline_sort(events, 3);
    CU_ASSERT_PTR_NOT_NULL(timeline(events, 3, (struct timeline_style){0}));
    static const struct message_delivered delivered = {.message_id = STR_INIT("m1")};
    static const struct message_sent sent = {.message_id = STR_INIT("m1")};
    struct decoded both[] = {event(&orders, "d", "x", 1), event(&orders, "s", "d", 2),
                             event(&orders, "x", "d", 3)};
    both[0].type = &message_delivered;
    both[0].body = &delivered;
    both[1].type = &message_sent;
    both[1].body = &sent;
    timeline_sort(both, 3);
    CU_ASSERT_PTR_NOT_NULL(both[0].ce.id.ptr);
}

static void test_lines_name_their_causes_and_fold_what_came_at_once(void)
{
    struct decoded events[] = {event(&inbound, "a", NULL, 0), event(&orders, "b", "a", 1000),
                               event(&orders, "c", "a", 1000), event(&orders, "d", "c", 61000),
                               event(&orders, "e", "gone", 62000)};
    CU_ASSERT_STRING_EQUAL(
        timeline(events, 5, (struct timeline_style){0}), LEGEND
        "  1  1970-01-01 00:00:00  inbound.orders  cancel.submitted  by customer\n"
        "  2  1970-01-01 00:00:01  orders          cancel.submitted  by customer; by customer  "
        "← 1\n"
        "  3  1970-01-01 00:01:01  orders          cancel.submitted  by customer  ← 2\n"
        "  4  1970-01-01 00:01:02  orders          cancel.submitted  by customer  ⇠ timer or "
        "call\n");
    const char *every = timeline(events, 5, (struct timeline_style){.every = true});
    CU_ASSERT_PTR_NOT_NULL(strstr(every, "by customer  ← 3\n"));
}

static struct decoded about(const char *id, const char *cause, int64_t time_ms,
                            const struct record_type *type, const void *body)
{
    struct decoded decoded = event(&orders, id, cause, time_ms);
    decoded.type = type;
    decoded.body = body;
    return decoded;
}

static const struct message_planned planned = {.message_id = STR_INIT("m1")};
static const struct message_sent sent = {.message_id = STR_INIT("m1")};

/* The provider's report may be taken before the answer to the sending, in the same moment. */
static void test_a_message_is_sent_before_it_is_delivered(void)
{
    static const struct message_delivered delivered = {.message_id = STR_INIT("m1")};
    static const struct message_sent other = {.message_id = STR_INIT("m2")};
    struct decoded events[] = {about("d", "r", 2000, &message_delivered, &delivered),
                               about("x", "p", 2000, &message_sent, &other),
                               about("s", "a reply", 2000, &message_sent, &sent),
                               event(&inbound, "r", NULL, 1000)};
    for (int i = 0; i < 3; i++)
        events[i].offset = i;
    timeline_sort(events, 4);
    CU_ASSERT_STRING_EQUAL(events[0].ce.id.ptr, "r");
    CU_ASSERT_STRING_EQUAL(events[1].ce.id.ptr, "x");
    CU_ASSERT_STRING_EQUAL(events[2].ce.id.ptr, "s");
    CU_ASSERT_STRING_EQUAL(events[3].ce.id.ptr, "d");
}

static void test_bookkeeping_is_left_out_and_counted_and_its_cause_takes_its_place(void)
{
    struct decoded events[] = {event(&inbound, "a", NULL, 0),
                               about("p", "a", 1000, &message_planned, &planned),
                               about("s", "p", 2000, &message_sent, &sent)};
    CU_ASSERT_STRING_EQUAL(
        timeline(events, 3, (struct timeline_style){0}), LEGEND
        "  1  1970-01-01 00:00:00  inbound.orders  cancel.submitted  by customer\n"
        "  2  1970-01-01 00:00:02  orders          message.sent      unknown by unknown  ← 1\n"
        "and 1 of bookkeeping: holds, plans, registrations, repeats, scans that changed nothing "
        "(--every)\n");
    const char *every = timeline(events, 3, (struct timeline_style){.every = true});
    CU_ASSERT_PTR_NOT_NULL(strstr(every, "message.planned "));
    CU_ASSERT_PTR_NOT_NULL(strstr(every, "← 2\n"));
    CU_ASSERT_PTR_NULL(strstr(every, "bookkeeping"));
}

/* The answer to a call has an id of its own, which is no event's. */
static void test_what_came_by_a_call_points_to_what_led_to_the_call(void)
{
    struct decoded events[] = {
        event(&inbound, "a", NULL, 0), about("p", "a", 1000, &message_planned, &planned),
        about("s", "a reply", 2000, &message_sent, &sent), event(&orders, "t", "a reply", 3000)};
    const char *text = timeline(events, 4, (struct timeline_style){0});
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "message.sent      unknown by unknown  ⇠ 1\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "cancel.submitted  by customer  ⇠ 1\n"));
}

static void test_repeats_and_scans_that_changed_nothing_are_left_out(void)
{
    static const struct scan_reported scan = {.tracking_number = STR_INIT("T1")};
    struct decoded events[] = {event(&inbound, "a", NULL, 0), event(&inbound, "a", NULL, 0),
                               about("idle", NULL, 1000, &scan_reported, &scan),
                               about("used", NULL, 2000, &scan_reported, &scan),
                               event(&orders, "b", "used", 3000)};
    events[1].offset = 1;
    const char *text = timeline(events, 5, (struct timeline_style){0});
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "  2  1970-01-01 00:00:02  orders          scan.reported"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "and 2 of bookkeeping"));
}

static void test_fulfilments_of_the_order_are_told_by_their_number(void)
{
    static const struct fulfilment_accepted accepted = {.fulfilment_order_id = STR_INIT("demo:1/2"),
                                                        .supplier_id = STR_INIT("demo:1")};
    struct decoded events[] = {about("a", NULL, 0, &fulfilment_accepted, &accepted)};
    const char *text = timeline(events, 1, (struct timeline_style){.order_id = STR("demo:1")});
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "  /2: demo:1 will do it\n"));
}

static void test_lines_are_cut_to_the_width(void)
{
    struct decoded events[] = {event(&inbound, "a", NULL, 0)};
    const char *text = timeline(events, 1, (struct timeline_style){.width = 40});
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "by customer\n"));
    static const struct cancel_submitted chatty = {
        .requested_by = STR_INIT("a customer with very, very many words to say")};
    events[0].body = &chatty;
    text = timeline(events, 1, (struct timeline_style){.width = 90});
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "…\n"));
    size_t columns = 0;
    for (const char *c = text + strlen(LEGEND); *c != '\n'; c++)
        columns += ((unsigned char)*c & 0xc0) != 0x80;
    CU_ASSERT_EQUAL(columns, 90);
}

static void test_dead_letters_say_why(void)
{
    static const struct event_header reason[] = {
        {STR_INIT("waybill_error_reason"), STR_INIT("crashed")}};
    struct decoded events[] = {event(&dead, "a", NULL, 0)};
    events[0].headers = reason;
    events[0].header_count = 1;
    CU_ASSERT_PTR_NOT_NULL(strstr(timeline(events, 1, (struct timeline_style){0}),
                                  "DEAD LETTER  cancel.submitted: crashed\n"));
    events[0].type = NULL;
    CU_ASSERT_PTR_NOT_NULL(strstr(timeline(events, 1, (struct timeline_style){0}),
                                  "DEAD LETTER  unreadable: crashed\n"));
}
