/* intake: one order, once, through payment, repeats and changes (F03-F05). */
/* links: intake_settings rules_kit */
#include "intake_kit.h"

/* ---- payment (F03) ---- */

static void test_an_unpaid_order_is_not_accepted_when_it_is_submitted(void)
{
    start();
    CU_ASSERT_EQUAL(submit_pending(), DONE);
    CU_ASSERT_EQUAL(kit_count(&kit, &order_accepted), 0);
    CU_ASSERT_EQUAL_FATAL(kit_count(&kit, &order_payment_pending), 1);
    const struct order_payment_pending *pending = kit_emitted(&kit, &order_payment_pending, 0);
    CU_ASSERT_EQUAL(pending->expires_at_ms, KIT_START_MS + 3 * DAY_MS);
    CU_ASSERT(str_equal(kit_emitted_key(&kit, &order_payment_pending, 0), ORDER_KEY));
    kit_done(&kit);
}

static void test_an_unpaid_order_is_cancelled_when_its_time_is_over(void)
{
    start();
    submit_pending();
    kit_advance(&kit, 3 * DAY_MS - 1);
    CU_ASSERT_EQUAL(kit_count(&kit, &order_cancelled), 0);
    kit_advance(&kit, 1);
    CU_ASSERT_EQUAL_FATAL(kit_count(&kit, &order_cancelled), 1);
    const struct order_cancelled *cancelled = kit_emitted(&kit, &order_cancelled, 0);
    CU_ASSERT_FALSE(cancelled->refund_due);
    CU_ASSERT_FALSE(cancelled->was_accepted);
    CU_ASSERT(str_equal(cancelled->reason, STR("payment_expired")));
    kit_done(&kit);
}

static void test_an_unpaid_order_is_cancelled_when_its_payment_fails(void)
{
    start();
    submit_pending();
    fail_payment();
    fail_payment();
    CU_ASSERT_EQUAL(kit_count(&kit, &order_cancelled), 1);
    kit_advance(&kit, 10 * DAY_MS);
    CU_ASSERT_EQUAL(kit_count(&kit, &order_cancelled), 1);
    CU_ASSERT_EQUAL(kit_count(&kit, &order_accepted), 0);
    kit_done(&kit);
}

static void test_a_payment_releases_once_when_it_is_told_often(void)
{
    start();
    submit_pending();
    for (int i = 0; i < 5; i++)
        capture("pay-1", 3800);
    CU_ASSERT_EQUAL_FATAL(kit_count(&kit, &order_accepted), 1);
    const struct order_accepted *accepted = kit_emitted(&kit, &order_accepted, 0);
    CU_ASSERT_EQUAL(accepted->order.payment.status, PAYMENT_STATUS_PAID);
    CU_ASSERT_EQUAL(accepted->order.lines.len, 2);
    kit_advance(&kit, 10 * DAY_MS);
    CU_ASSERT_EQUAL(kit_count(&kit, &order_cancelled), 0);
    kit_done(&kit);
}

static void test_a_part_of_the_money_does_not_release(void)
{
    start();
    submit_pending();
    capture("pay-1", 3000);
    capture("pay-1", 3000); /* the same one again */
    CU_ASSERT_EQUAL(kit_count(&kit, &order_accepted), 0);
    capture("pay-2", 800);
    CU_ASSERT_EQUAL(kit_count(&kit, &order_accepted), 1);
    kit_done(&kit);
}

static void test_other_money_does_not_release(void)
{
    start();
    submit_pending();
    kit_event(&kit, &payment_captured, ORDER_KEY,
              &(struct payment_captured){
                  .order_id = ORDER_KEY, .amount_minor = 380000, .currency = STR("USD")});
    CU_ASSERT_EQUAL(kit_count(&kit, &order_accepted), 0);
    CU_ASSERT_EQUAL(capture("pay-1", -1), SET_ASIDE);
    kit_done(&kit);
}

static void test_a_notice_that_stands_under_the_key_of_another_order_is_set_aside(void)
{
    start();
    submit_pending();
    CU_ASSERT_EQUAL(kit_event(&kit, &payment_captured, ORDER_KEY,
                              &(struct payment_captured){.order_id = STR("other-shop:1001"),
                                                         .amount_minor = 3800,
                                                         .currency = STR("BRL")}),
                    SET_ASIDE);
    CU_ASSERT_EQUAL(kit_event(&kit, &payment_failed, ORDER_KEY,
                              &(struct payment_failed){.order_id = STR("other-shop:1001")}),
                    SET_ASIDE);
    CU_ASSERT_EQUAL(phase_of_order(), INTAKE_PHASE_PAYMENT_PENDING);
    kit_done(&kit);
}

