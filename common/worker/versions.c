#include "worker/versions.h"

#include "log/log.h"

static bool is_new(struct worker *worker, int32_t id)
{
    for (size_t i = 0; i < worker->told_count; i++)
        if (worker->told_ids[i] == id)
            return false;
    if (worker->told_count == TOLD_IDS_MAX)
        return false;
    worker->told_ids[worker->told_count++] = id;
    return true;
}

void versions_state_read(struct worker *worker, const struct record_type *type, struct str framed)
{
    int32_t id;
    struct str body;
    if (framing_split(framed, &id, &body, NULL) || id == type->schema_id)
        return;
    counter_add(worker->meters.states_of_others, 1);
    if (is_new(worker, id))
        log_info("states of another version of this service: what we read of them is whole, what "
                 "only that version knows is lost when we write them",
                 LOG_TEXT("state", type->name), LOG_INT("their_schema", id),
                 LOG_INT("our_schema", type->schema_id));
}

void versions_event_unknown(struct worker *worker, const struct batch_item *item)
{
    int32_t id;
    struct str body;
    if (framing_split(item->record.value, &id, &body, NULL))
        return;
    counter_add(worker->meters.events_unknown, 1);
    if (is_new(worker, id))
        log_warning(
            "events of a type that this program does not know are passed over: if it "
            "should act on them, start the newer program, and then waybill replay",
            LOG_INT("schema", id), LOG_TEXT("topic", worker->service->inputs[item->record.topic]),
            LOG_INT("partition", item->record.partition), LOG_INT("offset", item->record.offset));
}
