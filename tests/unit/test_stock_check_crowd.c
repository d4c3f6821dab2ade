/* stock_check, many orders at once: events arrive in any order, except within one topic and key,
 * and exactly what is there is sold (F11). */
/* links: stock_check_settings rules_kit */
#include "stock_check_kit.h"

#include <stdlib.h>

enum { QUEUE_MAX = 20000, CROWD = 40 };

static bool given[QUEUE_MAX];
static int64_t sold;

/* As supplier_router does: confirms what covers the demand of one each, gives back the rest. */
static void route_reserved(const struct kit_record *record)
{
    const struct stock_reserved *reserved = record->body;
    for (size_t i = 0; i < reserved->holds.len; i++) {
        const struct hold *hold = &reserved->holds.ptr[i];
        bool covered = false;
        for (size_t before = 0; before < i; before++)
            covered |= str_equal(reserved->holds.ptr[before].sku, hold->sku);
        char key[64], order_id[64];
        snprintf(key, sizeof(key), "%.*s/%.*s", STR_ARG(hold->supplier_id), STR_ARG(hold->sku));
        snprintf(order_id, sizeof(order_id), "%.*s", STR_ARG(reserved->order_id));
        if (covered) {
            give_back(key, order_id, reserved->attempt);
        } else {
            confirm(key, order_id, reserved->attempt, 1);
            sold++;
        }
    }
}

static bool is_first_of_its_line(size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (!given[i] && strcmp(kit.emitted[i].type->topic, kit.emitted[at].type->topic) == 0 &&
            str_equal(kit.emitted[i].key, kit.emitted[at].key))
            return false;
    return true;
}

/* Gives one record that may come next, chosen at random. False: there is none. */
static bool give_any(void)
{
    size_t choices[QUEUE_MAX], count = 0;
    CU_ASSERT_FATAL(kit.emitted_count < QUEUE_MAX);
    for (size_t i = 0; i < kit.emitted_count; i++)
        if (!given[i] && is_first_of_its_line(i) && count < 50)
            choices[count++] = i;
    if (count == 0)
        return false;
    size_t at = choices[(size_t)rand() % count];
    given[at] = true;
    struct kit_record record = kit.emitted[at];
    if (record.type == &stock_reserved)
        route_reserved(&record);
    else if (record.type == &stock_hold_requested || record.type == &stock_hold_released ||
             record.type == &stock_hold_answered)
        kit_event(&kit, record.type, record.key, record.body);
    return true;
}

/* Accepts CROWD orders, each of one of every SKU named, and lets all of it come to its end. */
static void run_crowd(unsigned seed, const struct demand *demands, size_t count)
{
    static struct stock_check_settings patient;
    patient = settings;
    patient.tries_max = 100;
    kit.ctx.cfg = &patient;
    srand(seed);
    memset(given, 0, sizeof(given));
    sold = 0;
    char order_id[16];
    for (int i = 0; i < CROWD; i++) {
        snprintf(order_id, sizeof(order_id), "o%d", i);
        accept_order(order_id, demands, count);
        for (int steps = rand() % 10; steps > 0; steps--)
            give_any();
    }
    bool more = true;
    while (more) {
        while (give_any())
            ;
        more = kit_advance(&kit, 10 * SECOND_MS) > 0;
        for (int i = 0; i < CROWD; i++) {
            snprintf(order_id, sizeof(order_id), "o%d", i);
            more |= phase_of_order(order_id) == STOCK_PHASE_WAITING ||
                    phase_of_order(order_id) == STOCK_PHASE_ASKING;
        }
    }
    CU_ASSERT_EQUAL(kit_count(&kit, &stock_reserved) + kit_count(&kit, &stock_short), CROWD);
}

static void test_exactly_what_is_there_is_sold_when_many_want_it(void)
{
    for (unsigned seed = 1; seed <= 10; seed++) {
        start();
        report("acme/BULB", 17, 1);
        run_crowd(seed, (const struct demand[]){{"BULB", 1}}, 1);
        CU_ASSERT_EQUAL(kit_count(&kit, &stock_reserved), 17);
        CU_ASSERT_EQUAL(sold, 17);
        kit_done(&kit);
    }
}

static void test_exactly_what_is_there_is_sold_when_two_suppliers_have_it(void)
{
    for (unsigned seed = 1; seed <= 5; seed++) {
        start();
        report("acme/LAMP", 9, 1);
        report("bolt/LAMP", 8, 1);
        run_crowd(seed, (const struct demand[]){{"LAMP", 1}}, 1);
        CU_ASSERT_EQUAL(sold, 17);
        kit_done(&kit);
    }
}

static void test_whole_orders_are_sold_when_all_want_two_things(void)
{
    for (unsigned seed = 1; seed <= 5; seed++) {
        start();
        report("acme/BULB", 12, 1);
        report("bolt/CORD", 10, 1);
        run_crowd(seed, (const struct demand[]){{"BULB", 1}, {"CORD", 1}}, 2);
        CU_ASSERT_EQUAL(kit_count(&kit, &stock_reserved), 10);
        CU_ASSERT_EQUAL(sold, 20);
        CU_ASSERT_EQUAL(free_of("acme/BULB"), 2);
        CU_ASSERT_EQUAL(free_of("bolt/CORD"), 0);
        kit_done(&kit);
    }
}
