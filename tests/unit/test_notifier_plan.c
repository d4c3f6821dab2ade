/* The plan of an order: which event becomes which message, and what it makes untrue. */
/* links: notifier_settings notifier_core rules_kit waybill_ids */
#include "test_notifier_plan.h"

#include "ids/uuid5.h"

/* ---- whom to tell ---- */

static void test_contact_is_the_same_when_the_address_is_written_differently(void)
{
    begin();
    struct arena arena = {.bytes_max = 4096};
    struct str expected = uuid5_of(&arena, STR("contact"), STR("shop"), STR("ana@example.org"));
    accept_order(an_order());
    CU_ASSERT_TRUE(str_equal(planned(0)->contact_id, expected));
    CU_ASSERT_TRUE(str_equal(kit_emitted_key(&kit, &message_planned, 0), expected));
    CU_ASSERT_TRUE(is_text(planned(0)->email, "Ana@Example.org"));
    arena_done(&arena);
    kit_done(&kit);
}

static void test_contact_is_the_phone_when_there_is_no_email(void)
{
    begin();
    struct arena arena = {.bytes_max = 4096};
    struct order order = an_order();
    order.customer.email = STR("");
    order.customer.phone = (struct str){NULL, 0};
    order.ship_to.phone = STR("+4915112345678");
    accept_order(order);
    CU_ASSERT_TRUE(str_equal(planned(0)->contact_id,
                             uuid5_of(&arena, STR("contact"), STR("shop"), STR("+4915112345678"))));
    CU_ASSERT_PTR_NULL(planned(0)->email.ptr);
    CU_ASSERT_TRUE(is_text(planned(0)->text, ""));
    CU_ASSERT_TRUE(says(planned(0)->sms_text, "confirmed"));
    arena_done(&arena);
    kit_done(&kit);
}

