/* Feedback: when a customer is asked, the one answer of an order, the suppliers' score. */
/* links: feedback_settings feedback_core rules_kit waybill_config */
#include "rules_kit.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

#define main service_main
#include "../../services/feedback/main.c"
#undef main

#define ORDER STR("shop:17")

static const struct feedback_settings cfg = {
    .delay_ms = 3 * DAY_MS, .keep_ms = 180 * DAY_MS, .score_samples_min = 3};
static struct kit kit;

static void begin(void)
{
    kit_init(&kit, routes, sizeof(routes) / sizeof(routes[0]), &cfg);
}

static void accept_order(void)
{
    struct order order = {.order_id = ORDER,
                          .store = STR("shop"),
                          .external_id = STR("17"),
                          .currency = STR("USD"),
                          .ship_to = {.line1 = STR(""),
                                      .city = STR(""),
                                      .postal_code = STR(""),
                                      .country = STR("US")},
                          .time_zone = STR("UTC")};
    kit_event(&kit, &order_accepted, ORDER, &(struct order_accepted){.order = order});
}

/* Every parcel "n" comes from supplier "s<n>", unless told otherwise. */
static void create_from(const char *number, const char *supplier, bool complete)
{
    kit_event(&kit, &shipment_created, ORDER,
              &(struct shipment_created){.order_id = ORDER,
                                         .fulfilment_order_id = STR("shop:17/1"),
                                         .supplier_id = str_from(supplier),
                                         .carrier = STR("dhl"),
                                         .tracking_number = str_from(number),
                                         .order_complete = complete});
}

static void create(const char *number, bool complete)
{
    create_from(number, number[0] == '1' ? "s1" : "s2", complete);
}

static void deliver_met(const char *number, bool known, bool met)
{
    kit_event(&kit, &shipment_delivered, ORDER,
              &(struct shipment_delivered){.order_id = ORDER,
                                           .carrier = STR("dhl"),
                                           .tracking_number = str_from(number),
                                           .fulfilment_order_id = STR("shop:17/1"),
                                           .supplier_id = number[0] == '1' ? STR("s1") : STR("s2"),
                                           .delivered_at_ms = kit.ctx.now_ms,
                                           .has_promise_met = known,
                                           .promise_met = met});
}

static void deliver(const char *number)
{
    deliver_met(number, true, true);
}

static void change_status(const char *number, enum shipment_status status)
{
    kit_event(&kit, &shipment_status_changed, ORDER,
              &(struct shipment_status_changed){.order_id = ORDER,
                                                .carrier = STR("dhl"),
                                                .tracking_number = str_from(number),
                                                .fulfilment_order_id = STR("shop:17/1"),
                                                .supplier_id = STR("s1"),
                                                .status = status,
                                                .first_of_milestone = true});
}

static void start_return(const char *number)
{
    kit_event(&kit, &shipment_rto_started, ORDER,
              &(struct shipment_rto_started){.order_id = ORDER,
                                             .carrier = STR("dhl"),
                                             .tracking_number = str_from(number),
                                             .fulfilment_order_id = STR("shop:17/1"),
                                             .supplier_id = STR("s1")});
}

static void end_return(const char *number)
{
    kit_event(&kit, &shipment_rto_delivered, ORDER,
              &(struct shipment_rto_delivered){.order_id = ORDER,
                                               .carrier = STR("dhl"),
                                               .tracking_number = str_from(number),
                                               .fulfilment_order_id = STR("shop:17/1"),
                                               .supplier_id = STR("s1"),
                                               .occurred_at_ms = 7});
}

static void dispute(const char *number)
{
    kit_event(&kit, &delivery_disputed, ORDER,
              &(struct delivery_disputed){.order_id = ORDER,
                                          .carrier = STR("dhl"),
                                          .tracking_number = str_from(number),
                                          .fulfilment_order_id = STR("shop:17/1"),
                                          .supplier_id = STR("s1")});
}

static void cancel_order(void)
{
    kit_event(&kit, &order_cancelled, ORDER,
              &(struct order_cancelled){
                  .order_id = ORDER, .reason = STR("customer"), .was_accepted = true});
}

/* Nobody has the rest of it. */
static void exhaust(void)
{
    struct line_quantity line = {STR("2"), STR("TEA"), 1};
    kit_event(&kit, &fulfilment_exhausted, ORDER,
              &(struct fulfilment_exhausted){.order_id = ORDER, .lines = {&line, 1}});
}

static enum verdict rate(int32_t rating)
{
    return kit_event(
        &kit, &feedback_rated, ORDER,
        &(struct feedback_rated){
            .order_id = ORDER, .rating = rating, .text = STR("fine"), .answered_at_ms = 42});
}

