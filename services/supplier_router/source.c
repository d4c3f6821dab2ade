/* From stock to suppliers, and back again. */
#include "supplier_router/source.h"

#include "supplier_router/choose.h"
#include "supplier_router/submit.h"

/* Its lines wait until the open reservation is answered. */
enum { REPLACE_LATER = -1 };

static void release_hold(const struct hold *hold, const struct router_order *book,
                         struct str order_id, const char *reason, struct arena *arena,
                         struct effects *out)
{
    emit_stock_hold_released(out, book_hold_key(arena, hold->supplier_id, hold->sku),
                             &(struct stock_hold_released){.supplier_id = hold->supplier_id,
                                                           .sku = hold->sku,
                                                           .order_id = order_id,
                                                           .attempt = book->reserved->attempt,
                                                           .reason = str_from(reason)});
}

static void release_all(const struct router_order *book, const char *reason, struct arena *arena,
                        struct effects *out)
{
    const struct stock_reserved *reserved = book->reserved;
    for (size_t i = 0; i < reserved->holds.len; i++)
        release_hold(&reserved->holds.ptr[i], book, reserved->order_id, reason, arena, out);
}

/* ---- asking for stock ---- */

static void add_wanted(struct line_quantity_list *wanted, const struct router_line *line)
{
    int32_t quantity = line->quantity - line->shipped;
    if (quantity <= 0)
        return;
    for (size_t i = 0; i < wanted->len; i++) {
        if (str_equal(wanted->ptr[i].line_id, line->line_id)) {
            wanted->ptr[i].quantity += quantity;
            return;
        }
    }
    wanted->ptr[wanted->len++] = (struct line_quantity){line->line_id, line->sku, quantity};
}

/* amount * part / all, for amounts whose product does not fit 64 bits. */
static int64_t share_of(int64_t amount, int64_t part, int64_t all)
{
    __extension__ typedef __int128 wide;
    return (int64_t)((wide)amount * part / all);
}

int64_t source_open_cod(const struct router_fulfilment *fulfilment)
{
    int64_t pieces = 0, shipped = 0;
    for (size_t i = 0; i < fulfilment->lines.len; i++) {
        pieces += fulfilment->lines.ptr[i].quantity;
        shipped += fulfilment->lines.ptr[i].shipped;
    }
    return pieces > 0 ? fulfilment->cod_minor - share_of(fulfilment->cod_minor, shipped, pieces)
                      : 0;
}

/* What is wanted anyway, and the lines of the fulfilment orders that wait to be replaced. */
static void gather(struct router_order *book, struct arena *arena)
{
    size_t room = book->wanted.len;
    for (size_t i = 0; i < book->fulfilments.len; i++)
        room += book->fulfilments.ptr[i].lines.len;
    struct line_quantity_list wanted = {
        .ptr = arena_alloc_array(arena, room + 1, sizeof(*wanted.ptr)), .len = book->wanted.len};
    assert(wanted.ptr);
    if (wanted.len > 0)
        memcpy(wanted.ptr, book->wanted.ptr, wanted.len * sizeof(*wanted.ptr));
    for (size_t i = 0; i < book->fulfilments.len; i++) {
        const struct router_fulfilment *fulfilment = &book->fulfilments.ptr[i];
        if (fulfilment->replaced_in != REPLACE_LATER)
            continue;
        for (size_t j = 0; j < fulfilment->lines.len; j++)
            add_wanted(&wanted, &fulfilment->lines.ptr[j]);
        book->wanted_cod_minor += source_open_cod(fulfilment);
    }
    book->wanted = wanted;
}

/* Those that wait or were in the last reservation go into this one; 0: they are done with. */
static void mark_replaced(struct router_order *book, int32_t attempt)
{
    for (size_t i = 0; i < book->fulfilments.len; i++)
        if (book->fulfilments.ptr[i].replaced_in != 0)
            book->fulfilments.ptr[i].replaced_in = attempt;
}

static void exhausted(struct router_order *book, struct str reason, struct effects *out)
{
    struct str order_id = book->order->order_id;
    emit_fulfilment_exhausted(out, order_id,
                              &(struct fulfilment_exhausted){
                                  .order_id = order_id, .lines = book->wanted, .reason = reason});
    book->wanted.len = 0;
    book->wanted_cod_minor = 0;
}