static void test_message_is_suppressed_when_there_is_no_way_to_reach_anybody(void)
{
    begin();
    struct order order = an_order();
    order.customer.email = order.customer.phone = (struct str){NULL, 0};
    accept_order(order);
    CU_ASSERT_PTR_NULL(planned(0));
    const struct message_suppressed *suppressed = kit_emitted(&kit, &message_suppressed, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(suppressed);
    CU_ASSERT_TRUE(is_text(suppressed->reason, "no_channel"));
    CU_ASSERT_TRUE(str_equal(kit_emitted_key(&kit, &message_suppressed, 0), ORDER));
    kit_done(&kit);
}

static void test_later_messages_go_to_the_new_address_when_the_order_is_updated(void)
{
    begin();
    accept_order(an_order());
    struct order order = an_order();
    order.customer.email = STR("new@example.org");
    kit_event(&kit, &order_updated, ORDER, &(struct order_updated){.order = order});
    CU_ASSERT_EQUAL(kit_count(&kit, &message_planned), 1);
    status(SHIPMENT_STATUS_PICKED_UP, 0);
    CU_ASSERT_TRUE(is_text(planned(1)->email, "new@example.org"));
    CU_ASSERT_FALSE(str_equal(planned(0)->contact_id, planned(1)->contact_id));
    cancel_order(true); /* what waits at the old contact is withdrawn there */
    CU_ASSERT_TRUE(is_withdrawn(planned(0)));
    CU_ASSERT_TRUE(is_withdrawn(planned(1)));
    kit_done(&kit);
}

/* ---- the parcel's way ---- */

static void test_each_step_is_told_once_when_scans_come(void)
{
    begin();
    accept_order(an_order());
    create(STR("JD1"), true, (struct line_quantity_list){0});
    status(SHIPMENT_STATUS_INFO_RECEIVED, 0);
    status(SHIPMENT_STATUS_PICKED_UP, 0);
    status(SHIPMENT_STATUS_IN_TRANSIT, 0); /* already told that it is on its way */
    status(SHIPMENT_STATUS_OUT_FOR_DELIVERY, 1);
    status(SHIPMENT_STATUS_ATTEMPT_FAILED, 1);
    status(SHIPMENT_STATUS_IN_TRANSIT, 1);
    status(SHIPMENT_STATUS_OUT_FOR_DELIVERY, 2);
    status(SHIPMENT_STATUS_DELIVERED, 2); /* its own event tells that */
    deliver();
    CU_ASSERT_EQUAL(kit_count(&kit, &message_planned), 5);
    CU_ASSERT_EQUAL(planned(1)->kind, MESSAGE_KIND_DISPATCHED);
    CU_ASSERT_EQUAL(planned(2)->kind, MESSAGE_KIND_OUT_FOR_DELIVERY);
    CU_ASSERT_EQUAL(planned(3)->kind, MESSAGE_KIND_OUT_FOR_DELIVERY);
    CU_ASSERT_EQUAL(planned(4)->kind, MESSAGE_KIND_DELIVERED);
    CU_ASSERT_FALSE(str_equal(planned(2)->message_id, planned(3)->message_id));
    CU_ASSERT_TRUE(is_text(planned(1)->shipment, SHIPMENT));
    CU_ASSERT_TRUE(says(planned(4)->text, "parcel 1/1 of your order #1017 was delivered on "
                                          "January 25, 2026."));
    kit_done(&kit);
}

static void test_nothing_is_said_when_all_comes_again(void)
{
    begin();
    for (int again = 0; again < 3; again++) {
        accept_order(an_order());
        status(SHIPMENT_STATUS_PICKED_UP, 0);
        delay(true, 20482);
        status(SHIPMENT_STATUS_OUT_FOR_DELIVERY, 1);
        deliver();
        ask();
    }
    CU_ASSERT_EQUAL(kit_count(&kit, &message_planned), 6);
    kit_done(&kit);
}

static void test_nothing_is_said_when_the_scan_is_not_the_first(void)
{
    begin();
    accept_order(an_order());
    kit_event(&kit, &shipment_status_changed, ORDER,
              &(struct shipment_status_changed){.order_id = ORDER,
                                                .carrier = STR("dhl"),
                                                .tracking_number = STR("JD1"),
                                                .fulfilment_order_id = STR(""),
                                                .supplier_id = STR(""),
                                                .status = SHIPMENT_STATUS_IN_TRANSIT});
    CU_ASSERT_EQUAL(kit_count(&kit, &message_planned), 1);
    kit_done(&kit);
}

static void test_plan_waits_when_scans_come_before_the_order(void)
{
    begin();
    status(SHIPMENT_STATUS_PICKED_UP, 0);
    create(STR("JD1"), true, (struct line_quantity_list){0});
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 0);
    accept_order(an_order());
    CU_ASSERT_EQUAL(kit_count(&kit, &message_planned), 2);
    CU_ASSERT_EQUAL(planned_count(MESSAGE_KIND_DISPATCHED), 1);
    CU_ASSERT_EQUAL(planned_count(MESSAGE_KIND_ORDER_CONFIRMED), 1);
    kit_done(&kit);
}

static void test_waiting_message_is_dropped_when_overtaken_before_the_order_comes(void)
{
    begin();
    status(SHIPMENT_STATUS_PICKED_UP, 0);
    status(SHIPMENT_STATUS_OUT_FOR_DELIVERY, 1);
    deliver();
    accept_order(an_order());
    CU_ASSERT_EQUAL(kit_count(&kit, &message_planned), 2);
    CU_ASSERT_EQUAL(planned_count(MESSAGE_KIND_DELIVERED), 1);
    CU_ASSERT_EQUAL(planned_count(MESSAGE_KIND_ORDER_CONFIRMED), 1);
    CU_ASSERT_EQUAL(kit_count(&kit, &message_withdrawn), 0);
    kit_done(&kit);
}

static void test_messages_are_the_same_when_topics_come_in_another_order(void)
{
    struct str ids[2][2];
    struct arena kept = {.bytes_max = 4096};
    for (int round = 0; round < 2; round++) {
        begin();
        if (round == 0)
            accept_order(an_order());
        status(SHIPMENT_STATUS_PICKED_UP, 0);
        if (round == 1)
            accept_order(an_order());
        ids[round][0] = arena_copy(&kept, planned_of(MESSAGE_KIND_ORDER_CONFIRMED)->message_id);
        ids[round][1] = arena_copy(&kept, planned_of(MESSAGE_KIND_DISPATCHED)->message_id);
        kit_done(&kit);
    }
    CU_ASSERT_TRUE(str_equal(ids[0][0], ids[1][0]));
    CU_ASSERT_TRUE(str_equal(ids[0][1], ids[1][1]));
    arena_done(&kept);
}

