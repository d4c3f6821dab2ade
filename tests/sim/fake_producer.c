/* The log's port, writing side: the producer of one process, as librdkafka behaves. Records wait in
 * a queue and go out at any time, at the latest with the commit. */
#include "sim/fake_state.h"

enum { WAIT_MS = 20, WAITS_MOST = 400 };

static int dead(struct error *err)
{
    return error_set(err, ERROR_FATAL, "dead");
}

static void forget_queue(struct fake_process *process)
{
    for (size_t i = process->delivered; i < process->queue_count; i++)
        fake_record_free(&process->queue[i].record);
    process->queue_count = process->delivered = process->wanted_count = 0;
    process->failed = BROKER_OK;
}

void fake_producer_done(struct fake_process *process)
{
    forget_queue(process);
    free(process->queue);
    free(process->wanted);
    free(process->wanted_at);
    process->queue = NULL;
    process->wanted = NULL;
    process->wanted_at = NULL;
    process->queue_room = process->wanted_room = 0;
}

/* A new producer; false while the transaction before has not ended. */
static bool init(struct fake_process *process)
{
    enum broker_answer answer = BROKER_BUSY;
    forget_queue(process);
    process->begun = false;
    for (int i = 0; i < WAITS_MOST && answer == BROKER_BUSY; i++) {
        answer = broker_init(process->world, process->txn, &process->txn_epoch);
        if (answer == BROKER_BUSY && !fake_wait(process, WAIT_MS))
            break;
    }
    process->ready = answer == BROKER_OK;
    return process->ready;
}

static int log_reopen(void *self, struct error *err)
{
    struct fake_process *process = self;
    if (!fake_enter(process, CALL_REOPEN))
        return dead(err);
    if (!init(process))
        return error_set(err, ERROR_RETRY, "a transaction has not ended yet");
    fake_leave(process, CALL_REOPEN);
    return 0;
}

/* What kafka_producer_abort would do for a caller that goes on with the same producer. */
static void abort_open(struct fake_process *process)
{
    forget_queue(process);
    broker_end(process->world, process->txn, process->txn_epoch, false);
    process->begun = false;
}

static int log_begin(void *self, struct error *err)
{
    struct fake_process *process = self;
    if (!fake_enter(process, CALL_BEGIN))
        return dead(err);
    if (!process->ready && !init(process))
        return error_set(err, ERROR_RETRY, "a transaction has not ended yet");
    if (process->begun)
        abort_open(process);
    process->begun = true;
    forget_queue(process);
    return 0;
}

/* One queued record reaches its partition, or does not. */
static void deliver(struct fake_process *process, struct queued *queued)
{
    struct fake_world *world = process->world;
    enum broker_answer answer = BROKER_BUSY;
    for (int i = 0; i < WAITS_MOST && answer == BROKER_BUSY; i++) {
        answer = broker_add(world, process->txn, process->txn_epoch, queued->log);
        if (answer == BROKER_BUSY && !fake_wait(process, WAIT_MS))
            break;
    }
    if (answer != BROKER_OK) {
        process->failed = answer;
        fake_record_free(&queued->record);
        return;
    }
    struct stored *record = fake_append(queued->log, PENDING);
    *record = queued->record;
    record->state = PENDING;
    record->txn = (int32_t)(process->txn - world->txns);
    record->writer = process->number;
    if (world->dated)
        record->timestamp_ms = world->now_ms;
    if (queued->out_offset) {
        if (process->wanted_count == process->wanted_room) {
            process->wanted_room = process->wanted_room ? process->wanted_room * 2 : 16;
            process->wanted = realloc(process->wanted, process->wanted_room * sizeof(int64_t *));
            process->wanted_at =
                realloc(process->wanted_at, process->wanted_room * sizeof(int64_t));
            assert(process->wanted && process->wanted_at);
        }
        process->wanted[process->wanted_count] = queued->out_offset;
        process->wanted_at[process->wanted_count++] = queued->log->count - 1;
    }
}

