#include "worker/answers.h"

#include "worker/decision.h"
#include "worker/task.h"

bool answers_has(const struct worker *worker, const struct batch_item *item)
{
    return batch_is_operators(worker, item) && item->ev.type == &call_answered;
}

/* From the store, so that the batch must stand where the store does. */
static int load(struct worker *worker, struct batch_item *item, struct error *err)
{
    const struct call_answered *answer = item->ev.body;
    struct store_port *store = &worker->ports->store;
    struct str value, field = decision_intent_field(&worker->arena, answer->state_type,
                                                    item->ev.key, answer->intent_id);
    struct store_load asked = {
        .task = item->task->partition, .fields = &field, .field_count = 1, .values = &value};
    const struct record_type *type;
    const void *body;
    if (!field.ptr)
        return error_set(err, ERROR_ABORT_BATCH, "no room left in the batch");
    if (store->load(store->self, &asked, 1, &worker->arena, err))
        return -1;
    if (!str_equal(asked.position, buffer_str(&item->task->base))) {
        task_begin_restore(worker, item->task, "the store does not stand where the task does");
        return 1;
    }
    item->call_field = field;
    if (!value.ptr)
        return 0;
    int known = avro_schemas_decode(worker->schemas, value, &worker->arena, &type, &body, err);
    if (known == 0 && type != &task_intent)
        known = error_set(err, ERROR_SET_ASIDE, "a %s", type->name);
    if (known == AVRO_UNKNOWN_ID)
        err->action = ERROR_RETRY;
    if (known == AVRO_UNKNOWN_TYPE)
        error_set(err, ERROR_FATAL, "of a kind that this version does not have");
    if (known < 0 && worker->arena.full)
        error_set(err, ERROR_ABORT_BATCH, "no room left in the batch");
    if (known != 0) {
        error_prefix(err, "parked call %.*s", STR_ARG(field));
        return task_cannot_read(worker, item->task, err);
    }
    item->call = body;
    return 0;
}

int answers_load(struct worker *worker, struct error *err)
{
    struct batch *batch = worker->batch;
    for (size_t i = 0; i < batch->item_count; i++) {
        struct batch_item *item = &batch->items[i];
        if (item->fate != FATE_DECIDE || !answers_has(worker, item))
            continue;
        int loaded = load(worker, item, err);
        if (loaded != 0)
            return loaded;
    }
    return 0;
}

/* As this batch has left it; NULL = gone. */
static const struct task_intent *call_now(const struct worker *worker,
                                          const struct batch_item *item)
{
    const struct task_intent *call = item->call;
    const struct intent_change *change = worker->batch->first_intent;
    for (; change; change = change->next)
        if (str_equal(change->field, item->call_field))
            call = change->intent;
    return entry_intent_at(item->entry, item->call_field) < item->entry->intent_count ? call : NULL;
}

/* Why the answer comes to nothing; NULL = it does not. */
static const char *why_not(const struct task_intent *call, const struct call_answered *answer)
{
    if (!call)
        return "the call was answered already, settled otherwise (a callback), or was never asked "
               "for";
    if (call->status != INTENT_STATUS_PARKED)
        return "the call is not parked: it is being made";
    if (call->sequence != answer->sequence)
        return "the call was made again since, and is parked anew: look at it again";
    if (answer->answer == CALL_ANSWER_UNKNOWN)
        return "an answer that this version does not know";
    return NULL;
}

static enum outcome outcome_of(enum call_answer answer)
{
    return answer == CALL_ANSWER_OK        ? OUTCOME_OK
           : answer == CALL_ANSWER_REFUSED ? OUTCOME_REFUSED
                                           : OUTCOME_NOT_SENT;
}

/* The reply, as the other side would have given it. */
static int make_reply(struct worker *worker, struct batch_item *item,
                      const struct task_intent *call, struct error *err)
{
    const struct call_answered *answer = item->ev.body;
    struct calls_reply *finished = arena_alloc(&worker->arena, sizeof(*finished));
    struct str detail = arena_printf(&worker->arena, "answered by %.*s: %.*s", STR_ARG(answer->by),
                                     STR_ARG(answer->why));
    if (!finished || !detail.ptr)
        return error_set(err, ERROR_ABORT_BATCH, "no room left in the batch");
    *finished = (struct calls_reply){.id = item->call_field,
                                     .task = item->task->partition,
                                     .intent = call,
                                     .reply = {.intent_id = call->intent_id,
                                               .name = call->name,
                                               .endpoint = call->endpoint,
                                               .outcome = outcome_of(answer->answer),
                                               .status = answer->status,
                                               .body = answer->body.ptr ? answer->body : STR(""),
                                               .detail = detail,
                                               .by_person = true}};
    item->finished = finished;
    item->ev =
        (struct event){.key = item->ev.key, .reply = &finished->reply, .time_ms = item->ev.time_ms};
    return 0;
}

/* The same call, with the same idempotency key. What may have happened stays so: it may not be told
 * as not sent any more. */
static int make_again(struct worker *worker, struct batch_item *item,
                      const struct task_intent *call, struct error *err)
{
    struct task_intent *again = arena_alloc(&worker->arena, sizeof(*again));
    if (!again || worker->batch->intent_sequence >= INTENTS_PER_BATCH_MAX)
        return error_set(err, ERROR_ABORT_BATCH, "no room left in the batch");
    *again = *call;
    again->status = INTENT_STATUS_PENDING;
    again->started_at_ms = 0;
    again->retried = call->retried || !call->held_back;
    again->held_back = false;
    again->sequence = batch_next_sequence(worker, item->task);
    struct intent_change change = {.step = INTENT_AGAIN,
                                   .alone = item->entry->intent_count == 1,
                                   .task = item->task,
                                   .field = item->call_field,
                                   .intent = again};
    if (worker_encode(worker, &task_intent, again, err))
        return -1;
    change.value = arena_copy(&worker->arena, buffer_str(&worker->scratch));
    if (!change.value.ptr)
        return error_set(err, ERROR_ABORT_BATCH, "no room left in the batch");
    item->entry->parked[entry_intent_at(item->entry, item->call_field)] = false;
    item->entry->changed = true;
    return batch_intent_change(worker, &change, err);
}

int answers_decide(struct worker *worker, struct batch_item *item, struct error *err)
{
    const struct call_answered *answer = item->ev.body;
    const struct task_intent *call = call_now(worker, item);
    const char *reason = why_not(call, answer);
    if (reason)
        return batch_dead_letter(worker, item, reason, err) ? -1 : 1;
    if (answer->answer == CALL_ANSWER_RETRY)
        return make_again(worker, item, call, err) ? -1 : 1;
    return make_reply(worker, item, call, err);
}