static void test_earlier_steps_are_withdrawn_when_the_parcel_is_out_for_delivery(void)
{
    begin();
    accept_order(an_order());
    status(SHIPMENT_STATUS_PICKED_UP, 0);
    delay(true, 20482);
    status(SHIPMENT_STATUS_OUT_FOR_DELIVERY, 1);
    CU_ASSERT_TRUE(is_withdrawn(planned_of(MESSAGE_KIND_DISPATCHED)));
    CU_ASSERT_TRUE(is_withdrawn(planned_of(MESSAGE_KIND_DELAYED)));
    CU_ASSERT_FALSE(is_withdrawn(planned_of(MESSAGE_KIND_ORDER_CONFIRMED)));
    kit_done(&kit);
}

static void test_all_on_the_way_is_withdrawn_when_delivered(void)
{
    begin();
    accept_order(an_order());
    status(SHIPMENT_STATUS_PICKED_UP, 0);
    status(SHIPMENT_STATUS_OUT_FOR_DELIVERY, 1);
    deliver();
    CU_ASSERT_TRUE(is_withdrawn(planned_of(MESSAGE_KIND_OUT_FOR_DELIVERY)));
    CU_ASSERT_FALSE(is_withdrawn(planned_of(MESSAGE_KIND_DELIVERED)));
    size_t withdrawn = kit_count(&kit, &message_withdrawn);
    delay(true, 20490); /* after the delivery nothing of this is said any more */
    status(SHIPMENT_STATUS_OUT_FOR_DELIVERY, 2);
    CU_ASSERT_EQUAL(planned_count(MESSAGE_KIND_DELAYED), 0);
    CU_ASSERT_EQUAL(planned_count(MESSAGE_KIND_OUT_FOR_DELIVERY), 1);
    CU_ASSERT_EQUAL(kit_count(&kit, &message_withdrawn), withdrawn);
    kit_done(&kit);
}

static void test_other_parcel_keeps_its_messages_when_one_is_delivered(void)
{
    begin();
    accept_order(an_order());
    create(STR("JD1"), false, (struct line_quantity_list){0});
    status(SHIPMENT_STATUS_PICKED_UP, 0);
    create(STR("JD2"), true, (struct line_quantity_list){0});
    status_at(STR("JD2"), SHIPMENT_LEG_FORWARD, SHIPMENT_STATUS_PICKED_UP, 0);
    deliver();
    CU_ASSERT_EQUAL(kit_count(&kit, &message_withdrawn), 1);
    CU_ASSERT_TRUE(is_withdrawn(planned(1)));
    CU_ASSERT_TRUE(says(planned(1)->subject, "parcel 1 is on its way"));
    CU_ASSERT_TRUE(says(planned(2)->subject, "parcel 2/2 is on its way"));
    kit_done(&kit);
}

static void test_all_that_is_in_it_is_named_when_two_suppliers_share_a_parcel(void)
{
    struct line_quantity mugs = {STR("1"), STR("MUG"), 2}, tea = {STR("2"), STR("TEA"), 1};
    begin();
    accept_order(an_order());
    create_of(STR("shop:17/1"), STR("JD1"), false, (struct line_quantity_list){&mugs, 1});
    create_of(STR("shop:17/2"), STR("JD1"), true, (struct line_quantity_list){&tea, 1});
    status(SHIPMENT_STATUS_PICKED_UP, 0);
    CU_ASSERT_TRUE(says(planned(1)->subject, "parcel 1/1 is on its way"));
    CU_ASSERT_TRUE(says(planned(1)->text, "2 x Blue mug\n1 x TEA\n"));
    kit_done(&kit);
}

static void test_what_is_in_a_parcel_is_named_once_when_its_story_is_replayed(void)
{
    struct line_quantity mug = {STR("1"), STR("MUG"), 1};
    struct line_quantity_list lines = {&mug, 1};
    begin();
    accept_order(an_order());
    for (int run = 0; run < 3; run++) {
        create_of(STR("shop:17/1"), STR("JD1"), false, lines);
        create_of(STR("shop:17/2"), STR("JD1"), true, lines); /* as much again, of another */
    }
    status(SHIPMENT_STATUS_PICKED_UP, 0);
    struct str text = planned(1)->text;
    CU_ASSERT_TRUE(says(text, "1 x Blue mug\n1 x Blue mug\n"));
    CU_ASSERT_FALSE(says(text, "1 x Blue mug\n1 x Blue mug\n1 x Blue mug\n"));
    kit_done(&kit);
}

