/* The state of a parcel is a function of the set of its scans: random sets, shuffled and repeated,
 * against a plain model of the merge rules ("Merge rules" in services/FEATURES.md). */
/* links: tracking_ingest_settings rules_kit */
#include "test_tracking_ingest.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 1500, SET_MAX = 14, ARRIVALS_MAX = 3 * SET_MAX };

/* Each with a rank of its own, so that the model can order them without the hash. */
static const struct {
    enum shipment_status status;
    int rank;
} ranked[] = {
    {SHIPMENT_STATUS_UNKNOWN, 0},
    {SHIPMENT_STATUS_EXPIRED, 5},
    {SHIPMENT_STATUS_INFO_RECEIVED, 20},
    {SHIPMENT_STATUS_PICKED_UP, 30},
    {SHIPMENT_STATUS_IN_TRANSIT, 40},
    {SHIPMENT_STATUS_IN_TRANSIT, 40},
    {SHIPMENT_STATUS_OUT_FOR_DELIVERY, 50},
    {SHIPMENT_STATUS_OUT_FOR_DELIVERY, 50},
    {SHIPMENT_STATUS_ATTEMPT_FAILED, 55},
    {SHIPMENT_STATUS_ATTEMPT_FAILED, 55},
    {SHIPMENT_STATUS_LOST, 80},
    {SHIPMENT_STATUS_CANCELLED, 85},
    {SHIPMENT_STATUS_DELIVERED, 90},
};

static uint64_t seed;

static int dice(int sides)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((seed >> 33) % (uint64_t)sides);
}

struct model {
    enum shipment_leg leg;
    enum shipment_status status;
    int32_t attempt_no;
    struct tracked_milestone milestones[SET_MAX];
    size_t milestone_count;
    int64_t delivered_at_ms; /* 0 = not */
    bool rto_started, rto_delivered, disputed;
};

static int rank_of(enum shipment_status status)
{
    for (size_t i = 0; i < sizeof(ranked) / sizeof(ranked[0]); i++)
        if (ranked[i].status == status)
            return ranked[i].rank;
    return -1;
}

static int before(const void *left, const void *right)
{
    const struct scan_reported *a = left, *b = right;
    if (a->occurred_at_ms != b->occurred_at_ms)
        return a->occurred_at_ms < b->occurred_at_ms ? -1 : 1;
    if (a->leg != b->leg)
        return (int)a->leg - (int)b->leg;
    return rank_of(a->status) - rank_of(b->status);
}

static bool is(const struct scan_reported *scan, enum shipment_leg leg, enum shipment_status status)
{
    return scan->leg == leg && scan->status == status;
}

/* Which attempt this scan belongs to: looks back from it, over the scans that count. */
static int32_t attempt_at(const struct scan_reported *counted, size_t at)
{
    int32_t failed = 0;
    int64_t failed_at_ms = 0;
    bool rode = false;
    for (size_t i = 0; i <= at; i++) {
        if (counted[i].leg != counted[at].leg)
            continue;
        if (counted[i].status == SHIPMENT_STATUS_OUT_FOR_DELIVERY)
            rode = true;
        if (counted[i].status != SHIPMENT_STATUS_ATTEMPT_FAILED)
            continue;
        if (failed == 0 || rode || counted[i].occurred_at_ms >= failed_at_ms + 12 * HOUR_MS) {
            failed++;
            failed_at_ms = counted[i].occurred_at_ms;
        }
        rode = false;
    }
    if (counted[at].status == SHIPMENT_STATUS_OUT_FOR_DELIVERY)
        return failed + 1;
    return counted[at].status == SHIPMENT_STATUS_ATTEMPT_FAILED ? failed : 0;
}

static struct model model_of(const struct scan_reported *set, size_t count)
{
    struct scan_reported sorted[SET_MAX], counted[SET_MAX];
    struct model model = {.status = SHIPMENT_STATUS_PENDING};
    size_t counted_count = 0;
    memcpy(sorted, set, count * sizeof(set[0]));
    qsort(sorted, count, sizeof(sorted[0]), before);
    for (size_t i = 0; i < count && !model.rto_delivered; i++) {
        const struct scan_reported *scan = &sorted[i];
        if (scan->status == SHIPMENT_STATUS_UNKNOWN)
            continue;
        if (model.delivered_at_ms && scan->leg == SHIPMENT_LEG_FORWARD) {
            bool since_delivery = counted[counted_count - 1].leg == SHIPMENT_LEG_FORWARD;
            if (scan->status == SHIPMENT_STATUS_ATTEMPT_FAILED && since_delivery)
                model.disputed = true;
            continue;
        }
        if (is(scan, SHIPMENT_LEG_FORWARD, SHIPMENT_STATUS_DELIVERED))
            model.delivered_at_ms = scan->occurred_at_ms;
        model.rto_started = model.rto_started || scan->leg == SHIPMENT_LEG_RTO;
        model.rto_delivered = is(scan, SHIPMENT_LEG_RTO, SHIPMENT_STATUS_DELIVERED);
        counted[counted_count++] = *scan;
    }
    for (size_t i = 0; i < counted_count; i++) {
        struct tracked_milestone reached = {counted[i].leg, counted[i].status,
                                            attempt_at(counted, i)};
        model.leg = reached.leg;
        model.status = reached.status;
        model.attempt_no = reached.attempt_no;
        bool known = false;
        for (size_t j = 0; j < model.milestone_count; j++)
            known = known || memcmp(&model.milestones[j], &reached, sizeof(reached)) == 0;
        if (!known)
            model.milestones[model.milestone_count++] = reached;
    }
    return model;
}

