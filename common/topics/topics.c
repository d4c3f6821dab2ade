#include "topics/topics.h"

#include "events.h"
#include "topics/operator.h"

enum { ADMIN_TIMEOUT_MS = 30000, LOOK_MS = 5000, VALUE_BYTES = 256, SAFE_REPLICATION = 3 };

#define KEPT_FOR_A_TIME (TOPIC_EVENTS | TOPIC_DEAD_LETTERS | TOPIC_OPERATOR)
#define EVERY           (KEPT_FOR_A_TIME | COMPACTED)
#define COMPACTED       (TOPIC_TABLE | TOPIC_CHANGELOG)

const struct topic_config topic_configs[] = {
    {"cleanup.policy", "delete", KEPT_FOR_A_TIME, "every event is kept, for a time"},
    {"cleanup.policy", "compact", COMPACTED, "the last record of a key is the truth, for ever"},
    {"delete.retention.ms", "604800000", COMPACTED,
     "7 days: who slept less still sees every deletion; at least the setting changelog.retention"},
    {"max.message.bytes", "2097152", TOPIC_EVENTS | TOPIC_OPERATOR | COMPACTED,
     "above the limits of events and states, which are checked before"},
    {"max.message.bytes", "4194304", TOPIC_DEAD_LETTERS,
     "an event that is too large still fits, with its error headers"},
    {"message.timestamp.type", "LogAppendTime", EVERY,
     "retention counts from arrival, whatever a producer's clock or a replay's says"},
    {"min.cleanable.dirty.ratio", "0.1", COMPACTED,
     "compact early: what a restore has to read stays small"},
    {"retention.bytes", "-1", KEPT_FOR_A_TIME,
     "time alone decides: a size would delete what nobody has decided yet"},
    {"retention.ms", "2592000000", TOPIC_EVENTS,
     "30 days: so far back one can replay, and a stopped service can stand still; senders of "
     "webhooks try again for 4 at most"},
    {"retention.ms", "7776000000", TOPIC_DEAD_LETTERS,
     "90 days: a person has to look at them; longer than the events, since nobody else has them"},
    {"retention.ms", "10368000000", TOPIC_OPERATOR,
     "120 days: longer than dead letters, so that one always sees which were requeued"},
    {"segment.bytes", "67108864", TOPIC_CHANGELOG, "only closed segments are compacted"},
    {"segment.bytes", "1073741824", KEPT_FOR_A_TIME, "Kafka's own default, whatever the broker's"},
    {"segment.bytes", "16777216", TOPIC_TABLE, "only closed segments are compacted"},
    {"segment.ms", "86400000", EVERY,
     "1 day: only closed segments are deleted or compacted, so both come a day late at most"},
};
const size_t topic_config_count = sizeof(topic_configs) / sizeof(topic_configs[0]);

static bool name_topic(struct arena *arena, struct topic *out, const char *name, const char *suffix)
{
    out->name = arena_printf(arena, "%s%s", name, suffix);
    return out->name.ptr != NULL;
}

const struct topic *topics_all(struct arena *arena, size_t *out_count)
{
    size_t count = topic_count + 3 * service_count;
    struct topic *all = arena_alloc_array(arena, count, sizeof(*all)), *next = all;
    bool ok = all != NULL;
    for (size_t i = 0; ok && i < topic_count; i++, next++) {
        ok = name_topic(arena, next, topics[i].name, "");
        next->use = topics[i].compacted ? TOPIC_TABLE : TOPIC_EVENTS;
        next->partitions = topics[i].partitions;
        next->key = topics[i].key;
    }
    for (size_t i = 0; ok && i < service_count; i++, next += 3) {
        ok = name_topic(arena, &next[0], service_names[i], ".changelog") &&
             name_topic(arena, &next[1], service_names[i], ".dlq") &&
             name_topic(arena, &next[2], service_names[i], OPERATOR_SUFFIX);
        next[0].use = TOPIC_CHANGELOG;
        next[0].key = "the task's keys";
        next[1].use = TOPIC_DEAD_LETTERS;
        next[1].key = "as the input";
        next[2].use = TOPIC_OPERATOR;
        next[2].key = "as the input";
    }
    *out_count = ok ? count : 0;
    return ok ? all : NULL;
}

const struct topic *topics_find(const struct topic *all, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_equal(all[i].name, name))
            return &all[i];
    return NULL;
}

static const char *full_name(struct arena *arena, struct str prefix, const struct topic *topic)
{
    return arena_printf(arena, "%.*s%s", STR_ARG(prefix), topic->name.ptr).ptr;
}

/* The configuration of one topic; with copies enough, a write waits for two of them. */
static size_t configs_of(const struct topic *topic, int32_t replication, struct kafka_option *out)
{
    size_t count = 0;
    for (size_t i = 0; i < topic_config_count; i++)
        if (topic_configs[i].uses & (unsigned)topic->use)
            out[count++] = (struct kafka_option){topic_configs[i].name, topic_configs[i].value};
    if (replication >= SAFE_REPLICATION)
        out[count++] = (struct kafka_option){"min.insync.replicas", "2"};
    return count;
}

