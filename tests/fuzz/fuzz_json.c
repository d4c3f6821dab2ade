/* Any bytes as JSON: what is read is no deeper than allowed, whole, and reads back the same. */
/* links: waybill_json */
#include "fuzz_input.h"

#include "json/json.h"

#include <assert.h>

enum { ARENA_BYTES_MAX = 64 * 1024 * 1024 };

/* Every node says one thing; numbers and truths are read without harm. */
static void look_at(const struct json_node *node, int depth)
{
    int64_t whole;
    double number;
    assert(depth <= JSON_DEPTH_MAX);
    if (json_int64(node, &whole) && json_double(node, &number))
        assert((double)whole == number || whole > (INT64_C(1) << 53) ||
               whole < -(INT64_C(1) << 53));
    json_bool(node, false);
    struct str text = json_text(node);
    assert(!text.ptr || text.ptr[text.len] == '\0');
    for (size_t i = 0; i < node->count; i++) {
        look_at(&node->items[i], depth + 1);
        if (node->kind == JSON_IS_OBJECT)
            assert(json_member(node, node->items[i].name) == &node->items[i]);
        else
            assert(json_item(node, i) == &node->items[i]);
    }
    assert(!json_item(node, node->count));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = {(const char *)data, size};
    struct arena arena;
    struct error err = {0};
    arena_init(&arena, ARENA_BYTES_MAX);
    const struct json_node *root = json_parse(&arena, bytes, &err);
    assert(root || err.action == ERROR_SET_ASIDE);
    if (root) {
        look_at(root, 0);
        (void)json_text(json_at(root, "line_items.0.price"));
    }
    arena_done(&arena);
    return 0;
}
