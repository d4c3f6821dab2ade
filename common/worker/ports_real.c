#include "worker/ports_real.h"

#include "base/hash.h"
#include "kafka/admin.h"
#include "kafka/reader.h"
#include "log/log.h"
#include "topics/topics.h"
#include "worker/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { KAFKA_CALL_MS = 5000, CLOSE_MS = 5000 };

struct real {
    const struct runtime_settings *cfg;
    struct kafka_settings kafka;
    struct kafka_option options[ENVIRONMENT_OPTIONS_MAX];
    char principal[ENVIRONMENT_PRINCIPAL_BYTES];
    char session_timeout[24], transaction_timeout[24], transactional_id[256];
    const char *group, *member, *changelog;
    const char *inputs[INPUTS_MAX + 1];
    size_t input_count;
    const char *tables[TABLES_MAX];
    size_t table_count;
    struct kafka_consumer *consumer;
    struct kafka_producer *producer;
    struct kafka_admin *admin;
    struct kafka_reader *changelog_reader, *tables_reader;
    struct store *store;
};

static void kafka_said(int level, const char *text)
{
    if (level <= 4)
        log_warning("kafka client", LOG_TEXT("text", text));
    else
        log_debug("kafka client", LOG_TEXT("text", text));
}

static const char *named(struct arena *arena, const struct runtime_settings *cfg, const char *name,
                         const char *suffix)
{
    return arena_printf(arena, "%.*s%s%s", STR_ARG(cfg->environment.prefix), name, suffix).ptr;
}

static int set_up_kafka(struct real *real, struct arena *arena, struct error *err)
{
    const struct environment *environment = &real->cfg->environment;
    size_t count = 0;
    if (environment_kafka(environment, arena, real->options, &count, err))
        return -1;
    environment_principal(environment, real->principal);
    real->kafka = (struct kafka_settings){.bootstrap_servers = environment->bootstrap_servers.ptr,
                                          .client_id = real->transactional_id,
                                          .principal = real->principal,
                                          .options = real->options,
                                          .option_count = count,
                                          .log = kafka_said};
    return 0;
}

/* The static member: the instance, and which inputs it reads. A static member that comes back in
 * time gets what it had, whatever it subscribes to now (seen: Kafka 3.9): a version with one more
 * input would own no task until the next rebalance. So it comes as another member; the earlier one
 * is given up after kafka.session_timeout. */
static const char *name_member(const struct real *real, struct arena *arena)
{
    uint64_t hash = HASH_START;
    for (size_t i = 0; i < real->input_count; i++)
        hash = hash_add(hash_add(hash, str_from(real->inputs[i])), STR("\n"));
    return arena_printf(arena, "%.*s.%08x", STR_ARG(real->cfg->instance),
                        (unsigned)(hash & 0xffffffff))
        .ptr;
}

static int name_everything(struct real *real, const struct service *service, struct arena *arena,
                           struct error *err)
{
    const struct runtime_settings *cfg = real->cfg;
    snprintf(real->transactional_id, sizeof(real->transactional_id), "%.*s%s.%.*s",
             STR_ARG(cfg->environment.prefix), service->name, STR_ARG(cfg->instance));
    snprintf(real->session_timeout, sizeof(real->session_timeout), "%lld",
             (long long)cfg->session_timeout_ms);
    snprintf(real->transaction_timeout, sizeof(real->transaction_timeout), "%lld",
             (long long)cfg->transaction_timeout_ms);
    real->group = named(arena, cfg, service->name, "");
    real->changelog = named(arena, cfg, service->name, ".changelog");
    for (; service->inputs[real->input_count]; real->input_count++) {
        if (real->input_count == INPUTS_MAX)
            return error_set(err, ERROR_FATAL, "more than %d input topics", INPUTS_MAX);
        real->inputs[real->input_count] = named(arena, cfg, service->inputs[real->input_count], "");
    }
    real->member = name_member(real, arena);
    real->tables[real->table_count++] = named(arena, cfg, "schemas", "");
    real->tables[real->table_count++] = named(arena, cfg, "controls", "");
    for (const char *const *table = service->tables; table && *table; table++) {
        if (real->table_count == TABLES_MAX)
            return error_set(err, ERROR_FATAL, "more than %d tables", TABLES_MAX - 2);
        real->tables[real->table_count++] = named(arena, cfg, *table, "");
    }
    return 0;
}