static size_t asked(void)
{
    return kit_count(&kit, &feedback_requested);
}

static size_t observed(enum observation_kind kind, const char *subject)
{
    size_t count = 0;
    for (size_t i = 0; i < kit_count(&kit, &observation_recorded); i++) {
        const struct observation_recorded *one = kit_emitted(&kit, &observation_recorded, i);
        count += one->kind == kind && str_equal(one->subject, str_from(subject)) &&
                 str_equal(one->subject, kit_emitted_key(&kit, &observation_recorded, i));
    }
    return count;
}

/* ---- when to ask ---- */

static void test_customer_is_asked_once_when_all_was_delivered_three_days_ago(void)
{
    begin();
    accept_order();
    create("1", true);
    deliver("1");
    CU_ASSERT_EQUAL(kit_timer_due(&kit, &feedback_order, ORDER, "ask"), KIT_START_MS + 3 * DAY_MS);
    kit_advance(&kit, 3 * DAY_MS - 1);
    CU_ASSERT_EQUAL(asked(), 0);
    kit_advance(&kit, 1);
    CU_ASSERT_EQUAL(asked(), 1);
    const struct feedback_requested *requested = kit_emitted(&kit, &feedback_requested, 0);
    CU_ASSERT_EQUAL(requested->requested_at_ms, KIT_START_MS + 3 * DAY_MS);
    CU_ASSERT_TRUE(str_equal(kit_emitted_key(&kit, &feedback_requested, 0), ORDER));
    deliver("1");
    create("1", true);
    accept_order();
    kit_advance(&kit, 30 * DAY_MS);
    CU_ASSERT_EQUAL(asked(), 1);
    kit_done(&kit);
}

static void test_customer_is_asked_after_the_last_parcel_when_there_are_several(void)
{
    begin();
    accept_order();
    create("1", false);
    deliver("1");
    kit_advance(&kit, 5 * DAY_MS); /* the second parcel has not even shipped */
    create("2", true);
    kit_advance(&kit, 5 * DAY_MS);
    CU_ASSERT_EQUAL(asked(), 0);
    deliver("2");
    CU_ASSERT_EQUAL(kit_timer_due(&kit, &feedback_order, ORDER, "ask"), KIT_START_MS + 13 * DAY_MS);
    kit_advance(&kit, 3 * DAY_MS);
    CU_ASSERT_EQUAL(asked(), 1);
    kit_done(&kit);
}

/* All 24 orders in which four events of four topics may come. */
static void test_customer_is_asked_whatever_the_order_of_topics(void)
{
    for (int permutation = 0; permutation < 24; permutation++) {
        begin();
        int left[] = {0, 1, 2, 3}, count = 4, code = permutation;
        while (count > 0) {
            int at = code % count;
            code /= count;
            int event = left[at];
            left[at] = left[--count];
            if (event == 0)
                accept_order();
            else if (event == 1)
                create("1", true);
            else if (event == 2)
                deliver("1");
            else
                change_status("1", SHIPMENT_STATUS_DELIVERED);
        }
        kit_advance(&kit, 3 * DAY_MS);
        CU_ASSERT_EQUAL(asked(), 1);
        CU_ASSERT_EQUAL(observed(OBSERVATION_KIND_DELIVERY_ON_TIME, "supplier:s1"), 1);
        kit_done(&kit);
    }
}

static void test_customer_is_asked_at_once_when_the_delivery_is_old_news(void)
{
    begin();
    accept_order();
    create("1", true);
    kit_advance(&kit, 10 * DAY_MS);
    kit_event(&kit, &shipment_delivered, ORDER,
              &(struct shipment_delivered){.order_id = ORDER,
                                           .carrier = STR("dhl"),
                                           .tracking_number = STR("1"),
                                           .fulfilment_order_id = STR("shop:17/1"),
                                           .supplier_id = STR("s1"),
                                           .delivered_at_ms = KIT_START_MS});
    kit_advance(&kit, 0);
    CU_ASSERT_EQUAL(asked(), 1);
    kit_done(&kit);
}

static void test_nobody_is_asked_when_a_parcel_never_came(void)
{
    begin();
    accept_order();
    create("1", false); /* the rest of the order was never shipped */
    deliver("1");
    kit_advance(&kit, 100 * DAY_MS);
    CU_ASSERT_EQUAL(asked(), 0);
    kit_done(&kit);
}

