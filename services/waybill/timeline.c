#include "waybill/timeline.h"

#include "events.h"
#include "topics/event_key.h"
#include "waybill/telling.h"

#include <stdio.h>
#include <stdlib.h>

enum { CAUSES_DEPTH_MAX = 64, CAUSE_BYTES = 48, TELLING_COLUMNS_MIN = 20 };

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

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_places(struct place a, struct place b)
{
    int order = compare_numbers(a.time_ms, b.time_ms);
    return order ? order : compare_numbers(a.depth, b.depth);
}

/* The sending of the message that this event tells the delivery of: a provider's report may be
 * taken before the answer to the sending. count if it is no such event, or the sending is not
 * there. */
static size_t find_sending(const struct decoded *events, size_t count, size_t at)
{
    size_t i = events[at].type == &message_delivered ? 0 : count;
    const struct message_delivered *delivered = events[at].body;
    while (i < count && !(events[i].type == &message_sent &&
                          str_equal(((const struct message_sent *)events[i].body)->message_id,
                                    delivered->message_id)))
        i++;
    return i;
}

static struct place place_of(const struct decoded *events, size_t count, const struct by_id *ids,
                             size_t at, int limit)
{
    struct place place = {events[at].time_ms, 0};
    const size_t earlier[] = {find_id(ids, count, events[at].ce.cause),
                              find_sending(events, count, at)};
    for (size_t i = 0; i < sizeof(earlier) / sizeof(earlier[0]); i++) {
        if (earlier[i] == count || earlier[i] == at || limit == 0)
            continue;
        /* Halved behind the second, so that two ways in a circle are few in all. */
        struct place before = place_of(events, count, ids, earlier[i], i ? limit / 2 : limit - 1);
        if (compare_places(before, place) >= 0)
            place = (struct place){before.time_ms, before.depth + 1};
    }
    return place;
}

static int compare_ranked(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    int order = compare_places(a->place, b->place);
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

/* What is said of an event before it gets a line. */
struct note {
    size_t cause;   /* index of what caused it; count if there is none among them */
    bool by_detour; /* the cause is inferred: a timer or a call stands between */
    bool is_cause;  /* of anything */
    size_t line;    /* index of its line; NO_LINE = left out */
};

/* One line: an event, or several that one cause had at once. */
struct line {
    size_t first; /* event */
    struct str what;
};

struct timeline {
    const struct decoded *events;
    size_t count;
    struct note *notes;
    struct line *lines;
    size_t line_count;
    size_t topic_width, event_width;
    const struct timeline_style *style;
    struct arena *arena;
};

static const size_t NO_LINE = SIZE_MAX;
static const char legend[] = "← n: caused by line n; ⇠ n: by a timer or call that line n led to\n";

static struct str event_name(const struct decoded *event)
{
    if (event->topic->use == TOPIC_DEAD_LETTERS)
        return STR("DEAD LETTER");
    if (event->type)
        return str_from(event->type->name);
    return event->ce.type.ptr ? event->ce.type : STR("?");
}

/* "demo:1001/2: …" -> "/2: …": everything here is about this order. */
static struct str shorten(struct str text, struct str order_id, struct arena *arena)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    if (!out || order_id.len == 0)
        return text;
    for (size_t i = 0; i < text.len;) {
        bool here = text.len - i > order_id.len && text.ptr[i + order_id.len] == '/' &&
                    memcmp(text.ptr + i, order_id.ptr, order_id.len) == 0;
        if (here)
            i += order_id.len;
        else
            out[len++] = text.ptr[i++];
    }
    return (struct str){out, len};
}

static struct str say(const struct timeline *timeline, const struct decoded *event)
{
    struct arena *arena = timeline->arena;
    struct str text = STR("");
    if (event->type)
        text = telling_of(event->type, event->body, arena);
    else if (event->error)
        text = str_from(event->error);
    if (event->topic->use == TOPIC_DEAD_LETTERS)
        text = arena_printf(arena, "%s: %.*s", event->type ? event->type->name : "unreadable",
                            STR_ARG(event_header_find(event->headers, event->header_count,
                                                      "waybill_error_reason")));
    return shorten(text.ptr ? text : STR(""), timeline->style->order_id, arena);
}

/* Do both have the field, and the same in it? */
static bool share(const struct decoded *a, const struct decoded *b, const char *field)
{
    struct str left = event_field(a->type, a->body, field);
    return left.len > 0 && str_equal(left, event_field(b->type, b->body, field));
}

/* The last event before `at` with the same in that field; one that is told before one that is left
 * aside. */
static size_t find_before(const struct timeline *timeline, size_t at, const char *field)
{
    const struct decoded *event = &timeline->events[at];
    size_t aside = timeline->count;
    for (size_t i = at; i > 0; i--) {
        const struct decoded *before = &timeline->events[i - 1];
        if (!before->type || !share(before, event, field))
            continue;
        if (!telling_is_aside(before->type))
            return i - 1;
        if (aside == timeline->count)
            aside = i - 1;
    }
    return aside;
}

/* The last event before this one about the same message, else the same fulfilment, else the same
 * parcel. */
static size_t infer_cause(const struct timeline *timeline, size_t at)
{
    static const char *const subjects[] = {"message_id", "fulfilment_order_id", "tracking_number"};
    size_t cause = timeline->count;
    for (size_t s = 0; s < sizeof(subjects) / sizeof(subjects[0]) && cause == timeline->count; s++)
        if (timeline->events[at].type)
            cause = find_before(timeline, at, subjects[s]);
    return cause;
}

