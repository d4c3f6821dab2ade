/* A worker of a small service in a world in memory, and words for what tests of the runtime do to
 * it.
 *
 * The service counts payments per key and says so on `orders`. What else its rule does stands in
 * the amount of the payment. Each test begins with begin and ends with finish. */
#ifndef WAYBILL_SIM_PROBE_H
#define WAYBILL_SIM_PROBE_H

#include "sim/fake_world.h"

#include "worker/batch.h"
#include "worker/loop.h"

#include <setjmp.h>

enum amount {
    PLAIN = 0,          /* says "paid 1", "paid 2", … */
    SETS_TIMER,         /* due after 60 s; then says "rang …" and counts 100 */
    SETS_TWO_TIMERS,    /* that one, and one after 120 s; then says "chimed …" and counts 10 */
    SETS_BOTH_AT_70_S,  /* the chime at 70 s, the ring at 80 s of the world's life */
    SETS_TIMER_AT_70_S, /* of the world's life, whatever the time is; the same timer */
    TELLS_TIME,         /* says "at <ms since the world began>" */
    CALLS,              /* under the id "call-<count>"; then says "called …" and counts 1000 */
    CALLS_ELSEWHERE,    /* the same at the other endpoint */
    CALLS_AGAIN,        /* under the id "call-1" */
    CALLS_BUT_IS_REFUSED,
    SET_ASIDE_AFTER_EMITTING,
    WITHDRAWS, /* call-1 */
    DROPS_STATE,
    GROWS,       /* past the limit of a state */
    FAT_STATE,   /* not quite */
    EMITS_LARGE, /* one event of 1.5 MB */
    EMITS_MUCH,  /* 1 MB in 100 events */
    EXPLODES,    /* jumps to bomb */
    SETS_BOMB    /* a timer that does, after 60 s */
};

enum { PARTITIONS = 4, RECORDS_MAX = 3000 };

/* A reply with status 422 is only said, one with 418 is set aside, one with 451 jumps to bomb. */
extern const struct service probe;
extern jmp_buf bomb; /* where a rule that kills its worker ends */

/* Its rule for payments, for other versions of the service. */
enum verdict probe_on_payment(const struct event *ev, const void *state, const struct context *ctx,
                              struct effects *out);
/* Emits that as the reason of an order.cancelled of the event's key, followed by the count. */
void probe_say(struct effects *out, const struct event *ev, const struct context *ctx,
               const char *what, int64_t count);

/* The one world, the worker in it, and its settings; these may be changed under way. */
extern struct fake_world *world;
extern struct worker worker;
enum { THERE, ELSEWHERE, ENDPOINTS };
extern struct endpoint endpoints[ENDPOINTS];
extern struct runtime_settings cfg;

void begin(void);
void begin_in(enum endpoint_policy policy); /* of the endpoints; begin: called again when unsure */
void finish(void);

int open_worker(const struct service *service, struct error *err); /* as worker_open */

/* Turns of the loop; none may be fatal. */
void turn(int times);
/* Long enough for anything that is due or waits for its next try: 12 s. */
void settle(void);
/* The process ends here, whatever it was at, and a new one begins. */
void crash(void);
void crash_into(const struct service *version);

/* A payment of that key, with that ce_id. */
void pay(const char *key, enum amount amount, const char *id);
void pay_at(const char *key, int32_t partition, enum amount amount, const char *id);
void pay_with(const char *key, int32_t partition, enum amount amount,
              const struct event_header *headers, size_t header_count);

/* That record in Avro, framed; buffer_done is due. */
struct str framed(const struct record_type *type, const void *body, struct buffer *buffer);

int32_t home_of(const char *key);
/* The i-th other key on the partition of that key; in static memory. */
const char *neighbour_of(const char *key, int i);

/* What was said of that key, in order, as "paid 1, paid 2"; in static memory. */
const char *said(const char *key);
/* Why the i-th dead letter is one; "" = there is none. In static memory. */
const char *dead(size_t i);
size_t calls_made(void);

#endif
