/* The broker's side of transactions: who may write, when it is decided, when it shows.
 *
 * As KIP-98 and KIP-447 have it: a decision is one moment at the coordinator; its markers reach
 * each touched partition, and that of the group's offsets, by and by, each at its own time. Until
 * then the partition's last stable offset stands before it, its offsets are held back, and the
 * producer's next transaction waits. A new producer with the id raises the epoch and aborts what
 * is open; so does the transaction's timeout. */
#include "sim/fake_state.h"

struct txn *broker_txn(struct fake_world *world, const char *id)
{
    for (size_t i = 0; i < world->txn_count; i++)
        if (strcmp(world->txns[i].id, id) == 0)
            return &world->txns[i];
    assert(world->txn_count < TXNS_MAX);
    struct txn *txn = &world->txns[world->txn_count++];
    snprintf(txn->id, sizeof(txn->id), "%s", id);
    txn->late_ms = -1;
    return txn;
}

static int64_t marker_due(struct fake_world *world)
{
    if (fake_goes_wrong(&world->faults, FAULT_MARKERS_SLOW))
        return world->now_ms + fake_pick(&world->faults, 4000);
    return world->turns.wait ? world->now_ms + fake_pick(&world->faults, 8) : world->now_ms;
}

static void write_marker(struct fake_world *world, struct txn *txn, struct touched *touched)
{
    struct log *log = touched->log;
    for (int64_t i = touched->first; i < log->count; i++) {
        struct stored *record = &log->records[i];
        if (record->state != PENDING || record->txn != txn - world->txns)
            continue;
        record->state = txn->state == TXN_COMMITTING ? COMMITTED : ABORTED;
        record->moment = txn->moment;
    }
    fake_append(log, MARKER);
    touched->marked = true;
}

static void commit_offsets(struct txn *txn)
{
    if (txn->state == TXN_COMMITTING)
        for (size_t i = 0; i < txn->offset_count; i++)
            txn->group->committed[txn->offsets[i].topic][txn->offsets[i].partition] =
                txn->offsets[i].offset;
    txn->offset_count = 0;
    txn->group = NULL;
}

/* The markers that are due are written; with the last one the transaction has ended. */
static void follow(struct fake_world *world, struct txn *txn)
{
    if (txn->held || (txn->state != TXN_COMMITTING && txn->state != TXN_ABORTING))
        return;
    bool all = true;
    if (txn->group && txn->offsets_due_ms <= world->now_ms)
        commit_offsets(txn);
    all = !txn->group;
    for (size_t i = 0; i < txn->touched_count; i++) {
        struct touched *touched = &txn->touched[i];
        if (!touched->marked && touched->due_ms <= world->now_ms)
            write_marker(world, txn, touched);
        all &= touched->marked;
    }
    if (!all)
        return;
    txn->state = TXN_NONE;
    txn->touched_count = 0;
}

static void decide(struct fake_world *world, struct txn *txn, enum txn_state state)
{
    txn->state = state;
    txn->moment = ++world->moment;
    for (size_t i = 0; i < txn->touched_count; i++)
        txn->touched[i].due_ms = marker_due(world);
    txn->offsets_due_ms = marker_due(world);
    follow(world, txn);
}

static enum broker_answer check(const struct txn *txn, int32_t epoch)
{
    if (txn->epoch != epoch)
        return BROKER_FENCED;
    return txn->state == TXN_COMMITTING || txn->state == TXN_ABORTING ? BROKER_BUSY : BROKER_OK;
}

enum broker_answer broker_init(struct fake_world *world, struct txn *txn, int32_t *out_epoch)
{
    if (txn->state == TXN_ONGOING) {
        txn->epoch++;
        fake_tell(&world->faults, 0, "%s: a new producer aborts what is open", txn->id);
        decide(world, txn, TXN_ABORTING);
    }
    if (txn->state != TXN_NONE)
        return BROKER_BUSY;
    *out_epoch = ++txn->epoch;
    return BROKER_OK;
}

static void begin(struct fake_world *world, struct txn *txn)
{
    if (txn->state == TXN_ONGOING)
        return;
    txn->state = TXN_ONGOING;
    txn->began_ms = world->now_ms;
}

enum broker_answer broker_add(struct fake_world *world, struct txn *txn, int32_t epoch,
                              struct log *log)
{
    enum broker_answer answer = check(txn, epoch);
    if (answer != BROKER_OK)
        return answer;
    begin(world, txn);
    for (size_t i = 0; i < txn->touched_count; i++)
        if (txn->touched[i].log == log)
            return BROKER_OK;
    assert(txn->touched_count < TOUCHED_MAX);
    txn->touched[txn->touched_count++] = (struct touched){.log = log, .first = log->count};
    return BROKER_OK;
}

enum broker_answer broker_add_offsets(struct fake_world *world, struct txn *txn, int32_t epoch,
                                      struct group *group, const struct kafka_partition *offsets,
                                      size_t count)
{
    enum broker_answer answer = check(txn, epoch);
    if (answer != BROKER_OK)
        return answer;
    begin(world, txn);
    memcpy(txn->offsets, offsets, count * sizeof(*offsets));
    txn->offset_count = count;
    txn->group = group;
    return BROKER_OK;
}

enum broker_answer broker_end(struct fake_world *world, struct txn *txn, int32_t epoch,
                              bool commits)
{
    enum broker_answer answer = check(txn, epoch);
    if (answer == BROKER_OK && txn->state == TXN_ONGOING)
        decide(world, txn, commits ? TXN_COMMITTING : TXN_ABORTING);
    return answer;
}

bool broker_holds_back(const struct fake_world *world, const struct group *group,
                       const struct kafka_partition *at)
{
    for (size_t t = 0; t < world->txn_count; t++) {
        const struct txn *txn = &world->txns[t];
        for (size_t i = 0; txn->group == group && i < txn->offset_count; i++)
            if (txn->offsets[i].topic == at->topic && txn->offsets[i].partition == at->partition)
                return true;
    }
    return false;
}

void broker_advance(struct fake_world *world)
{
    for (size_t i = 0; i < world->txn_count; i++) {
        struct txn *txn = &world->txns[i];
        if (txn->late_ms >= 0 && txn->late_ms <= world->now_ms) {
            txn->late_ms = -1;
            bool stands = txn->state == TXN_ONGOING && txn->epoch == txn->late_epoch;
            fake_tell(&world->faults, 0, "%s: a late commit request comes and %s", txn->id,
                      stands ? "is carried out" : "is refused");
            broker_end(world, txn, txn->late_epoch, true);
        }
        if (txn->state == TXN_ONGOING && world->txn_timeout_ms > 0 &&
            world->now_ms - txn->began_ms > world->txn_timeout_ms) {
            fake_count(&world->faults, FAULT_TXN_TIMEOUT);
            fake_tell(&world->faults, 0, "%s: the transaction timed out", txn->id);
            txn->epoch++;
            decide(world, txn, TXN_ABORTING);
        }
        follow(world, txn);
    }
}

void fake_world_late_comes(struct fake_world *world)
{
    for (size_t i = 0; i < world->txn_count; i++)
        world->txns[i].held = false;
    broker_advance(world);
}
