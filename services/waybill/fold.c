#include "waybill/fold.h"

#include "base/hash.h"

#include <stdlib.h>

enum { KEY_BYTES_MAX = 1 << 30, SLOTS_LEAST = 1024, ROOM_LEAST = 256 };

void fold_init(struct fold *fold)
{
    *fold = (struct fold){.at = FOLD_NOWHERE, .next_at = FOLD_NOWHERE};
    arena_init(&fold->keys, KEY_BYTES_MAX);
}

void fold_done(struct fold *fold)
{
    arena_done(&fold->keys);
    free(fold->entries);
    free(fold->slots);
    free(fold->batch);
    *fold = (struct fold){0};
}

void fold_reset(struct fold *fold)
{
    fold_done(fold);
    fold_init(fold);
}

static uint64_t hash_of(struct str s)
{
    return hash_add(HASH_START, s);
}

/* Where the key stands, or would stand. */
static size_t slot_of(const struct fold *fold, struct str key)
{
    size_t at = hash_of(key) & (fold->slot_count - 1);
    while (fold->slots[at] && !str_equal(fold->entries[fold->slots[at] - 1].key, key))
        at = (at + 1) & (fold->slot_count - 1);
    return at;
}

struct fold_entry *fold_find(const struct fold *fold, struct str key)
{
    if (fold->slot_count == 0)
        return NULL;
    uint32_t index = fold->slots[slot_of(fold, key)];
    return index ? &fold->entries[index - 1] : NULL;
}

static int no_memory(struct error *err)
{
    return error_set(err, ERROR_FATAL, "no memory for the keys of a task");
}

static int grow_slots(struct fold *fold, struct error *err)
{
    if (fold->slot_count > 2 * fold->count)
        return 0;
    size_t count = fold->slot_count ? 2 * fold->slot_count : SLOTS_LEAST;
    uint32_t *slots = calloc(count, sizeof(*slots));
    if (!slots)
        return no_memory(err);
    free(fold->slots);
    fold->slots = slots;
    fold->slot_count = count;
    for (size_t i = 0; i < fold->count; i++)
        slots[slot_of(fold, fold->entries[i].key)] = (uint32_t)(i + 1);
    return 0;
}

static void *grown(void *list, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return list;
    size_t more = *room ? 2 * *room : ROOM_LEAST;
    void *bigger = realloc(list, more * size);
    if (bigger)
        *room = more;
    return bigger;
}

static struct fold_entry *find_or_add(struct fold *fold, struct str key, struct error *err)
{
    struct fold_entry *found = fold_find(fold, key);
    if (found)
        return found;
    if (fold->count == FOLD_KEYS_MAX) {
        error_set(err, ERROR_FATAL, "more than %d keys in one task: that is the tool's limit",
                  FOLD_KEYS_MAX);
        return NULL;
    }
    struct fold_entry *entries =
        grown(fold->entries, fold->count, &fold->room, sizeof(*fold->entries));
    struct str copy = arena_copy(&fold->keys, key);
    if (entries)
        fold->entries = entries;
    if (!entries || !copy.ptr || grow_slots(fold, err)) {
        no_memory(err);
        return NULL;
    }
    fold->slots[slot_of(fold, key)] = (uint32_t)(fold->count + 1);
    struct fold_entry *entry = &fold->entries[fold->count++];
    *entry = (struct fold_entry){.key = copy, .said = {.offset = FOLD_NOWHERE}};
    return entry;
}

int fold_take(struct fold *fold, struct str key, struct str value, int64_t offset, int64_t score,
              struct error *err)
{
    struct fold_entry *entry = find_or_add(fold, key, err);
    if (!entry)
        return -1;
    if (fold->batch_count == FOLD_BATCH_MAX)
        return error_set(err, ERROR_FATAL, "more than %d records between two positions",
                         FOLD_BATCH_MAX);
    struct fold_news *batch =
        grown(fold->batch, fold->batch_count, &fold->batch_room, sizeof(*fold->batch));
    if (!batch)
        return no_memory(err);
    fold->batch = batch;
    batch[fold->batch_count] = (struct fold_news){.said = {.offset = offset,
                                                           .hash = value.ptr ? hash_of(value) : 0,
                                                           .score = score,
                                                           .is_there = value.ptr != NULL},
                                                  .entry = (uint32_t)(entry - fold->entries),
                                                  .next = entry->news};
    entry->news = (uint32_t)++fold->batch_count;
    return 0;
}

int fold_look_at(struct fold *fold, struct str key, struct error *err)
{
    struct fold_entry *entry = find_or_add(fold, key, err);
    if (entry)
        entry->looked_at = true;
    return entry ? 0 : -1;
}

void fold_position(struct fold *fold, int64_t offset, struct str record)
{
    fold->next_at = offset;
    fold->next_position = hash_of(record);
}

bool fold_is_whole(const struct fold *fold)
{
    return fold->next_at != FOLD_NOWHERE;
}

void fold_step(struct fold *fold)
{
    for (size_t i = 0; i < fold->batch_count; i++) {
        struct fold_entry *entry = &fold->entries[fold->batch[i].entry];
        entry->said = fold->batch[i].said;
        entry->news = 0;
    }
    fold->batch_count = 0;
    fold->at = fold->next_at;
    fold->position = fold->next_position;
    fold->next_at = FOLD_NOWHERE;
}

bool fold_stands_at(const struct fold *fold, int64_t offset, struct str record)
{
    return fold->at == offset && fold->position == hash_of(record);
}

static bool has_value(const struct fold_said *said, struct str value)
{
    return said->is_there == (value.ptr != NULL) &&
           (!said->is_there || said->hash == hash_of(value));
}

/* A timer may stand later in the set than the state says, up to later_ms. */
static unsigned judge_score(const struct fold_said *said, int64_t score, int64_t later_ms)
{
    if (said->score == score)
        return FOLD_EQUAL;
    return said->score > 0 && score > said->score && score <= later_ms ? FOLD_LATER : FOLD_SCORE;
}

unsigned fold_judge(const struct fold *fold, struct str key, struct str value, int64_t score,
                    int64_t later_ms)
{
    static const struct fold_said nothing = {.offset = FOLD_NOWHERE};
    const struct fold_entry *entry = fold_find(fold, key);
    const struct fold_said *said = entry ? &entry->said : &nothing;
    unsigned value_fault = has_value(said, value) ? FOLD_EQUAL : FOLD_VALUE;
    unsigned score_fault = judge_score(said, score, later_ms);
    for (uint32_t at = entry ? entry->news : 0; at; at = fold->batch[at - 1].next) {
        said = &fold->batch[at - 1].said;
        unsigned fault = judge_score(said, score, later_ms);
        if (has_value(said, value))
            value_fault = FOLD_EQUAL;
        if (fault < score_fault || (fault == FOLD_LATER && score_fault == FOLD_SCORE))
            score_fault = fault;
    }
    return value_fault | score_fault;
}
