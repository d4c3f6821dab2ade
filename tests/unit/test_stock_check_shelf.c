/* stock_check, the SKU's side: never more is held than there is (F11-F13, F15). */
/* links: stock_check_settings rules_kit */
#include "stock_check_kit.h"

#include <stdlib.h>

/* ---- what is refused ---- */

static void test_what_stands_under_a_wrong_key_is_set_aside(void)
{
    start();
    struct stock_level_reported level = {
        .supplier_id = STR("acme"), .sku = STR("LAMP"), .available = 5, .version = 1};
    CU_ASSERT_EQUAL(kit_event(&kit, &stock_level_reported, STR("bolt/LAMP"), &level), SET_ASIDE);
    level.supplier_id = STR("ac/me");
    CU_ASSERT_EQUAL(kit_event(&kit, &stock_level_reported, STR("ac/me/LAMP"), &level), SET_ASIDE);
    level.supplier_id = STR("");
    CU_ASSERT_EQUAL(kit_event(&kit, &stock_level_reported, STR("/LAMP"), &level), SET_ASIDE);
    CU_ASSERT_PTR_NULL(kit_state(&kit, &stock_sku, STR("bolt/LAMP")));
    kit_done(&kit);
}

static void test_what_is_negative_is_set_aside(void)
{
    start();
    CU_ASSERT_EQUAL(report("acme/LAMP", -1, 1), SET_ASIDE);
    CU_ASSERT_EQUAL(ask("acme/LAMP", "o1", -1), SET_ASIDE);
    CU_ASSERT_EQUAL(confirm("acme/LAMP", "o1", 1, 0), SET_ASIDE);
    kit_done(&kit);
}

/* ---- levels (F13) ---- */

static void test_nothing_is_held_when_no_level_was_reported(void)
{
    start();
    CU_ASSERT_EQUAL(asked("acme/LAMP", "o1", 1), 0);
    CU_ASSERT_EQUAL(last_answer()->outcome, HOLD_OUTCOME_NO_LEVEL);
    CU_ASSERT(str_equal(kit_emitted_key(&kit, &stock_hold_answered, 0), STR("o1")));
    kit_advance(&kit, HOUR_MS);
    CU_ASSERT_PTR_NULL(kit_state(&kit, &stock_sku, STR("acme/LAMP")));
    kit_done(&kit);
}

static void test_the_level_is_right_when_reports_come_out_of_order(void)
{
    start();
    report("acme/LAMP", 7, 3);
    report("acme/LAMP", 99, 1);
    report("acme/LAMP", 50, 3);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 7);
    report("acme/LAMP", 2, 4);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 2);
    kit_done(&kit);
}

/* ---- holds (F11) ---- */

static void test_a_part_is_held_when_not_all_is_there(void)
{
    start();
    report("acme/LAMP", 5, 1);
    CU_ASSERT_EQUAL(asked("acme/LAMP", "o1", 3), 3);
    CU_ASSERT_EQUAL(last_answer()->outcome, HOLD_OUTCOME_HELD);
    CU_ASSERT_EQUAL(asked("acme/LAMP", "o2", 3), 2);
    CU_ASSERT_EQUAL(last_answer()->outcome, HOLD_OUTCOME_SHORT);
    CU_ASSERT_EQUAL(last_answer()->available, 5); /* soft holds may still go */
    CU_ASSERT_EQUAL(asked("acme/LAMP", "o3", 3), 0);
    kit_done(&kit);
}

static void test_a_repeated_ask_is_answered_again_and_changes_nothing(void)
{
    start();
    report("acme/LAMP", 5, 1);
    CU_ASSERT_EQUAL(asked("acme/LAMP", "o1", 3), 3);
    CU_ASSERT_EQUAL(asked("acme/LAMP", "o1", 3), 3);
    CU_ASSERT_EQUAL(asked("acme/LAMP", "o1", 5), 3); /* same revision */
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 2);
    kit_done(&kit);
}

