/* A real redis-server on a Unix socket for one test, which starts, stops and hinders it. */
#ifndef WAYBILL_TEST_REDIS_KIT_H
#define WAYBILL_TEST_REDIS_KIT_H

#include "redis/redis.h"
#include "redis/store.h"

#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct server {
    char folder[64], path[80], url[96];
    pid_t pid;
};

static inline void nap(void)
{
    usleep(10 * 1000);
}

static inline struct store *a_store(const struct server *server)
{
    const char *url = server->url;
    struct store_settings cfg = {
        .urls = &url, .url_count = 1, .prefix = "test.", .service = "intake", .timeout_ms = 1000};
    struct store *store = NULL;
    struct error err;
    CU_ASSERT_EQUAL_FATAL(store_open(&store, &cfg, &err), 0);
    return store;
}

/* Starts a server, or starts it again with what it has saved. */
static inline void server_start(struct server *server)
{
    signal(SIGPIPE, SIG_IGN);
    if (!server->folder[0]) {
        strcpy(server->folder, "/tmp/waybill-redis-XXXXXX");
        if (!mkdtemp(server->folder))
            exit(1);
    }
    snprintf(server->path, sizeof(server->path), "%s/sock", server->folder);
    snprintf(server->url, sizeof(server->url), "unix://%s", server->path);
    server->pid = fork();
    if (server->pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, STDOUT_FILENO);
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", server->path, "--dir",
               server->folder, "--save", "", "--appendonly", "yes", (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 500; i++) {
        struct store *store = a_store(server);
        struct error err;
        int answers = store_ping(store, &err) == 0;
        store_close(store);
        if (answers)
            return;
        nap();
    }
    fprintf(stderr, "redis-server did not start in %s\n", server->folder);
    exit(1);
}

static inline void server_kill(struct server *server)
{
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
}

static inline void server_done(struct server *server)
{
    char command[96];
    server_kill(server);
    snprintf(command, sizeof(command), "rm -rf %s", server->folder);
    CU_ASSERT_EQUAL(system(command), 0);
}

/* Says something to the server that the store has no word for. */
static inline void server_tell(struct server *server, const char *a, const char *b, const char *c,
                               const char *d)
{
    const char *words[] = {a, b, c, d};
    struct redis_settings cfg = {.url = server->url};
    struct redis_answer answer = {0};
    struct redis *redis = NULL;
    struct error err;
    bool is_new;
    size_t count = 0;
    while (count < 4 && words[count])
        count++;
    if (redis_open(&redis, &cfg, &err) || redis_connect(redis, &is_new, &err))
        exit(1);
    redis_command(redis, count);
    for (size_t i = 0; i < count; i++)
        redis_word(redis, str_from(words[i]));
    CU_ASSERT_EQUAL(redis_receive(redis, &answer, &err), 0);
    CU_ASSERT_NOT_EQUAL(answer.kind, REDIS_ERROR);
    redis_close(redis);
}

#endif
