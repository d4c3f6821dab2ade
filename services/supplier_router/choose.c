/* Weighs combinations of suppliers. */
#include "supplier_router/choose.h"

#include "calendar/calendar.h"

#include <inttypes.h>

struct offer {
    size_t seller; /* index into choosing.sellers */
    int32_t quantity;
    int64_t unit_cost_minor;
};

/* One SKU and who holds how much of it, cheapest first. */
struct demand {
    struct str sku;
    int32_t quantity;
    struct offer *offers;
    size_t offer_count;
};

/* A supplier that holds something; the better one comes first. */
struct seller {
    const struct router_supplier *supplier;
    struct str id;
    const char *unusable; /* NULL = usable */
    const char *avoid;    /* why it is taken only if nothing else will do; NULL = welcome */
    bool scored;
    double score;
};

struct choosing {
    const struct order *order;
    const struct line_quantity_list *wanted;
    const struct supplier_router_settings *cfg;
    const struct context *ctx;
    struct seller *sellers;
    size_t seller_count;
    struct demand *demands;
    size_t demand_count;
};

/* Sets of sellers are bit masks. */
struct plan {
    uint64_t sellers; /* that send something */
    int avoided, parcels;
    int64_t goods_minor, shipping_minor, weight_minor;
};

static uint64_t bit(size_t seller)
{
    return UINT64_C(1) << seller;
}

static void *grown(struct arena *arena, size_t count, size_t size)
{
    void *items = arena_alloc_array(arena, count ? count : 1, size);
    assert(items);
    return items;
}

/* ---- who may sell ---- */

static bool lists(const struct router_texts *texts, struct str text)
{
    for (size_t i = 0; i < texts->len; i++)
        if (str_equal(texts->ptr[i], text))
            return true;
    return texts->len == 0;
}

static bool has_prefix(const struct router_texts *prefixes, struct str text)
{
    for (size_t i = 0; i < prefixes->len; i++)
        if (str_starts_with(text, prefixes->ptr[i]))
            return true;
    return prefixes->len == 0;
}

static bool is_excluded(const struct exclusion_list *excluded, struct str supplier_id,
                        struct str sku)
{
    for (size_t i = 0; i < excluded->len; i++) {
        const struct exclusion *exclusion = &excluded->ptr[i];
        if (str_equal(exclusion->supplier_id, supplier_id) &&
            (!exclusion->sku.ptr || str_equal(exclusion->sku, sku)))
            return true;
    }
    return false;
}

/* F22 */
static const char *unusable(const struct router_supplier *supplier, const struct order *order)
{
    if (!supplier)
        return "not among the suppliers of the settings";
    if (!lists(&supplier->countries, order->ship_to.country))
        return "does not serve the country";
    if (!has_prefix(&supplier->postal_prefixes, order->ship_to.postal_code))
        return "does not serve the postal code";
    if (order->payment.status == PAYMENT_STATUS_COD && !supplier->cod)
        return "takes no cash on delivery";
    return NULL;
}

/* The last day by which it reaches the door if the supplier uses all its time. */
static bool breaks_promise(const struct choosing *choosing, const struct router_supplier *supplier)
{
    const struct order *order = choosing->order;
    if (!order->has_promised_on || supplier->lead_days == 0)
        return false;
    int64_t shipped_ms = choosing->ctx->now_ms + supplier->ship_within_ms;
    return calendar_local_date(order->time_zone, shipped_ms) + supplier->lead_days >
           order->promised_on;
}

static void judge(const struct choosing *choosing, struct seller *seller)
{
    const struct supplier_router_settings *cfg = choosing->cfg;
    seller->unusable = unusable(seller->supplier, choosing->order);
    if (seller->unusable)
        return;
    const struct supplier_scored *scored =
        context_find(choosing->ctx, &supplier_scored, seller->id);
    seller->scored = scored && scored->shipments >= cfg->score_samples_min;
    seller->score = seller->scored ? scored->on_time_share : cfg->score_min;
    if (seller->score < cfg->score_min)
        seller->avoid = "too often late";
    else if (breaks_promise(choosing, seller->supplier))
        seller->avoid = "cannot keep the promised date";
}

static bool is_better(const struct seller *a, const struct seller *b)
{
    if (a->score != b->score)
        return a->score > b->score;
    return str_compare(a->id, b->id) < 0;
}

