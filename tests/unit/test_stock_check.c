/* stock_check, the order's side: all of it is held or nothing, and it ends (F10, F11, F14, F15). */
/* links: stock_check_settings rules_kit */
#include "stock_check_kit.h"

static const struct stock_short *the_short(void)
{
    CU_ASSERT_EQUAL(kit_count(&kit, &stock_reserved), 0);
    CU_ASSERT_EQUAL_FATAL(kit_count(&kit, &stock_short), 1);
    return kit_emitted(&kit, &stock_short, 0);
}

static const struct stock_reserved *the_reservation(void)
{
    CU_ASSERT_EQUAL(kit_count(&kit, &stock_short), 0);
    CU_ASSERT_EQUAL_FATAL(kit_count(&kit, &stock_reserved), 1);
    return kit_emitted(&kit, &stock_reserved, 0);
}

static int32_t held_at(const struct stock_reserved *reserved, const char *key)
{
    struct str supplier_id, sku;
    split_key(key, &supplier_id, &sku);
    for (size_t i = 0; i < reserved->holds.len; i++)
        if (str_equal(reserved->holds.ptr[i].supplier_id, supplier_id) &&
            str_equal(reserved->holds.ptr[i].sku, sku))
            return reserved->holds.ptr[i].quantity;
    return 0;
}

/* Lets everything that is on its way arrive, and time pass until nothing waits for it. */
static void settle(void)
{
    do
        kit_pump(&kit);
    while (kit_advance(&kit, 30 * SECOND_MS) > 0);
}

static enum verdict request(const char *order_id, int32_t attempt, struct demand demand,
                            struct exclusion *excluded, size_t excluded_count)
{
    struct line_quantity line = {
        .line_id = STR("l"), .sku = str_from(demand.sku), .quantity = demand.quantity};
    struct fulfilment_stock_requested again = {.order_id = str_from(order_id),
                                               .attempt = attempt,
                                               .lines = {&line, 1},
                                               .excluded = {excluded, excluded_count},
                                               .reason = STR("rejected")};
    return kit_event(&kit, &fulfilment_stock_requested, str_from(order_id), &again);
}

/* ---- short (F14) ---- */

static void test_an_order_is_short_at_once_when_nobody_lists_its_sku(void)
{
    start();
    report("acme/LAMP", 10, 1);
    ACCEPT("o1", {"LAMP", 1}, {"UNICORN", 2});
    const struct stock_short *ended = the_short();
    CU_ASSERT_EQUAL(kit_count(&kit, &stock_hold_requested), 0);
    CU_ASSERT_EQUAL(ended->attempt, 1);
    CU_ASSERT_EQUAL(ended->shortages.len, 2);
    kit_done(&kit);
}

static void test_an_order_is_short_at_once_when_all_is_sold(void)
{
    start();
    report("acme/BULB", 5, 1);
    confirm("acme/BULB", "before", 1, 4);
    kit_forget(&kit);
    ACCEPT("o1", {"BULB", 2});
    kit_pump(&kit);
    const struct stock_short *ended = the_short();
    CU_ASSERT_EQUAL_FATAL(ended->shortages.len, 1);
    CU_ASSERT_EQUAL(ended->shortages.ptr[0].wanted, 2);
    CU_ASSERT_EQUAL(ended->shortages.ptr[0].held, 1);
    kit_pump(&kit);
    CU_ASSERT_EQUAL(free_of("acme/BULB"), 1);
    kit_done(&kit);
}

static void test_nothing_is_kept_when_one_line_is_short(void)
{
    start();
    report("acme/LAMP", 10, 1);
    report("acme/BULB", 0, 1);
    report("bolt/LAMP", 10, 1);
    ACCEPT("o1", {"LAMP", 3}, {"BULB", 1});
    settle();
    const struct stock_short *ended = the_short();
    CU_ASSERT_EQUAL_FATAL(ended->shortages.len, 1);
    CU_ASSERT(str_equal(ended->shortages.ptr[0].sku, STR("BULB")));
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 10);
    CU_ASSERT_EQUAL(free_of("bolt/LAMP"), 10);
    kit_done(&kit);
}

