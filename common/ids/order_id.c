#include "ids/order_id.h"

struct str order_id_make(struct arena *arena, struct str store, struct str external_id)
{
    bool colon = store.len && memchr(store.ptr, ':', store.len);
    if (str_is_empty(store) || str_is_empty(external_id) || colon)
        return (struct str){0};
    return arena_printf(arena, "%.*s:%.*s", STR_ARG(store), STR_ARG(external_id));
}