static void test_delay_is_told_once_per_new_date(void)
{
    begin();
    accept_order(an_order());
    delay(true, 20482);
    delay(true, 20482);
    CU_ASSERT_EQUAL(planned_count(MESSAGE_KIND_DELAYED), 1);
    CU_ASSERT_TRUE(says(planned(1)->text, "We now expect it on January 29, 2026."));
    delay(true, 20483);
    CU_ASSERT_EQUAL(planned_count(MESSAGE_KIND_DELAYED), 2);
    CU_ASSERT_TRUE(is_withdrawn(planned(1)));
    CU_ASSERT_FALSE(is_withdrawn(planned(2)));
    kit_done(&kit);
}

static void test_delay_is_told_after_a_failed_attempt(void)
{
    begin();
    accept_order(an_order());
    status(SHIPMENT_STATUS_OUT_FOR_DELIVERY, 1);
    delay(true, 20482);
    CU_ASSERT_EQUAL(planned_count(MESSAGE_KIND_DELAYED), 1);
    status(SHIPMENT_STATUS_IN_TRANSIT, 1); /* but not that it is dispatched */
    CU_ASSERT_EQUAL(planned_count(MESSAGE_KIND_DISPATCHED), 0);
    kit_done(&kit);
}

/* One step of one topic. */
static void step(int topic, int nth)
{
    if (topic == 0)
        accept_order(an_order());
    else if (topic == 1)
        create(STR("JD1"), true, (struct line_quantity_list){0});
    else if (topic == 2)
        ask();
    else if (nth == 0)
        status(SHIPMENT_STATUS_PICKED_UP, 0);
    else if (nth == 1)
        delay(true, 20482);
    else if (nth == 2)
        status(SHIPMENT_STATUS_OUT_FOR_DELIVERY, 1);
    else
        deliver();
}

/* Runs every interleaving of what is left of the topics; each keeps its own order. */
static int run_interleavings(const char *so_far)
{
    static const size_t lengths[] = {1, 1, 1, 4};
    size_t done[4] = {0}, len = strlen(so_far);
    char next[9] = "";
    int count = 0;
    for (size_t i = 0; i < len; i++)
        done[so_far[i] - '0']++;
    for (char topic = '0'; topic <= '3' && len < 7; topic++) {
        if (done[topic - '0'] < lengths[topic - '0']) {
            snprintf(next, sizeof(next), "%s%c", so_far, topic);
            count += run_interleavings(next);
        }
    }
    if (len < 7)
        return count;
    begin();
    memset(done, 0, sizeof(done));
    for (size_t i = 0; i < len; i++)
        step(so_far[i] - '0', (int)done[so_far[i] - '0']++);
    unsigned left = 0;
    for (size_t i = 0; planned(i); i++)
        left |= is_withdrawn(planned(i)) ? 0 : 1u << planned(i)->kind;
    CU_ASSERT_EQUAL(left, 1u << MESSAGE_KIND_ORDER_CONFIRMED | 1u << MESSAGE_KIND_DELIVERED |
                              1u << MESSAGE_KIND_FEEDBACK_REQUEST);
    CU_ASSERT_EQUAL(planned_count(MESSAGE_KIND_DELIVERED), 1);
    kit_done(&kit);
    return 1;
}

static void test_the_same_is_left_to_say_in_every_order_of_topics(void)
{
    CU_ASSERT_EQUAL(run_interleavings(""), 210); /* 7! / 4! */
}

/* ---- returns, losses, cancellations ---- */

static void test_nothing_of_the_way_back_is_told_when_the_parcel_returns(void)
{
    begin();
    accept_order(an_order());
    status(SHIPMENT_STATUS_PICKED_UP, 0);
    ask();
    start_return();
    CU_ASSERT_TRUE(is_withdrawn(planned_of(MESSAGE_KIND_DISPATCHED)));
    CU_ASSERT_TRUE(is_withdrawn(planned_of(MESSAGE_KIND_FEEDBACK_REQUEST)));
    status_at(STR("JD1"), SHIPMENT_LEG_RTO, SHIPMENT_STATUS_OUT_FOR_DELIVERY, 1);
    status_at(STR("JD1"), SHIPMENT_LEG_RTO, SHIPMENT_STATUS_DELIVERED, 1);
    status(SHIPMENT_STATUS_OUT_FOR_DELIVERY, 1); /* late news of the way there */
    delay(true, 20482);
    CU_ASSERT_EQUAL(kit_count(&kit, &message_planned), 3);
    kit_done(&kit);
}

