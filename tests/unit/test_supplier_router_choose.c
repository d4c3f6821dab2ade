/* supplier_router's choice, against trying everything, and what else counts beside cost. */
/* links: supplier_router_settings rules_kit */
#include "test_supplier_router.h"

#include "supplier_router/choose.h"

enum { ROUNDS = 3000, SELLERS = 4, SKUS = 3 };

static uint64_t seed;

static int dice(int sides)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((seed >> 33) % (uint64_t)sides);
}

/* ---- a small market, and every way to buy in it ---- */

static const char *const sku_names[SKUS] = {"A", "B", "C"};
static char seller_names[64][16];

struct market {
    int sellers, wanted[SKUS], held[64][SKUS], price[64][SKUS], shipping[64];
    int extra_parcel;
};

struct bill {
    bool possible;
    int weight, parcels;
};

static struct bill bill_of(const struct market *market, int bought[SELLERS][SKUS])
{
    struct bill bill = {.possible = true};
    for (int s = 0; s < market->sellers; s++) {
        int pieces = 0;
        for (int k = 0; k < SKUS; k++) {
            pieces += bought[s][k];
            bill.weight += bought[s][k] * market->price[s][k];
        }
        if (pieces > 0) {
            bill.parcels++;
            bill.weight += market->shipping[s];
        }
    }
    bill.weight += (bill.parcels - 1) * market->extra_parcel;
    return bill;
}

/* Tries every amount of every SKU at every seller. */
static void try_all(const struct market *market, int bought[SELLERS][SKUS], int sku, int seller,
                    int missing, struct bill *best)
{
    if (sku == SKUS) {
        struct bill bill = bill_of(market, bought);
        if (!best->possible || bill.weight < best->weight ||
            (bill.weight == best->weight && bill.parcels < best->parcels))
            *best = bill;
        return;
    }
    if (seller == market->sellers) {
        if (missing == 0)
            try_all(market, bought, sku + 1, 0, sku + 1 < SKUS ? market->wanted[sku + 1] : 0, best);
        return;
    }
    for (int n = 0; n <= missing && n <= market->held[seller][sku]; n++) {
        bought[seller][sku] = n;
        try_all(market, bought, sku, seller + 1, missing - n, best);
    }
    bought[seller][sku] = 0;
}

static struct market random_market(int sellers)
{
    struct market market = {.sellers = sellers, .extra_parcel = dice(3) * 20};
    for (int k = 0; k < SKUS; k++)
        market.wanted[k] = dice(4);
    market.wanted[dice(SKUS)] = 1 + dice(3);
    for (int s = 0; s < sellers; s++) {
        market.shipping[s] = dice(5) * 25;
        for (int k = 0; k < SKUS; k++) {
            market.held[s][k] = dice(4);
            market.price[s][k] = 10 + dice(6) * 10;
        }
    }
    return market;
}

/* ---- the same market, put to the choice ---- */

static struct router_supplier market_suppliers[64];
static struct router_price market_prices[64][SKUS];
static struct hold market_holds[64 * SKUS];
static struct line_quantity market_lines[SKUS];

static struct choose_result choose_in(const struct market *market)
{
    struct hold_list holds = {market_holds, 0};
    struct line_quantity_list wanted = {market_lines, 0};
    for (int s = 0; s < market->sellers; s++) {
        snprintf(seller_names[s], sizeof(seller_names[s]), "s%02d", s);
        struct str id = str_from(seller_names[s]);
        for (int k = 0; k < SKUS; k++) {
            market_prices[s][k] =
                (struct router_price){str_from(sku_names[k]), market->price[s][k]};
            if (market->held[s][k] > 0)
                market_holds[holds.len++] =
                    (struct hold){id, str_from(sku_names[k]), market->held[s][k]};
        }
        market_suppliers[s] = (struct router_supplier){.id = id,
                                                       .endpoint = id,
                                                       .prices = market_prices[s],
                                                       .price_count = SKUS,
                                                       .shipping_cost_minor = market->shipping[s]};
    }
    for (int k = 0; k < SKUS; k++)
        if (market->wanted[k] > 0)
            market_lines[wanted.len++] = (struct line_quantity){
                str_from(sku_names[k]), str_from(sku_names[k]), market->wanted[k]};
    cfg.suppliers = market_suppliers;
    cfg.supplier_count = (size_t)market->sellers;
    cfg.extra_parcel_minor = market->extra_parcel;
    struct order order = an_order();
    struct exclusion_list nobody = {0};
    arena_reset(&kit.scratch);
    return choose(&order, &wanted, &holds, &nobody, &kit.ctx);
}

/* What the parts say, summed: every piece bought once, none more than is held. */
static bool covers(const struct market *market, const struct choose_result *choice,
                   struct bill *out)
{
    int bought[64][SKUS] = {{0}}, total[SKUS] = {0};
    *out = (struct bill){.possible = true, .parcels = (int)choice->part_count};
    for (size_t i = 0; i < choice->part_count; i++) {
        const struct choose_part *part = &choice->parts[i];
        long s = part->supplier - market_suppliers;
        out->weight += (int)part->cost_minor;
        for (size_t j = 0; j < part->lines.len; j++) {
            int k = part->lines.ptr[j].sku.ptr[0] - 'A';
            bought[s][k] += part->lines.ptr[j].quantity;
            total[k] += part->lines.ptr[j].quantity;
        }
    }
    out->weight += (out->parcels - 1) * market->extra_parcel;
    for (int k = 0; k < SKUS; k++) {
        for (int s = 0; s < market->sellers; s++)
            if (bought[s][k] > market->held[s][k])
                return false;
        if (total[k] != market->wanted[k])
            return false;
    }
    return true;
}

