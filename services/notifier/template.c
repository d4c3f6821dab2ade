#include "notifier/template.h"

#define KIND(kind) (1u << MESSAGE_KIND_##kind)
enum {
    EVERY_KIND = -1,
    ORDER_KINDS = KIND(ORDER_CONFIRMED) | KIND(ORDER_CANCELLED) | KIND(FEEDBACK_REQUEST),
    PARCEL_KINDS = KIND(DISPATCHED) | KIND(OUT_FOR_DELIVERY) | KIND(DELIVERED) | KIND(DELAYED)
};

/* In which kinds a placeholder always has a value. */
static const struct {
    const char *name;
    int always_in;
} placeholders[PLACEHOLDER_COUNT] = {
    [PLACEHOLDER_BRAND] = {"brand", EVERY_KIND},
    [PLACEHOLDER_CARRIER] = {"carrier", 0},
    [PLACEHOLDER_COD_AMOUNT] = {"cod_amount", 0},
    [PLACEHOLDER_DELIVERED_ON] = {"delivered_on", KIND(DELIVERED)},
    [PLACEHOLDER_EXPECTED] = {"expected", 0},
    [PLACEHOLDER_FEEDBACK_URL] = {"feedback_url", 0},
    [PLACEHOLDER_HELP] = {"help", 0},
    [PLACEHOLDER_ITEMS] = {"items", ORDER_KINDS},
    [PLACEHOLDER_NAME] = {"name", 0},
    [PLACEHOLDER_ORDER_NUMBER] = {"order_number", EVERY_KIND},
    [PLACEHOLDER_PAID] = {"paid", 0},
    [PLACEHOLDER_PARCEL] = {"parcel", PARCEL_KINDS},
    [PLACEHOLDER_PROMISED] = {"promised", 0},
    [PLACEHOLDER_REFUND] = {"refund", 0},
    [PLACEHOLDER_TOTAL] = {"total", EVERY_KIND},
    [PLACEHOLDER_TRACKING_NUMBER] = {"tracking_number", PARCEL_KINDS},
    [PLACEHOLDER_TRACKING_URL] = {"tracking_url", 0},
};

enum piece_kind { PIECE_TEXT, PIECE_PLACEHOLDER, PIECE_OPEN, PIECE_CLOSE, PIECE_BAD };

struct piece {
    enum piece_kind kind;
    struct str text; /* as it stands; of a placeholder its name */
    enum placeholder placeholder;
};

static bool is_sign(char c)
{
    return c == '{' || c == '}' || c == '[' || c == ']';
}

static struct str take(struct str *rest, size_t len)
{
    struct str taken = {rest->ptr, len};
    rest->ptr += len;
    rest->len -= len;
    return taken;
}

static struct piece take_placeholder(struct str *rest)
{
    struct str name, behind;
    str_split((struct str){rest->ptr + 1, rest->len - 1}, '}', &name, &behind);
    struct piece piece = {.kind = PIECE_BAD, .text = name};
    take(rest, behind.ptr ? name.len + 2 : rest->len);
    for (int i = 0; behind.ptr && i < PLACEHOLDER_COUNT; i++) {
        if (str_equal(name, str_from(placeholders[i].name))) {
            piece.kind = PIECE_PLACEHOLDER;
            piece.placeholder = (enum placeholder)i;
        }
    }
    return piece;
}

/* The next piece of a template; rest is not empty. */
static struct piece take_piece(struct str *rest)
{
    if (!is_sign(rest->ptr[0])) {
        size_t len = 1;
        while (len < rest->len && !is_sign(rest->ptr[len]))
            len++;
        return (struct piece){.kind = PIECE_TEXT, .text = take(rest, len)};
    }
    if (rest->len > 1 && rest->ptr[1] == rest->ptr[0]) {
        take(rest, 1);
        return (struct piece){.kind = PIECE_TEXT, .text = take(rest, 1)};
    }
    if (rest->ptr[0] == '{')
        return take_placeholder(rest);
    enum piece_kind kind = rest->ptr[0] == '['   ? PIECE_OPEN
                           : rest->ptr[0] == ']' ? PIECE_CLOSE
                                                 : PIECE_BAD;
    return (struct piece){.kind = kind, .text = take(rest, 1)};
}

int template_check(struct str text, enum message_kind kind, struct error *err)
{
    bool is_optional = false;
    for (struct str rest = text; rest.len > 0;) {
        struct piece piece = take_piece(&rest);
        if (piece.kind == PIECE_BAD)
            return error_set(err, ERROR_FATAL,
                             "unknown or open placeholder \"%.*s\" (a brace itself is {{ or }})",
                             STR_ARG(piece.text));
        if ((piece.kind == PIECE_OPEN && is_optional) ||
            (piece.kind == PIECE_CLOSE && !is_optional))
            return error_set(err, ERROR_FATAL,
                             "a \"%.*s\" without its pair (a bracket itself is [[ or ]])",
                             STR_ARG(piece.text));
        if (piece.kind == PIECE_PLACEHOLDER && !is_optional &&
            !(placeholders[piece.placeholder].always_in & (1 << kind)))
            return error_set(err, ERROR_FATAL,
                             "{%.*s} may have no value in %s: put what depends on it into [ ]",
                             STR_ARG(piece.text), message_kind_name(kind));
        is_optional = piece.kind == PIECE_OPEN || (is_optional && piece.kind != PIECE_CLOSE);
    }
    if (is_optional)
        return error_set(err, ERROR_FATAL,
                         "a \"[\" without its pair (a bracket itself is [[ or ]])");
    return 0;
}

/* Have all placeholders up to the closing bracket a value? */
static bool part_has_values(struct str rest, const struct template_values *values)
{
    while (rest.len > 0) {
        struct piece piece = take_piece(&rest);
        if (piece.kind == PIECE_CLOSE)
            return true;
        if (piece.kind == PIECE_PLACEHOLDER && !values->of[piece.placeholder].ptr)
            return false;
    }
    return true;
}

static void skip_part(struct str *rest)
{
    while (rest->len > 0 && take_piece(rest).kind != PIECE_CLOSE)
        ;
}

/* Writes if there is where to; returns how long the text is. */
static size_t write_text(char *out, struct str text, const struct template_values *values)
{
    size_t len = 0;
    for (struct str rest = text; rest.len > 0;) {
        struct piece piece = take_piece(&rest);
        struct str add = {NULL, 0};
        if (piece.kind == PIECE_TEXT)
            add = piece.text;
        else if (piece.kind == PIECE_PLACEHOLDER)
            add = values->of[piece.placeholder];
        else if (piece.kind == PIECE_OPEN && !part_has_values(rest, values))
            skip_part(&rest);
        if (out && add.len > 0)
            memcpy(out + len, add.ptr, add.len);
        len += add.len;
    }
    return len;
}

struct str template_render(struct arena *arena, struct str text,
                           const struct template_values *values)
{
    char *out = arena_alloc(arena, write_text(NULL, text, values) + 1);
    return out ? (struct str){out, write_text(out, text, values)} : (struct str){NULL, 0};
}
