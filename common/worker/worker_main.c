/* From argv to a turning loop, and out again. */
#include "worker/service.h"

#include "log/log.h"
#include "metrics/health.h"
#include "topics/operator.h"
#include "worker/last_words.h"
#include "worker/loop.h"
#include "worker/ports_real.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    SETTINGS_ARENA_BYTES = 64 * 1024 * 1024,
    RETRY_OPEN_MS = 1000,
    ANEW_MOST = 3, /* within ANEW_WINDOW_MS */
    ANEW_WINDOW_MS = 600000,
    RETRY_DENIED_MOST_MS = 60000,
    NAP_MS = 100,
    QUIET_MS = 10000, /* until then it is no warning that something is not there yet */
    REMIND_MS = 300000,
    HEALTHY_MS = 120000, /* after so long without a refusal the next one is the first */
    CLOSE_MS = 5000
};

static volatile sig_atomic_t told_to_stop;

static void on_signal(int signal)
{
    (void)signal;
    told_to_stop = 1;
}

/* Why it does not work now. */
struct waiting {
    char why[sizeof(((struct error *)0)->text)];
    int64_t since_ms, told_ms;
    int refusals; /* one after the other */
};

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
    int64_t anew_since_ms;
    int anew_count;
    struct waiting waiting;
    int64_t opened_ms;
};

