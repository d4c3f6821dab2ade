/* intake: a cancel ends the order at once, or asks those who know it (F09). */
/* links: intake_settings rules_kit */
#include "intake_kit.h"

static void test_a_cancel_ends_the_order_at_once_when_nothing_was_accepted(void)
{
    start();
    submit_pending();
    cancel();
    cancel();
    CU_ASSERT_EQUAL(kit_count(&kit, &order_cancel_requested), 0);
    CU_ASSERT_EQUAL_FATAL(kit_count(&kit, &order_cancelled), 1);
    const struct order_cancelled *cancelled = kit_emitted(&kit, &order_cancelled, 0);
    CU_ASSERT_FALSE(cancelled->refund_due);
    kit_advance(&kit, 10 * DAY_MS);
    CU_ASSERT_EQUAL(kit_count(&kit, &order_cancelled), 1);
    kit_done(&kit);
}

static void test_a_cancel_asks_the_others_when_the_order_was_accepted(void)
{
    start();
    submit_paid();
    cancel();
    cancel();
    CU_ASSERT_EQUAL(kit_count(&kit, &order_cancelled), 0);
    CU_ASSERT_EQUAL(kit_count(&kit, &order_cancel_requested), 1);
    struct fulfilment_cancelled part = {
        .order_id = ORDER_KEY, .fulfilment_order_id = STR("shop:1001/1"), .reason = STR("asked")};
    kit_event(&kit, &fulfilment_cancelled, ORDER_KEY, &part);
    CU_ASSERT_EQUAL(kit_count(&kit, &order_cancelled), 0);
    struct fulfilment_cancelled whole = {.order_id = ORDER_KEY, .reason = STR("asked")};
    kit_event(&kit, &fulfilment_cancelled, ORDER_KEY, &whole);
    kit_event(&kit, &fulfilment_cancelled, ORDER_KEY, &whole);
    CU_ASSERT_EQUAL_FATAL(kit_count(&kit, &order_cancelled), 1);
    const struct order_cancelled *cancelled = kit_emitted(&kit, &order_cancelled, 0);
    CU_ASSERT_TRUE(cancelled->was_accepted);
    CU_ASSERT_TRUE(cancelled->refund_due);
    kit_done(&kit);
}