static void test_two_lines_of_one_sku_are_one_demand(void)
{
    start();
    report("acme/BULB", 3, 1);
    ACCEPT("o1", {"BULB", 2}, {"BULB", 2});
    settle();
    CU_ASSERT_EQUAL(the_short()->shortages.ptr[0].wanted, 4);
    kit_done(&kit);
}

static void test_lines_without_sense_are_set_aside(void)
{
    start();
    CU_ASSERT_EQUAL(accept_order("o1", NULL, 0), SET_ASIDE);
    CU_ASSERT_EQUAL(ACCEPT("o1", {"BULB", 0}), SET_ASIDE);
    CU_ASSERT_EQUAL(ACCEPT("o1", {"BULB", INT32_MAX}, {"BULB", 1}), SET_ASIDE);
    CU_ASSERT_EQUAL(request("o1", 2, (struct demand){"BULB", -1}, NULL, 0), SET_ASIDE);
    kit_done(&kit);
}

/* ---- reserved ---- */

static void test_all_is_reserved_when_it_is_there(void)
{
    start();
    report("acme/LAMP", 10, 1);
    report("acme/BULB", 10, 1);
    report("bolt/LAMP", 0, 1);
    ACCEPT("o1", {"LAMP", 3}, {"BULB", 1});
    kit_pump(&kit);
    const struct stock_reserved *reserved = the_reservation();
    CU_ASSERT(str_equal(kit_emitted_key(&kit, &stock_reserved, 0), STR("o1")));
    CU_ASSERT_EQUAL(reserved->attempt, 1);
    CU_ASSERT_EQUAL(reserved->holds.len, 2); /* none of quantity 0 */
    CU_ASSERT_EQUAL(held_at(reserved, "acme/LAMP"), 3);
    CU_ASSERT_EQUAL(held_at(reserved, "acme/BULB"), 1);
    CU_ASSERT_EQUAL(reserved->expires_at_ms, KIT_START_MS + 15 * MINUTE_MS);
    kit_done(&kit);
}

static void test_two_suppliers_cover_what_one_cannot(void)
{
    start();
    report("acme/LAMP", 2, 1);
    report("bolt/LAMP", 3, 1);
    ACCEPT("o1", {"LAMP", 4});
    kit_pump(&kit);
    const struct stock_reserved *reserved = the_reservation();
    CU_ASSERT_EQUAL(held_at(reserved, "acme/LAMP"), 2);
    CU_ASSERT_EQUAL(held_at(reserved, "bolt/LAMP"), 3);
    kit_done(&kit);
}

static void test_the_same_order_is_reserved_once_when_it_comes_again(void)
{
    start();
    report("acme/BULB", 10, 1);
    ACCEPT("o1", {"BULB", 1});
    kit_pump(&kit);
    ACCEPT("o1", {"BULB", 1});
    settle();
    CU_ASSERT_EQUAL(kit_count(&kit, &stock_reserved), 1);
    CU_ASSERT_EQUAL(kit_count(&kit, &stock_hold_requested), 1);
    kit_done(&kit);
}

static void test_an_answer_counts_once_when_it_is_repeated(void)
{
    start();
    report("acme/LAMP", 1, 1);
    report("bolt/LAMP", 1, 1);
    ACCEPT("o1", {"LAMP", 2});
    struct stock_hold_answered answer = {.supplier_id = STR("acme"),
                                         .sku = STR("LAMP"),
                                         .order_id = STR("o1"),
                                         .attempt = 1,
                                         .outcome = HOLD_OUTCOME_SHORT,
                                         .quantity = 1,
                                         .available = 1,
                                         .revision = 1};
    for (int i = 0; i < 3; i++)
        kit_event(&kit, &stock_hold_answered, STR("o1"), &answer);
    CU_ASSERT_EQUAL(phase_of_order("o1"), STOCK_PHASE_ASKING);
    answer.attempt = 7; /* another attempt's, another order's */
    kit_event(&kit, &stock_hold_answered, STR("o1"), &answer);
    kit_event(&kit, &stock_hold_answered, STR("o2"), &answer);
    CU_ASSERT_EQUAL(phase_of_order("o1"), STOCK_PHASE_ASKING);
    CU_ASSERT_EQUAL(phase_of_order("o2"), STOCK_PHASE_UNKNOWN);
    kit_done(&kit);
}

