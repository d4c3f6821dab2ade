#include "worker/last_words.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 512, STACK_BYTES = 64 * 1024, LIMIT_SIGNAL = SIGVTALRM };

static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
enum { FAULTS = sizeof(faults) / sizeof(faults[0]) };

static struct {
    struct last_words_options options;
    struct sigaction before[FAULTS];
    bool installed, has_timer;
    timer_t timer;
    const struct service *service;
    const struct batch_item *item; /* read by a handler, in the thread that wrote it or any other */
} words;

/* Only what POSIX lets a handler do: no printf, no clock, no lock. */
struct line {
    char text[LINE_BYTES];
    size_t len;
};

static void add(struct line *line, const char *text)
{
    while (*text && line->len < LINE_BYTES - 1)
        line->text[line->len++] = *text++;
}

static void add_number(struct line *line, int64_t number)
{
    char digits[24];
    size_t at = sizeof(digits) - 1;
    uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;
    digits[at] = '\0';
    do
        digits[--at] = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (number < 0)
        digits[--at] = '-';
    add(line, digits + at);
}

static void add_field(struct line *line, const char *name, const char *text)
{
    add(line, words.options.json ? ",\"" : " ");
    add(line, name);
    add(line, words.options.json ? "\":\"" : "=\"");
    add(line, text);
    add(line, "\"");
}

static void add_number_field(struct line *line, const char *name, int64_t number)
{
    add(line, words.options.json ? ",\"" : " ");
    add(line, name);
    add(line, words.options.json ? "\":" : "=");
    add_number(line, number);
}

/* Texts here are ours and plain: no escapes. */
static void say(const char *why)
{
    struct line line = {.len = 0};
    bool json = words.options.json;
    const struct batch_item *item = words.item;
    add(&line, json ? "{\"level\":\"error\",\"service\":\"" : "level=error service=");
    add(&line, words.options.service);
    add(&line, json ? "\",\"msg\":\"the worker dies\"" : " msg=\"the worker dies\"");
    add_field(&line, "why", why);
    if (!item) {
        add_field(&line, "at", "no event");
    } else if (item->kind == ITEM_RECORD) {
        add_field(&line, "at", words.service->inputs[item->record.topic]);
        add_number_field(&line, "partition", item->record.partition);
        add_number_field(&line, "offset", item->record.offset);
    } else {
        add_field(&line, "at", item->kind == ITEM_TIMERS ? "a timer" : "the reply to a call");
        if (item->ev.timer)
            add_field(&line, "timer", item->ev.timer);
        add_number_field(&line, "partition", item->task->partition);
    }
    add(&line, json ? "}\n" : "\n");
    ssize_t written = write(words.options.fd, line.text, line.len);
    (void)written; /* nothing is left to be done about it */
}

static const char *name_of(int number)
{
    switch (number) {
    case SIGSEGV:
        return "SIGSEGV";
    case SIGBUS:
        return "SIGBUS";
    case SIGFPE:
        return "SIGFPE";
    case SIGILL:
        return "SIGILL";
    default:
        return "SIGABRT";
    }
}

/* The one before takes over when the fault happens again, or the signal is raised again. */
static void on_fault(int number, siginfo_t *info, void *context)
{
    int kept = errno;
    (void)context;
    for (size_t i = 0; i < FAULTS; i++)
        if (faults[i] == number)
            sigaction(number, &words.before[i], NULL);
    say(name_of(number));
    if (info->si_code <= 0)
        raise(number);
    errno = kept;
}

static void on_limit(int number)
{
    (void)number;
    signal(SIGABRT, SIG_DFL);
    say("no end of its rules within the setting rules.cpu_limit");
    abort();
}

static void make_timer(void)
{
    struct sigaction action = {.sa_handler = on_limit, .sa_flags = SA_ONSTACK};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = LIMIT_SIGNAL};
    sigaction(LIMIT_SIGNAL, &action, NULL);
    words.has_timer = timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &words.timer) == 0;
}

void last_words_install(const struct last_words_options *options)
{
    static char stack[STACK_BYTES]; /* a stack that overflows leaves no room for a handler */
    const stack_t own = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    words.options = *options;
    words.installed = true;
    sigaltstack(&own, NULL);
    for (size_t i = 0; i < FAULTS; i++)
        sigaction(faults[i], &action, &words.before[i]);
    make_timer();
}

void last_words_at(const struct service *service, const struct batch_item *item)
{
    words.service = service;
    words.item = item;
}

void last_words_watch(bool on)
{
    if (!words.has_timer)
        return;
    int64_t ms = on ? words.options.cpu_limit_ms : 0;
    struct itimerspec limit = {.it_value = {ms / 1000, ms % 1000 * 1000000}};
    timer_settime(words.timer, 0, &limit, NULL);
    if (!on)
        words.item = NULL;
}
