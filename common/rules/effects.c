#include "rules/effects.h"

#include <stdarg.h>
#include <stdio.h>

void effects_emit(struct effects *out, const struct record_type *type, struct str key,
                  const void *body)
{
    out->sink->emit(out->sink, type, key, body);
}

void put_state(struct effects *out, const void *state)
{
    out->sink->put_state(out->sink, state);
}

void drop_state(struct effects *out)
{
    out->sink->put_state(out->sink, NULL);
}

void set_timer(struct effects *out, const char *name, int64_t due_ms)
{
    out->sink->set_timer(out->sink, name, due_ms);
}

void cancel_timer(struct effects *out, const char *name)
{
    out->sink->cancel_timer(out->sink, name);
}

void intend(struct effects *out, const struct intent *intent)
{
    out->sink->intend(out->sink, intent);
}

void withdraw(struct effects *out, struct str intent_id)
{
    out->sink->withdraw(out->sink, intent_id);
}

enum verdict set_aside(struct effects *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(out->reason, sizeof(out->reason), format, args);
    va_end(args);
    return SET_ASIDE;
}