/* Options of one client only come first, so that the person's win. */
static struct kafka_settings with_option(struct real *real, struct kafka_option *room,
                                         const char *name, const char *value)
{
    struct kafka_settings settings = real->kafka;
    room[0] = (struct kafka_option){name, value};
    memcpy(room + 1, real->options, real->kafka.option_count * sizeof(room[0]));
    settings.options = room;
    settings.option_count = real->kafka.option_count + 1;
    return settings;
}

static int open_producer(struct real *real, struct error *err)
{
    struct kafka_option room[ENVIRONMENT_OPTIONS_MAX + 1];
    struct kafka_settings settings =
        with_option(real, room, "transaction.timeout.ms", real->transaction_timeout);
    if (kafka_producer_open(&real->producer, &settings, real->transactional_id, err) ||
        kafka_producer_init(real->producer, KAFKA_CALL_MS, err)) {
        kafka_producer_close(real->producer, CLOSE_MS);
        real->producer = NULL;
        return -1;
    }
    return 0;
}

static int open_tables(struct real *real, struct error *err)
{
    if (kafka_reader_open(&real->tables_reader, &real->kafka, real->tables, real->table_count, err))
        return -1;
    for (size_t t = 0; t < real->table_count; t++) {
        int32_t count;
        if (kafka_admin_partitions(real->admin, real->tables[t], KAFKA_CALL_MS, &count, err))
            return -1;
        if (count == 0)
            return error_set(err, ERROR_FATAL,
                             "topic %s does not exist; create all topics first: waybill topics "
                             "create",
                             real->tables[t]);
        for (int32_t p = 0; p < count; p++) {
            int64_t low, high;
            if (kafka_admin_watermarks(real->admin, real->tables[t], p, KAFKA_CALL_MS, &low, &high,
                                       err) ||
                kafka_reader_start(real->tables_reader, (int32_t)t, p, KAFKA_FROM_BEGINNING, high,
                                   err))
                return -1;
        }
    }
    return 0;
}

/* Between take-overs nothing is fetched; in one, the end of the changelog is waited for: the broker
 * must not hold the empty answer back that tells it. */
static int open_changelog(struct real *real, struct error *err)
{
    struct kafka_option room[ENVIRONMENT_OPTIONS_MAX + 1];
    struct kafka_settings settings = with_option(real, room, "fetch.wait.max.ms", "5");
    return kafka_reader_open(&real->changelog_reader, &settings, &real->changelog, 1, err);
}

/* How our topics differ from what they should be: one line each. A person may have meant it; a
 * missing one is refused later, where it is needed. */
static int look_at_topics(struct real *real, const struct service *service, struct arena *arena,
                          struct error *err)
{
    const char *names[INPUTS_MAX + TABLES_MAX + 4];
    size_t count = 0, differences = 0;
    for (const char *const *input = service->inputs; *input; input++)
        names[count++] = *input;
    for (const char *const *table = service->tables; table && *table; table++)
        names[count++] = *table;
    names[count++] = "controls";
    names[count++] = arena_printf(arena, "%s.changelog", service->name).ptr;
    names[count++] = arena_printf(arena, "%s.dlq", service->name).ptr;
    names[count] = NULL;
    struct buffer report;
    buffer_init(&report, VALUE_BYTES_MAX);
    int failed = topics_check(real->admin, real->cfg->environment.prefix, names, 0, arena, &report,
                              &differences, err);
    for (struct str line, rest = buffer_str(&report); !failed && rest.len > 0;) {
        str_split(rest, '\n', &line, &rest);
        log_warning("topic is not as it should be", LOG_STR("difference", line));
    }
    buffer_done(&report);
    return failed;
}

