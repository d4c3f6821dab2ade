/* The store against a real redis-server on a Unix socket, which the tests start, stop and hinder.
 */
/* links: waybill_redis */
#include "redis_kit.h"

#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct arena arena;

static struct store_load load_one(struct store *store, int32_t task, const char *field)
{
    static struct str wanted;
    struct error err = {0};
    wanted = str_from(field);
    struct store_load load = {.task = task, .fields = &wanted, .field_count = 1};
    arena_done(&arena);
    arena_init(&arena, 64 * 1024 * 1024);
    CU_ASSERT_EQUAL_FATAL(store_load(store, &load, 1, &arena, &err), 0);
    return load;
}

/* Applies one change; 0 = applied, 1 = moved, -1 = error. */
static int apply_one(struct store *store, const char *expected, const char *position,
                     const char *field, const char *value, struct error *err)
{
    struct store_change change = {str_from(field), str_from(value)};
    struct store_batch batch = {.task = 3,
                                .expected = str_from(expected),
                                .position = str_from(position),
                                .changes = &change,
                                .change_count = 1};
    if (store_apply(store, &batch, 1, err))
        return -1;
    return batch.moved;
}

static void test_a_task_that_was_never_written_has_no_position_and_no_values(void)
{
    struct server server = {0};
    server_start(&server);
    struct store *store = a_store(&server);
    struct store_load load = load_one(store, 0, "s:order:1");
    CU_ASSERT_PTR_NULL(load.position.ptr);
    CU_ASSERT_PTR_NULL(load.values[0].ptr);
    store_close(store);
    server_done(&server);
}

static void test_values_go_into_the_callers_room_if_it_brings_some(void)
{
    struct server server = {0};
    struct error err;
    server_start(&server);
    struct store *store = a_store(&server);
    CU_ASSERT_EQUAL(apply_one(store, NULL, "1", "f", "one", &err), 0);
    const struct str field = STR("f");
    struct str room[1] = {STR_INIT("untouched")};
    struct store_load load = {.task = 3, .fields = &field, .field_count = 1, .values = room};
    CU_ASSERT_EQUAL(store_load(store, &load, 1, &arena, &err), 0);
    CU_ASSERT_PTR_EQUAL(load.values, room);
    CU_ASSERT_TRUE(str_equal(room[0], STR("one")));
    store_close(store);
    server_done(&server);
}

static void test_apply_writes_only_when_the_position_is_the_expected_one(void)
{
    struct server server = {0};
    struct error err;
    server_start(&server);
    struct store *store = a_store(&server);
    CU_ASSERT_EQUAL(apply_one(store, "1", "2", "f", "x", &err), 1); /* nothing is there yet */
    CU_ASSERT_PTR_NULL(load_one(store, 3, "f").values[0].ptr);
    CU_ASSERT_EQUAL(apply_one(store, NULL, "1", "f", "one", &err), 0);
    CU_ASSERT_EQUAL(apply_one(store, NULL, "2", "f", "two", &err), 1);
    CU_ASSERT_EQUAL(apply_one(store, "7", "2", "f", "two", &err), 1);
    struct store_load load = load_one(store, 3, "f");
    CU_ASSERT_TRUE(str_equal(load.position, STR("1")));
    CU_ASSERT_TRUE(str_equal(load.values[0], STR("one")));
    CU_ASSERT_EQUAL(apply_one(store, "1", "2", "f", "", &err), 0);
    load = load_one(store, 3, "f");
    CU_ASSERT_TRUE(str_equal(load.position, STR("2")));
    CU_ASSERT_PTR_NOT_NULL(load.values[0].ptr); /* empty is not absent */
    CU_ASSERT_EQUAL(load.values[0].len, 0);
    CU_ASSERT_EQUAL(apply_one(store, "2", "3", "f", NULL, &err), 0);
    CU_ASSERT_PTR_NULL(load_one(store, 3, "f").values[0].ptr);
    store_close(store);
    server_done(&server);
}