int topics_create(struct kafka_admin *admin, const struct topics_plan *plan, struct arena *arena,
                  size_t *out_created, struct error *err)
{
    struct kafka_new_topic wanted[TOPICS_MAX];
    struct kafka_option configs[TOPICS_MAX][TOPIC_CONFIGS_MAX];
    size_t count, missing = 0;
    int32_t partitions = plan->partitions;
    const struct topic *all = topics_all(arena, &count);
    if (!all || count > TOPICS_MAX)
        return error_set(err, ERROR_FATAL, "no room for the list of topics");
    for (size_t i = 0; i < count; i++) {
        int32_t there;
        const char *name = full_name(arena, plan->prefix, &all[i]);
        if (!name)
            return error_set(err, ERROR_FATAL, "no room for the list of topics");
        if (kafka_admin_partitions(admin, name, LOOK_MS, &there, err))
            return -1;
        if (there > 0 && !all[i].partitions) {
            if (partitions && there != partitions)
                return error_set(err, ERROR_FATAL,
                                 "%s has %d partitions, so new topics need %d, too, not %d; leave "
                                 "--partitions out to take what there is",
                                 name, there, there, partitions);
            partitions = there;
        }
        if (there > 0)
            continue;
        wanted[missing] = (struct kafka_new_topic){
            .name = name,
            .partitions = all[i].partitions,
            .replication = plan->replication,
            .configs = configs[missing],
            .config_count = configs_of(&all[i], plan->replication, configs[missing])};
        missing++;
    }
    for (size_t i = 0; i < missing; i++)
        if (wanted[i].partitions == 0)
            wanted[i].partitions = partitions ? partitions : TOPICS_PARTITIONS;
    if (missing && kafka_admin_create(admin, wanted, missing, ADMIN_TIMEOUT_MS, err))
        return -1;
    *out_created = missing;
    return 0;
}

/* One run of topics_check. */
struct check {
    struct kafka_admin *admin;
    struct buffer *out;
    int32_t partitions;        /* what all should have; 0 = not known yet */
    const char *partitions_of; /* whose number that is; NULL = wanted by the caller */
    size_t differences;
};

static void check_partitions(struct check *check, const struct topic *topic, const char *name,
                             int32_t there)
{
    int32_t wanted = topic->partitions ? topic->partitions : check->partitions;
    if (wanted == 0) {
        check->partitions = there;
        check->partitions_of = name;
        return;
    }
    if (there == wanted)
        return;
    check->differences++;
    if (topic->partitions || !check->partitions_of)
        buffer_printf(check->out, "%s: has %d partitions, should have %d\n", name, there, wanted);
    else
        buffer_printf(check->out,
                      "%s: has %d partitions, %s has %d: all must have the same number\n", name,
                      there, check->partitions_of, wanted);
}

static int check_topic(struct check *check, const struct topic *topic, const char *name,
                       struct error *err)
{
    int32_t there;
    if (kafka_admin_partitions(check->admin, name, LOOK_MS, &there, err))
        return -1;
    if (there == 0) {
        check->differences++;
        buffer_printf(check->out, "%s: is missing\n", name);
        return 0;
    }
    check_partitions(check, topic, name, there);
    for (size_t i = 0; i < topic_config_count; i++) {
        const struct topic_config *config = &topic_configs[i];
        char value[VALUE_BYTES];
        if (!(config->uses & (unsigned)topic->use))
            continue;
        struct error why = {0};
        if (kafka_admin_config(check->admin, name, config->name, LOOK_MS, value, sizeof(value),
                               &why)) {
            if (why.action != ERROR_DENIED)
                return error_set(err, why.action, "%s", why.text);
            check->differences++;
            buffer_printf(check->out, "%s: cannot be looked at: %s\n", name, why.text);
            break;
        }
        if (strcmp(value, config->value) == 0)
            continue;
        check->differences++;
        buffer_printf(check->out, "%s: %s is %s, should be %s (%s)\n", name, config->name, value,
                      config->value, config->why);
    }
    return 0;
}

static bool is_wanted(const char *const *names, const struct topic *topic)
{
    if (!names)
        return true;
    while (*names && !str_equal(topic->name, str_from(*names)))
        names++;
    return *names != NULL;
}

int topics_check(struct kafka_admin *admin, struct str prefix, const char *const *names,
                 int32_t partitions, struct arena *arena, struct buffer *out,
                 size_t *out_differences, struct error *err)
{
    struct check check = {.admin = admin, .out = out, .partitions = partitions};
    size_t count;
    const struct topic *all = topics_all(arena, &count);
    if (!all)
        return error_set(err, ERROR_FATAL, "no room for the list of topics");
    for (size_t i = 0; i < count; i++) {
        if (!is_wanted(names, &all[i]))
            continue;
        const char *name = full_name(arena, prefix, &all[i]);
        if (!name)
            return error_set(err, ERROR_FATAL, "no room for the list of topics");
        if (check_topic(&check, &all[i], name, err))
            return -1;
    }
    *out_differences = check.differences;
    return 0;
}