/* Who trusts the changelog for longer than it keeps deletions would bring back what was deleted. */
static int check_changelog_retention(struct real *real, struct error *err)
{
    char value[64];
    int64_t kept_ms;
    struct error ignored = {0}; /* missing or not to be looked at: told elsewhere */
    if (kafka_admin_config(real->admin, real->changelog, "delete.retention.ms", KAFKA_CALL_MS,
                           value, sizeof(value), &ignored) ||
        !str_to_int64(str_from(value), &kept_ms) || kept_ms >= real->cfg->changelog_retention_ms)
        return 0;
    return error_set(err, ERROR_FATAL,
                     "setting changelog.retention is %lld ms, but topic %s keeps deletions for "
                     "delete.retention.ms = %lld only: lower the setting, or raise it at the topic "
                     "first",
                     (long long)real->cfg->changelog_retention_ms, real->changelog,
                     (long long)kept_ms);
}

/* A store that is away may come later; one that refuses us is told now. */
static int open_store(struct real *real, const struct service *service, struct arena *arena,
                      struct error *err)
{
    struct store_settings settings = {.service = service->name};
    struct error why = {0};
    if (environment_redis(&real->cfg->environment, arena, &settings, err) ||
        store_open(&real->store, &settings, err))
        return -1;
    if (store_try(real->store, &why) && why.action != ERROR_RETRY)
        return error_set(err, why.action, "%s", why.text);
    return 0;
}

static int port_poll(void *self, int timeout_ms, struct kafka_record *out, struct error *err)
{
    struct real *real = self;
    int got = kafka_consumer_poll(real->consumer, timeout_ms, out, err);
    if (got < 0 && err->action == ERROR_RETRY) {
        log_warning("kafka is away", LOG_TEXT("why", err->text));
        return 0;
    }
    return got;
}

static void port_release(void *self, struct kafka_record *record)
{
    (void)self;
    kafka_record_free(record);
}

static uint64_t port_epoch(void *self)
{
    return kafka_consumer_epoch(((struct real *)self)->consumer);
}

static size_t port_assignment(void *self, const struct kafka_partition **out)
{
    return kafka_consumer_assignment(((struct real *)self)->consumer, out);
}

static int port_seek(void *self, const struct kafka_partition *at, size_t count, struct error *err)
{
    return kafka_consumer_seek(((struct real *)self)->consumer, at, count, err);
}

static int port_pause(void *self, const struct kafka_partition *at, size_t count, struct error *err)
{
    return kafka_consumer_pause(((struct real *)self)->consumer, at, count, err);
}

static int port_resume(void *self, const struct kafka_partition *at, size_t count,
                       struct error *err)
{
    return kafka_consumer_resume(((struct real *)self)->consumer, at, count, err);
}

static int port_committed(void *self, struct kafka_partition *at, size_t count, struct error *err)
{
    return kafka_consumer_committed(((struct real *)self)->consumer, at, count, KAFKA_CALL_MS, err);
}

static struct kafka_group_metadata *port_membership(void *self)
{
    return kafka_group_metadata_new(((struct real *)self)->consumer);
}

static void port_membership_free(void *self, struct kafka_group_metadata *membership)
{
    (void)self;
    kafka_group_metadata_free(membership);
}

static int64_t port_contact_age_ms(void *self)
{
    return kafka_consumer_contact_age_ms(((struct real *)self)->consumer);
}

static int64_t port_lag(void *self, int32_t input, int32_t partition)
{
    return kafka_consumer_lag(((struct real *)self)->consumer, input, partition);
}

static int port_begin(void *self, struct error *err)
{
    return kafka_producer_begin(((struct real *)self)->producer, err);
}

static int port_produce(void *self, const struct kafka_output *output, struct error *err)
{
    return kafka_producer_produce(((struct real *)self)->producer, output, err);
}