static void deliver_all(struct fake_process *process)
{
    while (process->delivered < process->queue_count)
        deliver(process, &process->queue[process->delivered++]);
}

static int log_produce(void *self, const struct kafka_output *output, struct error *err)
{
    struct fake_process *process = self;
    struct fake_world *world = process->world;
    if (!fake_enter(process, CALL_PRODUCE))
        return dead(err);
    if (!process->begun)
        return error_set(err, ERROR_FATAL, "no transaction was begun");
    if (world->produce_max && output->value.len > world->produce_max)
        return error_set(err, ERROR_SET_ASIDE, "Message size too large");
    if (process->queue_count == process->queue_room) {
        process->queue_room = process->queue_room ? process->queue_room * 2 : 64;
        process->queue = realloc(process->queue, process->queue_room * sizeof(*process->queue));
        assert(process->queue);
    }
    struct queued *queued = &process->queue[process->queue_count++];
    *queued = (struct queued){.log = fake_log_of(world, output->topic, output->partition),
                              .out_offset = output->out_offset};
    fake_fill(world, &queued->record, output);
    if (!world->turns.wait || (!world->lingers && fake_pick(&world->faults, 3) == 0))
        deliver_all(process);
    fake_leave(process, CALL_PRODUCE);
    return 0;
}

static int32_t input_of(const struct fake_process *process, const char *topic)
{
    char name[NAME];
    size_t input = 0;
    while (strcmp(fake_input_name(process, input, name), topic) != 0)
        input++;
    return (int32_t)input;
}

static int log_send_offsets(void *self, const struct kafka_offset *offsets, size_t count,
                            const struct kafka_group_metadata *membership, struct error *err)
{
    struct fake_process *process = self;
    struct fake_world *world = process->world;
    struct kafka_partition at[OFFSETS_MAX];
    if (!fake_enter(process, CALL_SEND_OFFSETS))
        return dead(err);
    if (count == 0)
        return 0; /* librdkafka does nothing and says OK */
    for (size_t i = 0; i < count; i++)
        at[i] = (struct kafka_partition){input_of(process, offsets[i].topic), offsets[i].partition,
                                         offsets[i].offset};
    enum broker_answer answer = BROKER_BUSY;
    for (int i = 0; i < WAITS_MOST && answer == BROKER_BUSY; i++) {
        /* Looked at when the request arrives, however long it was under way. */
        if (!group_knows(process, (uint64_t)(uintptr_t)membership - 1)) {
            fake_tell(&world->faults, process->number, "offsets are refused: an old generation");
            return error_set(err, ERROR_ABORT_BATCH, "illegal generation");
        }
        answer =
            broker_add_offsets(world, process->txn, process->txn_epoch, process->group, at, count);
        if (answer == BROKER_BUSY && !fake_wait(process, WAIT_MS))
            break;
    }
    if (answer != BROKER_OK)
        return error_set(err, ERROR_FATAL, answer == BROKER_FENCED ? "fenced" : "timed out");
    fake_leave(process, CALL_SEND_OFFSETS);
    return 0;
}

static enum kafka_commit unknown(struct error *err, const char *why)
{
    error_set(err, ERROR_FATAL, "%s", why);
    return KAFKA_COMMIT_UNKNOWN;
}

static enum kafka_commit not_committed(struct fake_process *process, enum error_action action,
                                       const char *why, struct error *err)
{
    fake_tell(&process->world->faults, process->number, "commit refused: %s", why);
    error_set(err, action, "%s", why);
    return KAFKA_NOT_COMMITTED;
}

