/* From argv to a turning loop, and out again. */
#include "worker/service.h"

#include "log/log.h"
#include "metrics/health.h"
#include "worker/batch.h"
#include "worker/loop.h"
#include "worker/outlets.h"
#include "worker/ports_real.h"
#include "worker/restore.h"
#include "worker/tables.h"
#include "worker/task.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    SETTINGS_ARENA_BYTES = 64 * 1024 * 1024,
    CALLS_BYTES_MAX = 256 * 1024 * 1024,
    ORPHANS_KEPT_MS = 120000,
    RETRY_OPEN_MS = 1000,
    DRAIN_STEP_MS = 20
};

static volatile sig_atomic_t told_to_stop;

static void on_signal(int signal)
{
    (void)signal;
    told_to_stop = 1;
}

static int64_t wait_for_token(void *self, const struct endpoint *endpoint, int64_t mono_ms)
{
    const struct worker *worker = self;
    struct store_port *store = &worker->ports->store;
    struct clock_port *clock = &worker->ports->clock;
    int64_t wait_ms;
    struct error err = {0};
    enum { STORE_AWAY_MS = 500 };
    (void)mono_ms; /* differs between machines; the bucket is shared */
    if (store->take_token(store->self, endpoint->name, endpoint->rate_per_s, endpoint->burst,
                          clock->wall_ms(clock->self), &wait_ms, &err))
        return STORE_AWAY_MS;
    return wait_ms;
}

/* Everything that one process holds beside the worker itself. */
struct process {
    const struct service *service;
    struct runtime_settings cfg;
    void *service_cfg;
    struct arena settings_arena, arena;
    struct metrics *metrics;
    struct health *health;
    struct real *real;
    struct ports ports;
    struct http *http;
    struct smtp *smtp;
    struct transports_real transports_real;
    struct transports transports;
    struct worker worker;
    bool dry_run;
};

static int parse(struct process *process, int argc, char **argv)
{
    const struct service *service = process->service;
    arena_init(&process->settings_arena, SETTINGS_ARENA_BYTES);
    arena_init(&process->arena, SETTINGS_ARENA_BYTES);
    process->service_cfg = arena_alloc(&process->settings_arena, service->settings->bytes);
    const struct config_part parts[] = {{&runtime_settings, &process->cfg},
                                        {service->settings, process->service_cfg}};
    const struct config_program program = {.name = service->name,
                                           .text = service->text,
                                           .usage = "[flags]",
                                           .parts = parts,
                                           .part_count = 2};
    static struct config_outcome outcome;
    int status = config_parse(&program, argc, argv, &process->settings_arena, &outcome);
    if (status == CONFIG_RUN && outcome.argument_count > 0) {
        fprintf(stderr, "%s: takes flags only, but got \"%s\"; see --help\n", service->name,
                outcome.arguments[0]);
        return 2;
    }
    return status;
}

static bool has_smtp(const struct endpoints *endpoints)
{
    for (size_t i = 0; i < endpoints->len; i++)
        if (endpoints->list[i].kind == ENDPOINT_SMTP)
            return true;
    return false;
}

static int open_calls(struct process *process, struct error *err)
{
    struct worker *worker = &process->worker;
    const struct runtime_settings *cfg = &process->cfg;
    process->http = http_open(err);
    if (!process->http)
        return -1;
    if (has_smtp(&cfg->endpoints) &&
        !(process->smtp = smtp_open(endpoints_smtp_threads(&cfg->endpoints), err)))
        return -1;
    process->transports_real = (struct transports_real){process->http, process->smtp};
    process->transports = transports_of(&process->transports_real);
    struct calls_options options = {.take_token = wait_for_token,
                                    .take_token_self = worker,
                                    .user_agent = STR("waybill/" WAYBILL_VERSION),
                                    .session_timeout_ms = cfg->session_timeout_ms,
                                    .orphan_keep_ms = ORPHANS_KEPT_MS,
                                    .bytes_max = CALLS_BYTES_MAX,
                                    .seed = (uint64_t)getpid()};
    worker->calls = calls_new(&cfg->endpoints, &process->transports, &options);
    return worker->calls ? 0 : error_set(err, ERROR_FATAL, "no memory for calls");
}

