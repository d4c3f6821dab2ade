#include "json/json_writer.h"

#include "base/utf8.h"
#include "json/number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { FIRST_BYTES = 512 };

void json_writer_init(struct json_writer *w, struct arena *arena)
{
    *w = (struct json_writer){.arena = arena};
}

static void add(struct json_writer *w, const char *bytes, size_t len)
{
    if (w->failed)
        return;
    if (w->len + len + 1 > w->capacity) {
        size_t capacity = w->capacity * 2 > w->len + len + 1 ? w->capacity * 2 : w->len + len + 1;
        capacity = capacity > FIRST_BYTES ? capacity : FIRST_BYTES;
        char *grown = arena_alloc(w->arena, capacity);
        w->failed = !grown;
        if (!grown)
            return;
        if (w->len)
            memcpy(grown, w->ptr, w->len);
        w->ptr = grown;
        w->capacity = capacity;
    }
    memcpy(w->ptr + w->len, bytes, len);
    w->len += len;
    w->ptr[w->len] = '\0';
}

static void add_escaped(struct json_writer *w, unsigned char byte)
{
    static const char shorts[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    for (size_t i = 0; shorts[i]; i += 2) {
        if (byte == (unsigned char)shorts[i]) {
            add(w, (const char[]){'\\', shorts[i + 1]}, 2);
            return;
        }
    }
    char text[8];
    add(w, text, (size_t)snprintf(text, sizeof(text), "\\u%04x", byte));
}

static void add_quoted(struct json_writer *w, struct str text)
{
    if (!utf8_is_valid(text))
        w->failed = true;
    add(w, "\"", 1);
    size_t plain = 0; /* from here to i, nothing needs an escape */
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f)
            continue;
        add(w, text.ptr + plain, i - plain);
        add_escaped(w, byte);
        plain = i + 1;
    }
    if (text.len)
        add(w, text.ptr + plain, text.len - plain);
    add(w, "\"", 1);
}

static void begin_value(struct json_writer *w, struct str name)
{
    if (w->needs_comma)
        add(w, ",", 1);
    if (name.ptr) {
        add_quoted(w, name);
        add(w, ":", 1);
    }
    w->needs_comma = true;
}

static void open_group(struct json_writer *w, struct str name, const char *bracket)
{
    begin_value(w, name);
    add(w, bracket, 1);
    w->needs_comma = false;
}

static void close_group(struct json_writer *w, const char *bracket)
{
    add(w, bracket, 1);
    w->needs_comma = true;
}

void json_open_object(struct json_writer *w, struct str name)
{
    open_group(w, name, "{");
}

void json_close_object(struct json_writer *w)
{
    close_group(w, "}");
}

void json_open_list(struct json_writer *w, struct str name)
{
    open_group(w, name, "[");
}

void json_close_list(struct json_writer *w)
{
    close_group(w, "]");
}

void json_add_raw(struct json_writer *w, struct str name, struct str json)
{
    begin_value(w, name);
    add(w, json.ptr ? json.ptr : "", json.len);
}

void json_add_null(struct json_writer *w, struct str name)
{
    json_add_raw(w, name, STR("null"));
}

void json_add_text(struct json_writer *w, struct str name, struct str text)
{
    if (!text.ptr) {
        json_add_null(w, name);
        return;
    }
    begin_value(w, name);
    add_quoted(w, text);
}

void json_add_int64(struct json_writer *w, struct str name, int64_t number)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, number);
    json_add_raw(w, name, str_from(text));
}

void json_add_double(struct json_writer *w, struct str name, double number)
{
    if (!isfinite(number)) {
        json_add_null(w, name);
        return;
    }
    char text[NUMBER_TEXT_BYTES];
    number_text(number, text);
    json_add_raw(w, name, str_from(text));
}

void json_add_bool(struct json_writer *w, struct str name, bool truth)
{
    json_add_raw(w, name, truth ? STR("true") : STR("false"));
}

struct str json_writer_done(const struct json_writer *w)
{
    return w->failed || !w->ptr ? (struct str){NULL, 0} : (struct str){w->ptr, w->len};
}