static void test_money_without_an_amount_is_the_total(void)
{
    start();
    submit_pending();
    capture(NULL, 0);
    CU_ASSERT_EQUAL(kit_count(&kit, &order_accepted), 1);
    kit_done(&kit);
}

static void test_money_for_a_cancelled_order_goes_back_when_it_comes_late(void)
{
    start();
    submit_pending();
    kit_advance(&kit, 3 * DAY_MS);
    kit_forget(&kit);
    capture("pay-1", 3800);
    capture("pay-2", 100);
    CU_ASSERT_EQUAL_FATAL(kit_count(&kit, &order_cancelled), 1);
    const struct order_cancelled *cancelled = kit_emitted(&kit, &order_cancelled, 0);
    CU_ASSERT_TRUE(cancelled->refund_due);
    CU_ASSERT_EQUAL(kit_count(&kit, &order_accepted), 0);
    kit_done(&kit);
}

static void test_payment_status_decides_when_the_order_comes(void)
{
    static const struct {
        enum payment_status status;
        const struct record_type *event;
    } cases[] = {
        {PAYMENT_STATUS_PAID, &order_accepted},    {PAYMENT_STATUS_AUTHORISED, &order_accepted},
        {PAYMENT_STATUS_COD, &order_accepted},     {PAYMENT_STATUS_PENDING, &order_payment_pending},
        {PAYMENT_STATUS_FAILED, &order_rejected},  {PAYMENT_STATUS_REFUNDED, &order_rejected},
        {PAYMENT_STATUS_UNKNOWN, &order_rejected},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start();
        struct order_submitted order = an_order(cases[i].status);
        submit(&order);
        CU_ASSERT_EQUAL(kit_count(&kit, NULL), 1);
        CU_ASSERT_EQUAL(kit_count(&kit, cases[i].event), 1);
        kit_done(&kit);
    }
}

static void test_an_authorised_order_is_stopped_when_the_money_does_not_come(void)
{
    start();
    struct order_submitted order = an_order(PAYMENT_STATUS_AUTHORISED);
    submit(&order);
    fail_payment();
    fail_payment();
    CU_ASSERT_EQUAL(kit_count(&kit, &order_cancel_requested), 1);
    kit_done(&kit);
}

static void test_a_failure_changes_nothing_when_the_order_is_paid(void)
{
    start();
    submit_paid();
    kit_forget(&kit);
    fail_payment();
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 0);
    kit_done(&kit);
}

/* ---- what comes before its order ---- */

static void test_a_payment_waits_when_it_comes_before_its_order(void)
{
    start();
    capture("pay-1", 3800);
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 0);
    submit_pending();
    CU_ASSERT_EQUAL(kit_count(&kit, &order_accepted), 1);
    CU_ASSERT_EQUAL(kit_count(&kit, &order_payment_pending), 0);
    kit_done(&kit);
}

static void test_a_failed_payment_waits_when_it_comes_before_its_order(void)
{
    start();
    fail_payment();
    submit_pending();
    CU_ASSERT_EQUAL_FATAL(kit_count(&kit, &order_rejected), 1);
    const struct order_rejected *rejected = kit_emitted(&kit, &order_rejected, 0);
    CU_ASSERT_EQUAL(rejected->reasons.ptr[0].code, REJECT_CODE_PAYMENT_FAILED);
    struct order_submitted again = an_order(PAYMENT_STATUS_PAID);
    again.version = 2;
    submit(&again);
    CU_ASSERT_EQUAL(kit_count(&kit, &order_accepted), 1);
    kit_done(&kit);
}

static void test_a_cancel_waits_when_it_comes_before_its_order(void)
{
    start();
    cancel();
    cancel();
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 0);
    submit_paid();
    submit_paid();
    CU_ASSERT_EQUAL(kit_count(&kit, &order_accepted), 0);
    CU_ASSERT_EQUAL_FATAL(kit_count(&kit, &order_cancelled), 1);
    const struct order_cancelled *cancelled = kit_emitted(&kit, &order_cancelled, 0);
    CU_ASSERT_TRUE(cancelled->refund_due);
    CU_ASSERT_FALSE(cancelled->was_accepted);
    CU_ASSERT(str_equal(cancelled->reason, STR("changed my mind")));
    kit_done(&kit);
}

