/* A worker over its ports: everything is opened here, and given back. */
#include "worker/worker.h"

#include "log/log.h"
#include "topics/operator.h"
#include "worker/batch.h"
#include "worker/endpoint_meters.h"
#include "worker/outlets.h"
#include "worker/restore.h"
#include "worker/switches.h"
#include "worker/tables.h"

#include <stdlib.h>

enum {
    NAMES_ARENA_BYTES = 16 * 1024 * 1024,
    CALLS_BYTES_MAX = 256 * 1024 * 1024,
    ORPHANS_KEPT_MS = 120000,
    STORE_AWAY_MS = 500
};

int worker_encode(struct worker *worker, const struct record_type *type, const void *record,
                  struct error *err)
{
    buffer_reset(&worker->scratch);
    return avro_encode_framed(type, record, &worker->scratch, err);
}

static int64_t wait_for_token(void *self, const struct endpoint *endpoint, int64_t mono_ms)
{
    const struct worker *worker = self;
    struct store_port *store = &worker->ports->store;
    struct clock_port *clock = &worker->ports->clock;
    int64_t wait_ms;
    struct error err = {0};
    (void)mono_ms; /* differs between machines; the bucket is shared */
    if (store->take_token(store->self, endpoint->name, endpoint->rate_per_s, endpoint->burst,
                          clock->wall_ms(clock->self), &wait_ms, &err))
        return STORE_AWAY_MS;
    return wait_ms;
}

static int open_calls(struct worker *worker, const struct worker_parts *parts, struct error *err)
{
    const struct calls_options options = {.take_token = wait_for_token,
                                          .take_token_self = worker,
                                          .user_agent = STR("waybill/" WAYBILL_VERSION),
                                          .session_timeout_ms = parts->cfg->session_timeout_ms,
                                          .orphan_keep_ms = ORPHANS_KEPT_MS,
                                          .bytes_max = CALLS_BYTES_MAX,
                                          .seed = parts->seed};
    worker->calls = calls_new(&parts->cfg->endpoints, parts->transports, &options);
    return worker->calls ? 0 : error_set(err, ERROR_FATAL, "no memory for calls");
}

static int name_topics(struct worker *worker, struct error *err)
{
    struct arena *arena = &worker->names;
    const struct service *service = worker->service;
    struct str prefix = worker->cfg->environment.prefix;
    while (service->inputs[worker->input_count])
        worker->input_count++;
    if (worker->input_count > INPUTS_MAX)
        return error_set(err, ERROR_FATAL, "more than %d input topics", INPUTS_MAX);
    worker->inputs = arena_alloc_array(arena, worker->input_count + 1, sizeof(char *));
    worker->source = arena_printf(arena, "waybill/%s", service->name);
    worker->changelog = arena_printf(arena, "%.*s%s.changelog", STR_ARG(prefix), service->name).ptr;
    worker->dead_letters = arena_printf(arena, "%.*s%s.dlq", STR_ARG(prefix), service->name).ptr;
    if (!worker->inputs || !worker->dead_letters)
        return error_set(err, ERROR_FATAL, "no memory for topic names");
    struct str operators = arena_printf(arena, "%s" OPERATOR_SUFFIX, service->name);
    worker->operator_input = -1;
    for (size_t i = 0; i < worker->input_count; i++) {
        worker->inputs[i] = arena_printf(arena, "%.*s%s", STR_ARG(prefix), service->inputs[i]).ptr;
        if (str_equal(operators, str_from(service->inputs[i])))
            worker->operator_input = (int32_t)i;
    }
    return 0;
}

/* Every input has the same number of partitions, and so have the changelog and the dead letters. */
static int count_partitions(struct worker *worker, struct error *err)
{
    struct log_port *log = &worker->ports->log;
    for (size_t i = 0; i < worker->input_count + 2; i++) {
        const char *topic = i < worker->input_count    ? worker->inputs[i]
                            : i == worker->input_count ? worker->changelog
                                                       : worker->dead_letters;
        int32_t count;
        if (log->partitions(log->self, topic, &count, err))
            return -1;
        if (count == 0)
            return error_set(err, ERROR_FATAL,
                             "topic %s does not exist; create all topics first: waybill topics "
                             "create",
                             topic);
        if (i == 0)
            worker->partition_count = count;
        if (count != worker->partition_count)
            return error_set(err, ERROR_FATAL,
                             "topic %s has %d partitions, but %s has %d; all inputs of a service, "
                             "its changelog and its dead letters need the same count",
                             topic, count, worker->inputs[0], worker->partition_count);
    }
    return 0;
}