static void find_sellers(struct choosing *choosing, const struct hold_list *holds)
{
    choosing->sellers = grown(choosing->ctx->arena, SUPPLIERS_MAX, sizeof(*choosing->sellers));
    for (size_t i = 0; i < holds->len && choosing->seller_count < SUPPLIERS_MAX; i++) {
        struct seller seller = {.id = holds->ptr[i].supplier_id};
        bool known = false;
        for (size_t j = 0; j < choosing->seller_count; j++)
            known = known || str_equal(choosing->sellers[j].id, seller.id);
        if (known)
            continue;
        seller.supplier = supplier_router_find(choosing->cfg, seller.id);
        judge(choosing, &seller);
        size_t at = choosing->seller_count++;
        for (; at > 0 && is_better(&seller, &choosing->sellers[at - 1]); at--)
            choosing->sellers[at] = choosing->sellers[at - 1];
        choosing->sellers[at] = seller;
    }
}

/* ---- what they offer ---- */

static int64_t unit_cost(const struct router_supplier *supplier, struct str sku)
{
    size_t low = 0, high = supplier->price_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_compare(supplier->prices[middle].sku, sku);
        if (order == 0)
            return supplier->prices[middle].unit_cost_minor;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return supplier->default_unit_cost_minor;
}

static void add_offer(struct demand *demand, const struct offer *offer)
{
    size_t at = demand->offer_count++;
    for (; at > 0; at--) {
        const struct offer *before = &demand->offers[at - 1];
        if (before->unit_cost_minor < offer->unit_cost_minor ||
            (before->unit_cost_minor == offer->unit_cost_minor && before->seller < offer->seller))
            break;
        demand->offers[at] = *before;
    }
    demand->offers[at] = *offer;
}

static void find_offers(struct choosing *choosing, struct demand *demand,
                        const struct hold_list *holds, const struct exclusion_list *excluded)
{
    demand->offers = grown(choosing->ctx->arena, choosing->seller_count, sizeof(*demand->offers));
    for (size_t i = 0; i < choosing->seller_count; i++) {
        const struct seller *seller = &choosing->sellers[i];
        struct offer offer = {.seller = i};
        if (seller->unusable || is_excluded(excluded, seller->id, demand->sku))
            continue;
        for (size_t j = 0; j < holds->len && offer.quantity == 0; j++)
            if (str_equal(holds->ptr[j].supplier_id, seller->id) &&
                str_equal(holds->ptr[j].sku, demand->sku))
                offer.quantity = holds->ptr[j].quantity;
        offer.unit_cost_minor = unit_cost(seller->supplier, demand->sku);
        if (offer.quantity > 0 && offer.unit_cost_minor >= 0)
            add_offer(demand, &offer);
    }
}

static void find_demands(struct choosing *choosing, const struct hold_list *holds,
                         const struct exclusion_list *excluded)
{
    const struct line_quantity_list *wanted = choosing->wanted;
    choosing->demands = grown(choosing->ctx->arena, wanted->len, sizeof(*choosing->demands));
    for (size_t i = 0; i < wanted->len; i++) {
        size_t j = 0;
        while (j < choosing->demand_count &&
               !str_equal(choosing->demands[j].sku, wanted->ptr[i].sku))
            j++;
        if (j == choosing->demand_count)
            choosing->demands[choosing->demand_count++].sku = wanted->ptr[i].sku;
        choosing->demands[j].quantity += wanted->ptr[i].quantity;
    }
    for (size_t i = 0; i < choosing->demand_count; i++)
        find_offers(choosing, &choosing->demands[i], holds, excluded);
}

/* ---- the best combination ---- */

/* The cheapest way with these sellers at most; false if they cannot cover everything. Within a
 * fixed set shipping is fixed, so buying each piece where it is cheapest is best. */
static bool weigh(const struct choosing *choosing, uint64_t allowed, struct plan *out)
{
    struct plan plan = {0};
    for (size_t i = 0; i < choosing->demand_count; i++) {
        const struct demand *demand = &choosing->demands[i];
        int32_t missing = demand->quantity;
        for (size_t j = 0; j < demand->offer_count && missing > 0; j++) {
            const struct offer *offer = &demand->offers[j];
            if (!(allowed & bit(offer->seller)))
                continue;
            int32_t taken = offer->quantity < missing ? offer->quantity : missing;
            plan.sellers |= bit(offer->seller);
            plan.goods_minor += taken * offer->unit_cost_minor;
            missing -= taken;
        }
        if (missing > 0)
            return false;
    }
    for (size_t i = 0; i < choosing->seller_count; i++) {
        if (!(plan.sellers & bit(i)))
            continue;
        plan.parcels++;
        plan.avoided += choosing->sellers[i].avoid != NULL;
        plan.shipping_minor += choosing->sellers[i].supplier->shipping_cost_minor;
    }
    plan.weight_minor = plan.goods_minor + plan.shipping_minor +
                        (plan.parcels - 1) * choosing->cfg->extra_parcel_minor;
    *out = plan;
    return true;
}

