#include "worker/outlets.h"

struct outlets {
    struct outlet of_type[256]; /* by place in record_types */
};

/* Most of the topics are other services': we need no right to see them. */
int outlets_open(struct worker *worker, struct arena *arena, struct error *err)
{
    struct log_port *log = &worker->ports->log;
    struct outlets *outlets = arena_alloc(arena, sizeof(*outlets));
    size_t most = sizeof(outlets->of_type) / sizeof(outlets->of_type[0]);
    if (!outlets || record_type_count > most)
        return error_set(err, ERROR_FATAL, "no room for %zu event types", record_type_count);
    for (size_t i = 0; i < record_type_count; i++) {
        if (!record_types[i]->topic)
            continue;
        struct str name = arena_printf(arena, "%.*s%s", STR_ARG(worker->cfg->environment.prefix),
                                       record_types[i]->topic);
        if (!name.ptr)
            return error_set(err, ERROR_FATAL, "no memory for topic names");
        outlets->of_type[i].topic = name.ptr;
        struct error why = {0};
        int32_t *count = &outlets->of_type[i].partition_count;
        if (log->partitions(log->self, name.ptr, count, &why)) {
            if (why.action != ERROR_DENIED)
                return error_set(err, why.action, "%s", why.text);
            *count = worker->partition_count; /* which all have; it is refused if we ever write */
        }
        if (outlets->of_type[i].partition_count == 0)
            return error_set(err, ERROR_FATAL,
                             "topic %s does not exist; create all topics first: waybill topics "
                             "create",
                             name.ptr);
    }
    worker->outlets = outlets;
    return 0;
}

const struct outlet *outlet_of(const struct outlets *outlets, const struct record_type *type)
{
    for (size_t i = 0; i < record_type_count; i++)
        if (record_types[i] == type)
            return outlets->of_type[i].topic ? &outlets->of_type[i] : NULL;
    return NULL;
}