static void bad_end(int what)
{
    if (what == 0)
        start_return("2");
    else if (what == 1)
        change_status("2", SHIPMENT_STATUS_LOST);
    else if (what == 2)
        change_status("2", SHIPMENT_STATUS_DAMAGED);
    else if (what == 3)
        dispute("2");
    else
        cancel_order();
}

static void test_nobody_is_asked_when_something_went_wrong_before(void)
{
    for (int what = 0; what < 5; what++) {
        begin();
        accept_order();
        create("1", false);
        create("2", true);
        bad_end(what);
        deliver("1");
        kit_advance(&kit, 100 * DAY_MS);
        CU_ASSERT_EQUAL(asked(), 0);
        kit_done(&kit);
    }
}

static void test_nobody_is_asked_when_something_went_wrong_while_waiting(void)
{
    for (int what = 0; what < 5; what++) {
        begin();
        accept_order();
        create("1", false);
        create("2", true);
        deliver("1");
        deliver("2");
        kit_advance(&kit, DAY_MS);
        bad_end(what);
        CU_ASSERT_EQUAL(kit_timer_due(&kit, &feedback_order, ORDER, "ask"), -1);
        kit_advance(&kit, 100 * DAY_MS);
        CU_ASSERT_EQUAL(asked(), 0);
        kit_done(&kit);
    }
}

static void test_nobody_is_asked_when_the_parcel_came_back(void)
{
    begin();
    accept_order();
    create("1", true);
    start_return("1");
    end_return("1");
    kit_advance(&kit, 100 * DAY_MS);
    CU_ASSERT_EQUAL(asked(), 0);
    CU_ASSERT_EQUAL(observed(OBSERVATION_KIND_RETURNED_TO_ORIGIN, "supplier:s1"), 1);
    CU_ASSERT_EQUAL(observed(OBSERVATION_KIND_DELIVERY_ON_TIME, "supplier:s1"), 0);
    kit_done(&kit);
}

static void test_customer_is_asked_when_a_lost_parcel_was_found(void)
{
    begin();
    accept_order();
    create("1", true);
    change_status("1", SHIPMENT_STATUS_LOST);
    deliver("1");
    kit_advance(&kit, 3 * DAY_MS);
    CU_ASSERT_EQUAL(asked(), 1);
    kit_done(&kit);
}

static void test_damaged_parcel_blocks_when_it_is_delivered_all_the_same(void)
{
    begin();
    accept_order();
    create("1", true);
    change_status("1", SHIPMENT_STATUS_DAMAGED);
    deliver("1");
    kit_advance(&kit, 30 * DAY_MS);
    CU_ASSERT_EQUAL(asked(), 0);
    kit_done(&kit);
}

static void test_nobody_is_asked_when_they_answered_already(void)
{
    begin();
    accept_order();
    create("1", true);
    deliver("1");
    rate(5);
    kit_advance(&kit, 30 * DAY_MS);
    CU_ASSERT_EQUAL(asked(), 0);
    kit_done(&kit);
}

/* ---- the answer ---- */

static void test_answer_is_set_aside_when_it_is_no_rating(void)
{
    begin();
    accept_order();
    CU_ASSERT_EQUAL(rate(0), SET_ASIDE);
    CU_ASSERT_EQUAL(rate(6), SET_ASIDE);
    CU_ASSERT_EQUAL(rate(-2147483647), SET_ASIDE);
    CU_ASSERT_EQUAL(kit_event(&kit, &feedback_rated, ORDER,
                              &(struct feedback_rated){.order_id = STR("shop:18"), .rating = 5}),
                    SET_ASIDE);
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 0);
    kit_done(&kit);
}

static void test_first_answer_counts_when_several_come(void)
{
    begin();
    accept_order();
    create("1", true);
    CU_ASSERT_EQUAL(rate(4), DONE);
    CU_ASSERT_EQUAL(rate(4), DONE);
    CU_ASSERT_EQUAL(rate(1), DONE);
    CU_ASSERT_EQUAL(kit_count(&kit, &feedback_received), 1);
    const struct feedback_received *received = kit_emitted(&kit, &feedback_received, 0);
    CU_ASSERT_EQUAL(received->rating, 4);
    CU_ASSERT_EQUAL(received->answered_at_ms, 42);
    CU_ASSERT_TRUE(str_equal(received->text, STR("fine")));
    CU_ASSERT_EQUAL(observed(OBSERVATION_KIND_RATING, "supplier:s1"), 1);
    kit_done(&kit);
}

