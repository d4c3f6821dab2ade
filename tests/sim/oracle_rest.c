/* At rest the states are what the fold says: in the changelog, and in the store. */
#include "sim/oracle.h"

#include "base/partition.h"
#include "worker/restore.h"
#include "worker/task.h"

/* One key of the changelog, and its last value. */
struct kept {
    struct kept *next;
    struct str key, value;
};

static struct kept *read_changelog(struct oracle *oracle, const struct service *rules, int32_t task)
{
    struct fake_world *world = oracle->run->world;
    char name[NAME];
    snprintf(name, sizeof(name), "%s%s.changelog", world->prefix, rules->name);
    const struct log *log = fake_log_of(world, name, task);
    struct kept *first = NULL;
    for (int64_t at = 0; at < log->count; at++) {
        if (!oracle_was_seen(&log->records[at]))
            continue;
        struct kept *kept = first;
        while (kept && !str_equal(kept->key, log->records[at].key))
            kept = kept->next;
        if (!kept) {
            kept = arena_alloc(&oracle->arena, sizeof(*kept));
            assert(kept);
            kept->key = log->records[at].key;
            kept->next = first;
            first = kept;
        }
        kept->value = log->records[at].value;
    }
    return first;
}

static bool is_state(struct str field)
{
    return field.len > 2 && field.ptr[0] == 's' && field.ptr[1] == ':';
}

static struct folded *folded_of(struct oracle *oracle, const struct service *rules,
                                struct str field)
{
    struct str prefix, rest, type, key;
    str_split(field, ':', &prefix, &rest);
    str_split(rest, ':', &type, &key);
    for (struct folded *of = oracle->folded; of; of = of->next)
        if (of->rules == rules && str_equal(of->key, key) &&
            str_equal(type, str_from(of->state_type->name)))
            return of;
    return NULL;
}

static bool same_timers(const struct folded *of, const struct key_entry *kept)
{
    size_t same = 0;
    for (size_t i = 0; i < of->timer_count; i++)
        for (size_t k = 0; k < kept->timers.len; k++)
            same += str_equal(of->timers[i].name, kept->timers.ptr[k].name) &&
                    of->timers[i].due_at_ms == kept->timers.ptr[k].due_at_ms;
    return same == of->timer_count && same == kept->timers.len;
}

static void check_state(struct oracle *oracle, const struct service *rules, const struct kept *kept)
{
    const struct folded *of = folded_of(oracle, rules, kept->key);
    const struct record_type *type;
    static const struct key_entry nothing;
    const struct key_entry *entry =
        kept->value.ptr ? oracle_decode(oracle, kept->value, &type) : &nothing;
    if (!entry)
        return;
    const char *wrong = !of                                       ? "nobody decided"
                        : !str_equal(of->state, entry->state)     ? "another state"
                        : !same_timers(of, entry)                 ? "other timers"
                        : of->promise_count != entry->intents.len ? "other pending calls"
                                                                  : NULL;
    if (wrong)
        run_wrong(oracle->run, CHECK_CHANGELOG, "%s: the changelog has of %.*s: %s", rules->name,
                  STR_ARG(kept->key), wrong);
}

static const struct shelf_field *on_shelf(const struct shelf *shelf, struct str name)
{
    for (size_t i = 0; i < shelf->count; i++)
        if (str_equal(shelf->fields[i].name, name))
            return &shelf->fields[i];
    return NULL;
}

/* A key's earliest timer; of a pending call a negative one. */
static int64_t earliest_of(struct oracle *oracle, const struct kept *kept)
{
    const struct record_type *type;
    const void *body = kept->value.ptr ? oracle_decode(oracle, kept->value, &type) : NULL;
    int64_t earliest = 0;
    if (!body || type != &key_entry)
        return 0;
    const struct key_entry *entry = body;
    for (size_t i = 0; i < entry->timers.len; i++)
        if (earliest == 0 || entry->timers.ptr[i].due_at_ms < earliest)
            earliest = entry->timers.ptr[i].due_at_ms;
    return earliest;
}