static int make_tasks(struct worker *worker, struct error *err)
{
    worker->tasks = calloc((size_t)worker->partition_count, sizeof(struct task));
    if (!worker->tasks)
        return error_set(err, ERROR_FATAL, "no memory for tasks");
    for (int32_t i = 0; i < worker->partition_count; i++) {
        worker->tasks[i].partition = i;
        buffer_init(&worker->tasks[i].base, VALUE_BYTES_MAX);
    }
    return 0;
}

/* Tables must be whole before the first rule looks at them. */
static int read_tables(struct worker *worker, struct error *err)
{
    enum { TURNS_MAX = 100000, WAIT_MS = 100 };
    struct log_port *log = &worker->ports->log;
    for (int turn = 0; turn < TURNS_MAX && !log->tables_at_end(log->self); turn++)
        if (tables_follow(worker, WAIT_MS, err))
            return -1;
    const char *conflict = tables_conflict(worker->tables);
    return conflict ? error_set(err, ERROR_FATAL, "%s", conflict) : 0;
}

/* What we write can be read by everybody: our schemas stand on the schemas topic before the first
 * event. */
static int publish_schemas(struct worker *worker, struct error *err)
{
    struct log_port *log = &worker->ports->log;
    struct arena *arena = &worker->names;
    struct kafka_output *outputs = arena_alloc_array(arena, record_type_count, sizeof(*outputs));
    struct str topic = arena_printf(arena, "%.*sschemas", STR_ARG(worker->cfg->environment.prefix));
    size_t count = 0;
    if (!outputs || !topic.ptr)
        return error_set(err, ERROR_FATAL, "no memory to publish schemas");
    for (size_t i = 0; i < record_type_count; i++) {
        const struct record_type *type = record_types[i];
        if (!type->schema_json || tables_have_schema(worker->tables, type->schema_id))
            continue;
        outputs[count++] = (struct kafka_output){.topic = topic.ptr,
                                                 .partition = 0,
                                                 .key = arena_printf(arena, "%d", type->schema_id),
                                                 .value = str_from(type->schema_json)};
    }
    if (count == 0)
        return 0;
    log_info("publishing schemas", LOG_INT("count", count));
    return log->publish(log->self, outputs, count, err);
}

int worker_open(struct worker *worker, const struct worker_parts *parts, struct error *err)
{
    *worker = (struct worker){.service = parts->service,
                              .cfg = parts->cfg,
                              .service_cfg = parts->service_cfg,
                              .ports = parts->ports};
    arena_init(&worker->names, NAMES_ARENA_BYTES);
    arena_init(&worker->arena, (size_t)parts->cfg->batch_bytes_max);
    arena_init(&worker->backlog_arena, (size_t)parts->cfg->batch_bytes_max);
    buffer_init(&worker->scratch, VALUE_BYTES_MAX);
    worker->records_limit = parts->cfg->records_max;
    worker->restore_chunk =
        parts->restore_chunk_records ? parts->restore_chunk_records : RESTORE_CHUNK_RECORDS;
    worker->item_max =
        (size_t)parts->cfg->records_max + REPLIES_PER_BATCH_MAX + TIMERS_PER_BATCH_MAX;
    worker->items = calloc(worker->item_max, sizeof(struct batch_item));
    worker->schemas = avro_schemas_new(record_types, record_type_count);
    if (!worker->schemas || !worker->items)
        return error_set(err, ERROR_FATAL, "no memory for batches and schemas");
    meters_register(&worker->meters, parts->metrics, parts->service->name);
    if (name_topics(worker, err) || count_partitions(worker, err) ||
        outlets_open(worker, &worker->names, err) || tables_open(worker, err) ||
        read_tables(worker, err) || publish_schemas(worker, err) || make_tasks(worker, err) ||
        restore_open(worker, err) || open_calls(worker, parts, err) ||
        endpoint_meters_open(worker, parts->metrics, err))
        return -1;
    switches_follow(worker);
    return 0;
}

void worker_close(struct worker *worker)
{
    endpoint_meters_close(worker);
    calls_free(worker->calls);
    restore_close(worker);
    tables_close(worker);
    for (int32_t i = 0; worker->tasks && i < worker->partition_count; i++)
        buffer_done(&worker->tasks[i].base);
    free(worker->tasks);
    free(worker->items);
    avro_schemas_free(worker->schemas);
    buffer_done(&worker->scratch);
    arena_done(&worker->arena);
    arena_done(&worker->backlog_arena);
    arena_done(&worker->names);
    *worker = (struct worker){0};
}
