/* The runtime's own state: a worker, its tasks, a batch. Private to common/worker; services see
 * service.h only. */
#ifndef WAYBILL_WORKER_WORKER_H
#define WAYBILL_WORKER_WORKER_H

#include "avro/codec.h"
#include "avro/framing.h"
#include "avro/schemas.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "cloudevents/cloudevents.h"
#include "events.h"
#include "ids/uuid5.h"
#include "worker/calls.h"
#include "worker/meters.h"
#include "worker/ports.h"
#include "worker/runtime_settings.h"
#include "worker/service.h"
#include "worker/stored.h"

enum {
    INPUTS_MAX = 16,
    TABLES_MAX = 8,
    SEEN_MAX = 32, /* recent event ids per key, inbound topics only */
    RANDOM_ID_BYTES = 16,
    TOLD_IDS_MAX = 64,
    INTENTS_PER_BATCH_MAX = 100000,
    ENTRY_BUCKETS = 4096,
    POISON_WHAT_BYTES = 80,
    POISON_BLAMED_MAX = 4,
    VALUE_BYTES_MAX = 1900 * 1024 /* of one record that we write; topics take 2 MiB */
};

/* Instants go up to the end of the year 9999. */
#define TIME_MS_MAX INT64_C(253402300799999)

enum task_phase {
    TASK_ABSENT,    /* not ours */
    TASK_RESTORING, /* ours, but nothing of it is trusted: its partitions are paused */
    TASK_READY
};

/* Partition i of every input of the service, and of its changelog. */
struct task {
    int32_t partition;
    enum task_phase phase;
    bool in_batch;
    /* the position */
    int64_t batch; /* number of the last batch; 0 = none yet */
    int64_t event_time_ms;
    int64_t next[INPUTS_MAX]; /* next offset to decide, per input */
    int64_t told[INPUTS_MAX]; /* next offset that the group knows, per input */
    /* of inputs that only another version of the service has: kept for it */
    struct input_offset others[INPUTS_MAX];
    size_t other_count;
    bool ahead;          /* next has moved past the last position record */
    struct buffer base;  /* the position as the store must hold it; empty = none */
    struct str position; /* the record that the batch at work writes, in its arena */
    /* The random ids of the last position that we know of, and of the last one that we tried to
     * commit: any other one was written by another owner, whether we have heard of it or not. */
    char known_id[RANDOM_ID_BYTES], tried_id[RANDOM_ID_BYTES];
    uint32_t away_count;     /* how often another owner was found to have been there */
    int64_t position_offset; /* where that record went in the changelog */
    int64_t earliest_ms;     /* no timer is due before; INT64_MAX = none */
    int64_t ready_mono_ms;   /* since when READY */
    int64_t looked_mono_ms;  /* when its store was last asked, for want of work, where it stands */
    int64_t heard_mono_ms;   /* since when it is known what all inputs hold; -1 = not yet */
    bool caught_up;          /* what they held has been read: timers may fire */
    int64_t fresh_from;      /* intents from this sequence on were first asked for by us */
    int refused;             /* how often lately: another version's states that we cannot read */
    bool has_backlog;        /* intents wait in the store, since the calls were full */
    int64_t backlog_wait_ms; /* between looks at it */
    /* poison.h */
    bool begun;            /* this process has taken it over before */
    bool suspected;        /* its timers and replies are written down before they are tried */
    int suspected_batches; /* and its records, in so many batches still */
    int64_t start_count, started_wall_ms;
    struct poison_try {
        char what[POISON_WHAT_BYTES]; /* empty = none */
        int64_t count;
        bool settled;            /* it lived, or was left alone, in the batch at work */
    } blamed[POISON_BLAMED_MAX], /* what owners died at, and how often */
        trying;                  /* what is written down now */
    /* restoring */
    int64_t retry_mono_ms; /* not to be tried again before */
    int attempts;
    /* an input that stopped at a record whose schema is not known yet */
    int64_t unknown_offset[INPUTS_MAX]; /* -1 = none */
    int64_t unknown_since_mono_ms[INPUTS_MAX];
    int64_t unknown_retry_mono_ms[INPUTS_MAX];
};

/* One key of one state type, as this batch sees it. */
struct entry {
    struct entry *next;        /* all of the batch, in order of first use */
    struct entry *next_bucket; /* same hash */
    struct task *task;
    const struct record_type *state_type;
    struct str field; /* "s:<state type>:<key>" */
    struct str key;
    const void *state;      /* decoded; NULL = none */
    struct str state_bytes; /* framed; ptr NULL = none */
    struct key_timer timers[TIMERS_PER_KEY_MAX];
    size_t timer_count;
    struct str intents[INTENTS_PER_KEY_MAX]; /* fields "i:…" of those not answered, in order */
    bool parked[INTENTS_PER_KEY_MAX];        /* which of them are a person's */
    size_t intent_count;
    struct str seen[SEEN_MAX];
    size_t seen_count;
    bool changed;
    bool dropping;    /* the state goes once the last intent is answered */
    bool rescored;    /* its place in the sorted set may be wrong */
    struct str value; /* what the changelog and the store get; ptr NULL = nothing is left */
};

/* A record that the batch writes. */
struct output {
    struct output *next;
    const char *topic;
    int32_t partition;
    int64_t time_ms; /* Kafka's timestamp; 0 = now */
    struct str key, value;
    struct event_header *headers;
    size_t header_count;
};

