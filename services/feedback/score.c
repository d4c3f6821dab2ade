/* What all facts about a supplier come to (F98). Only counts and sums, so whoever reads the
 * observations from the beginning comes to the same. */
#include "feedback/feedback.h"

static bool fold(struct supplier_record *record, const struct observation_recorded *observed)
{
    switch (observed->kind) {
    case OBSERVATION_KIND_DELIVERY_ON_TIME:
        record->shipments++;
        record->on_time += observed->value >= 1;
        break;
    case OBSERVATION_KIND_RATING:
        record->ratings++;
        record->rating_sum += observed->value;
        break;
    case OBSERVATION_KIND_RETURNED_TO_ORIGIN:
        record->returned++;
        break;
    case OBSERVATION_KIND_UNKNOWN:
        return false;
    }
    if (observed->occurred_at_ms > record->as_of_ms)
        record->as_of_ms = observed->occurred_at_ms;
    return true;
}

static bool is_plausible(const struct observation_recorded *observed)
{
    switch (observed->kind) {
    case OBSERVATION_KIND_DELIVERY_ON_TIME:
        return observed->value >= 0 && observed->value <= 1;
    case OBSERVATION_KIND_RATING:
        return observed->value >= 1 && observed->value <= 5;
    case OBSERVATION_KIND_RETURNED_TO_ORIGIN:
    case OBSERVATION_KIND_UNKNOWN:
        break;
    }
    return true;
}

enum verdict score_observed(const struct event *ev, const void *state, const struct context *ctx,
                            struct effects *out)
{
    const struct observation_recorded *observed = as_observation_recorded(ev);
    const struct feedback_settings *cfg = ctx->cfg;
    struct str what, supplier_id;
    str_split(ev->key, ':', &what, &supplier_id);
    if (!str_equal(what, STR("supplier")) || str_is_empty(supplier_id))
        return DONE; /* of a SKU, a lane, a contact: others fold those */
    if (!is_plausible(observed))
        return set_aside(out, "%s cannot be %g", observation_kind_name(observed->kind),
                         observed->value);
    struct supplier_record record = {0};
    if (state)
        record = *(const struct supplier_record *)state;
    if (!fold(&record, observed))
        return DONE;
    put_state(out, &record);
    if (record.shipments < cfg->score_samples_min)
        return DONE;
    bool is_rated = record.ratings > 0;
    emit_supplier_scored(
        out, supplier_id,
        &(struct supplier_scored){
            .supplier_id = supplier_id,
            .shipments = record.shipments,
            .on_time = record.on_time,
            .on_time_share = (double)record.on_time / (double)record.shipments,
            .ratings = record.ratings,
            .has_rating_mean = is_rated,
            .rating_mean = is_rated ? record.rating_sum / (double)record.ratings : 0,
            .returned = record.returned,
            .as_of_ms = record.as_of_ms});
    return DONE;
}