static void test_answer_waits_when_it_comes_before_the_order(void)
{
    begin();
    rate(3);
    create("1", true);
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 0);
    accept_order();
    CU_ASSERT_EQUAL(kit_count(&kit, &feedback_received), 1);
    const struct feedback_received *received = kit_emitted(&kit, &feedback_received, 0);
    CU_ASSERT_TRUE(str_equal(received->text, STR("fine")));
    CU_ASSERT_EQUAL(observed(OBSERVATION_KIND_RATING, "supplier:s1"), 1);
    kit_done(&kit);
}

static void test_every_supplier_is_rated_once_when_the_order_was_split(void)
{
    begin();
    accept_order();
    create("1", false);
    create_from("11", "s1", false);
    rate(5);
    CU_ASSERT_EQUAL(observed(OBSERVATION_KIND_RATING, "supplier:s1"), 1);
    create("2", true); /* news of it came late */
    deliver("1");
    deliver("2");
    CU_ASSERT_EQUAL(observed(OBSERVATION_KIND_RATING, "supplier:s1"), 1);
    CU_ASSERT_EQUAL(observed(OBSERVATION_KIND_RATING, "supplier:s2"), 1);
    CU_ASSERT_EQUAL(kit_count(&kit, &feedback_received), 1);
    kit_done(&kit);
}

/* ---- the score ---- */

static void test_delivery_counts_once_and_only_when_there_was_a_promise(void)
{
    begin();
    deliver_met("1", true, false);
    deliver_met("1", true, false);
    deliver_met("12", false, false);
    CU_ASSERT_EQUAL(observed(OBSERVATION_KIND_DELIVERY_ON_TIME, "supplier:s1"), 1);
    const struct observation_recorded *one = kit_emitted(&kit, &observation_recorded, 0);
    CU_ASSERT_EQUAL(one->value, 0);
    CU_ASSERT_EQUAL(one->occurred_at_ms, KIT_START_MS);
    kit_done(&kit);
}

static void observe(const char *subject, enum observation_kind kind, double value)
{
    kit_event(&kit, &observation_recorded, str_from(subject),
              &(struct observation_recorded){.subject = str_from(subject),
                                             .kind = kind,
                                             .order_id = ORDER,
                                             .value = value,
                                             .occurred_at_ms = kit.ctx.now_ms});
}

static void test_a_parcel_that_came_back_counts_once_when_its_story_is_replayed(void)
{
    begin();
    accept_order();
    create("1", false);
    for (int run = 0; run < 3; run++) {
        start_return("1");
        end_return("1");
    }
    CU_ASSERT_EQUAL(kit_count(&kit, &observation_recorded), 1);
    create("2", true);
    end_return("2");
    CU_ASSERT_EQUAL(kit_count(&kit, &observation_recorded), 2);
    kit_done(&kit);
}

static void test_supplier_has_no_score_when_there_are_too_few_deliveries(void)
{
    begin();
    observe("supplier:s1", OBSERVATION_KIND_DELIVERY_ON_TIME, 1);
    observe("supplier:s1", OBSERVATION_KIND_DELIVERY_ON_TIME, 1);
    observe("supplier:s1", OBSERVATION_KIND_RATING, 5);
    observe("supplier:s2", OBSERVATION_KIND_DELIVERY_ON_TIME, 1);
    CU_ASSERT_EQUAL(kit_count(&kit, &supplier_scored), 0);
    kit_done(&kit);
}

static void test_score_is_the_share_when_there_are_enough(void)
{
    begin();
    observe("supplier:s1", OBSERVATION_KIND_RATING, 5);
    observe("supplier:s1", OBSERVATION_KIND_RATING, 2);
    observe("supplier:s1", OBSERVATION_KIND_RETURNED_TO_ORIGIN, 1);
    for (int i = 0; i < 4; i++)
        observe("supplier:s1", OBSERVATION_KIND_DELIVERY_ON_TIME, i != 1);
    CU_ASSERT_EQUAL(kit_count(&kit, &supplier_scored), 2);
    const struct supplier_scored *scored = kit_emitted(&kit, &supplier_scored, 1);
    CU_ASSERT_TRUE(str_equal(kit_emitted_key(&kit, &supplier_scored, 1), STR("s1")));
    CU_ASSERT_EQUAL(scored->shipments, 4);
    CU_ASSERT_EQUAL(scored->on_time, 3);
    CU_ASSERT_EQUAL(scored->on_time_share, 0.75);
    CU_ASSERT_EQUAL(scored->ratings, 2);
    CU_ASSERT_TRUE(scored->has_rating_mean);
    CU_ASSERT_EQUAL(scored->rating_mean, 3.5);
    CU_ASSERT_EQUAL(scored->returned, 1);
    CU_ASSERT_EQUAL(scored->as_of_ms, KIT_START_MS);
    kit_done(&kit);
}