static int port_send_offsets(void *self, const struct kafka_offset *offsets, size_t count,
                             const struct kafka_group_metadata *membership, struct error *err)
{
    return kafka_producer_send_offsets(((struct real *)self)->producer, offsets, count, membership,
                                       err);
}

static enum kafka_commit port_commit(void *self, struct error *err)
{
    return kafka_producer_commit(((struct real *)self)->producer, err);
}

static int port_reopen(void *self, struct error *err)
{
    struct real *real = self;
    kafka_producer_close(real->producer, CLOSE_MS);
    real->producer = NULL;
    return open_producer(real, err);
}

static int port_publish(void *self, const struct kafka_output *outputs, size_t count,
                        struct error *err)
{
    struct real *real = self;
    struct kafka_producer *producer;
    if (kafka_producer_open(&producer, &real->kafka, NULL, err))
        return -1;
    int failed = 0;
    for (size_t i = 0; i < count && !failed; i++)
        failed = kafka_producer_produce(producer, &outputs[i], err);
    if (!failed)
        failed = kafka_producer_flush(producer, KAFKA_CALL_MS, err);
    kafka_producer_close(producer, CLOSE_MS);
    return failed;
}

static int port_partitions(void *self, const char *topic, int32_t *out, struct error *err)
{
    return kafka_admin_partitions(((struct real *)self)->admin, topic, KAFKA_CALL_MS, out, err);
}

static int port_watermarks(void *self, const char *topic, int32_t partition, int64_t *out_low,
                           int64_t *out_high, struct error *err)
{
    return kafka_admin_watermarks(((struct real *)self)->admin, topic, partition, KAFKA_CALL_MS,
                                  out_low, out_high, err);
}

static int port_changelog_start(void *self, int32_t partition, int64_t from, int64_t until,
                                struct error *err)
{
    return kafka_reader_start(((struct real *)self)->changelog_reader, 0, partition, from, until,
                              err);
}

static int port_changelog_next(void *self, int timeout_ms, struct kafka_record *out,
                               struct error *err)
{
    return kafka_reader_next(((struct real *)self)->changelog_reader, timeout_ms, out, err);
}

static bool port_changelog_at_end(void *self, int32_t partition)
{
    return kafka_reader_at_end(((struct real *)self)->changelog_reader, 0, partition);
}

static void port_changelog_stop(void *self, int32_t partition)
{
    kafka_reader_stop(((struct real *)self)->changelog_reader, 0, partition);
}

static int port_tables_next(void *self, int timeout_ms, struct kafka_record *out, struct error *err)
{
    return kafka_reader_next(((struct real *)self)->tables_reader, timeout_ms, out, err);
}

static bool port_tables_at_end(void *self)
{
    return kafka_reader_all_at_end(((struct real *)self)->tables_reader);
}

static int port_load(void *self, struct store_load *loads, size_t count, struct arena *arena,
                     struct error *err)
{
    return store_load(((struct real *)self)->store, loads, count, arena, err);
}

static int port_apply(void *self, struct store_batch *batches, size_t count, struct error *err)
{
    return store_apply(((struct real *)self)->store, batches, count, err);
}

static int port_wipe(void *self, int32_t task, struct error *err)
{
    return store_wipe(((struct real *)self)->store, task, err);
}

static int port_due(void *self, int32_t task, int64_t up_to, size_t limit, struct arena *arena,
                    struct store_due_list *out, struct error *err)
{
    return store_due(((struct real *)self)->store, task, up_to, limit, arena, out, err);
}

static int port_pending(void *self, int32_t task, size_t limit, struct arena *arena,
                        struct store_due_list *out, struct error *err)
{
    return store_pending(((struct real *)self)->store, task, limit, arena, out, err);
}

static int port_earliest(void *self, int32_t task, int64_t *out, struct error *err)
{
    return store_earliest(((struct real *)self)->store, task, out, err);
}

static int port_take_token(void *self, struct str bucket, double rate_per_s, double burst,
                           int64_t now_ms, int64_t *out_wait_ms, struct error *err)
{
    return store_take_token(((struct real *)self)->store, bucket, rate_per_s, burst, now_ms,
                            out_wait_ms, err);
}