static void test_choice_is_the_cheapest_of_all_ways(void)
{
    for (uint64_t round = 0; round < ROUNDS; round++) {
        start();
        seed = round * 104729 + 7;
        struct market market = random_market(1 + dice(SELLERS));
        int bought[SELLERS][SKUS] = {{0}};
        struct bill best = {0}, chosen = {0};
        try_all(&market, bought, 0, 0, market.wanted[0], &best);
        struct choose_result choice = choose_in(&market);
        bool same =
            choice.found == best.possible &&
            (!choice.found || (covers(&market, &choice, &chosen) && chosen.weight == best.weight &&
                               chosen.parcels == best.parcels));
        if (!same)
            fprintf(stderr, "round %llu: chosen %d for %d, best %d for %d\n",
                    (unsigned long long)round, chosen.parcels, chosen.weight, best.parcels,
                    best.weight);
        CU_ASSERT_TRUE_FATAL(same);
        finish();
    }
}

/* With many sellers the way is not always the cheapest, but it is one, and no seller is in vain. */
static void test_many_sellers_cover_everything_without_a_useless_one(void)
{
    for (uint64_t round = 0; round < 200; round++) {
        start();
        seed = round * 15485863 + 3;
        struct market market = random_market(11 + dice(54));
        struct bill chosen = {0};
        struct choose_result choice = choose_in(&market);
        CU_ASSERT_TRUE_FATAL(choice.found);
        CU_ASSERT_TRUE_FATAL(covers(&market, &choice, &chosen));
        CU_ASSERT_TRUE(chosen.parcels <= 9); /* never more than pieces */
        finish();
    }
}

/* ---- what counts beside cost ---- */

static struct supplier_scored a_score(const char *id, int64_t parcels, double share)
{
    return (struct supplier_scored){
        .supplier_id = str_from(id), .shipments = parcels, .on_time_share = share};
}

static void scored(const char *id, int64_t parcels, double share)
{
    struct supplier_scored score = a_score(id, parcels, share);
    kit_table_put(&kit, &supplier_scored, str_from(id), &score);
}

static struct str chosen_among_all(void)
{
    struct order order = an_order();
    accepted(&order);
    reserved(1, "north RED 2, north BLUE 1, south RED 2, south BLUE 1, west RED 2, west BLUE 1");
    CU_ASSERT_EQUAL_FATAL(count(&fulfilment_requested), 1);
    return requested(0)->supplier_id;
}

static void test_late_supplier_is_chosen_when_nobody_else_can(void)
{
    start();
    scored("north", 100, 0.1);
    at_north();
    CU_ASSERT_EQUAL_FATAL(count(&fulfilment_requested), 1);
    struct candidate candidate = requested(0)->candidates.ptr[0];
    CU_ASSERT(str_equal(candidate.why, STR("sends 3 pieces for €8.00 with shipping of €5.00; too "
                                           "often late")));
    CU_ASSERT_TRUE(candidate.has_score);
    finish();
}

static void test_late_supplier_is_passed_over_when_dearer_ones_can(void)
{
    start();
    scored("north", 100, 0.69);
    scored("south", 100, 0.2);
    CU_ASSERT(str_equal(chosen_among_all(), STR("west")));
    finish();
}

static void test_score_says_nothing_when_it_rests_on_too_few(void)
{
    start();
    scored("north", 19, 0.0);
    CU_ASSERT(str_equal(chosen_among_all(), STR("north")));
    finish();
}

static void test_better_score_wins_when_the_cost_is_equal(void)
{
    start();
    scored("south", 50, 0.95);
    CU_ASSERT(str_equal(chosen_among_all(), STR("south")));
    finish();
}

/* Now is the 15th; 3 days to ship and 20 on the road end on 2026-02-07, after the promised 4th. */
static void test_slow_supplier_is_passed_over_when_others_keep_the_promise(void)
{
    start();
    suppliers[0].lead_days = 20;
    CU_ASSERT(str_equal(chosen_among_all(), STR("south")));
    finish();
    start();
    suppliers[0].lead_days = 17;
    CU_ASSERT(str_equal(chosen_among_all(), STR("north")));
    finish();
}

static void test_supplier_is_left_out_when_it_does_not_serve_the_place(void)
{
    static struct str elsewhere[] = {STR_INIT("02"), STR_INIT("03")};
    start();
    suppliers[0].postal_prefixes = (struct router_texts){elsewhere, 2};
    CU_ASSERT(str_equal(chosen_among_all(), STR("south")));
    finish();
}

static void test_supplier_sells_nothing_without_a_price(void)
{
    start();
    suppliers[0].price_count = 1; /* BLUE only */
    CU_ASSERT(str_equal(chosen_among_all(), STR("south")));
    finish();
    start();
    suppliers[0].price_count = 1;
    suppliers[0].default_unit_cost_minor = 10;
    CU_ASSERT(str_equal(chosen_among_all(), STR("north")));
    finish();
}
