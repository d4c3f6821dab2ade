/* stock_check and supplier_router with their real rules, chained: orders hold stock at SKUs' keys
 * and are placed at suppliers by calls; what is used or not is confirmed and released over
 * stock.holds. */
#include "sim/run.h"

#include "stock_check/stock_check.h"
#include "supplier_router/supplier_router.h"

extern const struct service *const real_stock_check, *const real_supplier_router;

enum { SUPPLIERS = 3, SKUS = 2, ORDERS_MOST = 1000 };

static const char *const supplier_ids[SUPPLIERS] = {"north", "south", "west"};
static const char *const skus[SKUS] = {"BLUE", "RED"};

/* By SKU, then by supplier. Everybody lists everything. */
static const struct listing catalogue[] = {
    {STR_INIT("BLUE"), STR_INIT("north")}, {STR_INIT("BLUE"), STR_INIT("south")},
    {STR_INIT("BLUE"), STR_INIT("west")},  {STR_INIT("RED"), STR_INIT("north")},
    {STR_INIT("RED"), STR_INIT("south")},  {STR_INIT("RED"), STR_INIT("west")}};

static const struct stock_check_settings stock_cfg = {.answer_wait_ms = 1500,
                                                      .hold_ms = 6000,
                                                      .hold_grace_ms = 500,
                                                      .keep_ms = 8000,
                                                      .settle_ms = 10000,
                                                      .try_again_ms = 300,
                                                      .try_again_max_ms = 1000,
                                                      .tries_max = 3,
                                                      .catalogue = catalogue,
                                                      .catalogue_count = 6};

static struct router_price prices[] = {{STR_INIT("BLUE"), 100}, {STR_INIT("RED"), 120}};

#define SUPPLIER(name)                                                                             \
    {                                                                                              \
        .id = STR_INIT(name), .endpoint = STR_INIT(name), .prices = prices, .price_count = 2,      \
        .default_unit_cost_minor = -1, .shipping_cost_minor = 500, .cod = true,                    \
        .acknowledge_within_ms = 5000, .ship_within_ms = 9000                                      \
    }
static struct router_supplier suppliers[SUPPLIERS] = {SUPPLIER("north"), SUPPLIER("south"),
                                                      SUPPLIER("west")};
static const struct supplier_router_settings router_cfg = {.suppliers = suppliers,
                                                           .supplier_count = SUPPLIERS,
                                                           .cost_currency = STR_INIT("EUR"),
                                                           .hash = STR_INIT("0123456789abcdef"),
                                                           .score_min = 0.7,
                                                           .score_samples_min = 20,
                                                           .keep_after_end_ms = 8000,
                                                           .keep_open_ms = 15000,
                                                           .retry_ms = 300,
                                                           .retry_max_ms = 1000,
                                                           .submit_patience_ms = 4000};

static struct endpoint endpoint_list[] = {RUN_ENDPOINT("north", POLICY_REPEAT),
                                          RUN_ENDPOINT("south", POLICY_REPEAT),
                                          RUN_ENDPOINT("west", POLICY_PARK)};
static struct endpoints endpoints = {endpoint_list, SUPPLIERS};

/* ---- what comes in ---- */

static int64_t pick(struct run *run, int64_t count)
{
    return fake_pick(&run->world->faults, count);
}

static void report(struct run *run, const char *supplier_id, const char *sku)
{
    char key[32];
    snprintf(key, sizeof(key), "%s/%s", supplier_id, sku);
    struct stock_level_reported level = {.supplier_id = str_from(supplier_id),
                                         .sku = str_from(sku),
                                         .available = (int32_t)pick(run, 12),
                                         .version = run->sent + 1,
                                         .as_of_ms = run->world->now_ms};
    run_send(run, &stock_level_reported, "inbound.stock", key, &level, true);
}