static bool is_cheaper(const struct plan *a, const struct plan *b)
{
    if (a->avoided != b->avoided)
        return a->avoided < b->avoided;
    if (a->weight_minor != b->weight_minor)
        return a->weight_minor < b->weight_minor;
    if (a->parcels != b->parcels)
        return a->parcels < b->parcels;
    return a->sellers < b->sellers; /* better sellers have lower bits */
}

static bool choose_exactly(const struct choosing *choosing, struct plan *best)
{
    bool found = false;
    for (uint64_t allowed = 1; allowed < bit(choosing->seller_count); allowed++) {
        struct plan plan;
        if (weigh(choosing, allowed, &plan) && (!found || is_cheaper(&plan, best))) {
            *best = plan;
            found = true;
        }
    }
    return found;
}

static bool choose_by_dropping(const struct choosing *choosing, struct plan *best)
{
    uint64_t all = choosing->seller_count < 64 ? bit(choosing->seller_count) - 1 : UINT64_MAX;
    if (!weigh(choosing, all, best))
        return false;
    for (bool better = true; better;) {
        better = false;
        uint64_t from = best->sellers;
        for (size_t i = 0; i < choosing->seller_count; i++) {
            struct plan plan;
            if ((from & bit(i)) && weigh(choosing, from & ~bit(i), &plan) &&
                is_cheaper(&plan, best)) {
                *best = plan;
                better = true;
            }
        }
    }
    return true;
}

/* ---- the parts ---- */

static void add_line(struct line_quantity_list *lines, const struct line_quantity *wanted,
                     int32_t quantity)
{
    lines->ptr[lines->len] = *wanted;
    lines->ptr[lines->len++].quantity = quantity;
}

/* Which of a SKU's pieces, counted over the lines, the seller sends: [from, until). */
static void share_of(const struct demand *demand, uint64_t sellers, size_t seller,
                     int32_t *out_from, int32_t *out_until)
{
    int32_t at = 0;
    *out_from = *out_until = 0;
    for (size_t i = 0; i < demand->offer_count; i++) {
        const struct offer *offer = &demand->offers[i];
        if (!(sellers & bit(offer->seller)))
            continue;
        int32_t missing = demand->quantity - at;
        int32_t end = at + (offer->quantity < missing ? offer->quantity : missing);
        if (offer->seller == seller) {
            *out_from = at;
            *out_until = end;
            return;
        }
        at = end;
    }
}

/* The seller's pieces as parts of lines, in the lines' order within a SKU. */
static struct line_quantity_list lines_of(const struct choosing *choosing, uint64_t sellers,
                                          size_t seller)
{
    const struct line_quantity_list *wanted = choosing->wanted;
    struct line_quantity_list lines = {
        .ptr = grown(choosing->ctx->arena, wanted->len, sizeof(*lines.ptr))};
    for (size_t i = 0; i < choosing->demand_count; i++) {
        int32_t from, until, at = 0;
        share_of(&choosing->demands[i], sellers, seller, &from, &until);
        for (size_t j = 0; j < wanted->len; j++) {
            if (!str_equal(wanted->ptr[j].sku, choosing->demands[i].sku))
                continue;
            int32_t begin = at > from ? at : from;
            at += wanted->ptr[j].quantity;
            int32_t end = at < until ? at : until;
            if (end > begin)
                add_line(&lines, &wanted->ptr[j], end - begin);
        }
    }
    return lines;
}

static int64_t goods_cost(const struct choosing *choosing, size_t seller,
                          const struct line_quantity_list *lines)
{
    int64_t cost = 0;
    for (size_t i = 0; i < lines->len; i++)
        cost += lines->ptr[i].quantity *
                unit_cost(choosing->sellers[seller].supplier, lines->ptr[i].sku);
    return cost;
}

static void make_parts(const struct choosing *choosing, const struct plan *plan,
                       struct choose_result *out)
{
    out->parts = grown(choosing->ctx->arena, choosing->seller_count, sizeof(*out->parts));
    for (size_t i = 0; i < choosing->seller_count; i++) {
        if (!(plan->sellers & bit(i)))
            continue;
        struct choose_part part = {.supplier = choosing->sellers[i].supplier,
                                   .lines = lines_of(choosing, plan->sellers, i)};
        part.cost_minor = goods_cost(choosing, i, &part.lines) + part.supplier->shipping_cost_minor;
        size_t at = out->part_count++;
        for (; at > 0 && str_compare(part.supplier->id, out->parts[at - 1].supplier->id) < 0; at--)
            out->parts[at] = out->parts[at - 1];
        out->parts[at] = part;
    }
}

/* ---- the explanation (F21) ---- */