/* One reservation at a time. */
static void ask(struct router_order *book, const char *reason, const struct context *ctx,
                struct effects *out)
{
    if (book->open || book_is_unwanted(book))
        return;
    gather(book, ctx->arena);
    if (book->wanted.len == 0)
        return;
    if (book->attempt >= RESERVATIONS_MAX) {
        exhausted(book, STR("asked for stock too often"), out);
        mark_replaced(book, 0);
        return;
    }
    struct str order_id = book->order->order_id;
    book->attempt++;
    book->open = true;
    mark_replaced(book, book->attempt);
    emit_fulfilment_stock_requested(
        out, order_id,
        &(struct fulfilment_stock_requested){.order_id = order_id,
                                             .attempt = book->attempt,
                                             .lines = book->wanted,
                                             .excluded = book->excluded,
                                             .reason = str_from(reason)});
}

/* The open reservation was answered; what has waited for that is asked for now. */
static void close_reservation(struct router_order *book, const struct context *ctx,
                              struct effects *out)
{
    for (size_t i = 0; i < book->fulfilments.len; i++)
        if (book->fulfilments.ptr[i].replaced_in == book->attempt)
            book->fulfilments.ptr[i].replaced_in = 0;
    book->wanted.len = 0;
    book->wanted_cod_minor = 0;
    ask(book, "rejected", ctx, out);
}

void source_short(struct router_order *book, const struct stock_short *answer,
                  const struct context *ctx, struct effects *out)
{
    if (answer->attempt != book->attempt || !book->open)
        return;
    book->open = false;
    if (!book->order)
        return;
    /* Of the first reservation stock_check tells by itself. */
    if (answer->attempt > 1 && book->wanted.len > 0 && !book_is_unwanted(book))
        exhausted(book, STR("no other supplier has it"), out);
    close_reservation(book, ctx, out);
}

static int32_t taken_off(const struct line_quantity_list *lines, struct str line_id)
{
    int32_t quantity = 0;
    for (size_t i = 0; i < lines->len; i++)
        if (str_equal(lines->ptr[i].line_id, line_id))
            quantity += lines->ptr[i].quantity;
    return quantity;
}

void source_arrived(struct router_order *book, struct router_fulfilment *fulfilment,
                    const struct line_quantity_list *lines, int64_t cod_minor, struct arena *arena)
{
    bool asked_for = book->open && fulfilment->replaced_in == book->attempt;
    if (book_has_shipped_all(fulfilment))
        fulfilment->replaced_in = 0;
    if (!asked_for)
        return;
    struct line_quantity_list wanted = {
        .ptr = arena_alloc_array(arena, book->wanted.len + 1, sizeof(*wanted.ptr))};
    assert(wanted.ptr);
    for (size_t i = 0; i < book->wanted.len; i++) {
        struct line_quantity line = book->wanted.ptr[i];
        line.quantity -= taken_off(lines, line.line_id);
        if (line.quantity > 0)
            wanted.ptr[wanted.len++] = line;
    }
    book->wanted = wanted;
    book->wanted_cod_minor -= cod_minor;
}

/* ---- a definite no ---- */

static void exclude(struct router_order *book, struct str supplier_id, struct str sku,
                    struct arena *arena)
{
    struct exclusion *list =
        arena_alloc_array(arena, book->excluded.len + 1, sizeof(*book->excluded.ptr));
    assert(list);
    for (size_t i = 0; i < book->excluded.len; i++)
        list[i] = book->excluded.ptr[i];
    list[book->excluded.len] = (struct exclusion){supplier_id, sku};
    book->excluded = (struct exclusion_list){list, book->excluded.len + 1};
}

/* The SKU that the reason is about; absent: about the whole order. */
static struct str sku_of(const struct router_fulfilment *fulfilment, const struct rejection *reason)
{
    for (size_t i = 0; i < fulfilment->lines.len; i++) {
        const struct router_line *line = &fulfilment->lines.ptr[i];
        if ((reason->sku.ptr && str_equal(reason->sku, line->sku)) ||
            (!reason->sku.ptr && reason->line_id.ptr && str_equal(reason->line_id, line->line_id)))
            return line->sku;
    }
    return (struct str){0};
}

