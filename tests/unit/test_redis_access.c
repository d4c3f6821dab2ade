/* Who may use Redis: passwords, ACL users with the rights that are listed and no more. */
/* links: waybill_redis */
#include "redis_kit.h"

static struct error error;

/* A store that logs in; secret file or text. */
static struct store *open_as(const struct server *server, const struct redis_access *access)
{
    const char *url = server->url;
    struct store_settings cfg = {.urls = &url,
                                 .url_count = 1,
                                 .access = access,
                                 .prefix = "test.",
                                 .service = "intake",
                                 .timeout_ms = 1000};
    struct store *store = NULL;
    error = (struct error){0};
    CU_ASSERT_EQUAL_FATAL(store_open(&store, &cfg, &error), 0);
    return store;
}

static int try_as(const struct server *server, const char *user, const char *password)
{
    const struct redis_access access = {.username = str_from(user),
                                        .password = {.text = str_from(password)}};
    struct store *store = open_as(server, &access);
    int result = store_try(store, &error);
    store_close(store);
    return result;
}

static void expect_denied(const char *part)
{
    CU_ASSERT_EQUAL(error.action, ERROR_DENIED);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, part));
    if (!strstr(error.text, part))
        fprintf(stderr, "said: %s\n", error.text);
}

/* "ACL SETUSER waybill on >geheim <keys> -@all +… ", but for one command. */
static void make_user_of(struct server *server, const char *const *commands, const char *keys,
                         const char *without)
{
    char command[1024];
    size_t len = (size_t)snprintf(command, sizeof(command),
                                  "redis-cli -s %s ACL SETUSER waybill reset on '>geheim' %s",
                                  server->path, keys);
    for (const char *const *name = commands; *name; name++)
        if (!without || strcmp(*name, without) != 0)
            len += (size_t)snprintf(command + len, sizeof(command) - len, " '+%s'", *name);
    snprintf(command + len, sizeof(command) - len, " >/dev/null");
    CU_ASSERT_EQUAL(system(command), 0);
}

static void make_user(struct server *server, const char *keys, const char *without)
{
    make_user_of(server, store_commands, keys, without);
}

#define KEYS "'~{test.intake:*' '~test.bucket:*'"

static void test_a_password_is_asked_for_and_a_wrong_one_is_told_without_repeating_it(void)
{
    struct server server = {0};
    server_start(&server);
    server_tell(&server, "CONFIG", "SET", "requirepass", "geheim");
    CU_ASSERT_EQUAL(try_as(&server, NULL, NULL), -1);
    expect_denied("does not let the default user in: NOAUTH");
    CU_ASSERT_EQUAL(try_as(&server, NULL, "hunter2"), -1);
    expect_denied("does not let the default user in: WRONGPASS");
    CU_ASSERT_PTR_NULL(strstr(error.text, "hunter2"));
    CU_ASSERT_EQUAL(try_as(&server, NULL, "geheim"), 0);
    CU_ASSERT_EQUAL(try_as(&server, "nobody", "geheim"), -1);
    expect_denied("does not let nobody in: WRONGPASS");
    server_done(&server);
}

static void test_a_password_for_a_server_without_one_is_told(void)
{
    struct server server = {0};
    server_start(&server);
    CU_ASSERT_EQUAL(try_as(&server, NULL, "geheim"), -1);
    expect_denied("does not let the default user in: ERR AUTH");
    server_done(&server);
}

static void write_password(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    CU_ASSERT_FATAL(file != NULL);
    fputs(text, file);
    fclose(file);
}

static void test_a_password_file_is_read_for_each_connection(void)
{
    struct server server = {0};
    char path[96];
    server_start(&server);
    snprintf(path, sizeof(path), "%s/password", server.folder);
    server_tell(&server, "CONFIG", "SET", "requirepass", "geheim");
    write_password(path, "outdated\n");
    const struct redis_access access = {.password = {.text = STR("outdated"), .file = path}};
    struct store *store = open_as(&server, &access);
    CU_ASSERT_EQUAL(store_ping(store, &error), -1);
    expect_denied("WRONGPASS");
    write_password(path, "geheim\n");
    CU_ASSERT_EQUAL(store_ping(store, &error), 0);
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_EQUAL(store_ping(store, &error), 0); /* the connection stands */
    store_close(store);
    store = open_as(&server, &access);
    CU_ASSERT_EQUAL(store_ping(store, &error), -1);
    expect_denied("redis.password_file: cannot open");
    store_close(store);
    server_done(&server);
}