static void test_a_later_revision_replaces_the_hold_and_an_earlier_one_does_not(void)
{
    start();
    report("acme/LAMP", 5, 1);
    ask_revision("acme/LAMP", "o1", 1, 3, 1);
    ask_revision("acme/LAMP", "o1", 1, 0, 2);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 5);
    ask_revision("acme/LAMP", "o1", 1, 3, 1);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 5);
    ask_revision("acme/LAMP", "o1", 1, 4, 3);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 1);
    kit_done(&kit);
}

static void test_holds_of_two_attempts_stand_side_by_side(void)
{
    start();
    report("acme/LAMP", 5, 1);
    ask_revision("acme/LAMP", "o1", 1, 2, 1);
    ask_revision("acme/LAMP", "o1", 2, 2, 1);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 1);
    give_back("acme/LAMP", "o1", 1);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 3);
    kit_done(&kit);
}

static void test_a_release_wins_when_it_comes_before_its_ask(void)
{
    start();
    report("acme/LAMP", 5, 1);
    give_back("acme/LAMP", "o1", 1);
    CU_ASSERT_EQUAL(asked("acme/LAMP", "o1", 3), 0);
    confirm("acme/LAMP", "o1", 1, 3);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 5);
    kit_done(&kit);
}

static void test_a_release_frees_once_when_it_is_repeated(void)
{
    start();
    report("acme/LAMP", 5, 1);
    ask("acme/LAMP", "o1", 3);
    ask("acme/LAMP", "o2", 2);
    give_back("acme/LAMP", "o1", 1);
    give_back("acme/LAMP", "o1", 1);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 3);
    kit_done(&kit);
}

/* ---- expiry (F15) ---- */

static void test_a_soft_hold_is_freed_a_grace_after_it_expired(void)
{
    start();
    report("acme/LAMP", 5, 1);
    ask("acme/LAMP", "o1", 3);
    kit_advance(&kit, 5 * MINUTE_MS);
    ask("acme/LAMP", "o2", 2);
    kit_advance(&kit, 15 * MINUTE_MS - 1);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 0);
    kit_advance(&kit, 1);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 3);
    kit_advance(&kit, 5 * MINUTE_MS);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 5);
    kit_advance(&kit, HOUR_MS);
    CU_ASSERT_EQUAL(kit_timer_count(&kit, &stock_sku, STR("acme/LAMP")), 0);
    kit_done(&kit);
}

static void test_an_ask_that_has_expired_on_its_way_holds_nothing(void)
{
    start();
    report("acme/LAMP", 5, 1);
    struct stock_hold_requested late = {.supplier_id = STR("acme"),
                                        .sku = STR("LAMP"),
                                        .order_id = STR("o1"),
                                        .attempt = 1,
                                        .quantity = 3,
                                        .expires_at_ms = kit.ctx.now_ms - HOUR_MS,
                                        .revision = 1};
    kit_event(&kit, &stock_hold_requested, STR("acme/LAMP"), &late);
    CU_ASSERT_EQUAL(last_answer()->quantity, 0);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 5);
    kit_done(&kit);
}

static void test_a_confirmation_is_never_refused_when_the_hold_is_gone(void)
{
    start();
    report("acme/LAMP", 5, 1);
    ask("acme/LAMP", "o1", 3);
    kit_advance(&kit, HOUR_MS);
    ask("acme/LAMP", "o2", 5);
    confirm("acme/LAMP", "o2", 1, 5);
    confirm("acme/LAMP", "o1", 1, 3); /* below zero, and not above it for others */
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 0);
    give_back("acme/LAMP", "o2", 1);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 2);
    kit_done(&kit);
}

/* ---- sales ---- */

static void test_the_rest_of_a_hold_is_free_when_a_part_is_confirmed(void)
{
    start();
    report("acme/LAMP", 5, 1);
    ask("acme/LAMP", "o1", 4);
    confirm("acme/LAMP", "o1", 1, 1);
    confirm("acme/LAMP", "o1", 1, 1);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 4);
    kit_advance(&kit, DAY_MS);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 4);
    kit_done(&kit);
}

