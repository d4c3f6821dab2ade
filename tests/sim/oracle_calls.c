/* The ledger of the outside against what the rules asked for. */
#include "sim/oracle.h"

#include "base/partition.h"
#include "worker/decision.h"

static struct deed *deed_of(const struct run *run, const struct promise *promise)
{
    struct fake_world *world = run->world;
    char key[128];
    snprintf(key, sizeof(key), "\"%.*s\"", STR_ARG(promise->idempotency_key));
    for (size_t i = 0; i < world->deed_count; i++)
        if (strcmp(world->deeds[i].key, key) == 0 &&
            str_equal(promise->endpoint, str_from(world->deeds[i].endpoint)))
            return &world->deeds[i];
    return NULL;
}

/* A rule may ask again under the same key, after what never went, or as long as it is not known. */
static bool shares_its_key(const struct oracle *oracle, const struct promise *promise)
{
    for (const struct promise *other = oracle->promises; other; other = other->next)
        if (other != promise && str_equal(other->idempotency_key, promise->idempotency_key) &&
            str_equal(other->endpoint, promise->endpoint))
            return true;
    return false;
}

/* What a call's ledger has against it; text NULL = nothing. */
struct blame {
    enum run_check check;
    const char *text;
};

/* What holds of a key, whoever asked under it. */
static struct blame blame_for_key(const struct run *run, const struct promise *promise,
                                  const struct deed *deed)
{
    const struct endpoint *endpoint = endpoints_find(run->scenario->endpoints, promise->endpoint);
    int acts = deed ? deed->acts : 0;
    if (acts > 1)
        return (struct blame){CHECK_DONE_ONCE, "was done more than once"};
    if (promise->parked && endpoint->policy != POLICY_PARK)
        return (struct blame){CHECK_REPLIES,
                              "was parked, and its endpoint's policy says otherwise"};
    if (promise->answered > 0 && promise->outcome == OUTCOME_OK && acts == 0)
        return (struct blame){CHECK_REPLIES, "is said to be done, and was not"};
    if (promise->answered > 0 && promise->outcome == OUTCOME_UNKNOWN && !promise->parked &&
        promise->expires_ms == 0)
        return (struct blame){CHECK_REPLIES, "was given up"};
    return (struct blame){.text = NULL};
}

static struct blame blame_for_withdrawn(const struct promise *promise, const struct deed *deed)
{
    if (deed && (deed->acts > 0 || (deed->requests > 0 && deed->asked_last > promise->withdrawn)))
        return (struct blame){CHECK_WITHDRAWN, "was sent though it was withdrawn in time"};
    return (struct blame){.text = NULL};
}

static struct blame blame_for_call(const struct promise *promise, const struct deed *deed)
{
    int requests = deed ? deed->requests : 0, acts = deed ? deed->acts : 0;
    if (promise->withdrawn)
        return blame_for_withdrawn(promise, deed);
    if (deed && promise->parked && deed->told == promise->answered_by)
        return (struct blame){CHECK_REPLIES, "was parked by a worker that had heard a yes"};
    if (deed && deed->asked_again)
        return (struct blame){CHECK_DONE_ONCE, "was sent again by a worker that had heard a yes"};
    if (requests > 0 && deed->asked < promise->asked)
        return (struct blame){CHECK_INTENDED, "was sent before its intent was committed"};
    if (promise->answered > 0 && promise->outcome == OUTCOME_REFUSED &&
        (acts > 0 || requests == 0 || !deed->refused))
        return (struct blame){CHECK_REPLIES, "is said to be refused, and was not"};
    if (promise->answered > 0 && promise->outcome == OUTCOME_NOT_SENT && acts > 0)
        return (struct blame){CHECK_REPLIES, "is said not to be sent, and was done"};
    return (struct blame){.text = NULL};
}

/* One after the other: the next one of the key is sent after the reply to this one. */
static void check_order(struct oracle *oracle, const struct promise *later)
{
    const struct deed *deed = deed_of(oracle->run, later);
    for (const struct promise *earlier = later->next; deed && deed->requests > 0 && earlier;
         earlier = earlier->next) {
        if (earlier->of != later->of || earlier->withdrawn || earlier->asked > later->asked)
            continue;
        if (earlier->answered > deed->asked)
            run_wrong(oracle->run, CHECK_INTENDED,
                      "key %.*s: call %.*s was sent before the reply to %.*s",
                      STR_ARG(later->of->key), STR_ARG(later->id), STR_ARG(earlier->id));
    }
}