static void test_messages_are_withdrawn_when_the_parcel_is_lost(void)
{
    begin();
    accept_order(an_order());
    status(SHIPMENT_STATUS_OUT_FOR_DELIVERY, 1);
    status(SHIPMENT_STATUS_LOST, 1);
    CU_ASSERT_TRUE(is_withdrawn(planned_of(MESSAGE_KIND_OUT_FOR_DELIVERY)));
    kit_done(&kit);
}

static void test_delivered_is_withdrawn_when_the_delivery_is_disputed(void)
{
    begin();
    accept_order(an_order());
    deliver();
    kit_event(&kit, &delivery_disputed, ORDER,
              &(struct delivery_disputed){.order_id = ORDER,
                                          .carrier = STR("dhl"),
                                          .tracking_number = STR("JD1"),
                                          .fulfilment_order_id = STR(""),
                                          .supplier_id = STR(""),
                                          .occurred_at_ms = kit.ctx.now_ms});
    CU_ASSERT_TRUE(is_withdrawn(planned_of(MESSAGE_KIND_DELIVERED)));
    kit_done(&kit);
}

static void test_all_but_the_cancellation_is_withdrawn_when_the_order_is_cancelled(void)
{
    begin();
    accept_order(an_order());
    status(SHIPMENT_STATUS_PICKED_UP, 0);
    cancel_order(true);
    CU_ASSERT_TRUE(is_withdrawn(planned_of(MESSAGE_KIND_ORDER_CONFIRMED)));
    CU_ASSERT_TRUE(is_withdrawn(planned_of(MESSAGE_KIND_DISPATCHED)));
    const struct message_planned *message = planned_of(MESSAGE_KIND_ORDER_CANCELLED);
    CU_ASSERT_PTR_NOT_NULL_FATAL(message);
    CU_ASSERT_FALSE(is_withdrawn(message));
    CU_ASSERT_TRUE(says(message->text, "You get $29.99 back."));
    size_t count = kit_count(&kit, &message_planned);
    status(SHIPMENT_STATUS_OUT_FOR_DELIVERY, 1);
    deliver();
    CU_ASSERT_EQUAL(kit_count(&kit, &message_planned), count);
    kit_done(&kit);
}

static void test_nothing_is_said_when_an_order_is_cancelled_that_was_never_accepted(void)
{
    begin();
    CU_ASSERT_EQUAL(cancel_order(false), DONE);
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 0);
    CU_ASSERT_PTR_NULL(kit_state(&kit, &message_plan, ORDER));
    kit_done(&kit);
}

static void test_request_is_withdrawn_when_the_customer_answered(void)
{
    begin();
    accept_order(an_order());
    ask();
    CU_ASSERT_EQUAL(planned(1)->message_class, MESSAGE_CLASS_FEEDBACK);
    kit_event(&kit, &feedback_received, ORDER,
              &(struct feedback_received){.order_id = ORDER, .rating = 5});
    CU_ASSERT_TRUE(is_withdrawn(planned(1)));
    kit_done(&kit);
}

/* ---- limits ---- */

static void test_event_is_set_aside_when_an_order_has_too_many_messages(void)
{
    begin();
    accept_order(an_order());
    enum verdict verdict = DONE;
    int attempt = 0;
    while (verdict == DONE && attempt < 1000)
        verdict = delay(true, 20480 + ++attempt);
    CU_ASSERT_EQUAL(verdict, SET_ASIDE);
    CU_ASSERT_EQUAL(attempt, 500);
    CU_ASSERT_TRUE(kit_state_bytes(&kit, &message_plan, ORDER) < STATE_BYTES_MAX);
    kit_done(&kit);
}

static void test_plan_is_forgotten_when_nothing_happened_for_long(void)
{
    begin();
    accept_order(an_order());
    kit_advance(&kit, 119 * DAY_MS);
    status(SHIPMENT_STATUS_PICKED_UP, 0);
    kit_advance(&kit, 119 * DAY_MS);
    CU_ASSERT_PTR_NOT_NULL(kit_state(&kit, &message_plan, ORDER));
    kit_advance(&kit, 2 * DAY_MS);
    CU_ASSERT_PTR_NULL(kit_state(&kit, &message_plan, ORDER));
    kit_done(&kit);
}