/* Every input has the same number of partitions, and so has the changelog. */
static int count_partitions(struct worker *worker, struct error *err)
{
    struct log_port *log = &worker->ports->log;
    for (size_t i = 0; i <= worker->input_count; i++) {
        const char *topic = i < worker->input_count ? worker->inputs[i] : worker->changelog;
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
                             "topic %s has %d partitions, but %s has %d; all inputs of a service "
                             "and its changelog need the same count",
                             topic, count, worker->inputs[0], worker->partition_count);
    }
    return 0;
}

static int name_topics(struct process *process, struct error *err)
{
    struct worker *worker = &process->worker;
    struct arena *arena = &process->arena;
    const struct service *service = process->service;
    struct str prefix = process->cfg.prefix;
    while (service->inputs[worker->input_count])
        worker->input_count++;
    worker->inputs = arena_alloc_array(arena, worker->input_count + 1, sizeof(char *));
    worker->source = arena_printf(arena, "waybill/%s", service->name);
    worker->changelog = arena_printf(arena, "%.*s%s.changelog", STR_ARG(prefix), service->name).ptr;
    worker->dead_letters = arena_printf(arena, "%.*s%s.dlq", STR_ARG(prefix), service->name).ptr;
    if (!worker->inputs || !worker->dead_letters)
        return error_set(err, ERROR_FATAL, "no memory for topic names");
    for (size_t i = 0; i < worker->input_count; i++)
        worker->inputs[i] = arena_printf(arena, "%.*s%s", STR_ARG(prefix), service->inputs[i]).ptr;
    return 0;
}

static int make_tasks(struct process *process, struct error *err)
{
    struct worker *worker = &process->worker;
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
    struct log_port *log = &worker->ports->log;
    while (!log->tables_at_end(log->self) && !told_to_stop)
        if (tables_follow(worker, 100, err))
            return -1;
    return 0;
}

/* What we write can be read by everybody: our schemas stand on the schemas topic before the first
 * event. */
static int publish_schemas(struct process *process, struct error *err)
{
    struct worker *worker = &process->worker;
    struct arena *arena = &process->arena;
    struct kafka_output *outputs = arena_alloc_array(arena, record_type_count, sizeof(*outputs));
    struct str topic = arena_printf(arena, "%.*sschemas", STR_ARG(process->cfg.prefix));
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
    return real_publish(process->real, outputs, count, err);
}

static int open_once(struct process *process, struct error *err)
{
    struct worker *worker = &process->worker;
    if (real_open(&process->real, process->service, &process->cfg, &process->arena, &process->ports,
                  err))
        return -1;
    if (name_topics(process, err) || count_partitions(worker, err) ||
        outlets_open(worker, &process->arena, err) || tables_open(worker, err) ||
        read_tables(worker, err) || publish_schemas(process, err) || make_tasks(process, err) ||
        restore_open(worker, err) || open_calls(process, err))
        return -1;
    return 0;
}

static void close_all(struct process *process)
{
    struct worker *worker = &process->worker;
    http_close(process->http);
    smtp_close(process->smtp);
    process->http = NULL;
    process->smtp = NULL;
    calls_free(worker->calls);
    worker->calls = NULL;
    restore_close(worker);
    tables_close(worker);
    for (int32_t i = 0; worker->tasks && i < worker->partition_count; i++)
        buffer_done(&worker->tasks[i].base);
    free(worker->tasks);
    worker->tasks = NULL;
    worker->input_count = 0;
    real_close(process->real, 5000);
    process->real = NULL;
    arena_reset(&process->arena);
}