static void test_a_confirmed_hold_is_free_again_when_it_is_released(void)
{
    start();
    report("acme/LAMP", 5, 1);
    ask("acme/LAMP", "o1", 4);
    confirm("acme/LAMP", "o1", 1, 4);
    give_back("acme/LAMP", "o1", 1);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 5);
    confirm("acme/LAMP", "o1", 1, 4);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 5);
    kit_done(&kit);
}

static void test_what_has_shipped_stays_sold_when_the_rest_is_released(void)
{
    start();
    report("acme/LAMP", 5, 1);
    ask("acme/LAMP", "o1", 4);
    confirm("acme/LAMP", "o1", 1, 4);
    give_back_rest("acme/LAMP", "o1", 1, 3);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 2);
    give_back_rest("acme/LAMP", "o1", 1, 3);
    confirm("acme/LAMP", "o1", 1, 4);
    give_back_rest("acme/LAMP", "o1", 1, 4); /* never more than is held */
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 2);
    /* It is a sale like any other: reports take it in a while after it was made. */
    kit_advance(&kit, 24 * HOUR_MS + 1);
    report("acme/LAMP", 2, 2);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 2);
    give_back_rest("acme/LAMP", "o1", 1, 3);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 2);
    CU_ASSERT_EQUAL(give_back_rest("acme/LAMP", "o1", 1, -1), SET_ASIDE);
    kit_done(&kit);
}

static void test_nothing_is_sold_when_the_hold_of_what_has_shipped_is_gone(void)
{
    start();
    report("acme/LAMP", 5, 1);
    give_back_rest("acme/LAMP", "o1", 1, 3);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 5);
    kit_done(&kit);
}

static void test_a_sale_counts_until_a_report_must_know_of_it(void)
{
    start();
    report("acme/LAMP", 10, 1);
    ask("acme/LAMP", "o1", 4);
    confirm("acme/LAMP", "o1", 1, 4);
    int64_t sold_at_ms = kit.ctx.now_ms;
    /* made an hour later: the supplier may have taken it off already, or not */
    report_as_of("acme/LAMP", 10, 2, sold_at_ms + HOUR_MS);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 6);
    /* arrives late, but was made early */
    kit_advance(&kit, 3 * DAY_MS);
    report_as_of("acme/LAMP", 10, 3, sold_at_ms + 24 * HOUR_MS);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 6);
    report_as_of("acme/LAMP", 6, 4, sold_at_ms + 24 * HOUR_MS + 1);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 6);
    /* nothing that comes for that sale now changes anything */
    give_back("acme/LAMP", "o1", 1);
    confirm("acme/LAMP", "o1", 1, 4);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 6);
    kit_done(&kit);
}

static void test_a_sale_counts_when_the_suppliers_clock_is_ahead(void)
{
    start();
    report("acme/LAMP", 10, 1);
    confirm("acme/LAMP", "o1", 1, 4);
    report_as_of("acme/LAMP", 10, 2, kit.ctx.now_ms + 365 * DAY_MS);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 6);
    kit_advance(&kit, SECOND_MS);
    mismatch("acme/LAMP");
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 0);
    kit_done(&kit);
}

static void test_a_report_that_does_not_say_when_it_was_made_was_made_when_it_came(void)
{
    start();
    mismatch("acme/LAMP");
    kit_advance(&kit, SECOND_MS);
    report_as_of("acme/LAMP", 10, 1, 0);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 10);
    kit_done(&kit);
}

static void test_nothing_is_there_after_a_mismatch_until_a_newer_report(void)
{
    start();
    report("acme/LAMP", 10, 5);
    mismatch("acme/LAMP");
    mismatch("acme/LAMP");
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 0);
    report("acme/LAMP", 10, 5);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 0);
    kit_advance(&kit, SECOND_MS);
    report("acme/LAMP", 3, 6);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 3);
    kit_done(&kit);
}

static void test_a_mismatch_counts_when_there_was_no_level(void)
{
    start();
    mismatch("acme/LAMP");
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 0);
    kit_done(&kit);
}

/* Two reports and a refusal in between, in every order, each twice: what counts is when they were
 * made. */
