/* Private to fake_*.c: what the world in memory is made of. */
#ifndef WAYBILL_SIM_FAKE_STATE_H
#define WAYBILL_SIM_FAKE_STATE_H

#include "sim/fake_world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TOPICS_MAX = 64,
    PARTITIONS_MAX = 8,
    FIELDS_MAX = 512,
    INPUTS = 16,
    NAME = 96,
    LATE_MAX = 256
};

enum record_state { COMMITTED, PENDING, ABORTED, MARKER, COMPACTED };

struct stored {
    enum record_state state;
    struct str key, value;
    struct event_header *headers;
    size_t header_count;
};

struct log {
    struct stored *records;
    int64_t count, capacity;
    int64_t low; /* what is below was deleted */
};

/* A record of a transaction that an earlier owner has on its way. */
struct late {
    struct log *log;
    struct stored record;
};

struct topic {
    char name[NAME];
    struct log logs[PARTITIONS_MAX];
};

struct shelf_field {
    struct str name, value; /* value.ptr NULL = absent */
    int64_t score;
};

struct shelf {
    struct str position;
    struct shelf_field fields[FIELDS_MAX];
    size_t count;
};

struct fake_world {
    struct ports ports;
    struct transports transports;
    const struct service *service;
    int32_t partitions;
    struct topic topics[TOPICS_MAX];
    size_t topic_count;
    /* the group and the one member */
    uint64_t epoch;
    struct kafka_partition assigned[INPUTS * PARTITIONS_MAX];
    size_t assigned_count;
    int64_t next[INPUTS][PARTITIONS_MAX];
    bool running[INPUTS][PARTITIONS_MAX];
    int64_t committed[INPUTS][PARTITIONS_MAX];
    /* the one transaction */
    bool open;
    struct kafka_partition offsets[INPUTS * PARTITIONS_MAX];
    size_t offset_count;
    int64_t *wanted[4096];
    int64_t wanted_at[4096];
    size_t wanted_count;
    enum fake_commit next_commit;
    /* what an earlier owner's comes late with, and its offsets */
    struct late late[LATE_MAX];
    size_t late_count;
    struct kafka_partition late_offsets[INPUTS * PARTITIONS_MAX];
    size_t late_offset_count;
    /* the changelog's reader */
    int64_t reading[PARTITIONS_MAX], until[PARTITIONS_MAX];
    bool is_reading[PARTITIONS_MAX];
    /* the tables' reader */
    int64_t table_next[8][PARTITIONS_MAX];
    /* the store */
    struct shelf shelves[PARTITIONS_MAX], before[PARTITIONS_MAX];
    int store_away;
    enum fake_commit next_apply;
    int lose_apply[PARTITIONS_MAX]; /* 1 = the next one, 0 = none */
    /* time and calls */
    int64_t now_ms, mono_ms;
    struct fake_call calls[FAKE_CALLS_MAX];
    void *owners[FAKE_CALLS_MAX];
    size_t call_count, answered;
    enum http_end next_end;
    int32_t next_status;
    bool hold;
    size_t produce_max;
    bool hidden[INPUTS], hidden_partition[PARTITIONS_MAX];
    int rebalance_after; /* -1 = not */
    int64_t contact_age_ms;
};

/* A copy, NUL-terminated; absent stays absent. */
struct str fake_keep(struct str s);
void fake_drop(struct str *s);

/* fake_topics.c: the logs themselves. Topics come into being when they are named. */
struct log *fake_log_of(struct fake_world *world, const char *name, int32_t partition);
struct stored *fake_append(struct log *log, enum record_state state);
void fake_fill(struct stored *record, struct str key, struct str value,
               const struct event_header *headers, size_t count);
/* The first offset that a transaction still holds back. */
int64_t fake_stable_end(const struct log *log);
/* The first record at *at or after it that read_committed shows; *at moves past it. */
bool fake_take(const struct log *log, int64_t *at, struct kafka_record *out);
void fake_record_free(struct stored *record);
void fake_log_free(struct log *log);

/* fake_log.c: the broker and its clients. */
struct log_port fake_log_port(struct fake_world *world);
/* Every pending record gets its fate, and each touched partition a marker. */
void fake_end_transaction(struct fake_world *world, enum record_state fate);

/* fake_store.c */
struct store_port fake_store_port(struct fake_world *world);
void fake_shelf_empty(struct shelf *shelf);

#endif