static void test_positions_and_values_may_hold_any_bytes(void)
{
    struct server server = {0};
    struct error err;
    server_start(&server);
    struct store *store = a_store(&server);
    char bytes[256];
    for (int i = 0; i < 256; i++)
        bytes[i] = (char)i;
    struct store_change change = {{bytes, 256}, {bytes, 256}};
    struct store_batch batch = {
        .task = 1, .position = {bytes, 200}, .changes = &change, .change_count = 1};
    CU_ASSERT_EQUAL(store_apply(store, &batch, 1, &err), 0);
    CU_ASSERT_FALSE(batch.moved);
    batch.expected = batch.position;
    batch.position.len = 100;
    CU_ASSERT_EQUAL(store_apply(store, &batch, 1, &err), 0);
    CU_ASSERT_FALSE(batch.moved);
    struct store_load load = {.task = 1, .fields = &change.field, .field_count = 1};
    arena_done(&arena);
    arena_init(&arena, 64 * 1024);
    CU_ASSERT_EQUAL(store_load(store, &load, 1, &arena, &err), 0);
    CU_ASSERT_TRUE(str_equal(load.position, (struct str){bytes, 100}));
    CU_ASSERT_TRUE(str_equal(load.values[0], (struct str){bytes, 256}));
    store_close(store);
    server_done(&server);
}

enum { MANY = 2500, MANY_DUE = 1700 };
static char names[MANY][16];
static struct store_change many_changes[MANY];
static struct store_due many_due[MANY_DUE];

/* MANY values and MANY_DUE timers, due at 1000, 1001, ... */
static struct store_batch a_large_batch(int32_t task)
{
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof(names[i]), "field%d", i);
        many_changes[i] = (struct store_change){str_from(names[i]), str_from(names[i])};
        if (i < MANY_DUE)
            many_due[i] = (struct store_due){str_from(names[i]), 1000 + i};
    }
    return (struct store_batch){.task = task,
                                .position = STR("large"),
                                .changes = many_changes,
                                .change_count = MANY,
                                .due = many_due,
                                .due_count = MANY_DUE};
}

static void check_large_batch(struct store *store, int32_t task)
{
    struct error err;
    struct store_due_list due = {0};
    CU_ASSERT_TRUE(str_equal(load_one(store, task, "field0").values[0], STR("field0")));
    CU_ASSERT_TRUE(str_equal(load_one(store, task, "field2499").values[0], STR("field2499")));
    CU_ASSERT_TRUE(str_equal(load_one(store, task, "field1000").position, STR("large")));
    CU_ASSERT_EQUAL(store_due(store, task, 1 << 30, 10000, &arena, &due, &err), 0);
    CU_ASSERT_EQUAL_FATAL(due.len, MANY_DUE);
    CU_ASSERT_EQUAL(due.ptr[MANY_DUE - 1].score, 1000 + MANY_DUE - 1);
}

static void test_a_large_batch_is_applied_whole(void)
{
    struct server server = {0};
    struct error err;
    server_start(&server);
    struct store *store = a_store(&server);
    struct store_batch batch = a_large_batch(5);
    CU_ASSERT_EQUAL(store_apply(store, &batch, 1, &err), 0);
    CU_ASSERT_FALSE(batch.moved);
    check_large_batch(store, 5);
    /* and taken back in one batch: deletes and removals */
    for (int i = 0; i < MANY; i++)
        many_changes[i].value = (struct str){NULL, 0};
    for (int i = 0; i < MANY_DUE; i++)
        many_due[i].score = 0;
    batch.expected = batch.position;
    batch.position = STR("gone");
    CU_ASSERT_EQUAL(store_apply(store, &batch, 1, &err), 0);
    CU_ASSERT_PTR_NULL(load_one(store, 5, "field2499").values[0].ptr);
    int64_t earliest = 0;
    CU_ASSERT_EQUAL(store_earliest(store, 5, &earliest, &err), 0);
    CU_ASSERT_EQUAL(earliest, INT64_MAX);
    store_close(store);
    server_done(&server);
}

/* As a changelog tells it: dropped and made anew, made and dropped; no timer and one, one and none.
 */
