/* A task's view as JSON, for programs. */
#include "base/rfc3339.h"
#include "waybill/task_view.h"
#include "json/json_writer.h"

static void add_time(struct json_writer *w, struct str name, int64_t time_ms)
{
    char text[RFC3339_BYTES];
    if (time_ms != 0)
        rfc3339_format(time_ms, text);
    json_add_text(w, name, time_ms != 0 ? str_from(text) : (struct str){NULL, 0});
}

static void add_known(struct json_writer *w, struct str name, int64_t number)
{
    if (number == TASK_UNKNOWN)
        json_add_null(w, name);
    else
        json_add_int64(w, name, number);
}

static void add_inputs(struct json_writer *w, const struct task_view *task)
{
    json_open_list(w, STR("inputs"));
    for (size_t i = 0; i < task->input_count; i++) {
        const struct task_input *input = &task->inputs[i];
        json_open_object(w, (struct str){NULL, 0});
        json_add_text(w, STR("topic"), input->topic);
        json_add_int64(w, STR("next"), input->next);
        json_add_int64(w, STR("end"), input->end);
        json_add_int64(w, STR("deleted"), input->deleted);
        add_known(w, STR("waiting"), input->waiting);
        json_add_int64(w, STR("waiting_at_most"), input->at_most);
        add_time(w, STR("oldest"), input->oldest_ms);
        add_known(w, STR("group_offset"), input->group_offset);
        json_close_object(w);
    }
    json_close_list(w);
}

static void add_counts(struct json_writer *w, const struct task_view *task)
{
    json_add_int64(w, STR("keys"), task->keys);
    json_add_int64(w, STR("keys_with_timers"), task->timers);
    json_add_int64(w, STR("keys_overdue"), task->overdue);
    add_time(w, STR("earliest_due"), task->earliest_ms);
    json_open_list(w, STR("calls"));
    for (size_t i = 0; i < task->call_count; i++) {
        const struct task_calls *calls = &task->calls[i];
        json_open_object(w, (struct str){NULL, 0});
        json_add_text(w, STR("endpoint"), calls->endpoint);
        json_add_int64(w, STR("pending"), calls->pending);
        json_add_int64(w, STR("started"), calls->started);
        json_add_int64(w, STR("parked"), calls->parked);
        add_time(w, STR("oldest"), calls->oldest_ms);
        add_time(w, STR("oldest_parked"), calls->oldest_parked_ms);
        json_close_object(w);
    }
    json_close_list(w);
}

static struct str store_word(enum task_store store)
{
    switch (store) {
    case STORE_UNKNOWN:
        break;
    case STORE_AT_END:
        return STR("at_end");
    case STORE_BEHIND:
        return STR("behind");
    case STORE_RESTORING:
        return STR("restoring");
    case STORE_NOTHING:
        return STR("nothing");
    case STORE_ELSEWHERE:
        return STR("elsewhere");
    }
    return STR("unknown");
}

struct str task_json(const struct service_view *view, const struct task_view *task,
                     struct arena *arena)
{
    struct json_writer w;
    const struct str none = {NULL, 0};
    json_writer_init(&w, arena);
    json_open_object(&w, none);
    json_add_text(&w, STR("service"), str_from(view->service));
    json_add_int64(&w, STR("task"), task->task);
    json_add_text(&w, STR("group_state"), str_from(view->group_state));
    json_add_text(&w, STR("owner"), task->owner_split ? none : task->owner);
    json_add_text(&w, STR("owner_host"), task->owner_host);
    json_add_bool(&w, STR("owner_split"), task->owner_split);
    json_add_int64(&w, STR("owner_inputs"), (int64_t)task->owner_inputs);
    json_add_int64(&w, STR("inputs_read"), (int64_t)task->inputs_read);
    if (task->has_position) {
        json_add_int64(&w, STR("batch"), task->batch);
        json_add_int64(&w, STR("position_offset"), task->position_offset);
        add_time(&w, STR("event_time"), task->event_time_ms);
    }
    add_inputs(&w, task);
    if (task->counted)
        add_counts(&w, task);
    json_open_object(&w, STR("redis"));
    json_add_text(&w, STR("state"), store_word(task->store));
    json_add_int64(&w, STR("keys"), task->store_fields);
    json_add_int64(&w, STR("batches_behind"), task->store_batches_behind);
    json_add_text(&w, STR("error"), str_from(task->store_error));
    json_close_object(&w);
    json_close_object(&w);
    return json_writer_done(&w);
}
