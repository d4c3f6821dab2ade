/* Reads partitions without a group, read_committed: changelogs, tables, the CLI.
 *
 * Each started partition has an end: the offset that `until` named, usually the high watermark of
 * kafka_admin_watermarks. It is reached when everything below it is known to be read, skipped
 * (control and aborted records) or decided; a transaction that is still open below it holds the end
 * back. Reading goes on past the end until the partition is stopped. */
#ifndef WAYBILL_KAFKA_READER_H
#define WAYBILL_KAFKA_READER_H

#include "kafka/kafka.h"

struct kafka_reader;

enum { KAFKA_FROM_BEGINNING = -2 };

/* topics: full names; the index here is kafka_record.topic. */
MUST_CHECK int kafka_reader_open(struct kafka_reader **out, const struct kafka_settings *settings,
                                 const char *const *topics, size_t topic_count, struct error *err);

/* As kafka_consumer_close. */
bool kafka_reader_close(struct kafka_reader *reader, int timeout_ms);

/* Starts a partition that is not started. from: the offset of the first record wanted (low
 * watermark <= from <= high watermark, else kafka_reader_next says ERROR_ABORT_BATCH) or
 * KAFKA_FROM_BEGINNING. until as above; 0 = at once at the end. */
MUST_CHECK int kafka_reader_start(struct kafka_reader *reader, int32_t topic, int32_t partition,
                                  int64_t from, int64_t until, struct error *err);

/* Forgets the partition; no more of its records come. Not started: nothing happens. */
void kafka_reader_stop(struct kafka_reader *reader, int32_t topic, int32_t partition);

/* 1 = *out is a record of any started partition, to be freed; 0 = nothing within timeout_ms (an end
 * may have been reached); -1 = err, *out untouched:
 *   ERROR_RETRY        something is away; the client goes on by itself;
 *   ERROR_ABORT_BATCH  an offset is not in the log: stop that partition, look at the watermarks. */
MUST_CHECK int kafka_reader_next(struct kafka_reader *reader, int timeout_ms,
                                 struct kafka_record *out, struct error *err);

/* Every record below the end has been returned by kafka_reader_next. Stays true once it is. False
 * for a partition that is not started. */
bool kafka_reader_at_end(const struct kafka_reader *reader, int32_t topic, int32_t partition);

/* Of every started partition; true when none is. */
bool kafka_reader_all_at_end(const struct kafka_reader *reader);

/* The next offset to read, control and aborted records counted in; KAFKA_NO_OFFSET = not known yet
 * (started from the beginning and nothing came). */
int64_t kafka_reader_position(const struct kafka_reader *reader, int32_t topic, int32_t partition);

#endif