static void test_a_mismatch_counts_against_reports_made_before_it_when_they_come_in_any_order(void)
{
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                    {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    int64_t said_at_ms = KIT_START_MS + HOUR_MS;
    for (int newer = 0; newer < 2; newer++) { /* is the second report newer than the refusal? */
        for (size_t i = 0; i < 12; i++) {
            start();
            kit.ctx.now_ms = KIT_START_MS + 2 * HOUR_MS;
            for (size_t step = 0; step < 6; step++) {
                int what = orders[i % 6][i < 6 ? step / 2 : step % 3];
                if (what == 0)
                    report_as_of("acme/LAMP", 10, 1, KIT_START_MS);
                else if (what == 1)
                    mismatch_said_at("acme/LAMP", said_at_ms);
                else
                    report_as_of("acme/LAMP", 3, 2, newer ? said_at_ms + 1 : said_at_ms - 1);
            }
            CU_ASSERT_EQUAL(free_of("acme/LAMP"), newer ? 3 : 0);
            report_as_of("acme/LAMP", 8, 3, said_at_ms + MINUTE_MS);
            CU_ASSERT_EQUAL(free_of("acme/LAMP"), 8);
            kit_done(&kit);
        }
    }
}

/* As a worker of before 304 left it: no times. */
static void test_the_next_report_counts_when_nobody_knows_when_the_mismatch_was(void)
{
    start();
    kit_put_state(
        &kit, &stock_sku, STR("acme/LAMP"),
        &(struct stock_sku){.has_level = true, .level = 10, .version = 1, .out_of_stock = true});
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 0);
    report("acme/LAMP", 3, 2);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 3);
    kit_done(&kit);
}

/* ---- bounds ---- */

/* Sales that only stand in the sum. */
static int64_t added_up(const struct stock_sku *sku)
{
    int64_t sum = 0;
    for (size_t i = 0; i < sku->sold.len; i++)
        sum += sku->sold.ptr[i].quantity;
    return sum;
}

static void test_a_sku_that_sells_all_day_long_is_not_held_for_ever(void)
{
    start();
    report("acme/LAMP", 1000000, 1);
    char order_id[20];
    for (int hour = 0; hour < 5 * 24; hour++) {
        for (int i = 0; i < 50; i++) {
            snprintf(order_id, sizeof(order_id), "o%d.%d", hour, i);
            ask("acme/LAMP", order_id, 1);
            confirm("acme/LAMP", order_id, 1, 1);
        }
        kit_forget(&kit);
        kit_advance(&kit, HOUR_MS);
        report_as_of("acme/LAMP", 1000000, hour + 2, kit.ctx.now_ms);
    }
    /* settle is a day: what was sold in the last day and an hour, at most, is not known to the
     * report */
    const struct stock_sku *sku = kit_state(&kit, &stock_sku, STR("acme/LAMP"));
    int64_t open = added_up(sku);
    for (size_t i = 0; i < sku->holds.len; i++)
        if (sku->holds.ptr[i].phase == STOCK_HOLD_PHASE_SOLD)
            open += sku->holds.ptr[i].quantity;
    CU_ASSERT(open >= 24 * 50);
    CU_ASSERT(open <= 27 * 50);
    kit_done(&kit);
}

static void test_the_state_stays_bounded_when_orders_never_end(void)
{
    start();
    report("acme/LAMP", 1000000, 1);
    char order_id[80];
    for (int i = 0; i < 2000; i++) {
        snprintf(order_id, sizeof(order_id), "a-shop-with-a-long-name.example:%032d", i);
        ask("acme/LAMP", order_id, 2);
        if (i % 2)
            confirm("acme/LAMP", order_id, 1, 2);
        if (i % 100 == 0)
            kit_forget(&kit);
    }
    CU_ASSERT(kit_state_bytes(&kit, &stock_sku, STR("acme/LAMP")) < STATE_BYTES_MAX / 2);
    kit_forget(&kit);
    /* 500 wait softly; one more is told to come again, and nothing is lost of what was sold */
    CU_ASSERT_EQUAL(asked("acme/LAMP", "one more", 1), 0);
    CU_ASSERT_EQUAL(last_answer()->outcome, HOLD_OUTCOME_SHORT);
    int32_t available = last_answer()->available;
    const struct stock_sku *sku = kit_state(&kit, &stock_sku, STR("acme/LAMP"));
    int64_t sold = added_up(sku);
    for (size_t i = 0; i < sku->holds.len; i++)
        if (sku->holds.ptr[i].phase == STOCK_HOLD_PHASE_SOLD)
            sold += sku->holds.ptr[i].quantity;
    CU_ASSERT_EQUAL(sold, 2000);
    CU_ASSERT_EQUAL(available, 1000000 - 2000);
    kit_done(&kit);
}