static void test_what_waits_is_forgotten_when_no_order_comes(void)
{
    start();
    cancel();
    CU_ASSERT_EQUAL(phase_of_order(), INTAKE_PHASE_WAITING);
    kit_advance(&kit, 7 * DAY_MS);
    CU_ASSERT_PTR_NULL(kit_state(&kit, &intake_order, ORDER_KEY));
    submit_paid();
    CU_ASSERT_EQUAL(kit_count(&kit, &order_accepted), 1);
    kit_done(&kit);
}

/* ---- the same order again (F04, F05) ---- */

static void test_the_same_order_is_accepted_once_when_it_comes_fifty_times(void)
{
    start();
    for (int i = 0; i < 50; i++)
        CU_ASSERT_EQUAL(submit_paid(), DONE);
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 1);
    CU_ASSERT_EQUAL(kit_count(&kit, &order_accepted), 1);
    kit_done(&kit);
}

static void test_the_same_order_is_rejected_once_when_it_comes_again(void)
{
    start();
    struct order_submitted order = an_order(PAYMENT_STATUS_PAID);
    order.lines.len = 0;
    submit(&order);
    submit(&order);
    CU_ASSERT_EQUAL(kit_count(&kit, &order_rejected), 1);
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 1);
    kit_done(&kit);
}

static void test_an_older_version_changes_nothing(void)
{
    start();
    struct order_submitted order = an_order(PAYMENT_STATUS_PAID);
    order.version = 5;
    submit(&order);
    order.version = 4;
    order.notes = STR("older");
    submit(&order);
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 1);
    kit_done(&kit);
}

static void test_a_replayed_topic_changes_nothing(void)
{
    start();
    struct order_submitted first = an_order(PAYMENT_STATUS_PAID), second = first;
    first.version = second.version = 0; /* a source without versions */
    second.notes = STR("ring twice");
    for (int replay = 0; replay < 3; replay++) {
        submit(&first);
        submit(&second);
    }
    CU_ASSERT_EQUAL(kit_count(&kit, &order_accepted), 1);
    CU_ASSERT_EQUAL(kit_count(&kit, &order_updated), 1);
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 2);
    kit_done(&kit);
}

static void test_a_new_version_of_the_same_content_is_no_change(void)
{
    start();
    submit_paid();
    struct order_submitted order = an_order(PAYMENT_STATUS_PAID);
    order.version = 2;
    submit(&order);
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 1);
    kit_done(&kit);
}

/* ---- changes ---- */

static bool names(const struct str_list *list, const char *expected)
{
    char all[512] = "";
    for (size_t i = 0; i < list->len; i++) {
        strcat(all, i ? " " : "");
        strncat(all, list->ptr[i].ptr, list->ptr[i].len);
    }
    if (strcmp(all, expected) != 0)
        printf("names: \"%s\", expected \"%s\"\n", all, expected);
    return strcmp(all, expected) == 0;
}

static void test_an_invalid_change_is_set_aside_and_the_order_stands(void)
{
    start();
    submit_paid();
    struct order_submitted order = an_order(PAYMENT_STATUS_PAID);
    order.version = 2;
    order.currency = STR("XXQ");
    CU_ASSERT_EQUAL(submit(&order), SET_ASIDE);
    CU_ASSERT_PTR_NOT_NULL(strstr(kit.effects.reason, "INVALID_CURRENCY"));
    CU_ASSERT_EQUAL(phase_of_order(), INTAKE_PHASE_ACCEPTED);
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 1);
    kit_done(&kit);
}

static void test_what_was_sold_stands_when_it_changes_after_acceptance(void)
{
    start();
    submit_paid();
    struct order_submitted order = an_order(PAYMENT_STATUS_PAID);
    order.version = 2;
    order.lines.ptr[1].quantity = 2;
    order.total_minor += 550;
    submit(&order);
    CU_ASSERT_EQUAL_FATAL(kit_count(&kit, &order_updated), 1);
    const struct order_updated *updated = kit_emitted(&kit, &order_updated, 0);
    CU_ASSERT(names(&updated->refused, "lines total_minor"));
    CU_ASSERT(names(&updated->changed, ""));
    CU_ASSERT_EQUAL(updated->order.lines.ptr[1].quantity, 1);
    kit_done(&kit);
}

