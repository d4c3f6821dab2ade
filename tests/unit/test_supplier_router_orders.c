/* supplier_router: one real life of an order, two suppliers and three parcels, told in every order
 * in which it may come, with repeats. Topics keep no common order, suppliers tell in any order and
 * twice, and their answers come late or, after a callback, not at all. The end is the same. */
/* links: supplier_router_settings rules_kit */
#include "test_supplier_router.h"

enum { ROUNDS = 3000, PARCELS = 3, REPEATS_MAX = 6 };

enum step {
    ACCEPTED,
    RESERVED,
    NORTH_ANSWERS,
    SOUTH_ANSWERS,
    NORTH_ACCEPTS,
    SOUTH_ACCEPTS,
    SHIPS, /* T1 and T2 at north, T3 at south */
    ENDS = SHIPS + PARCELS,
    STEPS = ENDS + PARCELS
};

static const char *const numbers[PARCELS] = {"T1", "T2", "T3"};
static uint64_t seed;

static int dice(int sides)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((seed >> 33) % (uint64_t)sides);
}

static void supplier_accepts(bool north)
{
    struct supplier_order_accepted body = {.order_id = KEY,
                                           .fulfilment_order_id =
                                               north ? STR("shop:1/1") : STR("shop:1/2"),
                                           .supplier_id = north ? STR("north") : STR("south")};
    CU_ASSERT_EQUAL(kit_event(&kit, &supplier_order_accepted, KEY, &body), DONE);
}

static void supplier_ships(int nth)
{
    struct line_quantity content = {nth < 2 ? STR("1") : STR("2"),
                                    nth < 2 ? STR("RED") : STR("BLUE"), 1};
    struct parcel parcel = {
        .carrier = STR("acme"), .tracking_number = str_from(numbers[nth]), .lines = {&content, 1}};
    struct supplier_order_shipped body = {.order_id = KEY,
                                          .fulfilment_order_id =
                                              nth < 2 ? STR("shop:1/1") : STR("shop:1/2"),
                                          .supplier_id = nth < 2 ? STR("north") : STR("south"),
                                          .parcels = {&parcel, 1}};
    CU_ASSERT_EQUAL(kit_event(&kit, &supplier_order_shipped, KEY, &body), DONE);
}

static bool is_registered(int nth)
{
    for (size_t i = 0; i < count(&shipment_registered); i++) {
        const struct shipment_registered *told = kit_emitted(&kit, &shipment_registered, i);
        if (str_equal(told->tracking_number, str_from(numbers[nth])))
            return true;
    }
    return false;
}

/* The second is returned, the third lost for a time; both have come to an end. */
static void parcel_ends(int nth)
{
    struct str carrier = STR("acme"), number = str_from(numbers[nth]);
    if (nth == 0)
        kit_event(&kit, &shipment_delivered, KEY,
                  &(struct shipment_delivered){
                      .order_id = KEY, .carrier = carrier, .tracking_number = number});
    else if (nth == 1)
        kit_event(&kit, &shipment_rto_delivered, KEY,
                  &(struct shipment_rto_delivered){
                      .order_id = KEY, .carrier = carrier, .tracking_number = number});
    else
        kit_event(&kit, &shipment_status_changed, KEY,
                  &(struct shipment_status_changed){.order_id = KEY,
                                                    .carrier = carrier,
                                                    .tracking_number = number,
                                                    .status = SHIPMENT_STATUS_LOST});
}

/* Nobody can answer or call back before being asked, no carrier can end what nobody registered. */
static bool may_come(enum step step, const bool done[STEPS])
{
    if (step == ACCEPTED || step == RESERVED)
        return true;
    return done[ACCEPTED] && done[RESERVED] && (step < ENDS || is_registered((int)(step - ENDS)));
}

static void answer_if_asked(const char *intent_id)
{
    const struct kit_intent *call = kit_intent_find(&kit, str_from(intent_id));
    if (!call->withdrawn && !call->answered)
        replied(intent_id, OUTCOME_OK, 201, "{\"state\":\"PENDING\"}");
}

static void play(enum step step)
{
    struct order order = an_order();
    if (step == ACCEPTED)
        accepted(&order);
    else if (step == RESERVED)
        reserved(1, "north RED 2, south BLUE 1");
    else if (step == NORTH_ANSWERS || step == SOUTH_ANSWERS)
        answer_if_asked(step == NORTH_ANSWERS ? "shop:1/1:submit:1" : "shop:1/2:submit:1");
    else if (step == NORTH_ACCEPTS || step == SOUTH_ACCEPTS)
        supplier_accepts(step == NORTH_ACCEPTS);
    else if (step < ENDS)
        supplier_ships((int)(step - SHIPS));
    else
        parcel_ends((int)(step - ENDS));
}

static void play_all(void)
{
    bool done[STEPS] = {false};
    int left = STEPS, repeats = REPEATS_MAX;
    while (left > 0) {
        enum step step = (enum step)dice(STEPS);
        bool again = done[step];
        if (!may_come(step, done) || (again && (step <= RESERVED || repeats == 0)))
            continue;
        play(step);
        kit.ctx.now_ms += dice(3) * MINUTE_MS;
        done[step] = true;
        left -= !again;
        repeats -= again;
    }
}

static size_t complete_count(void)
{
    size_t complete = 0;
    for (size_t i = 0; i < count(&shipment_created); i++) {
        const struct shipment_created *told = kit_emitted(&kit, &shipment_created, i);
        complete += told->order_complete;
    }
    return complete;
}

static void check_end(void)
{
    CU_ASSERT_EQUAL_FATAL(book()->fulfilments.len, 2);
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(fulfilment(i)->state, ROUTER_STATE_SHIPPED);
        CU_ASSERT_EQUAL(fulfilment(i)->submits, 1);
        CU_ASSERT_EQUAL(fulfilment(i)->parcels.len, 2 - i);
        CU_ASSERT_EQUAL(fulfilment(i)->lines.ptr[0].shipped, fulfilment(i)->lines.ptr[0].quantity);
    }
    CU_ASSERT_EQUAL(kit.intent_count, 2);
    CU_ASSERT_EQUAL(count(&stock_hold_confirmed), 2);
    CU_ASSERT_EQUAL(count(&stock_hold_released), 0);
    CU_ASSERT_EQUAL(count(&fulfilment_requested), 2);
    CU_ASSERT_EQUAL(count(&fulfilment_submitted), 2);
    CU_ASSERT_EQUAL(count(&fulfilment_accepted), 2);
    CU_ASSERT_EQUAL(count(&shipment_created), PARCELS);
    CU_ASSERT_EQUAL(count(&shipment_registered), PARCELS);
    CU_ASSERT_EQUAL(complete_count(), 1);
    const struct shipment_created *last = kit_emitted(&kit, &shipment_created, PARCELS - 1);
    CU_ASSERT_TRUE(last->order_complete);
    CU_ASSERT_EQUAL(count(NULL), 2 + 2 + 2 + 2 + PARCELS + PARCELS);
    kit_advance(&kit, 61 * DAY_MS);
    CU_ASSERT_EQUAL(count(&supplier_overdue), 0);
    CU_ASSERT_PTR_NULL(book()); /* its parcels have ended: it is forgotten */
}

static void test_the_end_is_the_same_in_every_order_and_with_repeats(void)
{
    for (uint64_t round = 0; round < ROUNDS; round++) {
        seed = round * 7919 + 3;
        start();
        play_all();
        check_end();
        finish();
        if (CU_get_number_of_failures() > 0) {
            fprintf(stderr, "round %llu ends otherwise\n", (unsigned long long)round);
            return;
        }
    }
}
