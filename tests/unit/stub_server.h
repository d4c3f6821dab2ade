/* A server on a free loopback port for tests: each connection gets a thread and the test's own
 * function. */
#ifndef WAYBILL_TESTS_STUB_SERVER_H
#define WAYBILL_TESTS_STUB_SERVER_H

#include <arpa/inet.h>
#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STUB_CONNECTIONS_MAX = 256, STUB_LOG_BYTES = 1 << 20 };

static struct stub {
    int listener, port;
    void (*serve)(int fd, int number); /* number = 0, 1, … in order of connecting */
    pthread_t thread, threads[STUB_CONNECTIONS_MAX];
    int fds[STUB_CONNECTIONS_MAX];
    atomic_int count;
    atomic_bool stopping;
    pthread_mutex_t lock;
    char log[STUB_LOG_BYTES]; /* every byte that came in */
    size_t log_len;
} stub;

static inline void *stub_connection(void *self)
{
    int number = (int)((int *)self - stub.fds);
    stub.serve(stub.fds[number], number);
    shutdown(stub.fds[number], SHUT_RDWR);
    return NULL;
}

static inline void *stub_accept(void *self)
{
    (void)self;
    for (int number = 0; number < STUB_CONNECTIONS_MAX; number++) {
        int fd = accept(stub.listener, NULL, NULL);
        if (fd < 0 || atomic_load(&stub.stopping)) {
            if (fd >= 0)
                close(fd);
            return NULL;
        }
        stub.fds[number] = fd;
        pthread_create(&stub.threads[number], NULL, stub_connection, &stub.fds[number]);
        atomic_store(&stub.count, number + 1);
    }
    return NULL;
}

static inline int stub_listen(int *out_port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int failed = bind(fd, (struct sockaddr *)&at, len) || listen(fd, 64) ||
                 getsockname(fd, (struct sockaddr *)&at, &len);
    assert(!failed);
    *out_port = ntohs(at.sin_port);
    return fd;
}

static inline void stub_start(void (*serve)(int fd, int number))
{
    memset(&stub, 0, sizeof(stub));
    stub.serve = serve;
    stub.listener = stub_listen(&stub.port);
    pthread_mutex_init(&stub.lock, NULL);
    pthread_create(&stub.thread, NULL, stub_accept, NULL);
}

/* Serving functions see their connections end. */
static inline void stub_stop(void)
{
    atomic_store(&stub.stopping, true);
    shutdown(stub.listener, SHUT_RDWR);
    pthread_join(stub.thread, NULL);
    close(stub.listener);
    for (int i = 0; i < stub.count; i++) {
        shutdown(stub.fds[i], SHUT_RDWR);
        pthread_join(stub.threads[i], NULL);
        close(stub.fds[i]);
    }
    pthread_mutex_destroy(&stub.lock);
}

/* A port on which nobody listens. */
static inline int stub_closed_port(void)
{
    int port;
    close(stub_listen(&port));
    return port;
}

static inline void stub_say(int fd, const char *text)
{
    size_t len = strlen(text);
    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        text += n;
        len -= (size_t)n;
    }
}

/* Reads what is there (waits for something); false = the connection has ended. */
static inline bool stub_read(int fd, char *out, size_t size)
{
    ssize_t n = recv(fd, out, size - 1, 0);
    if (n <= 0)
        return false;
    out[n] = '\0';
    pthread_mutex_lock(&stub.lock);
    size_t room = sizeof(stub.log) - 1 - stub.log_len;
    size_t take = (size_t)n < room ? (size_t)n : room;
    memcpy(stub.log + stub.log_len, out, take);
    stub.log_len += take;
    pthread_mutex_unlock(&stub.lock);
    return true;
}

/* Reads until the text has come; *out holds all of it. False = the connection ended before. */
static inline bool stub_read_until(int fd, const char *end, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    while (!strstr(out, end)) {
        if (len + 2 > size || !stub_read(fd, out + len, size - len))
            return false;
        len += strlen(out + len);
    }
    return true;
}

/* Waits for the other side to close, or for stub_stop. */
static inline void stub_wait_for_end(int fd)
{
    char bytes[4096];
    while (stub_read(fd, bytes, sizeof(bytes)))
        continue;
}

/* Ends the connection with a reset instead of a goodbye. */
static inline void stub_reset(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    /* disconnect by AF_UNSPEC resets at once and keeps the descriptor for stub_stop to close */
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    connect(fd, &none, sizeof(none));
}

/* How often a text came in. */
static inline int stub_count(const char *text)
{
    int count = 0;
    pthread_mutex_lock(&stub.lock);
    for (const char *at = stub.log; (at = strstr(at, text)); at++)
        count++;
    pthread_mutex_unlock(&stub.lock);
    return count;
}

#endif