static void test_the_address_changes_until_a_supplier_was_asked(void)
{
    start();
    submit_paid();
    struct order_submitted order = an_order(PAYMENT_STATUS_PAID);
    struct address moved = *order.ship_to;
    moved.line1 = STR("Avenida Paulista 1");
    order.ship_to = &moved;
    order.version = 2;
    submit(&order);
    const struct order_updated *updated = kit_emitted(&kit, &order_updated, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(updated);
    CU_ASSERT(names(&updated->changed, "ship_to"));
    CU_ASSERT(names(&updated->refused, ""));

    kit_event(&kit, &fulfilment_requested, ORDER_KEY,
              &(struct fulfilment_requested){.order_id = ORDER_KEY});
    moved.line1 = STR("Avenida Paulista 2");
    struct customer customer = *order.customer;
    customer.email = STR("ana.souza@example.com");
    order.customer = &customer;
    order.version = 3;
    submit(&order);
    updated = kit_emitted(&kit, &order_updated, 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(updated);
    CU_ASSERT(names(&updated->changed, "customer"));
    CU_ASSERT(names(&updated->refused, "ship_to"));
    CU_ASSERT(str_equal(updated->order.ship_to.line1, STR("Avenida Paulista 1")));
    kit_done(&kit);
}

static void test_everything_changes_while_the_payment_is_awaited(void)
{
    start();
    submit_pending();
    struct order_submitted order = an_order(PAYMENT_STATUS_PENDING);
    order.version = 2;
    order.lines.len = 1;
    order.total_minor -= 550;
    submit(&order);
    const struct order_updated *updated = kit_emitted(&kit, &order_updated, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(updated);
    CU_ASSERT(names(&updated->changed, "lines total_minor"));
    capture("pay-1", 3250);
    const struct order_accepted *accepted = kit_emitted(&kit, &order_accepted, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(accepted);
    CU_ASSERT_EQUAL(accepted->order.lines.len, 1);
    kit_done(&kit);
}

static void test_a_paid_version_releases_when_the_payment_was_awaited(void)
{
    start();
    submit_pending();
    struct order_submitted order = an_order(PAYMENT_STATUS_PAID);
    order.version = 2;
    submit(&order);
    CU_ASSERT_EQUAL(kit_count(&kit, &order_accepted), 1);
    capture("pay-1", 3800);
    CU_ASSERT_EQUAL(kit_count(&kit, &order_accepted), 1);
    kit_done(&kit);
}

static void test_an_old_word_on_payment_is_no_change_when_the_money_has_come(void)
{
    start();
    submit_pending();
    capture("pay-1", 3800);
    kit_forget(&kit);
    struct order_submitted order = an_order(PAYMENT_STATUS_PENDING);
    order.version = 2;
    submit(&order);
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 0);
    order.version = 3;
    order.notes = STR("ring twice");
    submit(&order);
    const struct order_updated *updated = kit_emitted(&kit, &order_updated, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(updated);
    CU_ASSERT(names(&updated->changed, "notes"));
    CU_ASSERT(names(&updated->refused, ""));
    CU_ASSERT_EQUAL(updated->order.payment.status, PAYMENT_STATUS_PAID);
    kit_done(&kit);
}

static void test_a_rejected_order_is_accepted_when_it_was_corrected(void)
{
    start();
    struct order_submitted order = an_order(PAYMENT_STATUS_PAID);
    order.currency = STR("");
    submit(&order);
    submit_paid();
    CU_ASSERT_EQUAL(kit_count(&kit, &order_rejected), 1);
    CU_ASSERT_EQUAL(kit_count(&kit, &order_accepted), 1);
    kit_done(&kit);
}

static void test_an_order_is_forgotten_long_after_its_last_news(void)
{
    start();
    submit_paid();
    kit_advance(&kit, 60 * DAY_MS);
    cancel();
    kit_advance(&kit, 119 * DAY_MS);
    CU_ASSERT_PTR_NOT_NULL(kit_state(&kit, &intake_order, ORDER_KEY));
    kit_advance(&kit, DAY_MS);
    CU_ASSERT_PTR_NULL(kit_state(&kit, &intake_order, ORDER_KEY));
    kit_done(&kit);
}
