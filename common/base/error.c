#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *err, enum error_action action, const char *format, ...)
{
    if (!err)
        return -1;
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    err->action = action;
    return -1;
}

int error_prefix(struct error *err, const char *format, ...)
{
    if (!err)
        return -1;
    char prefix[sizeof(err->text)];
    va_list args;
    va_start(args, format);
    vsnprintf(prefix, sizeof(prefix), format, args);
    va_end(args);
    char text[sizeof(err->text)];
    memcpy(text, err->text, sizeof(text));
    size_t used = strlen(prefix), room = sizeof(err->text) - used;
    memcpy(err->text, prefix, used);
    if (snprintf(err->text + used, room, ": %s", text) >= (int)room)
        err->text[sizeof(err->text) - 1] = '\0'; /* cut, which is fine */
    return -1;
}