static struct str money(const struct choosing *choosing, int64_t amount_minor)
{
    return calendar_format_money(choosing->ctx->arena, STR("en"), choosing->cfg->cost_currency,
                                 amount_minor);
}

/* What of the wanted pieces it could send alone, and for how much. */
static int32_t alone(const struct choosing *choosing, size_t seller, int32_t *out_wanted,
                     int64_t *out_cost_minor)
{
    int32_t covered = 0;
    *out_wanted = 0;
    *out_cost_minor = choosing->sellers[seller].supplier->shipping_cost_minor;
    for (size_t i = 0; i < choosing->demand_count; i++) {
        const struct demand *demand = &choosing->demands[i];
        *out_wanted += demand->quantity;
        for (size_t j = 0; j < demand->offer_count; j++) {
            if (demand->offers[j].seller != seller)
                continue;
            int32_t taken = demand->offers[j].quantity < demand->quantity
                                ? demand->offers[j].quantity
                                : demand->quantity;
            covered += taken;
            *out_cost_minor += taken * demand->offers[j].unit_cost_minor;
        }
    }
    return covered;
}

static struct str why_chosen(const struct choosing *choosing, const struct choose_part *part)
{
    int32_t pieces = 0;
    for (size_t i = 0; i < part->lines.len; i++)
        pieces += part->lines.ptr[i].quantity;
    struct str shipping = money(choosing, part->supplier->shipping_cost_minor);
    struct str cost = money(choosing, part->cost_minor);
    return arena_printf(choosing->ctx->arena,
                        "sends %" PRId32 " pieces for %.*s with shipping of %.*s", pieces,
                        STR_ARG(cost), STR_ARG(shipping));
}

static struct str why_not(const struct choosing *choosing, size_t seller, const struct plan *plan,
                          int64_t *out_cost_minor)
{
    struct arena *arena = choosing->ctx->arena;
    int32_t wanted = 0, covered = alone(choosing, seller, &wanted, out_cost_minor);
    struct str cost = money(choosing, *out_cost_minor);
    if (covered == 0)
        return STR("said no to this order before, or has no price for what it holds");
    if (covered < wanted)
        return arena_printf(arena, "holds %" PRId32 " of %" PRId32 " pieces", covered, wanted);
    if (!plan)
        return arena_printf(arena, "%.*s for everything", STR_ARG(cost));
    struct str chosen = money(choosing, plan->goods_minor + plan->shipping_minor);
    return arena_printf(arena, "%.*s for everything, chosen for %.*s", STR_ARG(cost),
                        STR_ARG(chosen));
}

static const struct choose_part *part_of(const struct choose_result *result, struct str id)
{
    for (size_t i = 0; i < result->part_count; i++)
        if (str_equal(result->parts[i].supplier->id, id))
            return &result->parts[i];
    return NULL;
}

static void explain(const struct choosing *choosing, const struct plan *plan,
                    struct choose_result *out)
{
    struct arena *arena = choosing->ctx->arena;
    out->candidates.ptr = grown(arena, choosing->seller_count, sizeof(*out->candidates.ptr));
    for (size_t i = 0; i < choosing->seller_count; i++) {
        const struct seller *seller = &choosing->sellers[i];
        const struct choose_part *part = part_of(out, seller->id);
        struct candidate candidate = {.supplier_id = seller->id,
                                      .chosen = part != NULL,
                                      .has_score = seller->scored,
                                      .score = seller->score};
        if (seller->unusable)
            candidate.why = str_from(seller->unusable);
        else if (part)
            candidate.why = why_chosen(choosing, part);
        else
            candidate.why = why_not(choosing, i, plan, &candidate.cost_minor);
        if (part)
            candidate.cost_minor = part->cost_minor;
        if (seller->avoid)
            candidate.why = arena_printf(arena, "%.*s; %s", STR_ARG(candidate.why), seller->avoid);
        out->candidates.ptr[out->candidates.len++] = candidate;
    }
}

struct choose_result choose(const struct order *order, const struct line_quantity_list *wanted,
                            const struct hold_list *holds, const struct exclusion_list *excluded,
                            const struct context *ctx)
{
    struct choosing choosing = {.order = order, .wanted = wanted, .cfg = ctx->cfg, .ctx = ctx};
    struct choose_result result = {0};
    struct plan plan = {0};
    find_sellers(&choosing, holds);
    find_demands(&choosing, holds, excluded);
    result.found = choosing.seller_count <= CHOOSE_EXACT_MAX ? choose_exactly(&choosing, &plan)
                                                             : choose_by_dropping(&choosing, &plan);
    if (result.found)
        make_parts(&choosing, &plan, &result);
    explain(&choosing, result.found ? &plan : NULL, &result);
    return result;
}
