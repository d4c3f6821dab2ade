/* A store looked at from outside, against a real redis-server. */
/* links: waybill_redis */
#include "redis_kit.h"

static struct arena arena;

static void begin(struct server *server, struct store **store)
{
    server_start(server);
    *store = a_store(server);
    arena_done(&arena);
    arena_init(&arena, 64 * 1024 * 1024);
}

static void end(struct server *server, struct store *store)
{
    store_close(store);
    server_done(server);
}

enum { MANY = 700 };
static char names[MANY][16];

/* MANY fields and as many members, due at 1, 2, ...; one pending intent. */
static void fill(struct store *store)
{
    static struct store_change changes[MANY];
    static struct store_due due[MANY + 1];
    struct error err;
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof(names[i]), "s:k:%d", i);
        changes[i] = (struct store_change){str_from(names[i]), str_from(names[i])};
        due[i] = (struct store_due){changes[i].field, i + 1};
    }
    due[MANY] = (struct store_due){STR("i:call"), -((INT64_C(1) << 52) - 1)};
    struct store_batch batch = {.task = 3,
                                .position = STR("here"),
                                .changes = changes,
                                .change_count = MANY,
                                .due = due,
                                .due_count = MANY + 1};
    CU_ASSERT_EQUAL_FATAL(store_apply(store, &batch, 1, &err), 0);
    CU_ASSERT_FALSE(batch.moved);
}

typedef int scan_page(struct store *store, int32_t task, uint64_t *cursor, size_t count,
                      struct arena *arena, struct store_names *out, struct error *err);

/* How many different names the pages hold; each seen[i] of "s:k:i" is counted. */
static size_t count_names(struct store *store, scan_page *scan, int seen[MANY], size_t *out_pages)
{
    struct store_names page;
    struct error err;
    uint64_t cursor = 0;
    size_t count = 0;
    *out_pages = 0;
    do {
        CU_ASSERT_EQUAL_FATAL(scan(store, 3, &cursor, 50, &arena, &page, &err), 0);
        for (size_t i = 0; i < page.len; i++) {
            int at;
            if (sscanf(page.ptr[i].ptr, "s:k:%d", &at) == 1)
                seen[at]++;
        }
        count += page.len;
        ++*out_pages;
    } while (cursor != 0);
    return count;
}

static void test_pages_name_every_field_and_member_but_the_position(void)
{
    struct server server = {0};
    struct store *store;
    int fields[MANY] = {0}, members[MANY] = {0};
    size_t pages;
    begin(&server, &store);
    fill(store);
    CU_ASSERT_EQUAL(count_names(store, store_scan_fields, fields, &pages), MANY);
    CU_ASSERT_TRUE(pages > 1);
    CU_ASSERT_EQUAL(count_names(store, store_scan_members, members, &pages), MANY + 1);
    for (int i = 0; i < MANY; i++) {
        CU_ASSERT_EQUAL(fields[i], 1);
        CU_ASSERT_EQUAL(members[i], 1);
    }
    end(&server, store);
}

static void test_a_task_that_holds_nothing_is_one_empty_page(void)
{
    struct server server = {0};
    struct store *store;
    struct store_names page = {.len = 9};
    struct error err;
    uint64_t cursor = 0;
    begin(&server, &store);
    CU_ASSERT_EQUAL(store_scan_fields(store, 3, &cursor, 50, &arena, &page, &err), 0);
    CU_ASSERT_EQUAL(page.len, 0);
    CU_ASSERT_EQUAL(cursor, 0);
    struct store_view view = {.task = 3};
    CU_ASSERT_EQUAL(store_look(store, &view, &arena, &err), 0);
    CU_ASSERT_PTR_NULL(view.position.ptr);
    CU_ASSERT_EQUAL(view.hash_len, 0);
    CU_ASSERT_EQUAL(view.due_len, 0);
    end(&server, store);
}

