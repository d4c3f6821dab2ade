/* What a rule may look at beside its event and state. All of it is read-only, and none of it
 * changes within a batch. */
#ifndef WAYBILL_RULES_CONTEXT_H
#define WAYBILL_RULES_CONTEXT_H

#include "base/arena.h"
#include "rules/record.h"

/* The compacted topics that the service holds whole in memory. */
struct tables {
    /* The record of that type under that key, or NULL. */
    const void *(*find)(const struct tables *tables, const struct record_type *type,
                        struct str key);
};

struct context {
    /* Unix ms: the clock's, or, if later, that of the newest event in the task's batches before
     * this one, which counts as ahead of its batch's clock by at most event.future. May run back
     * when a clock is set back. */
    int64_t now_ms;
    const void *cfg; /* the service's settings: struct <service>_settings */
    const struct tables *tables;
    struct arena *arena; /* for what the rule builds; gone with the batch */
};

static inline const void *context_find(const struct context *ctx, const struct record_type *type,
                                       struct str key)
{
    return ctx->tables ? ctx->tables->find(ctx->tables, type, key) : NULL;
}

#endif