static void accept_order(struct run *run)
{
    char key[32];
    struct order_line lines[2] = {{.line_id = STR("1"), .quantity = 1 + (int32_t)pick(run, 3)},
                                  {.line_id = STR("2"), .quantity = 1}};
    int64_t first = pick(run, SKUS);
    lines[0].sku = str_from(skus[first]);
    lines[1].sku = str_from(skus[1 - first]);
    snprintf(key, sizeof(key), "shop:%d", ++run->orders);
    struct order_accepted accepted = {
        .order = {.order_id = str_from(key),
                  .store = STR("shop"),
                  .external_id = str_from(key + 5),
                  .order_number = str_from(key),
                  .placed_at_ms = run->world->now_ms,
                  .currency = STR("EUR"),
                  .customer = {.name = STR("Ana"), .email = STR("ana@example.org")},
                  .ship_to = {.line1 = STR("Rua 1"),
                              .city = STR("Lisboa"),
                              .postal_code = STR("1000-001"),
                              .country = STR("PT")},
                  .time_zone = STR("Europe/Lisbon"),
                  .lines = {lines, 1 + (size_t)pick(run, 2)},
                  .payment = {.status = PAYMENT_STATUS_PAID}},
        .accepted_at_ms = run->world->now_ms};
    run_send(run, &order_accepted, "orders", key, &accepted, false);
}

static void cancel_order(struct run *run)
{
    char key[32];
    snprintf(key, sizeof(key), "shop:%d", 1 + (int)pick(run, run->orders));
    struct order_cancelled cancelled = {
        .order_id = str_from(key), .reason = STR("asked"), .was_accepted = true};
    run_send(run, &order_cancelled, "orders", key, &cancelled, false);
}

/* A supplier's own word, which may be about what it never got. */
static void call_back(struct run *run)
{
    char key[32], fulfilment[40];
    snprintf(key, sizeof(key), "shop:%d", 1 + (int)pick(run, run->orders));
    snprintf(fulfilment, sizeof(fulfilment), "%s/1", key);
    struct supplier_order_accepted accepted = {.order_id = str_from(key),
                                               .fulfilment_order_id = str_from(fulfilment),
                                               .supplier_id =
                                                   str_from(supplier_ids[pick(run, SUPPLIERS)])};
    run_send(run, &supplier_order_accepted, "inbound.suppliers", key, &accepted, false);
}

static void load(struct run *run)
{
    int64_t what = pick(run, 10);
    if (what < 4 || run->orders == 0)
        accept_order(run);
    else if (what < 7)
        report(run, supplier_ids[pick(run, SUPPLIERS)], skus[pick(run, SKUS)]);
    else if (what < 8)
        cancel_order(run);
    else
        call_back(run);
}

static void begin(struct run *run)
{
    for (int supplier = 0; supplier < SUPPLIERS; supplier++)
        for (int sku = 0; sku < SKUS; sku++)
            report(run, supplier_ids[supplier], skus[sku]);
}

static void touch(struct run *run, const char *key)
{
    struct stock_level_reported level = {.supplier_id = STR("nobody"),
                                         .sku = str_from(key),
                                         .version = run->sent + 1,
                                         .as_of_ms = run->world->now_ms};
    struct supplier_order_accepted accepted = {.order_id = str_from(key),
                                               .fulfilment_order_id = str_from(key),
                                               .supplier_id = STR("nobody")};
    run_send(run, &stock_level_reported, "inbound.stock", key, &level, false);
    run_send(run, &supplier_order_accepted, "inbound.suppliers", key, &accepted, false);
}

static struct witnessed services[2];

const struct scenario *scenario_sourcing(void)
{
    static const struct scenario sourcing = {.name = "sourcing",
                                             .services = services,
                                             .service_count = 2,
                                             .endpoints = &endpoints,
                                             .begin = begin,
                                             .load = load,
                                             .touch = touch};
    services[0].rules = real_stock_check;
    services[0].cfg = &stock_cfg;
    services[1].rules = real_supplier_router;
    services[1].cfg = &router_cfg;
    return &sourcing;
}