static void test_score_ignores_other_subjects_and_sets_nonsense_aside(void)
{
    begin();
    observe("sku:s1/MUG", OBSERVATION_KIND_DELIVERY_ON_TIME, 1);
    observe("supplier:", OBSERVATION_KIND_DELIVERY_ON_TIME, 1);
    observe("supplier:s1", OBSERVATION_KIND_UNKNOWN, 9);
    CU_ASSERT_EQUAL(kit.entry_count, 0);
    struct observation_recorded nonsense = {.subject = STR("supplier:s1"),
                                            .kind = OBSERVATION_KIND_RATING,
                                            .order_id = ORDER,
                                            .value = 9};
    CU_ASSERT_EQUAL(kit_event(&kit, &observation_recorded, nonsense.subject, &nonsense), SET_ASIDE);
    nonsense.value = 0.0 / 0.0;
    CU_ASSERT_EQUAL(kit_event(&kit, &observation_recorded, nonsense.subject, &nonsense), SET_ASIDE);
    kit_done(&kit);
}

static void test_own_observations_become_the_score_when_read_back(void)
{
    begin();
    char number[8] = "1a";
    for (int i = 0; i < 5; i++) {
        number[1] = (char)('a' + i);
        deliver_met(number, true, i > 0);
    }
    kit_pump(&kit);
    const struct supplier_scored *scored =
        kit_emitted(&kit, &supplier_scored, kit_count(&kit, &supplier_scored) - 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(scored);
    CU_ASSERT_EQUAL(scored->shipments, 5);
    CU_ASSERT_EQUAL(scored->on_time, 4);
    kit_done(&kit);
}

/* The last parcel that will ever come has come, and yet the customer misses a part. */
static void test_nobody_is_asked_when_a_part_of_the_order_could_not_be_had(void)
{
    for (int when = 0; when < 3; when++) { /* at first, in the midst of it, while the timer runs */
        begin();
        if (when == 0)
            exhaust();
        accept_order();
        create("1", true);
        if (when == 1)
            exhaust();
        deliver("1");
        if (when == 2)
            exhaust();
        kit_advance(&kit, 30 * DAY_MS);
        CU_ASSERT_EQUAL(asked(), 0);
        CU_ASSERT_EQUAL(rate(2), DONE); /* but who speaks up is heard */
        CU_ASSERT_EQUAL(kit_count(&kit, &feedback_received), 1);
        kit_done(&kit);
    }
}

/* ---- limits and settings ---- */

static void test_event_is_set_aside_when_an_order_has_too_many_parcels(void)
{
    begin();
    char number[8];
    for (int i = 0; i < 200; i++) {
        snprintf(number, sizeof(number), "%d", i);
        create(number, false);
    }
    CU_ASSERT_EQUAL(kit_event(&kit, &shipment_created, ORDER,
                              &(struct shipment_created){.order_id = ORDER,
                                                         .fulfilment_order_id = STR(""),
                                                         .supplier_id = STR(""),
                                                         .carrier = STR("dhl"),
                                                         .tracking_number = STR("x")}),
                    SET_ASIDE);
    CU_ASSERT_TRUE(kit_state_bytes(&kit, &feedback_order, ORDER) < STATE_BYTES_MAX);
    kit_done(&kit);
}

static void test_order_is_forgotten_when_nothing_happened_for_long(void)
{
    begin();
    accept_order();
    kit_advance(&kit, 179 * DAY_MS);
    CU_ASSERT_PTR_NOT_NULL(kit_state(&kit, &feedback_order, ORDER));
    kit_advance(&kit, DAY_MS);
    CU_ASSERT_PTR_NULL(kit_state(&kit, &feedback_order, ORDER));
    kit_done(&kit);
}

static void test_table_is_in_order(void)
{
    struct error err = {0};
    CU_ASSERT_EQUAL(settings_check_table(&feedback_settings, &err), 0);
    struct feedback_settings loaded = {0};
    struct config_part part = {&feedback_settings, &loaded};
    struct arena arena = {.bytes_max = 1 << 20};
    CU_ASSERT_EQUAL(settings_load(&part, 1, NULL, NULL, NULL, &arena, &err), 0);
    CU_ASSERT_EQUAL(loaded.delay_ms, 3 * DAY_MS);
    const char *const too_short[] = {"feedback.keep=3d", NULL};
    CU_ASSERT_EQUAL(settings_load(&part, 1, NULL, NULL, too_short, &arena, &err), -1);
    arena_done(&arena);
}