static void check_that_all_were_asked_for(struct oracle *oracle)
{
    const struct fake_world *world = oracle->run->world;
    for (size_t i = 0; i < world->deed_count; i++) {
        bool found = false;
        for (const struct promise *p = oracle->promises; p && !found; p = p->next)
            found = deed_of(oracle->run, p) == &world->deeds[i];
        if (!found)
            run_wrong(oracle->run, CHECK_INTENDED, "%s was asked for %s, which no rule intended",
                      world->deeds[i].endpoint, world->deeds[i].key);
    }
}

/* ---- withdrawn in time ---- */

/* Whether somebody read it between the two, to take the task over: an owner may have come and gone
 * that called. */
static bool was_read(const struct log *changelog, uint64_t from, uint64_t to)
{
    for (size_t i = 0; i < changelog->read_count; i++)
        if (changelog->read_at[i] >= from && changelog->read_at[i] < to)
            return true;
    return false;
}

/* Whether its `started` was committed before that moment. */
static bool was_marked(struct oracle *oracle, const struct log *changelog,
                       const struct promise *promise, uint64_t before)
{
    struct str field = decision_intent_field(
        &oracle->arena, str_from(promise->of->state_type->name), promise->of->key, promise->id);
    for (int64_t at = 0; at < changelog->count; at++) {
        const struct stored *record = &changelog->records[at];
        const struct record_type *type;
        if (!oracle_was_seen(record) || !record->value.ptr || record->moment < promise->asked ||
            record->moment >= before || !str_equal(record->key, field))
            continue;
        const struct task_intent *kept = oracle_decode(oracle, record->value, &type);
        if (kept && kept->status == INTENT_STATUS_STARTED)
            return true;
    }
    return false;
}

bool oracle_withdraws_in_time(struct oracle *oracle, const struct promise *promise, uint64_t moment,
                              int64_t now_ms)
{
    enum { CLOCKS_DIFFER_MS = 20000 };
    struct fake_world *world = oracle->run->world;
    const struct deed *deed = deed_of(oracle->run, promise);
    char name[NAME];
    snprintf(name, sizeof(name), "%s%s.changelog", world->prefix, promise->rules->name);
    const struct log *changelog =
        fake_log_of(world, name, partition_of(promise->of->key, world->partitions));
    if (deed && deed->tried > 0 && deed->tried < moment)
        return false;
    /* What has expired has come to its end, whether or not its reply was taken. */
    if (promise->expires_ms > 0 && promise->expires_ms < now_ms + CLOCKS_DIFFER_MS)
        return false;
    if (!was_read(changelog, promise->asked, moment))
        return true;
    return endpoints_find(oracle->run->scenario->endpoints, promise->endpoint)->commit_started &&
           !was_marked(oracle, changelog, promise, moment);
}

/* ---- all of them ---- */

void oracle_check_calls(struct oracle *oracle)
{
    for (const struct promise *promise = oracle->promises; promise; promise = promise->next) {
        struct deed *deed = deed_of(oracle->run, promise);
        bool alone = !shares_its_key(oracle, promise);
        struct blame blame = blame_for_key(oracle->run, promise, deed);
        if (!blame.text && alone)
            blame = blame_for_call(promise, deed);
        if (!blame.text && !promise->withdrawn && promise->answered == 0)
            blame = (struct blame){CHECK_GOES_ON, "was never answered"};
        if (blame.text)
            run_wrong(oracle->run, blame.check,
                      "call %.*s of key %.*s to %.*s %s: %d requests, done %d times",
                      STR_ARG(promise->id), STR_ARG(promise->of->key), STR_ARG(promise->endpoint),
                      blame.text, deed ? deed->requests : 0, deed ? deed->acts : 0);
        if (alone)
            check_order(oracle, promise);
    }
    check_that_all_were_asked_for(oracle);
}