/* F12: nothing is there until the supplier reports again. */
static void tell_mismatch(const struct router_order *book,
                          const struct router_fulfilment *fulfilment, struct str sku,
                          const struct rejection *reason, int64_t said_at_ms, struct arena *arena,
                          struct effects *out)
{
    emit_stock_mismatch_detected(out, book_hold_key(arena, fulfilment->supplier_id, sku),
                                 &(struct stock_mismatch_detected){
                                     .supplier_id = fulfilment->supplier_id,
                                     .sku = sku,
                                     .order_id = book->order->order_id,
                                     .attempt = fulfilment->attempt,
                                     .reason = reason->text.len > 0 ? reason->text : reason->code,
                                     .said_at_ms = said_at_ms});
}

void source_elsewhere(struct router_order *book, struct router_fulfilment *fulfilment,
                      const struct rejection_list *reasons, const char *reason, int64_t said_at_ms,
                      const struct context *ctx, struct effects *out)
{
    fulfilment->request = (struct str){0};
    fulfilment->has_again_at_ms = false;
    fulfilment->has_acknowledge_by_ms = false;
    fulfilment->has_ship_by_ms = false;
    book_release(book, fulfilment, reason, ctx->arena, out);
    for (size_t i = 0; i < reasons->len; i++) {
        struct str sku = sku_of(fulfilment, &reasons->ptr[i]);
        exclude(book, fulfilment->supplier_id, sku, ctx->arena);
        if (sku.ptr && str_equal(reasons->ptr[i].code, STR("out_of_stock")))
            tell_mismatch(book, fulfilment, sku, &reasons->ptr[i], said_at_ms, ctx->arena, out);
    }
    if (reasons->len == 0)
        exclude(book, fulfilment->supplier_id, (struct str){0}, ctx->arena);
    if (book_is_unwanted(book))
        return;
    fulfilment->replaced_in = REPLACE_LATER;
    ask(book, reason, ctx, out);
}

/* ---- stock has come ---- */

static int32_t used_of(const struct choose_result *choice, const struct hold *hold,
                       size_t *out_part)
{
    int32_t used = 0;
    for (size_t i = 0; i < choice->part_count; i++) {
        if (!str_equal(choice->parts[i].supplier->id, hold->supplier_id))
            continue;
        *out_part = i;
        const struct line_quantity_list *lines = &choice->parts[i].lines;
        for (size_t j = 0; j < lines->len; j++)
            if (str_equal(lines->ptr[j].sku, hold->sku))
                used += lines->ptr[j].quantity;
    }
    return used;
}

/* Every hold is answered at once: used, or given back. first: index of the parts' first fulfilment
 * order. */
static void answer_holds(const struct router_order *book, const struct choose_result *choice,
                         size_t first, struct arena *arena, struct effects *out)
{
    const struct stock_reserved *reserved = book->reserved;
    for (size_t i = 0; i < reserved->holds.len; i++) {
        const struct hold *hold = &reserved->holds.ptr[i];
        size_t part = 0;
        int32_t used = used_of(choice, hold, &part);
        if (used == 0) {
            release_hold(hold, book, reserved->order_id, "not needed", arena, out);
            continue;
        }
        emit_stock_hold_confirmed(
            out, book_hold_key(arena, hold->supplier_id, hold->sku),
            &(struct stock_hold_confirmed){
                .supplier_id = hold->supplier_id,
                .sku = hold->sku,
                .order_id = reserved->order_id,
                .attempt = reserved->attempt,
                .quantity = used,
                .fulfilment_order_id = book->fulfilments.ptr[first + part].fulfilment_order_id});
    }
}

static bool share_a_line(const struct router_fulfilment *a, const struct router_fulfilment *b)
{
    for (size_t i = 0; i < a->lines.len; i++)
        for (size_t j = 0; j < b->lines.len; j++)
            if (str_equal(a->lines.ptr[i].line_id, b->lines.ptr[j].line_id))
                return true;
    return false;
}

/* F26 */
static void tell_failed_over(const struct router_order *book, const struct router_fulfilment *to,
                             struct effects *out)
{
    struct str order_id = book->order->order_id;
    for (size_t i = 0; i < book->fulfilments.len; i++) {
        const struct router_fulfilment *from = &book->fulfilments.ptr[i];
        if (from->replaced_in != book->attempt || !share_a_line(from, to))
            continue;
        emit_fulfilment_failed_over(
            out, order_id,
            &(struct fulfilment_failed_over){.order_id = order_id,
                                             .fulfilment_order_id = from->fulfilment_order_id,
                                             .supplier_id = from->supplier_id,
                                             .to_fulfilment_order_id = to->fulfilment_order_id,
                                             .to_supplier_id = to->supplier_id});
    }
}