static void test_a_look_sees_position_values_and_scores(void)
{
    struct server server = {0};
    struct store *store;
    struct error err = {0};
    const struct str fields[] = {STR_INIT("s:k:4"), STR_INIT("gone"), STR_INIT("i:call")};
    begin(&server, &store);
    fill(store);
    struct store_view view = {.task = 3, .fields = fields, .field_count = 3};
    CU_ASSERT_EQUAL_FATAL(store_look(store, &view, &arena, &err), 0);
    CU_ASSERT_TRUE(str_equal(view.position, STR("here")));
    CU_ASSERT_TRUE(str_equal(view.values[0], STR("s:k:4")));
    CU_ASSERT_EQUAL(view.scores[0], 5);
    CU_ASSERT_PTR_NULL(view.values[1].ptr);
    CU_ASSERT_EQUAL(view.scores[1], 0);
    CU_ASSERT_PTR_NULL(view.values[2].ptr);
    CU_ASSERT_EQUAL(view.scores[2], -((INT64_C(1) << 52) - 1)); /* exact in a double */
    CU_ASSERT_EQUAL(view.hash_len, MANY + 1);
    CU_ASSERT_EQUAL(view.due_len, MANY + 1);
    end(&server, store);
}

static void test_a_key_of_another_type_is_an_error_and_the_next_look_works(void)
{
    struct server server = {0};
    struct store *store;
    struct error err = {0};
    begin(&server, &store);
    fill(store);
    server_tell(&server, "SET", "{test.intake:4}", "no hash", NULL);
    struct store_view wrong = {.task = 4}, right = {.task = 3};
    CU_ASSERT_EQUAL(store_look(store, &wrong, &arena, &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_SET_ASIDE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "WRONGTYPE"));
    CU_ASSERT_EQUAL(store_look(store, &right, &arena, &err), 0);
    CU_ASSERT_TRUE(str_equal(right.position, STR("here")));
    end(&server, store);
}

static void test_a_server_that_is_gone_is_away_and_not_empty(void)
{
    struct server server = {0};
    struct store *store;
    struct store_names page;
    struct error err = {0};
    uint64_t cursor = 0;
    begin(&server, &store);
    fill(store);
    server_kill(&server);
    struct store_view view = {.task = 3};
    CU_ASSERT_EQUAL(store_look(store, &view, &arena, &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_RETRY);
    CU_ASSERT_EQUAL(store_scan_members(store, 3, &cursor, 50, &arena, &page, &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_RETRY);
    server_start(&server);
    CU_ASSERT_EQUAL(store_look(store, &view, &arena, &err), 0);
    CU_ASSERT_TRUE(str_equal(view.position, STR("here")));
    end(&server, store);
}

static void test_a_server_that_is_full_shows_what_it_has(void)
{
    struct server server = {0};
    struct store *store;
    struct store_names page;
    struct error err = {0};
    uint64_t cursor = 0;
    begin(&server, &store);
    fill(store);
    server_tell(&server, "CONFIG", "SET", "maxmemory", "1");
    struct store *other = a_store(&server); /* which has no scripts yet */
    struct store_view view = {.task = 3};
    CU_ASSERT_EQUAL(store_look(other, &view, &arena, &err), 0);
    CU_ASSERT_TRUE(str_equal(view.position, STR("here")));
    CU_ASSERT_EQUAL(store_scan_fields(other, 3, &cursor, 50, &arena, &page, &err), 0);
    struct store_batch batch = {
        .task = 3, .expected = STR("here"), .position = STR("there"), .moved = false};
    CU_ASSERT_EQUAL(store_apply(other, &batch, 1, &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_RETRY);
    server_tell(&server, "CONFIG", "SET", "maxmemory", "0");
    CU_ASSERT_EQUAL(store_look(other, &view, &arena, &err), 0);
    CU_ASSERT_EQUAL(store_apply(other, &batch, 1, &err), 0);
    CU_ASSERT_FALSE(batch.moved);
    store_close(other);
    end(&server, store);
}
