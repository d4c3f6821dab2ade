#include "waybill/timeline.h"

#include "waybill/telling.h"

#include <stdio.h>
#include <stdlib.h>

enum { CAUSES_DEPTH_MAX = 64, NUMBER_BYTES = 24 };

/* Where an event stands: not before what caused it. */
struct place {
    int64_t time_ms;
    int depth; /* how many causes of the same time stand before it */
};

struct ranked {
    struct decoded event;
    struct place place;
};

/* An event by its id. */
struct by_id {
    struct str id;
    size_t at;
};

static int compare_ids(const void *left, const void *right)
{
    const struct by_id *a = left, *b = right;
    int order = str_compare(a->id, b->id);
    return order ? order : (a->at > b->at) - (a->at < b->at);
}

/* Sorted by id; the caller frees. Repeated ids: the first counts. */
static struct by_id *index_ids(const struct decoded *events, size_t count)
{
    struct by_id *ids = calloc(count + 1, sizeof(*ids));
    for (size_t i = 0; ids && i < count; i++)
        ids[i] = (struct by_id){events[i].ce.id, i};
    if (ids)
        qsort(ids, count, sizeof(*ids), compare_ids);
    return ids;
}

/* The index of the event with that id; count if there is none. */
static size_t find_id(const struct by_id *ids, size_t count, struct str id)
{
    size_t low = 0, high = count;
    if (!id.ptr)
        return count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_compare(ids[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && str_equal(ids[low].id, id) ? ids[low].at : count;
}

static struct place place_of(const struct decoded *events, size_t count, const struct by_id *ids,
                             size_t at, int limit)
{
    struct place place = {events[at].time_ms, 0};
    size_t cause = find_id(ids, count, events[at].ce.cause);
    if (cause == count || cause == at || limit == 0)
        return place;
    struct place before = place_of(events, count, ids, cause, limit - 1);
    if (before.time_ms < place.time_ms)
        return place;
    return (struct place){before.time_ms, before.depth + 1};
}

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_ranked(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    int order = compare_numbers(a->place.time_ms, b->place.time_ms);
    if (!order)
        order = compare_numbers(a->place.depth, b->place.depth);
    if (!order)
        order = str_compare(a->event.topic->name, b->event.topic->name);
    if (!order)
        order = compare_numbers(a->event.partition, b->event.partition);
    return order ? order : compare_numbers(a->event.offset, b->event.offset);
}

void timeline_sort(struct decoded *events, size_t count)
{
    struct by_id *ids = index_ids(events, count);
    struct ranked *ranked = calloc(count + 1, sizeof(*ranked));
    if (ids && ranked) {
        for (size_t i = 0; i < count; i++)
            ranked[i] =
                (struct ranked){events[i], place_of(events, count, ids, i, CAUSES_DEPTH_MAX)};
        qsort(ranked, count, sizeof(*ranked), compare_ranked);
        for (size_t i = 0; i < count; i++)
            events[i] = ranked[i].event;
    }
    free(ids);
    free(ranked);
}

/* One line: an event, or several that one cause had at once. */
struct line {
    const struct decoded *first;
    size_t count;
    size_t cause; /* the number of the line; 0 = not among them */
    struct str what;
};

struct lines {
    struct line *ptr;
    size_t count;
    size_t *line_of; /* event -> its line's index */
    size_t topic_width, event_width;
};

static struct str event_name(const struct decoded *event)
{
    if (event->topic->use == TOPIC_DEAD_LETTERS)
        return STR("DEAD LETTER");
    if (event->type)
        return str_from(event->type->name);
    return event->ce.type.ptr ? event->ce.type : STR("?");
}

static struct str say(const struct decoded *event, struct arena *arena)
{
    struct str text = STR("");
    if (event->type)
        text = telling_of(event->type, event->body, arena);
    else if (event->error)
        text = str_from(event->error);
    if (event->topic->use == TOPIC_DEAD_LETTERS)
        text = arena_printf(arena, "%s: %.*s", event->type ? event->type->name : "unreadable",
                            STR_ARG(event_header_find(event->headers, event->header_count,
                                                      "waybill_error_reason")));
    return text.ptr ? text : STR("");
}

static bool folds(const struct decoded *a, const struct decoded *b)
{
    return a->type && a->type == b->type && a->topic == b->topic && a->time_ms == b->time_ms &&
           a->ce.cause.ptr && str_equal(a->ce.cause, b->ce.cause) &&
           a->topic->use != TOPIC_DEAD_LETTERS;
}

/* Characters, not bytes: UTF-8 continuation bytes take no column. */
static size_t columns(struct str s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.len; i++)
        count += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    return count;
}

static void fold(struct lines *lines, const struct decoded *events, size_t count, bool every,
                 struct arena *arena)
{
    for (size_t i = 0; i < count; i++) {
        struct line *last = lines->count ? &lines->ptr[lines->count - 1] : NULL;
        struct str what = say(&events[i], arena);
        if (last && !every && folds(last->first, &events[i])) {
            last->what = arena_printf(arena, "%.*s; %.*s", STR_ARG(last->what), STR_ARG(what));
            last->count++;
        } else
            lines->ptr[lines->count++] =
                (struct line){.first = &events[i], .count = 1, .what = what};
        lines->line_of[i] = lines->count - 1;
    }
}

static void find_causes(struct lines *lines, const struct decoded *events, size_t count,
                        const struct by_id *ids)
{
    for (size_t i = 0; i < lines->count; i++) {
        struct line *line = &lines->ptr[i];
        size_t cause = find_id(ids, count, line->first->ce.cause);
        if (cause < count)
            line->cause = lines->line_of[cause] + 1;
        if (columns(line->first->topic->name) > lines->topic_width)
            lines->topic_width = columns(line->first->topic->name);
        if (columns(event_name(line->first)) > lines->event_width)
            lines->event_width = columns(event_name(line->first));
    }
    (void)events;
}

static void write_padded(struct buffer *out, struct str text, size_t width)
{
    buffer_add_str(out, text);
    for (size_t at = columns(text); at < width; at++)
        buffer_add(out, " ", 1);
}

/* As many characters as fit; the last becomes "…" when some do not. Line ends become spaces. */
static void write_cut(struct buffer *out, struct str text, size_t width)
{
    bool cut = columns(text) > width;
    size_t shown = cut ? width - 1 : width;
    for (size_t i = 0, at = 0; i < text.len; i++) {
        at += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
        if (at > shown)
            break;
        buffer_add(out, (unsigned char)text.ptr[i] < ' ' ? " " : text.ptr + i, 1);
    }
    if (cut)
        buffer_printf(out, "…");
}

static void write_line(const struct lines *lines, size_t i, const struct timeline_style *style,
                       struct arena *arena, struct buffer *out)
{
    const struct line *line = &lines->ptr[i];
    char time_text[RFC3339_BYTES], cause[NUMBER_BYTES * 2] = "";
    rfc3339_format(line->first->time_ms, time_text);
    struct str source = line->first->ce.source;
    if (line->cause)
        snprintf(cause, sizeof(cause), "  ← %zu", line->cause);
    else if (line->first->ce.cause.ptr && source.ptr)
        snprintf(cause, sizeof(cause), "  ← timer or call");
    struct str number = arena_printf(arena, "%3zu  %.10s %.8s  ", i + 1, time_text, time_text + 11);
    size_t taken =
        number.len + lines->topic_width + 2 + lines->event_width + 2 + columns(str_from(cause));
    buffer_add_str(out, number);
    write_padded(out, line->first->topic->name, lines->topic_width + 2);
    write_padded(out, event_name(line->first), lines->event_width + 2);
    struct str what = line->what;
    if (line->count > 1)
        what = arena_printf(arena, "%zu: %.*s", line->count, STR_ARG(what));
    size_t room = style->width > taken + 20 ? style->width - taken : style->width ? 20 : SIZE_MAX;
    write_cut(out, what, room);
    buffer_printf(out, "%s\n", cause);
}

void timeline_write(const struct decoded *events, size_t count, const struct timeline_style *style,
                    struct arena *arena, struct buffer *out)
{
    struct by_id *ids = index_ids(events, count);
    struct lines lines = {.ptr = arena_alloc_array(arena, count + 1, sizeof(struct line)),
                          .line_of = arena_alloc_array(arena, count + 1, sizeof(size_t))};
    if (ids && lines.ptr && lines.line_of) {
        fold(&lines, events, count, style->every, arena);
        find_causes(&lines, events, count, ids);
        for (size_t i = 0; i < lines.count; i++)
            write_line(&lines, i, style, arena, out);
    } else
        out->failed = true;
    free(ids);
}