static size_t random_set(struct scan_reported *set)
{
    static const char *const codes[] = {"A", "B"};
    size_t count = 1 + (size_t)dice(SET_MAX);
    for (size_t i = 0; i < count; i++) {
        size_t pick = (size_t)dice(sizeof(ranked) / sizeof(ranked[0]));
        set[i] = a_scan((int64_t)dice(10) * 3 * HOUR_MS, ranked[pick].status);
        set[i].leg = dice(5) == 0 ? SHIPMENT_LEG_RTO : SHIPMENT_LEG_FORWARD;
        set[i].raw_code = str_from(codes[dice(2)]);
    }
    return count;
}

static void shuffle(size_t *order, size_t count)
{
    for (size_t i = count; i-- > 1;) {
        size_t j = (size_t)dice((int)i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

/* Every scan at least once, some several times; the registration somewhere between. */
static void arrive(const struct scan_reported *set, size_t count, bool in_order)
{
    size_t order[ARRIVALS_MAX], arrivals = count;
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    if (!in_order) {
        arrivals += (size_t)dice((int)count);
        for (size_t i = count; i < arrivals; i++)
            order[i] = (size_t)dice((int)count);
        shuffle(order, arrivals);
    }
    size_t registration = in_order ? 0 : (size_t)dice((int)arrivals + 1);
    kit.ctx.now_ms += 3 * DAY_MS;
    for (size_t i = 0; i < arrivals; i++) {
        if (i == registration)
            registered();
        CU_ASSERT_EQUAL(kit_event(&kit, &scan_reported, KEY, &set[order[i]]), DONE);
    }
    if (registration == arrivals)
        registered();
}

static bool state_is(const struct model *model)
{
    const struct tracked_shipment *state = shipment();
    bool same = state->leg == model->leg && state->status == model->status &&
                state->attempt_no == model->attempt_no &&
                state->has_delivered_at_ms == (model->delivered_at_ms != 0) &&
                state->delivered_at_ms == model->delivered_at_ms &&
                state->milestones.len == model->milestone_count;
    for (size_t i = 0; same && i < model->milestone_count; i++)
        same = memcmp(&state->milestones.ptr[i], &model->milestones[i],
                      sizeof(model->milestones[0])) == 0;
    return same;
}

/* No milestone is called the first twice; those that are, were reached. */
static bool firsts_are_single(size_t *out_count)
{
    struct tracked_milestone seen[ARRIVALS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < kit_count(&kit, &shipment_status_changed); i++) {
        const struct shipment_status_changed *told = status_told(i);
        if (!told->first_of_milestone)
            continue;
        for (size_t j = 0; j < count; j++)
            if (seen[j].leg == told->leg && seen[j].status == told->status &&
                seen[j].attempt_no == told->attempt_no)
                return false;
        seen[count++] = (struct tracked_milestone){told->leg, told->status, told->attempt_no};
    }
    *out_count = count;
    return true;
}

static bool delivery_is(const struct model *model, const struct scan_reported *set, size_t count)
{
    size_t told = kit_count(&kit, &shipment_delivered), forward = 0;
    bool ends_back = false, at_a_delivery = told == 0;
    const struct shipment_delivered *delivered = kit_emitted(&kit, &shipment_delivered, 0);
    for (size_t i = 0; i < count; i++) {
        ends_back = ends_back || is(&set[i], SHIPMENT_LEG_RTO, SHIPMENT_STATUS_DELIVERED);
        if (!is(&set[i], SHIPMENT_LEG_FORWARD, SHIPMENT_STATUS_DELIVERED))
            continue;
        forward++;
        at_a_delivery = at_a_delivery || delivered->delivered_at_ms == set[i].occurred_at_ms;
    }
    if (told > 1 || !at_a_delivery || (forward == 0 && told > 0))
        return false;
    /* What was told cannot be taken back, so only a return that is known in time silences it. */
    return ends_back || (told == 1) == (model->delivered_at_ms != 0);
}

static void check(bool in_order)
{
    for (uint64_t round = 0; round < ROUNDS; round++) {
        struct scan_reported set[SET_MAX];
        seed = round * 7919 + 1;
        start();
        size_t count = random_set(set), firsts = 0;
        if (in_order)
            qsort(set, count, sizeof(set[0]), before);
        struct model model = model_of(set, count);
        arrive(set, count, in_order);
        bool same = state_is(&model) && firsts_are_single(&firsts) &&
                    delivery_is(&model, set, count) &&
                    kit_count(&kit, &shipment_rto_started) <= 1 &&
                    kit_count(&kit, &shipment_rto_delivered) == model.rto_delivered;
        if (in_order)
            same = same && firsts == model.milestone_count &&
                   kit_count(&kit, &shipment_rto_started) == model.rto_started &&
                   kit_count(&kit, &delivery_disputed) == model.disputed &&
                   kit_count(&kit, &shipment_delivered) == (model.delivered_at_ms != 0);
        if (!same)
            fprintf(stderr, "round %llu differs from the model\n", (unsigned long long)round);
        CU_ASSERT_TRUE_FATAL(same);
        finish();
    }
}

static void test_state_is_the_models_when_scans_come_shuffled_and_repeated(void)
{
    check(false);
}

static void test_every_milestone_and_fact_is_told_once_when_scans_come_in_order(void)
{
    check(true);
}