static enum fake_commit how_it_goes(struct fake_world *world)
{
    enum fake_commit what = world->next_commit;
    world->next_commit = FAKE_COMMITS;
    if (fake_goes_wrong(&world->faults, FAULT_COMMIT_REFUSED))
        return FAKE_REFUSES;
    if (fake_goes_wrong(&world->faults, FAULT_COMMIT_ANSWER_LOST))
        return FAKE_ANSWER_LOST;
    if (fake_goes_wrong(&world->faults, FAULT_COMMIT_REQUEST_LOST))
        return FAKE_REQUEST_LOST;
    return what;
}

/* EndTxn. */
static enum kafka_commit end(struct fake_process *process, bool commits, struct error *err)
{
    struct fake_world *world = process->world;
    enum broker_answer answer = broker_end(world, process->txn, process->txn_epoch, commits);
    if (answer != BROKER_OK)
        return not_committed(process, ERROR_FATAL,
                             answer == BROKER_FENCED ? "a newer producer is there" : "busy", err);
    process->begun = false;
    if (!commits)
        return not_committed(process, ERROR_ABORT_BATCH, "refused", err);
    for (size_t i = 0; i < process->wanted_count; i++)
        *process->wanted[i] = process->wanted_at[i];
    return KAFKA_COMMITTED;
}

/* The request is under way while we have given up waiting. */
static enum kafka_commit commit_late(struct fake_process *process, struct error *err)
{
    struct fake_world *world = process->world;
    fake_tell(&world->faults, process->number, "commit request is late, nobody knows");
    process->txn->late_ms = world->now_ms + fake_pick(&world->faults, 3000);
    process->txn->late_epoch = process->txn_epoch;
    return unknown(err, "timed out");
}

static enum kafka_commit log_commit(void *self, struct error *err)
{
    struct fake_process *process = self;
    struct fake_world *world = process->world;
    if (!fake_enter(process, CALL_COMMIT))
        return unknown(err, "dead");
    if (!process->begun)
        return not_committed(process, ERROR_FATAL, "no transaction was begun", err);
    deliver_all(process);
    if (process->failed != BROKER_OK)
        return not_committed(process, ERROR_FATAL, "a record could not be written", err);
    if (fake_goes_wrong(&world->faults, FAULT_COMMIT_REQUEST_LATE))
        return commit_late(process, err);
    enum fake_commit what = how_it_goes(world);
    if (what == FAKE_REQUEST_LOST) {
        fake_tell(&world->faults, process->number, "commit request lost, nobody knows");
        return unknown(err, "timed out"); /* still open: the next producer aborts it */
    }
    process->txn->held = what == FAKE_COMES_LATE;
    enum kafka_commit ended = end(process, what != FAKE_REFUSES, err);
    if (ended == KAFKA_COMMITTED)
        fake_tell(&world->faults, process->number, "commit of %zu records decided%s",
                  process->queue_count, what == FAKE_COMMITS ? "" : ", answer lost");
    fake_leave(process, CALL_COMMIT);
    if (ended == KAFKA_COMMITTED && what != FAKE_COMMITS)
        return unknown(err, "the answer was lost");
    return ended;
}

static int log_publish(void *self, const struct kafka_output *outputs, size_t count,
                       struct error *err)
{
    struct fake_process *process = self;
    if (!fake_enter(process, CALL_PUBLISH))
        return dead(err);
    for (size_t i = 0; i < count; i++)
        fake_fill(process->world,
                  fake_append(fake_log_of(process->world, outputs[i].topic, 0), COMMITTED),
                  &outputs[i]);
    fake_leave(process, CALL_PUBLISH);
    return 0;
}

void fake_producer_port(struct log_port *port)
{
    port->begin = log_begin;
    port->produce = log_produce;
    port->send_offsets = log_send_offsets;
    port->commit = log_commit;
    port->reopen = log_reopen;
    port->publish = log_publish;
}

void fake_world_next_commit(struct fake_world *world, enum fake_commit what)
{
    world->next_commit = what;
}

void fake_world_produce_max(struct fake_world *world, size_t bytes)
{
    world->produce_max = bytes;
}