enum intent_step {
    INTENT_NEW,       /* offer it to the calls */
    INTENT_AGAIN,     /* the same: a person has a parked one called again */
    INTENT_MARKED,    /* STARTED is committed: it may be sent */
    INTENT_WITHDRAWN, /* by a rule */
    INTENT_ANSWERED   /* its reply was taken; parked ones stay */
};

struct intent_change {
    struct intent_change *next;
    enum intent_step step;
    bool alone; /* INTENT_NEW: no other of its key is pending */
    struct task *task;
    struct str field;                 /* the intent's name in the store, see decision.c */
    const struct task_intent *intent; /* NULL = gone */
    struct str value;                 /* framed; ptr NULL = gone */
};

enum item_kind { ITEM_RECORD, ITEM_TIMERS, ITEM_REPLY };

enum item_fate {
    FATE_DECIDE,
    FATE_IGNORE, /* not for this service */
    FATE_DEAD,   /* dead letter with the reason */
    FATE_REKEY   /* to the partition it belongs on */
};

/* One thing to decide: a record, the due timers of a key, or a call's reply. */
struct batch_item {
    enum item_kind kind;
    enum item_fate fate;
    struct task *task;
    struct kafka_record record;   /* ITEM_RECORD */
    struct calls_reply *finished; /* ITEM_REPLY */
    struct cloudevent ce;         /* what the record's headers say */
    struct event ev;
    struct str cause; /* ce_id of what made this happen */
    const struct route *route;
    struct entry *entry;
    struct str field;
    struct str call_field;          /* answers.h: the call that a person answered */
    const struct task_intent *call; /* that call; NULL = none is kept */
    const char *reason;             /* FATE_DEAD */
};

/* What one transaction covers. All of it lives in the worker's arena. */
struct batch {
    struct kafka_group_metadata *membership;
    struct batch_item *items;
    size_t item_count; /* at most worker->item_max */
    struct entry *buckets[ENTRY_BUCKETS];
    struct entry *first_entry, *last_entry;
    size_t entry_count;
    struct output *first_output, *last_output;
    struct intent_change *first_intent, *last_intent;
    int64_t intent_sequence;
    size_t dead_count;
    int64_t now_ms; /* the clock's; a task's own `now` may be later */
    bool full;      /* reading ended because the batch was full, not because there was no more */
};

struct tables_held;
struct restore;
struct outlets;
struct endpoint_meters;

struct worker {
    const struct service *service;
    const struct runtime_settings *cfg;
    const void *service_cfg;
    struct ports *ports;
    struct calls *calls;
    struct avro_schemas *schemas;
    struct tables_held *tables;
    uint64_t switches_seen;  /* switches.h */
    struct outlets *outlets; /* where each event type goes */
    struct restore *restore;
    struct meters meters;
    int32_t told_ids[TOLD_IDS_MAX]; /* versions.h: schemas of other versions that were spoken of */
    size_t told_count;
    struct endpoint_meters *endpoint_meters;
    struct arena names; /* for as long as the worker is open */
    struct arena arena; /* the batch's */
    struct arena backlog_arena;
    struct batch *batch;
    struct batch_item *items; /* room for a batch's */
    size_t item_max;
    struct buffer scratch;
    size_t input_count;
    int32_t operator_input; /* what a person sends (topics/operator.h); -1 = the service has none */
    int32_t partition_count;
    struct str source;     /* ce_source: "waybill/intake" */
    const char *changelog; /* topics with prefix */
    const char *dead_letters;
    const char **inputs;
    struct task *tasks;  /* [partition_count] */
    uint64_t epoch;      /* of the assignment that the tasks stand for */
    struct task *trying; /* that something is written down of: poison.h */
    struct {             /* a record that did not even fit alone */
        const struct task *task;
        int32_t input;
        int64_t offset;
    } too_large;
    bool producer_spent;   /* to be opened again before anything else */
    int failures;          /* batches thrown away in a row */
    size_t restore_chunk;  /* records of a restore that go to the store together */
    int64_t records_limit; /* of a batch; halved when one does not fit */
    int producer_attempts;
    int64_t producer_retry_mono_ms;
    bool positions_suspect;     /* an input's offset is not in its log any more: look closer */
    int64_t timers_mono_ms;     /* when timers were last looked at */
    int32_t timers_first;       /* the task that came first then */
    int64_t commit_due_mono_ms; /* when positions that only moved on are written; 0 = none did */
    bool draining;
};

/* What a worker is made of; borrowed until worker_close. */
struct worker_parts {
    const struct service *service;
    const struct runtime_settings *cfg;
    const void *service_cfg;
    struct ports *ports;
    const struct transports *transports;
    struct metrics *metrics;
    uint64_t seed;                /* for the jitter of retries */
    size_t restore_chunk_records; /* at most RESTORE_CHUNK_RECORDS; 0 = that */
};

/* Finds its topics, reads its tables, publishes its schemas. ERROR_RETRY: something is away.
 * worker_close is due even after a failure. */
MUST_CHECK int worker_open(struct worker *worker, const struct worker_parts *parts,
                           struct error *err);

/* The transports must be closed first. A zeroed worker is fine. */
void worker_close(struct worker *worker);

/* Framed Avro of a record into worker->scratch. */
MUST_CHECK int worker_encode(struct worker *worker, const struct record_type *type,
                             const void *record, struct error *err);

#endif