static int64_t mono_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int parse(struct process *process, int argc, char **argv)
{
    const struct service *service = process->service;
    arena_init(&process->settings_arena, SETTINGS_ARENA_BYTES);
    arena_init(&process->arena, SETTINGS_ARENA_BYTES);
    process->service_cfg = arena_alloc(&process->settings_arena, service->settings->bytes);
    const struct config_part parts[] = {{&environment_settings, &process->cfg.environment},
                                        {&runtime_settings, &process->cfg},
                                        {service->settings, process->service_cfg}};
    const struct config_program program = {.name = service->name,
                                           .text = service->text,
                                           .usage = "[flags]",
                                           .parts = parts,
                                           .part_count = sizeof(parts) / sizeof(parts[0])};
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

static int open_transports(struct process *process, struct error *err)
{
    const struct endpoints *endpoints = &process->cfg.endpoints;
    process->http = http_open(err);
    if (!process->http)
        return -1;
    if (has_smtp(endpoints) && !(process->smtp = smtp_open(endpoints_smtp_threads(endpoints), err)))
        return -1;
    process->transports_real = (struct transports_real){process->http, process->smtp};
    process->transports = transports_of(&process->transports_real);
    return 0;
}

static int open_once(struct process *process, struct error *err)
{
    const struct worker_parts parts = {.service = process->service,
                                       .cfg = &process->cfg,
                                       .service_cfg = process->service_cfg,
                                       .ports = &process->ports,
                                       .transports = &process->transports,
                                       .metrics = process->metrics,
                                       .seed = (uint64_t)getpid()};
    if (real_open(&process->real, process->service, &process->cfg, &process->arena, &process->ports,
                  err) ||
        open_transports(process, err))
        return -1;
    return worker_open(&process->worker, &parts, err);
}

static void close_all(struct process *process)
{
    http_close(process->http);
    smtp_close(process->smtp);
    process->http = NULL;
    process->smtp = NULL;
    worker_close(&process->worker);
    real_close(process->real, CLOSE_MS);
    process->real = NULL;
    arena_reset(&process->arena);
}

static int prepare(struct process *process, struct error *err)
{
    process->metrics = metrics_new();
    if (!process->metrics)
        return error_set(err, ERROR_FATAL, "no memory to start");
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

/* Why it does not start: at once when that changes, and now and then while it does not. Topics and
 * coordinators of a young cluster take some seconds: no warning until then. */
static void tell_why(struct process *process, const char *what, const struct error *err)
{
    int64_t mono_ms = mono_now_ms();
    struct waiting *waiting = &process->waiting;
    bool is_news = strcmp(waiting->why, err->text) != 0;
    enum log_level level = err->action == ERROR_DENIED              ? LOG_ERROR
                           : mono_ms - waiting->since_ms < QUIET_MS ? LOG_INFO
                                                                    : LOG_WARNING;
    if (is_news || mono_ms - waiting->told_ms >= REMIND_MS) {
        log_line(level, what, LOG_TEXT("why", err->text), LOG_FIELDS_END);
        waiting->told_ms = mono_ms;
        snprintf(waiting->why, sizeof(waiting->why), "%s", err->text);
    }
    health_turned(process->health);
    health_ready(process->health, false, err->text);
}

/* Soon again while something is away; ever more seldom when we are refused: a person has to mend
 * that, and passwords that are tried too often get accounts locked. */
static int64_t pause_ms(struct process *process, const struct error *err)
{
    struct waiting *waiting = &process->waiting;
    if (err->action != ERROR_DENIED)
        return RETRY_OPEN_MS;
    int64_t wait_ms = (int64_t)RETRY_OPEN_MS << (waiting->refusals < 6 ? waiting->refusals : 6);
    waiting->refusals++;
    return wait_ms < RETRY_DENIED_MOST_MS ? wait_ms : RETRY_DENIED_MOST_MS;
}

static void wait_a_little(struct process *process, int64_t wait_ms)
{
    for (; wait_ms > 0 && !told_to_stop; wait_ms -= NAP_MS) {
        health_turned(process->health);
        usleep(NAP_MS * 1000);
    }
}

/* Until everything it stands on is there. */
static int open_all(struct process *process, struct error *err)
{
    process->waiting.since_ms = mono_now_ms();
    while (!told_to_stop) {
        *err = (struct error){0};
        if (open_once(process, err) == 0) {
            process->opened_ms = mono_now_ms();
            return 0;
        }
        close_all(process);
        if (err->action != ERROR_RETRY && err->action != ERROR_DENIED)
            return -1;
        tell_why(process, "cannot start yet", err);
        wait_a_little(process, pause_ms(process, err));
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

/* A right or a password was taken from us while we ran: from the start again, where it is told and
 * waited for. What is only found out by working must not make a hot circle of that. */
static bool wait_for_rights(struct process *process, struct error *err)
{
    if (mono_now_ms() - process->opened_ms > HEALTHY_MS)
        process->waiting = (struct waiting){0};
    process->waiting.since_ms = mono_now_ms();
    tell_why(process, "cannot go on for now", err);
    close_all(process);
    wait_a_little(process, pause_ms(process, err));
    return open_all(process, err) == 0;
}

/* What cannot go on may go on from the start: a broker that came back after our session had ended
 * has written our membership off. What fails again and again ends the process. */
static bool begin_anew(struct process *process, struct error *err)
{
    if (err->action == ERROR_DENIED)
        return wait_for_rights(process, err);
    const int64_t now_ms = process->ports.clock.mono_ms(process->ports.clock.self);
    if (now_ms - process->anew_since_ms > ANEW_WINDOW_MS) {
        process->anew_since_ms = now_ms;
        process->anew_count = 0;
    }
    if (++process->anew_count > ANEW_MOST)
        return false;
    log_error("beginning anew", LOG_TEXT("why", err->text));
    close_all(process);
    usleep(RETRY_OPEN_MS * 1000);
    return open_all(process, err) == 0;
}

static int run(struct process *process, struct error *err)
{
    if (prepare(process, err) || open_all(process, err))
        return -1;
    while (!told_to_stop) {
        tell_health(process);
        if (loop_turn(&process->worker, err) && !begin_anew(process, err))
            return -1;
    }
    return process->real ? drain(process, err) : 0;
}

static void stop(struct process *process)
{
    close_all(process);
    health_stop(process->health);
    metrics_free(process->metrics);
    arena_done(&process->arena);
    arena_done(&process->settings_arena);
}

/* What a person sends comes last of the inputs: the first is the anchor. */
static bool has_operator_input(const struct service *service)
{
    char wanted[128];
    const char *const *last = service->inputs;
    while (last[0] && last[1])
        last++;
    snprintf(wanted, sizeof(wanted), "%s" OPERATOR_SUFFIX, service->name);
    return *last && last > service->inputs && strcmp(*last, wanted) == 0;
}

int worker_main(const struct service *service, int argc, char **argv)
{
    assert(has_operator_input(service));
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
        last_words_install(
            &(struct last_words_options){.service = service->name,
                                         .json = process.cfg.log_format == LOG_JSON,
                                         .fd = STDERR_FILENO,
                                         .cpu_limit_ms = process.cfg.rules_cpu_limit_ms});
        status = run(&process, &err) ? 1 : 0;
        if (status != 0)
            log_error("cannot go on", LOG_TEXT("why", err.text));
        else
            log_info("stopped");
    }
    stop(&process);
    return status;
}