static void check_store(struct oracle *oracle, const struct service *rules, int32_t task,
                        const struct kept *all)
{
    const struct group *group = group_of(oracle->run->world, rules);
    const struct shelf *shelf =
        &oracle->run->world->redis[group - oracle->run->world->groups].shelves[task];
    for (const struct kept *kept = all; kept; kept = kept->next) {
        const struct shelf_field *field = on_shelf(shelf, kept->key);
        struct str value = field ? field->value : (struct str){NULL, 0};
        bool is_position = str_equal(kept->key, STR(POSITION_KEY));
        int64_t offset, stored_ms;
        if (is_position && stored_position_take(shelf->position, &offset, &stored_ms, &value))
            value = (struct str){NULL, 0};
        if (!str_equal(value, kept->value))
            run_wrong(oracle->run, CHECK_STORE,
                      "%s, task %d: the store does not have what the changelog has of "
                      "%.*s",
                      rules->name, (int)task, STR_ARG(kept->key));
        else if (is_state(kept->key) && (field ? field->score : 0) != earliest_of(oracle, kept))
            run_wrong(oracle->run, CHECK_STORE, "%s, task %d: the store has another time for %.*s",
                      rules->name, (int)task, STR_ARG(kept->key));
    }
    for (size_t i = 0; i < shelf->count; i++) {
        const struct kept *kept = all;
        while (kept && !str_equal(kept->key, shelf->fields[i].name))
            kept = kept->next;
        if (!kept && shelf->fields[i].value.ptr &&
            !str_equal(shelf->fields[i].name, STR("starts")) &&
            !str_equal(shelf->fields[i].name, STR("trying")))
            run_wrong(oracle->run, CHECK_STORE,
                      "%s, task %d: the store has %.*s, which no changelog has", rules->name,
                      (int)task, STR_ARG(shelf->fields[i].name));
    }
}

/* A state that the fold has must be in the changelog. */
static void check_that_all_are_kept(struct oracle *oracle, const struct service *rules,
                                    int32_t task, const struct kept *all)
{
    for (const struct folded *of = oracle->folded; of; of = of->next) {
        if (of->rules != rules || !of->state.ptr ||
            partition_of(of->key, oracle->run->world->partitions) != task)
            continue;
        struct str field =
            arena_printf(&oracle->arena, "s:%s:%.*s", of->state_type->name, STR_ARG(of->key));
        const struct kept *kept = all;
        while (kept && !str_equal(kept->key, field))
            kept = kept->next;
        if (!kept)
            run_wrong(oracle->run, CHECK_CHANGELOG, "%s: the changelog has nothing of %.*s",
                      rules->name, STR_ARG(field));
    }
}

/* ---- timers ---- */

static const struct fake_process *owner_of(const struct group *group, int32_t task)
{
    for (size_t s = 0; s < SEATS_MAX; s++)
        for (size_t a = 0; a < group->seats[s].assigned_count; a++)
            if (group->seats[s].assigned[a].topic == 0 &&
                group->seats[s].assigned[a].partition == task)
                return group->seats[s].process;
    return NULL;
}

/* The latest time of an event that the task has decided. */
static int64_t event_time_of(struct oracle *oracle, const struct kept *all)
{
    const struct record_type *type;
    for (const struct kept *kept = all; kept; kept = kept->next)
        if (str_equal(kept->key, STR(POSITION_KEY)))
            return ((const struct task_position *)oracle_decode(oracle, kept->value, &type))
                ->event_time_ms;
    return 0;
}

/* What is due by the task's clock has fired, but for what came due just now. */
static void check_timers(struct oracle *oracle, const struct service *rules, int32_t task,
                         const struct kept *all)
{
    enum { JUST_NOW_MS = 2000 };
    const struct fake_world *world = oracle->run->world;
    const struct fake_process *owner = owner_of(group_of(oracle->run->world, rules), task);
    if (!owner) {
        run_wrong(oracle->run, CHECK_REST, "%s, task %d: nobody has it at rest", rules->name,
                  (int)task);
        return;
    }
    int64_t now_ms = world->now_ms + owner->skew_ms - JUST_NOW_MS;
    int64_t event_ms = event_time_of(oracle, all);
    now_ms = event_ms > now_ms ? event_ms : now_ms;
    for (const struct folded *of = oracle->folded; of; of = of->next) {
        if (of->rules != rules || partition_of(of->key, world->partitions) != task)
            continue;
        oracle->run->timers_standing += of->timer_count;
        for (size_t i = 0; i < of->timer_count; i++)
            if (of->timers[i].due_at_ms <= now_ms)
                run_wrong(oracle->run, CHECK_TIMERS,
                          "timer %.*s of key %.*s was due %d ms ago and never fired",
                          STR_ARG(of->timers[i].name), STR_ARG(of->key),
                          (int)(now_ms + JUST_NOW_MS - of->timers[i].due_at_ms));
    }
}

void oracle_check_rest(struct oracle *oracle)
{
    const struct scenario *scenario = oracle->run->scenario;
    for (size_t s = 0; s < scenario->service_count; s++)
        for (int32_t task = 0; task < oracle->run->world->partitions; task++) {
            const struct service *rules = scenario->services[s].rules;
            const struct kept *all = read_changelog(oracle, rules, task);
            for (const struct kept *kept = all; kept; kept = kept->next)
                if (is_state(kept->key))
                    check_state(oracle, rules, kept);
            check_that_all_are_kept(oracle, rules, task, all);
            check_store(oracle, rules, task, all);
            check_timers(oracle, rules, task, all);
        }
}