static void test_nothing_is_refunded_when_cash_was_to_be_collected(void)
{
    start();
    struct order_submitted order = an_order(PAYMENT_STATUS_COD);
    submit(&order);
    cancel();
    kit_event(&kit, &fulfilment_cancelled, ORDER_KEY,
              &(struct fulfilment_cancelled){.order_id = ORDER_KEY, .reason = STR("asked")});
    const struct order_cancelled *cancelled = kit_emitted(&kit, &order_cancelled, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(cancelled);
    CU_ASSERT_FALSE(cancelled->refund_due);
    kit_done(&kit);
}

static enum verdict submit_version(enum payment_status status, int64_t version)
{
    struct order_submitted order = an_order(status);
    order.version = version;
    return submit(&order);
}

static const struct order_cancelled *stopped(void)
{
    kit_event(&kit, &fulfilment_cancelled, ORDER_KEY,
              &(struct fulfilment_cancelled){.order_id = ORDER_KEY, .reason = STR("asked")});
    return kit_emitted(&kit, &order_cancelled, 0);
}

static void test_nothing_is_refunded_twice_when_the_shop_has_given_the_money_back(void)
{
    start();
    submit_pending();
    capture("pay-1", 3800);
    submit_version(PAYMENT_STATUS_REFUNDED, 2);
    CU_ASSERT_EQUAL(kit_count(&kit, &order_cancel_requested), 1);
    const struct order_cancelled *cancelled = stopped();
    CU_ASSERT_PTR_NOT_NULL_FATAL(cancelled);
    CU_ASSERT_FALSE(cancelled->refund_due);
    kit_done(&kit);
}

static void test_nothing_is_refunded_twice_when_the_money_goes_back_while_the_order_is_stopped(void)
{
    start();
    submit_paid();
    cancel();
    submit_version(PAYMENT_STATUS_REFUNDED, 2);
    const struct order_cancelled *cancelled = stopped();
    CU_ASSERT_PTR_NOT_NULL_FATAL(cancelled);
    CU_ASSERT_FALSE(cancelled->refund_due);
    kit_done(&kit);
}

static void test_money_goes_back_when_the_order_is_paid_while_it_is_stopped(void)
{
    start();
    submit_version(PAYMENT_STATUS_AUTHORISED, 1);
    cancel();
    submit_version(PAYMENT_STATUS_PAID, 2);
    const struct order_cancelled *cancelled = stopped();
    CU_ASSERT_PTR_NOT_NULL_FATAL(cancelled);
    CU_ASSERT_TRUE(cancelled->refund_due);
    kit_done(&kit);
}

/* A store tells the payment as a new version of the order. */
static void test_money_goes_back_once_when_the_order_is_paid_after_its_end(void)
{
    start();
    submit_pending();
    kit_advance(&kit, 3 * DAY_MS);
    CU_ASSERT_EQUAL(kit_count(&kit, &order_cancelled), 1);
    kit_forget(&kit);
    submit_version(PAYMENT_STATUS_PAID, 2);
    submit_version(PAYMENT_STATUS_PAID, 2);
    submit_version(PAYMENT_STATUS_PAID, 3);
    CU_ASSERT_EQUAL_FATAL(kit_count(&kit, &order_cancelled), 1);
    capture("pay-1", 3800);
    CU_ASSERT_EQUAL(kit_count(&kit, &order_cancelled), 1);
    const struct order_cancelled *cancelled = kit_emitted(&kit, &order_cancelled, 0);
    CU_ASSERT_TRUE(cancelled->refund_due);
    CU_ASSERT(str_equal(cancelled->reason, STR("paid_after_cancellation")));
    CU_ASSERT_EQUAL(kit_count(&kit, &order_accepted), 0);
    kit_done(&kit);
}

static void test_the_order_goes_on_when_the_cancel_is_refused(void)
{
    start();
    submit_paid();
    cancel();
    kit_event(&kit, &fulfilment_cancel_refused, ORDER_KEY,
              &(struct fulfilment_cancel_refused){.order_id = ORDER_KEY,
                                                  .reason = STR("already shipped")});
    const struct intake_order *state = kit_state(&kit, &intake_order, ORDER_KEY);
    CU_ASSERT_EQUAL(state->phase, INTAKE_PHASE_ACCEPTED);
    CU_ASSERT(str_equal(state->cancel_refused, STR("already shipped")));
    cancel();
    CU_ASSERT_EQUAL(kit_count(&kit, &order_cancel_requested), 1);
    CU_ASSERT_EQUAL(kit_count(&kit, &order_cancelled), 0);
    kit_done(&kit);
}

static void test_a_cancelled_order_stays_cancelled_when_it_is_submitted_again(void)
{
    start();
    submit_pending();
    cancel();
    struct order_submitted order = an_order(PAYMENT_STATUS_PAID);
    order.version = 2;
    submit(&order);
    CU_ASSERT_EQUAL(kit_count(&kit, &order_accepted), 0);
    CU_ASSERT_EQUAL(phase_of_order(), INTAKE_PHASE_CANCELLED);
    kit_done(&kit);
}

static void test_a_cancel_under_another_key_is_set_aside(void)
{
    start();
    CU_ASSERT_EQUAL(kit_event(&kit, &cancel_submitted, STR("shop:2"),
                              &(struct cancel_submitted){.order_id = ORDER_KEY}),
                    SET_ASIDE);
    kit_done(&kit);
}

static void test_fulfilment_news_of_an_unknown_order_changes_nothing(void)
{
    start();
    kit_event(&kit, &fulfilment_requested, ORDER_KEY,
              &(struct fulfilment_requested){.order_id = ORDER_KEY});
    kit_event(&kit, &fulfilment_cancelled, ORDER_KEY,
              &(struct fulfilment_cancelled){.order_id = ORDER_KEY});
    kit_event(&kit, &fulfilment_cancel_refused, ORDER_KEY,
              &(struct fulfilment_cancel_refused){.order_id = ORDER_KEY});
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 0);
    CU_ASSERT_PTR_NULL(kit_state(&kit, &intake_order, ORDER_KEY));
    kit_done(&kit);
}