static int64_t value_of(const struct order *order, const struct line_quantity_list *lines)
{
    int64_t value = 0;
    for (size_t i = 0; i < lines->len; i++)
        for (size_t j = 0; j < order->lines.len; j++)
            if (str_equal(order->lines.ptr[j].line_id, lines->ptr[i].line_id))
                value += lines->ptr[i].quantity * order->lines.ptr[j].unit_price_minor;
    return value;
}

/* By what its lines are worth; the last one gets the rest, so that not a cent is lost. */
static int64_t cod_of(const struct router_order *book, const struct choose_result *choice,
                      size_t part)
{
    int64_t all = value_of(book->order, &book->wanted), rest = book->wanted_cod_minor;
    for (size_t i = 0; i < choice->part_count; i++) {
        int64_t value = value_of(book->order, &choice->parts[i].lines);
        bool last = i + 1 == choice->part_count || all <= 0;
        int64_t share = last ? rest : share_of(book->wanted_cod_minor, value, all);
        if (i == part)
            return share;
        rest -= share;
    }
    return rest;
}

static void request_part(struct router_order *book, const struct choose_result *choice,
                         size_t index, const struct context *ctx, struct effects *out)
{
    const struct choose_part *part = &choice->parts[index];
    const struct supplier_router_settings *cfg = ctx->cfg;
    struct str order_id = book->order->order_id;
    struct router_fulfilment *fulfilment = book_add(book, ctx->arena);
    submit_open(book, fulfilment, part, cod_of(book, choice, index), ctx);
    emit_fulfilment_requested(
        out, order_id,
        &(struct fulfilment_requested){.order_id = order_id,
                                       .fulfilment_order_id = fulfilment->fulfilment_order_id,
                                       .supplier_id = part->supplier->id,
                                       .attempt = book->attempt,
                                       .lines = part->lines,
                                       .cost_minor = part->cost_minor,
                                       .currency = cfg->cost_currency,
                                       .candidates = choice->candidates,
                                       .settings_hash = cfg->hash.ptr ? cfg->hash : STR("")});
    tell_failed_over(book, fulfilment, out);
    submit_send(fulfilment, ctx, out);
}

static struct str why_nobody(const struct choose_result *choice, struct arena *arena)
{
    enum { NAMED_MAX = 5 };
    struct str text = STR("nobody who holds it may serve the order");
    for (size_t i = 0; i < choice->candidates.len && i < NAMED_MAX; i++)
        text = arena_printf(arena, "%.*s%s%.*s: %.*s", STR_ARG(text), i == 0 ? ": " : "; ",
                            STR_ARG(choice->candidates.ptr[i].supplier_id),
                            STR_ARG(choice->candidates.ptr[i].why));
    return text;
}

static void use(struct router_order *book, const struct context *ctx, struct effects *out)
{
    struct choose_result choice =
        choose(book->order, &book->wanted, &book->reserved->holds, &book->excluded, ctx);
    size_t first = book->fulfilments.len;
    for (size_t i = 0; i < choice.part_count; i++)
        request_part(book, &choice, i, ctx, out);
    answer_holds(book, &choice, first, ctx->arena, out);
    if (!choice.found)
        exhausted(book, why_nobody(&choice, ctx->arena), out);
    close_reservation(book, ctx, out);
}

void source_use(struct router_order *book, const struct context *ctx, struct effects *out)
{
    if (book->reserved->attempt != book->attempt || !book->open) {
        release_all(book, "not asked for", ctx->arena, out);
    } else if (book_is_unwanted(book)) {
        book->open = false;
        release_all(book, "cancelled", ctx->arena, out);
    } else if (ctx->now_ms > book->reserved->expires_at_ms) {
        book->open = false;
        release_all(book, "expired", ctx->arena, out);
        ask(book, "expired", ctx, out);
    } else {
        book->open = false;
        use(book, ctx, out);
    }
    book->reserved = NULL;
}