/* ---- answers that do not come ---- */

static void test_who_does_not_answer_counts_as_having_nothing_and_is_let_go(void)
{
    start();
    ACCEPT("o1", {"LAMP", 2});
    struct stock_hold_answered answer = {.supplier_id = STR("acme"),
                                         .sku = STR("LAMP"),
                                         .order_id = STR("o1"),
                                         .attempt = 1,
                                         .outcome = HOLD_OUTCOME_HELD,
                                         .quantity = 2,
                                         .available = 9,
                                         .revision = 1};
    kit_event(&kit, &stock_hold_answered, STR("o1"), &answer);
    CU_ASSERT_EQUAL(kit_count(&kit, &stock_reserved), 0);
    kit_advance(&kit, 30 * SECOND_MS);
    const struct stock_reserved *reserved = the_reservation();
    CU_ASSERT_EQUAL(reserved->holds.len, 1);
    CU_ASSERT_EQUAL_FATAL(kit_count(&kit, &stock_hold_released), 1);
    CU_ASSERT(str_equal(kit_emitted_key(&kit, &stock_hold_released, 0), STR("bolt/LAMP")));
    kit_done(&kit);
}

static void test_an_order_is_short_in_the_end_when_nobody_ever_answers(void)
{
    start();
    ACCEPT("o1", {"LAMP", 2});
    kit_advance(&kit, DAY_MS);
    the_short();
    CU_ASSERT_EQUAL(kit_count(&kit, &stock_hold_released), 2);
    CU_ASSERT_EQUAL(phase_of_order("o1"), STOCK_PHASE_SHORT);
    kit_done(&kit);
}

static void test_a_level_that_comes_late_is_found_by_the_next_try(void)
{
    start();
    ACCEPT("o1", {"BULB", 2});
    kit_pump(&kit);
    CU_ASSERT_EQUAL(phase_of_order("o1"), STOCK_PHASE_WAITING);
    report("acme/BULB", 2, 1);
    settle();
    CU_ASSERT_EQUAL(held_at(the_reservation(), "acme/BULB"), 2);
    kit_done(&kit);
}

/* ---- others in the way ---- */

static void test_an_order_tries_again_while_only_soft_holds_stand_in_the_way(void)
{
    start();
    report("acme/BULB", 3, 1);
    ask("acme/BULB", "other", 2);
    kit_forget(&kit);
    ACCEPT("o1", {"BULB", 2});
    kit_pump(&kit);
    CU_ASSERT_EQUAL(kit_count(&kit, NULL) > 0, true);
    CU_ASSERT_EQUAL(phase_of_order("o1"), STOCK_PHASE_WAITING);
    const struct stock_sku *sku = kit_state(&kit, &stock_sku, STR("acme/BULB"));
    int64_t held = 0;
    for (size_t i = 0; i < sku->holds.len; i++)
        held += sku->holds.ptr[i].quantity;
    CU_ASSERT_EQUAL(held, 2); /* it let go of the one it had got */
    give_back("acme/BULB", "other", 1);
    settle();
    CU_ASSERT_EQUAL(held_at(the_reservation(), "acme/BULB"), 2);
    kit_done(&kit);
}

static void test_tries_are_bounded_when_the_way_is_never_free(void)
{
    start();
    report("acme/BULB", 3, 1);
    struct stock_hold_requested forever = {.supplier_id = STR("acme"),
                                           .sku = STR("BULB"),
                                           .order_id = STR("other"),
                                           .attempt = 1,
                                           .quantity = 2,
                                           .expires_at_ms = KIT_START_MS + 300 * DAY_MS,
                                           .revision = 1};
    kit_event(&kit, &stock_hold_requested, STR("acme/BULB"), &forever);
    kit_forget(&kit);
    ACCEPT("o1", {"BULB", 2});
    settle();
    the_short();
    /* four tries, three times letting go in between */
    CU_ASSERT_EQUAL(kit_count(&kit, &stock_hold_requested), 4 + 3);
    CU_ASSERT_EQUAL(free_of("acme/BULB"), 1);
    kit_done(&kit);
}

/* ---- asked again by the router ---- */