static int64_t clock_ms(clockid_t clock)
{
    struct timespec at;
    clock_gettime(clock, &at);
    return (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

static int64_t port_wall_ms(void *self)
{
    (void)self;
    return clock_ms(CLOCK_REALTIME);
}

static int64_t port_mono_ms(void *self)
{
    (void)self;
    return clock_ms(CLOCK_MONOTONIC);
}

static int64_t port_now_ms(void *self)
{
    return environment_now_ms(&((struct real *)self)->cfg->environment, clock_ms(CLOCK_REALTIME));
}

static void fill_ports(struct real *real, struct ports *ports)
{
    *ports = (struct ports){
        .log = {.self = real,
                .poll = port_poll,
                .release = port_release,
                .epoch = port_epoch,
                .assignment = port_assignment,
                .seek = port_seek,
                .pause = port_pause,
                .resume = port_resume,
                .committed = port_committed,
                .membership = port_membership,
                .membership_free = port_membership_free,
                .contact_age_ms = port_contact_age_ms,
                .lag = port_lag,
                .begin = port_begin,
                .produce = port_produce,
                .send_offsets = port_send_offsets,
                .commit = port_commit,
                .reopen = port_reopen,
                .publish = port_publish,
                .partitions = port_partitions,
                .watermarks = port_watermarks,
                .changelog_start = port_changelog_start,
                .changelog_next = port_changelog_next,
                .changelog_at_end = port_changelog_at_end,
                .changelog_stop = port_changelog_stop,
                .tables_next = port_tables_next,
                .tables_at_end = port_tables_at_end},
        .store = {.self = real,
                  .load = port_load,
                  .apply = port_apply,
                  .wipe = port_wipe,
                  .due = port_due,
                  .pending = port_pending,
                  .earliest = port_earliest,
                  .take_token = port_take_token},
        .clock = {
            .self = real, .now_ms = port_now_ms, .wall_ms = port_wall_ms, .mono_ms = port_mono_ms}};
}

static int open_all(struct real *real, const struct service *service, struct arena *arena,
                    struct error *err)
{
    if (name_everything(real, service, arena, err) || set_up_kafka(real, arena, err) ||
        kafka_admin_open(&real->admin, &real->kafka, err) ||
        look_at_topics(real, service, arena, err) || check_changelog_retention(real, err) ||
        open_tables(real, err) || open_changelog(real, err) ||
        open_store(real, service, arena, err) || open_producer(real, err))
        return -1;
    struct kafka_consumer_settings group = {.group_id = real->group,
                                            .instance_id = real->member,
                                            .topics = real->inputs,
                                            .topic_count = real->input_count};
    struct kafka_option room[ENVIRONMENT_OPTIONS_MAX + 1];
    struct kafka_settings settings =
        with_option(real, room, "session.timeout.ms", real->session_timeout);
    return kafka_consumer_open(&real->consumer, &settings, &group, err);
}

int real_open(struct real **out, const struct service *service, const struct runtime_settings *cfg,
              struct arena *arena, struct ports *ports, struct error *err)
{
    struct real *real = calloc(1, sizeof(*real));
    if (!real)
        return error_set(err, ERROR_FATAL, "no memory");
    real->cfg = cfg;
    if (open_all(real, service, arena, err)) {
        real_close(real, CLOSE_MS);
        return -1;
    }
    fill_ports(real, ports);
    *out = real;
    return 0;
}

void real_close(struct real *real, int timeout_ms)
{
    if (!real)
        return;
    kafka_consumer_close(real->consumer, timeout_ms);
    kafka_producer_close(real->producer, timeout_ms);
    kafka_reader_close(real->changelog_reader, timeout_ms);
    kafka_reader_close(real->tables_reader, timeout_ms);
    kafka_admin_close(real->admin, timeout_ms);
    store_close(real->store);
    free(real);
}