static void test_of_one_name_in_a_batch_the_last_counts(void)
{
    struct server server = {0};
    struct error err;
    server_start(&server);
    struct store *store = a_store(&server);
    struct store_change changes[] = {{STR("back"), STR("old")}, {STR("back"), {NULL, 0}},
                                     {STR("back"), STR("new")}, {STR("gone"), {NULL, 0}},
                                     {STR("gone"), STR("x")},   {STR("gone"), {NULL, 0}}};
    struct store_due due[] = {
        {STR("back"), 0}, {STR("back"), 7}, {STR("gone"), 5}, {STR("gone"), 0}};
    struct store_batch batch = {.task = 3,
                                .position = STR("1"),
                                .changes = changes,
                                .change_count = 6,
                                .due = due,
                                .due_count = 4};
    CU_ASSERT_EQUAL_FATAL(store_apply(store, &batch, 1, &err), 0);
    CU_ASSERT_PTR_NULL(load_one(store, 3, "gone").values[0].ptr);
    CU_ASSERT_TRUE(str_equal(load_one(store, 3, "back").values[0], STR("new")));
    struct store_due_list list;
    CU_ASSERT_EQUAL_FATAL(store_due(store, 3, 100, 10, &arena, &list, &err), 0);
    CU_ASSERT_EQUAL_FATAL(list.len, 1);
    CU_ASSERT_TRUE(str_equal(list.ptr[0].member, STR("back")) && list.ptr[0].score == 7);
    store_close(store);
    server_done(&server);
}

static void test_wipe_forgets_all(void)
{
    struct server server = {0};
    struct error err;
    server_start(&server);
    struct store *store = a_store(&server);
    struct store_batch batch = a_large_batch(3);
    CU_ASSERT_EQUAL(store_apply(store, &batch, 1, &err), 0);
    check_large_batch(store, 3);
    CU_ASSERT_EQUAL(store_wipe(store, 3, &err), 0);
    struct store_load load = load_one(store, 3, "field0");
    CU_ASSERT_PTR_NULL(load.position.ptr);
    CU_ASSERT_PTR_NULL(load.values[0].ptr);
    int64_t earliest = 0;
    CU_ASSERT_EQUAL(store_earliest(store, 3, &earliest, &err), 0);
    CU_ASSERT_EQUAL(earliest, INT64_MAX);
    store_close(store);
    server_done(&server);
}