static void test_an_excluded_supplier_is_not_asked_again(void)
{
    start();
    report("acme/LAMP", 10, 1);
    report("bolt/LAMP", 10, 1);
    ACCEPT("o1", {"LAMP", 2});
    kit_pump(&kit);
    kit_forget(&kit);
    struct exclusion not_acme = {.supplier_id = STR("acme"), .sku = STR("LAMP")};
    request("o1", 2, (struct demand){"LAMP", 1}, &not_acme, 1);
    request("o1", 2, (struct demand){"LAMP", 1}, &not_acme, 1);
    request("o1", 1, (struct demand){"LAMP", 1}, NULL, 0);
    kit_pump(&kit);
    const struct stock_reserved *reserved = the_reservation();
    CU_ASSERT_EQUAL(reserved->attempt, 2);
    CU_ASSERT_EQUAL(reserved->holds.len, 1);
    CU_ASSERT_EQUAL(held_at(reserved, "bolt/LAMP"), 1);
    kit_done(&kit);
}

static void test_an_order_is_short_when_everybody_is_excluded(void)
{
    start();
    report("acme/LAMP", 10, 1);
    struct exclusion nobody[] = {{.supplier_id = STR("acme")},
                                 {.supplier_id = STR("bolt"), .sku = STR("LAMP")}};
    request("o1", 2, (struct demand){"LAMP", 1}, nobody, 2);
    CU_ASSERT_EQUAL(the_short()->attempt, 2);
    kit_done(&kit);
}

static void test_an_open_attempt_is_let_go_when_the_next_is_asked_for(void)
{
    start();
    report("acme/BULB", 2, 1);
    ACCEPT("o1", {"BULB", 2}); /* its answer is still on the way */
    request("o1", 2, (struct demand){"BULB", 2}, NULL, 0);
    settle();
    CU_ASSERT_EQUAL(the_reservation()->attempt, 2);
    kit_done(&kit);
}

/* ---- cancel (F15) ---- */

static void test_a_cancel_releases_all_attempts_once(void)
{
    start();
    report("acme/LAMP", 10, 1);
    report("bolt/LAMP", 10, 1);
    ACCEPT("o1", {"LAMP", 2});
    kit_pump(&kit);
    confirm("acme/LAMP", "o1", 1, 2);
    request("o1", 2, (struct demand){"LAMP", 3}, NULL, 0);
    kit_pump(&kit);
    confirm("bolt/LAMP", "o1", 2, 3);
    cancel_order("o1");
    cancel_order("o1");
    kit_pump(&kit);
    CU_ASSERT_EQUAL(kit_count(&kit, &stock_released), 1);
    CU_ASSERT_EQUAL(free_of("acme/LAMP"), 10);
    CU_ASSERT_EQUAL(free_of("bolt/LAMP"), 10);
    request("o1", 3, (struct demand){"LAMP", 1}, NULL, 0);
    ACCEPT("o1", {"LAMP", 2});
    settle();
    CU_ASSERT_EQUAL(kit_count(&kit, &stock_hold_requested), 0);
    kit_done(&kit);
}

static void test_a_cancel_ends_an_attempt_that_is_still_open(void)
{
    start();
    report("acme/BULB", 2, 1);
    ACCEPT("o1", {"BULB", 2});
    cancel_order("o1");
    settle();
    CU_ASSERT_EQUAL(kit_count(&kit, &stock_reserved) + kit_count(&kit, &stock_short), 0);
    CU_ASSERT_EQUAL(kit_count(&kit, &stock_released), 1);
    CU_ASSERT_EQUAL(free_of("acme/BULB"), 2);
    kit_done(&kit);
}

static void test_a_cancel_of_an_unknown_order_changes_nothing(void)
{
    start();
    cancel_order("o1");
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 0);
    CU_ASSERT_EQUAL(phase_of_order("o1"), STOCK_PHASE_UNKNOWN);
    kit_done(&kit);
}

static void test_an_order_is_forgotten_long_after_its_last_news(void)
{
    start();
    report("acme/BULB", 2, 1);
    ACCEPT("o1", {"BULB", 2});
    kit_pump(&kit);
    kit_advance(&kit, 121 * DAY_MS);
    CU_ASSERT_EQUAL(phase_of_order("o1"), STOCK_PHASE_UNKNOWN);
    kit_done(&kit);
}