static void test_marks_of_ended_holds_go_when_no_ask_of_theirs_can_come(void)
{
    start();
    report("acme/LAMP", 10, 1);
    char order_id[16];
    for (int i = 0; i < 50; i++) {
        snprintf(order_id, sizeof(order_id), "o%d", i);
        ask("acme/LAMP", order_id, 1);
        give_back("acme/LAMP", order_id, 1);
    }
    kit_advance(&kit, 20 * MINUTE_MS);
    ask("acme/LAMP", "another", 1);
    const struct stock_sku *sku = kit_state(&kit, &stock_sku, STR("acme/LAMP"));
    CU_ASSERT_EQUAL(sku->holds.len, 1);
    kit_done(&kit);
}

/* ---- the invariant, on random histories with repeats and reordering ---- */

enum { ORDERS = 12, EVENTS = 120, HISTORIES = 400 };

/* What is promised to orders now: soft holds and sales since the level. */
static int64_t promised(void)
{
    const struct stock_sku *sku = kit_state(&kit, &stock_sku, STR("acme/LAMP"));
    int64_t sum = sku ? added_up(sku) : 0;
    for (size_t i = 0; sku && i < sku->holds.len; i++)
        if (sku->holds.ptr[i].phase != STOCK_HOLD_PHASE_CLOSED)
            sum += sku->holds.ptr[i].quantity;
    return sum;
}

/* One random event. Confirmations only of what was answered as held, as the router does. */
static void random_event(int32_t held[ORDERS])
{
    int order = rand() % ORDERS;
    char order_id[16];
    snprintf(order_id, sizeof(order_id), "o%d", order);
    switch (rand() % 8) {
    case 0:
    case 1:
    case 2:
        held[order] = asked("acme/LAMP", order_id, 1 + order % 4);
        break;
    case 3:
    case 4:
        if (held[order] > 0)
            confirm("acme/LAMP", order_id, 1, 1 + rand() % held[order]);
        break;
    case 5:
        give_back("acme/LAMP", order_id, 1);
        break;
    case 6:
        kit_advance(&kit, (rand() % 10) * MINUTE_MS);
        memset(held, 0, ORDERS * sizeof(*held)); /* the router confirms in time or not at all */
        break;
    default:
        report("acme/LAMP", 10, rand() % 3); /* old news */
        break;
    }
}

static void test_never_more_is_promised_than_there_is_in_any_history(void)
{
    for (unsigned seed = 1; seed <= HISTORIES; seed++) {
        srand(seed);
        start();
        report("acme/LAMP", 10, 2);
        int32_t held[ORDERS] = {0};
        for (int i = 0; i < EVENTS; i++) {
            random_event(held);
            if (promised() > 10) {
                printf("seed %u, event %d: %lld promised\n", seed, i, (long long)promised());
                CU_FAIL_FATAL("oversold");
            }
        }
        /* every hold ends: released, confirmed or expired */
        kit_advance(&kit, DAY_MS);
        const struct stock_sku *sku = kit_state(&kit, &stock_sku, STR("acme/LAMP"));
        for (size_t i = 0; i < sku->holds.len; i++)
            CU_ASSERT_NOT_EQUAL(sku->holds.ptr[i].phase, STOCK_HOLD_PHASE_SOFT);
        kit_done(&kit);
    }
}