/* What the same timer or call has led to has the same cause. */
static void share_inferred(struct timeline *timeline)
{
    for (size_t i = 0; i < timeline->count; i++) {
        struct note *note = &timeline->notes[i];
        struct str cause = timeline->events[i].ce.cause;
        for (size_t j = 0; j < timeline->count && note->by_detour; j++) {
            const struct note *other = &timeline->notes[j];
            if (note->cause < timeline->count)
                break;
            if (other->by_detour && other->cause < i &&
                str_equal(timeline->events[j].ce.cause, cause))
                note->cause = other->cause;
        }
    }
}

static void note_causes(struct timeline *timeline, const struct by_id *ids)
{
    size_t count = timeline->count;
    for (size_t i = 0; i < count; i++) {
        const struct decoded *event = &timeline->events[i];
        size_t cause = find_id(ids, count, event->ce.cause);
        bool unknown = cause == count && event->ce.cause.ptr;
        timeline->notes[i] = (struct note){.cause = unknown ? infer_cause(timeline, i) : cause,
                                           .by_detour = unknown,
                                           .line = NO_LINE};
    }
    share_inferred(timeline);
    for (size_t i = 0; i < count; i++)
        if (timeline->notes[i].cause < count)
            timeline->notes[timeline->notes[i].cause].is_cause = true;
}

static bool is_left_out(const struct timeline *timeline, size_t at, const struct by_id *ids)
{
    const struct decoded *event = &timeline->events[at];
    size_t first = find_id(ids, timeline->count, event->ce.id);
    if (timeline->style->every || event->topic->use == TOPIC_DEAD_LETTERS || !event->type)
        return false;
    bool is_repeat = first < at;
    bool is_idle_scan = event->type == &scan_reported && !timeline->notes[at].is_cause;
    return is_repeat || is_idle_scan || telling_is_aside(event->type);
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

static void widen(size_t *width, struct str text)
{
    if (columns(text) > *width)
        *width = columns(text);
}

static void make_lines(struct timeline *timeline, const struct by_id *ids)
{
    for (size_t i = 0; i < timeline->count; i++) {
        const struct decoded *event = &timeline->events[i];
        struct line *last =
            timeline->line_count ? &timeline->lines[timeline->line_count - 1] : NULL;
        if (is_left_out(timeline, i, ids))
            continue;
        struct str what = say(timeline, event);
        if (last && !timeline->style->every && folds(&timeline->events[last->first], event))
            last->what =
                arena_printf(timeline->arena, "%.*s; %.*s", STR_ARG(last->what), STR_ARG(what));
        else {
            timeline->lines[timeline->line_count++] = (struct line){i, what};
            widen(&timeline->topic_width, event->topic->name);
            widen(&timeline->event_width, event_name(event));
        }
        timeline->notes[i].line = timeline->line_count - 1;
    }
}

/* "  ← 3", or "  ⇠ 3" by a timer or call; through causes that have no line of their own. */
static void describe_cause(const struct timeline *timeline, size_t event, char out[CAUSE_BYTES])
{
    const struct note *note = &timeline->notes[event];
    bool by_detour = false, has_cause = timeline->events[event].ce.cause.ptr != NULL;
    int limit = CAUSES_DEPTH_MAX;
    out[0] = '\0';
    do {
        by_detour |= note->by_detour;
        if (note->cause >= timeline->count || limit-- == 0) {
            if (has_cause && by_detour)
                snprintf(out, CAUSE_BYTES, "  ⇠ timer or call");
            return;
        }
        note = &timeline->notes[note->cause];
    } while (note->line == NO_LINE);
    snprintf(out, CAUSE_BYTES, "  %s %zu", by_detour ? "⇠" : "←", note->line + 1);
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

static void write_line(const struct timeline *timeline, size_t i, struct buffer *out)
{
    const struct line *line = &timeline->lines[i];
    const struct decoded *event = &timeline->events[line->first];
    char time_text[RFC3339_BYTES], cause[CAUSE_BYTES];
    size_t width = timeline->style->width, topic_width = timeline->topic_width + 2,
           event_width = timeline->event_width + 2;
    rfc3339_format(event->time_ms, time_text);
    describe_cause(timeline, line->first, cause);
    struct str number =
        arena_printf(timeline->arena, "%3zu  %.10s %.8s  ", i + 1, time_text, time_text + 11);
    size_t taken = number.len + topic_width + event_width + columns(str_from(cause));
    buffer_add_str(out, number);
    write_padded(out, event->topic->name, topic_width);
    write_padded(out, event_name(event), event_width);
    size_t room = width > taken + TELLING_COLUMNS_MIN ? width - taken : TELLING_COLUMNS_MIN;
    write_cut(out, line->what, width ? room : SIZE_MAX);
    buffer_printf(out, "%s\n", cause);
}

void timeline_write(const struct decoded *events, size_t count, const struct timeline_style *style,
                    struct arena *arena, struct buffer *out)
{
    struct by_id *ids = index_ids(events, count);
    struct timeline timeline = {.events = events,
                                .count = count,
                                .notes = arena_alloc_array(arena, count + 1, sizeof(struct note)),
                                .lines = arena_alloc_array(arena, count + 1, sizeof(struct line)),
                                .style = style,
                                .arena = arena};
    if (ids && timeline.notes && timeline.lines) {
        note_causes(&timeline, ids);
        make_lines(&timeline, ids);
        buffer_printf(out, "%s", legend);
        for (size_t i = 0; i < timeline.line_count; i++)
            write_line(&timeline, i, out);
        size_t hidden = 0;
        for (size_t i = 0; i < count; i++)
            hidden += timeline.notes[i].line == NO_LINE;
        if (hidden)
            buffer_printf(out,
                          "and %zu of bookkeeping: holds, plans, registrations, repeats, scans "
                          "that changed nothing (--every)\n",
                          hidden);
    } else
        out->failed = true;
    free(ids);
}