static int prepare(struct process *process, struct error *err)
{
    struct worker *worker = &process->worker;
    worker->service = process->service;
    worker->cfg = &process->cfg;
    worker->service_cfg = process->service_cfg;
    worker->ports = &process->ports;
    arena_init(&worker->arena, BATCH_ARENA_BYTES_MAX);
    buffer_init(&worker->scratch, VALUE_BYTES_MAX);
    worker->schemas = avro_schemas_new(record_types, record_type_count);
    process->metrics = metrics_new();
    if (!worker->schemas || !process->metrics)
        return error_set(err, ERROR_FATAL, "no memory to start");
    meters_register(&worker->meters, process->metrics, process->service->name);
    struct health_options health = {.address = process->cfg.health_address.ptr,
                                    .port = (uint16_t)process->cfg.health_port,
                                    .stale_after_ms = process->cfg.health_stale_ms};
    if (health_start(&health, process->metrics, &process->health, err))
        return -1;
    log_info("starting", LOG_TEXT("version", WAYBILL_VERSION),
             LOG_STR("instance", process->cfg.instance),
             LOG_INT("health_port", health_port(process->health)));
    return 0;
}

/* Until everything it stands on is there. */
static int open_all(struct process *process, struct error *err)
{
    while (!told_to_stop) {
        *err = (struct error){0};
        if (open_once(process, err) == 0)
            return 0;
        close_all(process);
        if (err->action != ERROR_RETRY)
            return -1;
        log_warning("cannot start yet", LOG_TEXT("why", err->text));
        health_turned(process->health);
        health_ready(process->health, false, err->text);
        usleep(RETRY_OPEN_MS * 1000);
    }
    return 0;
}

static void tell_health(struct process *process)
{
    char reason[HEALTH_REASON_BYTES];
    bool ready = loop_is_ready(&process->worker, reason, sizeof(reason));
    health_turned(process->health);
    health_ready(process->health, ready, reason);
}

/* Finish what was read, wait for what is on its way, write down where we stand. */
static int drain(struct process *process, struct error *err)
{
    struct worker *worker = &process->worker;
    struct clock_port *clock = &worker->ports->clock;
    struct log_port *log = &worker->ports->log;
    int64_t until_ms = clock->mono_ms(clock->self) + process->cfg.shutdown_timeout_ms;
    log_info("draining", LOG_INT("calls_running", calls_running(worker->calls)));
    worker->draining = true;
    const struct kafka_partition *assigned;
    size_t count = log->assignment(log->self, &assigned);
    if (log->pause(log->self, assigned, count, err))
        log_debug("could not pause", LOG_TEXT("why", err->text));
    do {
        tell_health(process);
        if (loop_turn(worker, err))
            return -1;
    } while (calls_running(worker->calls) > 0 && clock->mono_ms(clock->self) < until_ms);
    return loop_turn(worker, err);
}

static int run(struct process *process, struct error *err)
{
    struct worker *worker = &process->worker;
    if (prepare(process, err) || open_all(process, err))
        return -1;
    while (!told_to_stop) {
        tell_health(process);
        if (loop_turn(worker, err))
            return -1;
    }
    return process->real ? drain(process, err) : 0;
}

static void stop(struct process *process)
{
    struct worker *worker = &process->worker;
    close_all(process);
    health_stop(process->health);
    metrics_free(process->metrics);
    avro_schemas_free(worker->schemas);
    buffer_done(&worker->scratch);
    arena_done(&worker->arena);
    arena_done(&process->arena);
    arena_done(&process->settings_arena);
}

int worker_main(const struct service *service, int argc, char **argv)
{
    static struct process process;
    process.service = service;
    int status = parse(&process, argc, argv);
    if (status == CONFIG_RUN) {
        struct error err = {0};
        log_setup(&(struct log_options){.service = service->name,
                                        .level = (enum log_level)process.cfg.log_level,
                                        .format = (enum log_format)process.cfg.log_format,
                                        .burst = 20,
                                        .window_ms = 10000,
                                        .fd = STDERR_FILENO});
        struct sigaction action = {.sa_handler = on_signal};
        sigaction(SIGTERM, &action, NULL);
        sigaction(SIGINT, &action, NULL);
        signal(SIGPIPE, SIG_IGN);
        status = run(&process, &err) ? 1 : 0;
        if (status != 0)
            log_error("cannot go on", LOG_TEXT("why", err.text));
        else
            log_info("stopped");
    }
    stop(&process);
    return status;
}
