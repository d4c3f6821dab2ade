/* Runs rules in memory, one event after the other, and lets a test look at what they decided.
 *
 *     struct kit kit;
 *     kit_init(&kit, routes, ROUTE_COUNT, &cfg);              (a service's table, or your own)
 *     kit_event(&kit, &order_submitted, STR("shop:1"), &body);
 *     CU_ASSERT_EQUAL(kit_count(&kit, &order_accepted), 1);
 *     const struct order_accepted *accepted = kit_emitted(&kit, &order_accepted, 0);
 *     kit_advance(&kit, 30 * DAY_MS);                         (timers that come due on the way
 * fire) kit_done(&kit);
 *
 * States, timers and intents are kept per state type and key, as the runtime does. Every event,
 * state and emitted record goes through the Avro codec. What a rule that returned SET_ASIDE wanted
 * is forgotten. A wrong use of the effects (an unknown timer's name, a timer without a state) ends
 * the test by an assertion.
 *
 * To test a service's own table, include its main.c:
 *     #define main service_main
 *     #include "../../services/intake/main.c"
 *     #undef main
 * and link `intake_settings rules_kit`: the kit has a worker_main that does nothing. */
#ifndef WAYBILL_TESTS_RULES_KIT_H
#define WAYBILL_TESTS_RULES_KIT_H

#include "base/buffer.h"
#include "rules/route.h"

enum { SECOND_MS = 1000, MINUTE_MS = 60 * SECOND_MS, HOUR_MS = 60 * MINUTE_MS };
#define DAY_MS ((int64_t)24 * HOUR_MS)
/* Where a kit's clock starts: 2026-01-15T10:00:00Z, a Thursday. */
#define KIT_START_MS INT64_C(1768471200000)

/* A record that a rule emitted. body is a struct of that type. */
struct kit_record {
    const struct record_type *type;
    struct str key;
    const void *body;
};

/* An intent, and what has become of it. */
struct kit_intent {
    struct intent intent;
    const struct record_type *state; /* of the key that asked for it */
    struct str key;
    bool withdrawing, withdrawn, answered;
};

struct kit_entry; /* what the kit keeps for one state type and key */

struct kit {
    struct context ctx; /* now_ms may be set freely; cfg, too */
    struct effects effects;
    const struct route *routes;
    size_t route_count;

    struct arena kept;    /* emitted records, intents, tables; until kit_forget */
    struct arena scratch; /* the arena that rules see; reset before each */
    struct kit_record *emitted;
    size_t emitted_count, pumped_count;
    struct kit_intent *intents;
    size_t intent_count;
    struct kit_entry *entries;
    size_t entry_count;
    struct kit_record *table;
    size_t table_count;
    struct tables tables;
    struct effects_sink sink;
    struct kit_entry *staged; /* the running rule's changes, taken when it says DONE */
    size_t emitted_before, intents_before;
    int64_t event_number;
};

/* routes and cfg are borrowed. */
void kit_init(struct kit *kit, const struct route *routes, size_t route_count, const void *cfg);
void kit_done(struct kit *kit);

/* Runs the rule that the routes name for this event, with the key's state. The verdict is returned;
 * after SET_ASIDE kit->effects.reason says why. An event without a route is a failed assertion. */
enum verdict kit_event(struct kit *kit, const struct record_type *type, struct str key,
                       const void *body);

/* The same with every part of the event chosen by the test (id, time_ms). ev->type decides. */
enum verdict kit_run(struct kit *kit, const struct event *ev);

/* The call of the key's intent `reply->intent_id` ended; name and endpoint are the intent's. */
enum verdict kit_reply(struct kit *kit, const struct record_type *state, struct str key,
                       const struct call_reply *reply);

/* Fires this timer now, whether due or not; it must be set. */
enum verdict kit_fire(struct kit *kit, const struct record_type *state, struct str key,
                      const char *name);

/* Moves the clock on by ms; timers fire in the order in which they come due, each at its time.
 * Returns how many fired. */
size_t kit_advance(struct kit *kit, int64_t ms);

/* Gives each emitted record that the routes read back to them, once, in order, until nothing new
 * comes. Returns how many. For services that read what they write. */
size_t kit_pump(struct kit *kit);

/* Emitted records of a type, in order, since kit_init or kit_forget. kit_emitted: NULL when there
 * are not so many; type NULL counts all. */
size_t kit_count(const struct kit *kit, const struct record_type *type);
const void *kit_emitted(const struct kit *kit, const struct record_type *type, size_t nth);
struct str kit_emitted_key(const struct kit *kit, const struct record_type *type, size_t nth);

/* Forgets emitted records and intents (not states and timers): "from here on". */
void kit_forget(struct kit *kit);

/* The key's state, or NULL. Valid until the next event. */
const void *kit_state(struct kit *kit, const struct record_type *state, struct str key);
/* Puts a state by hand. NULL drops it with its timers. */
void kit_put_state(struct kit *kit, const struct record_type *state, struct str key,
                   const void *body);
/* How many bytes the state takes in Avro; 0 = no state. */
size_t kit_state_bytes(const struct kit *kit, const struct record_type *state, struct str key);

/* When the timer is due, or -1 when it is not set. */
int64_t kit_timer_due(const struct kit *kit, const struct record_type *state, struct str key,
                      const char *name);
size_t kit_timer_count(const struct kit *kit, const struct record_type *state, struct str key);

/* The nth intent that was neither withdrawn nor answered, or NULL; and the one with that id,
 * whatever became of it. */
const struct kit_intent *kit_intent_pending(const struct kit *kit, size_t nth);
const struct kit_intent *kit_intent_find(const struct kit *kit, struct str id);

/* A record of a compacted topic that the rules may look up. A second one under the key replaces. */
void kit_table_put(struct kit *kit, const struct record_type *type, struct str key,
                   const void *body);

#endif