/* Names that somebody else uses for keys of another kind. */
static void test_keys_of_another_kind_hold_nothing_and_are_wiped(void)
{
    struct server server = {0};
    struct error err = {0};
    server_start(&server);
    struct store *store = a_store(&server);
    CU_ASSERT_EQUAL(apply_one(store, NULL, "1", "f", "one", &err), 0);
    const char *hash = "{test.intake:3}", *due = "{test.intake:3}:due";
    int64_t earliest = 0;
    server_tell(&server, "SET", due, "theirs", NULL);
    CU_ASSERT_EQUAL(store_earliest(store, 3, &earliest, &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_SET_ASIDE);
    struct str field = STR("f");
    struct store_due score = {field, 5};
    struct store_batch batch = {
        .task = 3, .expected = STR("1"), .position = STR("2"), .due = &score, .due_count = 1};
    CU_ASSERT_EQUAL(store_apply(store, &batch, 1, &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_SET_ASIDE);
    server_tell(&server, "SET", hash, "theirs", NULL);
    struct store_load load = load_one(store, 3, "f");
    CU_ASSERT_PTR_NULL(load.position.ptr);
    CU_ASSERT_PTR_NULL(load.values[0].ptr);
    CU_ASSERT_EQUAL(store_wipe(store, 3, &err), 0);
    CU_ASSERT_EQUAL(apply_one(store, NULL, "1", "f", "one", &err), 0);
    CU_ASSERT_EQUAL(store_earliest(store, 3, &earliest, &err), 0);
    store_close(store);
    server_done(&server);
}

static void test_due_pending_and_earliest_keep_to_their_scores(void)
{
    struct server server = {0};
    struct error err;
    server_start(&server);
    struct store *store = a_store(&server);
    struct store_due due[] = {{STR("late"), 1795678901234},
                              {STR("soon"), 1795000000001},
                              {STR("now"), 1795000000000},
                              {STR("call"), -1},
                              {STR("call2"), -2}};
    struct store_batch batch = {.task = 2, .position = STR("1"), .due = due, .due_count = 5};
    struct store_due_list list = {0};
    int64_t earliest = 0;
    CU_ASSERT_EQUAL(store_apply(store, &batch, 1, &err), 0);
    arena_done(&arena);
    arena_init(&arena, 64 * 1024);
    CU_ASSERT_EQUAL(store_due(store, 2, 1795000000000, 10, &arena, &list, &err), 0);
    CU_ASSERT_EQUAL_FATAL(list.len, 1);
    CU_ASSERT_TRUE(str_equal(list.ptr[0].member, STR("now")));
    CU_ASSERT_EQUAL(store_due(store, 2, INT64_C(1) << 52, 2, &arena, &list, &err), 0);
    CU_ASSERT_EQUAL_FATAL(list.len, 2);
    CU_ASSERT_TRUE(str_equal(list.ptr[1].member, STR("soon")));
    CU_ASSERT_EQUAL(store_due(store, 2, 1, 10, &arena, &list, &err), 0);
    CU_ASSERT_EQUAL(list.len, 0);
    CU_ASSERT_EQUAL(store_pending(store, 2, 10, &arena, &list, &err), 0);
    CU_ASSERT_EQUAL_FATAL(list.len, 2);
    CU_ASSERT_TRUE(str_equal(list.ptr[0].member, STR("call2")));
    CU_ASSERT_EQUAL(list.ptr[0].score, -2);
    CU_ASSERT_EQUAL(store_earliest(store, 2, &earliest, &err), 0);
    CU_ASSERT_EQUAL(earliest, 1795000000000);
    store_close(store);
    server_done(&server);
}

static void test_several_tasks_are_loaded_and_applied_at_once_over_several_servers(void)
{
    enum { TASKS = 6 };
    struct server servers[2] = {0};
    struct error err;
    server_start(&servers[0]);
    server_start(&servers[1]);
    const char *urls[] = {servers[0].url, servers[1].url};
    struct store_settings cfg = {.urls = urls, .url_count = 2, .prefix = "t.", .service = "router"};
    struct store *store = NULL;
    CU_ASSERT_EQUAL_FATAL(store_open(&store, &cfg, &err), 0);
    CU_ASSERT_EQUAL(store_ping(store, &err), 0);
    struct store_batch batches[TASKS] = {0};
    struct store_change changes[TASKS];
    struct store_load loads[TASKS];
    struct str fields[] = {STR("absent"), STR("mine")};
    const char *const values[TASKS] = {"v0", "v1", "v2", "v3", "v4", "v5"};
    for (int32_t i = 0; i < TASKS; i++) {
        changes[i] = (struct store_change){STR("mine"), str_from(values[i])};
        batches[i] = (struct store_batch){
            .task = i, .position = STR("1"), .changes = &changes[i], .change_count = 1};
        loads[i] = (struct store_load){.task = i, .fields = fields, .field_count = 2};
    }
    batches[4].expected = STR("elsewhere");
    CU_ASSERT_EQUAL(store_apply(store, batches, TASKS, &err), 0);
    arena_done(&arena);
    arena_init(&arena, 64 * 1024);
    CU_ASSERT_EQUAL(store_load(store, loads, TASKS, &arena, &err), 0);
    for (int i = 0; i < TASKS; i++) {
        CU_ASSERT_EQUAL(batches[i].moved, i == 4);
        CU_ASSERT_PTR_NULL(loads[i].values[0].ptr);
        CU_ASSERT_TRUE(str_equal(loads[i].values[1], str_from(i == 4 ? NULL : values[i])));
    }
    store_close(store);
    /* task 3 lives on the second server, under both names in one slot */
    server_tell(&servers[1], "RENAMENX", "{t.router:3}", "found", NULL);
    server_done(&servers[0]);
    server_done(&servers[1]);
}

static int64_t token(struct store *store, int64_t now_ms)
{
    struct error err;
    int64_t wait = -1;
    CU_ASSERT_EQUAL(store_take_token(store, STR("sms"), 10, 3, now_ms, &wait, &err), 0);
    return wait;
}

static void test_tokens_come_at_their_rate_after_the_burst(void)
{
    struct server server = {0};
    server_start(&server);
    struct store *store = a_store(&server);
    int64_t t = 1795000000000;
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(token(store, t), 0);
    CU_ASSERT_EQUAL(token(store, t), 100); /* 10 per second: one each 100 ms */
    CU_ASSERT_EQUAL(token(store, t + 40), 60);
    CU_ASSERT_EQUAL(token(store, t + 100), 0);
    CU_ASSERT_EQUAL(token(store, t + 100), 100);
    CU_ASSERT_EQUAL(token(store, t + 50), 100); /* a slower clock wins nothing */
    for (int i = 0; i < 3; i++)                 /* no more than the burst is saved up */
        CU_ASSERT_EQUAL(token(store, t + 3600000), 0);
    CU_ASSERT_EQUAL(token(store, t + 3600000), 100);
    /* the clock had been an hour fast: it goes on from here */
    CU_ASSERT_EQUAL(token(store, t), 100);
    CU_ASSERT_EQUAL(token(store, t + 100), 0);
    store_close(store);
    server_done(&server);
}

static int try_load(struct store *store, struct error *err)
{
    struct store_load load = {.task = 3};
    arena_done(&arena);
    arena_init(&arena, 64 * 1024);
    return store_load(store, &load, 1, &arena, err);
}

static void test_a_killed_server_is_away_and_used_again_when_it_is_back(void)
{
    struct server server = {0};
    struct error err = {0};
    server_start(&server);
    struct store *store = a_store(&server);
    CU_ASSERT_EQUAL(apply_one(store, NULL, "1", "f", "x", &err), 0);
    usleep(1100 * 1000); /* appendfsync everysec */
    server_kill(&server);
    CU_ASSERT_EQUAL(try_load(store, &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_RETRY);
    CU_ASSERT_EQUAL(apply_one(store, "1", "2", "f", "y", &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_RETRY);
    CU_ASSERT_EQUAL(store_ping(store, &err), -1);
    server_start(&server);
    CU_ASSERT_TRUE(str_equal(load_one(store, 3, "f").values[0], STR("x")));
    CU_ASSERT_EQUAL(apply_one(store, "1", "2", "f", "y", &err), 0);
    store_close(store);
    server_done(&server);
}

static void test_a_server_that_hangs_is_away_after_the_timeout(void)
{
    struct server server = {0};
    struct error err = {0};
    server_start(&server);
    struct store *store = a_store(&server);
    CU_ASSERT_EQUAL(apply_one(store, NULL, "1", "f", "x", &err), 0);
    kill(server.pid, SIGSTOP);
    time_t began = time(NULL);
    CU_ASSERT_EQUAL(try_load(store, &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_RETRY);
    CU_ASSERT_TRUE(time(NULL) - began <= 3);
    kill(server.pid, SIGCONT);
    CU_ASSERT_EQUAL(try_load(store, &err), 0);
    store_close(store);
    server_done(&server);
}

static void test_a_full_a_read_only_and_a_flushed_server_are_away(void)
{
    struct server server = {0};
    struct error err = {0};
    server_start(&server);
    struct store *store = a_store(&server);
    CU_ASSERT_EQUAL(apply_one(store, NULL, "1", "f", "x", &err), 0);
    server_tell(&server, "CONFIG", "SET", "maxmemory", "1");
    CU_ASSERT_EQUAL(apply_one(store, "1", "2", "f", "y", &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_RETRY);
    server_tell(&server, "CONFIG", "SET", "maxmemory", "0");
    server_tell(&server, "REPLICAOF", "127.0.0.1", "1", NULL);
    CU_ASSERT_EQUAL(apply_one(store, "1", "2", "f", "y", &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_RETRY);
    server_tell(&server, "CONFIG", "SET", "replica-serve-stale-data", "no");
    CU_ASSERT_EQUAL(try_load(store, &err), -1); /* and not: nothing is there */
    CU_ASSERT_EQUAL(err.action, ERROR_RETRY);
    server_tell(&server, "REPLICAOF", "NO", "ONE", NULL);
    CU_ASSERT_EQUAL(apply_one(store, "1", "2", "f", "y", &err), 0);
    server_tell(&server, "SCRIPT", "FLUSH", NULL, NULL);
    CU_ASSERT_EQUAL(apply_one(store, "2", "3", "f", "z", &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_RETRY);
    CU_ASSERT_EQUAL(apply_one(store, "2", "3", "f", "z", &err), 0);
    store_close(store);
    server_done(&server);
}

/* Answers whatever it is asked with one line, once. */
static pid_t liar(const char *path, const char *line)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    unlink(path);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 5))
        exit(1);
    pid_t pid = fork();
    if (pid == 0) {
        char asked[4096];
        int socket = accept(listener, NULL, NULL);
        if (read(socket, asked, sizeof(asked)) > 0 && write(socket, line, strlen(line)) > 0)
            nap();
        _exit(0);
    }
    close(listener);
    return pid;
}

static void test_a_server_that_loads_or_talks_nonsense_is_away(void)
{
    const char *const lines[] = {"-LOADING Redis is loading the dataset in memory\r\n",
                                 "-BUSY Redis is busy running a script\r\n", "nonsense\r\n", "$-1"};
    struct server server = {0};
    strcpy(server.path, "/tmp/waybill-redis-liar-XXXXXX");
    int file = mkstemp(server.path);
    close(file);
    snprintf(server.url, sizeof(server.url), "unix://%s", server.path);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct error err = {0};
        pid_t pid = liar(server.path, lines[i]);
        struct store *store = a_store(&server);
        CU_ASSERT_EQUAL(try_load(store, &err), -1);
        CU_ASSERT_EQUAL(err.action, ERROR_RETRY);
        store_close(store);
        waitpid(pid, NULL, 0);
    }
    unlink(server.path);
}

/* A port of the loopback interface that nobody listens on. */
static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, size) ||
        getsockname(listener, (struct sockaddr *)&address, &size))
        exit(1);
    close(listener);
    return ntohs(address.sin_port);
}

static void test_a_password_lets_in_and_never_shows(void)
{
    struct server server = {0};
    struct error err = {0};
    char port[8], url[128];
    const char *urls = url;
    struct store_settings cfg = {.urls = &urls, .url_count = 1, .prefix = "t.", .service = "x"};
    server_start(&server);
    snprintf(port, sizeof(port), "%d", free_port());
    server_tell(&server, "CONFIG", "SET", "port", port);
    server_tell(&server, "CONFIG", "SET", "requirepass", "s3cr@t");
    struct store *store = a_store(&server); /* comes without */
    CU_ASSERT_EQUAL(store_ping(store, &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_DENIED);
    store_close(store);
    snprintf(url, sizeof(url), "redis://default:wrong%%21@127.0.0.1:%s/2", port);
    CU_ASSERT_EQUAL_FATAL(store_open(&store, &cfg, &err), 0);
    CU_ASSERT_EQUAL(store_ping(store, &err), -1);
    CU_ASSERT_EQUAL(err.action, ERROR_DENIED);
    CU_ASSERT_PTR_NULL(strstr(err.text, "wrong"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, port));
    store_close(store);
    snprintf(url, sizeof(url), "redis://:s3cr%%40t@127.0.0.1:%s/2", port);
    CU_ASSERT_EQUAL_FATAL(store_open(&store, &cfg, &err), 0);
    CU_ASSERT_EQUAL(apply_one(store, NULL, "1", "f", "in database 2", &err), 0);
    store_close(store);
    snprintf(url, sizeof(url), "redis://default:s3cr@t@127.0.0.1:%s", port);
    CU_ASSERT_EQUAL_FATAL(store_open(&store, &cfg, &err), 0);
    CU_ASSERT_PTR_NULL(load_one(store, 3, "f").values[0].ptr); /* database 0 */
    store_close(store);
    server_done(&server);
}

static void test_a_url_that_is_none_is_refused(void)
{
    const char *const wrong[] = {"",
                                 "localhost:6379",
                                 "http://localhost",
                                 "redis://",
                                 "redis://host:port",
                                 "redis://host:70000",
                                 "redis://host:1/x",
                                 "redis://:a%zz@host",
                                 "redis://:a%4",
                                 "redis://[::1",
                                 "unix://",
                                 "unix:///s?x=1"};
    const char *const right[] = {"redis://host", "redis://u:p%40@host:1/2", "redis://[::1]:7",
                                 "unix:///s", "unix:///s?db=3"};
    struct error err = {0};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct redis_settings cfg = {.url = wrong[i]};
        struct redis *redis = NULL;
        CU_ASSERT_EQUAL(redis_open(&redis, &cfg, &err), -1);
        CU_ASSERT_EQUAL(err.action, ERROR_FATAL);
    }
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        struct redis_settings cfg = {.url = right[i]};
        struct redis *redis = NULL;
        CU_ASSERT_EQUAL(redis_open(&redis, &cfg, &err), 0);
        redis_close(redis);
    }
}