static void test_the_listed_rights_are_enough_and_each_is_needed(void)
{
    struct server server = {0};
    server_start(&server);
    make_user(&server, KEYS, NULL);
    CU_ASSERT_EQUAL(try_as(&server, "waybill", "geheim"), 0);
    if (error.text[0])
        fprintf(stderr, "said: %s\n", error.text);
    for (const char *const *name = store_commands; *name; name++) {
        if (strcmp(*name, "ping") == 0)
            continue; /* tests only */
        make_user(&server, KEYS, *name);
        CU_ASSERT_EQUAL(try_as(&server, "waybill", "geheim"), -1);
        expect_denied(*name); /* it says what is missing */
    }
    server_done(&server);
}

static void test_keys_of_another_service_are_out_of_reach(void)
{
    struct server server = {0};
    server_start(&server);
    make_user(&server, "'~{test.notifier:*' '~test.bucket:*'", NULL);
    CU_ASSERT_EQUAL(try_as(&server, "waybill", "geheim"), -1);
    expect_denied("NOPERM");
    server_done(&server);
}

static void test_what_may_not_be_read_is_never_absent(void)
{
    struct server server = {0};
    struct arena arena;
    const struct str field = STR("s:order:1");
    const struct redis_access access = {.username = STR("waybill"),
                                        .password = {.text = STR("geheim")}};
    arena_init(&arena, 1 << 20);
    server_start(&server);
    make_user(&server, KEYS, NULL);
    struct store *store = open_as(&server, &access);
    struct store_load load = {.task = 1, .fields = &field, .field_count = 1};
    CU_ASSERT_EQUAL(store_load(store, &load, 1, &arena, &error), 0);
    CU_ASSERT_PTR_NULL(load.position.ptr);
    make_user(&server, KEYS, "hmget"); /* while the connection stands */
    CU_ASSERT_EQUAL(store_load(store, &load, 1, &arena, &error), -1);
    expect_denied("hmget");
    make_user(&server, KEYS, NULL);
    CU_ASSERT_EQUAL(store_load(store, &load, 1, &arena, &error), 0);
    store_close(store);
    arena_done(&arena);
    server_done(&server);
}

/* As waybill task, verify and its --repair do. */
static int look_and_wipe(struct store *store, struct arena *arena)
{
    const struct str field = STR("f");
    struct store_view view = {.task = 3, .fields = &field, .field_count = 1};
    struct store_names names;
    uint64_t fields = 0, members = 0;
    return store_look(store, &view, arena, &error) ||
                   store_scan_fields(store, 3, &fields, 10, arena, &names, &error) ||
                   store_scan_members(store, 3, &members, 10, arena, &names, &error) ||
                   store_wipe(store, 3, &error)
               ? -1
               : 0;
}

static void test_an_operator_looks_and_wipes_with_the_listed_rights_and_no_less(void)
{
    const struct redis_access access = {.username = STR("waybill"),
                                        .password = {.text = STR("geheim")}};
    struct server server = {0};
    struct arena arena;
    arena_init(&arena, 1 << 20);
    server_start(&server);
    make_user_of(&server, store_view_commands, "'~{test.*'", NULL);
    struct store *store = open_as(&server, &access);
    CU_ASSERT_EQUAL(look_and_wipe(store, &arena), 0);
    store_close(store);
    for (const char *const *name = store_view_commands; *name; name++) {
        make_user_of(&server, store_view_commands, "'~{test.*'", *name);
        store = open_as(&server, &access);
        CU_ASSERT_EQUAL(look_and_wipe(store, &arena), -1);
        expect_denied(*name);
        store_close(store);
    }
    arena_done(&arena);
    server_done(&server);
}
