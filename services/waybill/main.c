/* waybill: the tool for looking into Waybill and for putting events in. */
#include "waybill/commands.h"
#include "waybill/tool.h"

#include <stdio.h>

static const struct {
    const char *first, *second; /* the command's words */
    command_main *run;
    const char *text;
} commands[] = {
    {"topics", "create", topics_create_main, "make every topic with the right configuration"},
    {"topics", "check", topics_check_main, "name what differs from the right configuration"},
    {"topics", "list", topics_list_main, "every topic, its key and its configuration with reasons"},
    {"acls", "list", acls_list_main, "the rights that each needs in Kafka and Redis"},
    {"produce", NULL, produce_main, "JSON lines, or a store's or carrier's own bytes, as events"},
    {"consume", NULL, consume_main, "any topic as JSON lines"},
    {"order", "show", order_show_main, "the whole life of an order, and what caused what"},
    {"dlq", "list", dlq_list_main, "dead letters and why they are dead"},
    {"dlq", "show", dlq_show_main, "one dead letter, as much of it as can be read"},
    {"dlq", "requeue", dlq_requeue_main, "dead letters back to the service that set them aside"},
    {"parked", "list", parked_list_main, "calls whose outcome nobody knows"},
    {"parked", "show", parked_show_main, "one of them, and what to ask the other side"},
    {"parked", "resolve", parked_resolve_main, "answer one, so that what waits for it goes on"},
    {"endpoint", "list", endpoint_list_main, "which endpoints a person stopped, and why"},
    {"endpoint", "stop", endpoint_stop_main, "no new call to an endpoint starts"},
    {"endpoint", "start", endpoint_start_main, "calls to a stopped endpoint go again"},
    {"replay", NULL, replay_main, "one service decides old events again, without calls by default"},
    {"suppliers", NULL, suppliers_main, "how suppliers keep their promises"},
    {"task", "list", task_list_main, "every service in one line: workers, what waits, Redis"},
    {"task", "show", task_show_main, "the tasks of a service: owners, lag, timers, calls, Redis"},
    {"verify", NULL, verify_main, "what Redis holds against what the changelogs say"},
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

/* Flags may stand before the command: the index of the first argument that is neither a flag nor a
 * setting's value. */
static int find_word(int argc, char **argv, int from)
{
    for (int at = from; at < argc; at++) {
        const char *argument = argv[at];
        if (argument[0] != '-')
            return at;
        if (strchr(argument, '=') || strncmp(argument, "--", 2) != 0)
            continue;
        bool takes_value = strcmp(argument, "--config") == 0;
        for (size_t i = 0; i < environment_settings.count; i++)
            takes_value |= strcmp(argument + 2, environment_settings.rows[i].name) == 0;
        at += takes_value;
    }
    return argc;
}

static void remove_word(int *argc, char **argv, int at)
{
    if (at >= *argc)
        return;
    memmove(argv + at, argv + at + 1, (size_t)(*argc - at) * sizeof(*argv));
    --*argc;
}

/* The commands, all or those of one group, a line each. */
static void list_commands(const char *group, char *out, size_t bytes)
{
    size_t len = (size_t)snprintf(out, bytes, "commands (each has --help):\n");
    for (int i = 0; i < COMMANDS && len < bytes; i++)
        if (!group || strcmp(group, commands[i].first) == 0)
            len += (size_t)snprintf(out + len, bytes - len, "  %-9s %-7s  %s\n", commands[i].first,
                                    commands[i].second ? commands[i].second : "", commands[i].text);
}

/* For --help and the like without a whole command; otherwise says what is wrong, and which commands
 * there are. group: the first word; NULL = not even that. */
static int without_command(int argc, char **argv, const char *group, const char *wrong)
{
    char details[4096], name[64];
    list_commands(group, details, sizeof(details));
    snprintf(name, sizeof(name), "waybill%s%s", group ? " " : "", group ? group : "");
    const struct tool_command self = {.name = name,
                                      .text = group ? "needs one word more, see below"
                                                    : "looks into Waybill and puts events in",
                                      .usage = "COMMAND … [flags]",
                                      .details = details};
    static struct tool tool;
    int status = tool_open(&tool, &self, argc, argv);
    if (status == CONFIG_RUN) {
        status = tool_misuse(&tool, "%s", wrong);
        fprintf(stderr, "\n%s", details);
    }
    tool_close(&tool);
    return status;
}

int main(int argc, char **argv)
{
    int first = find_word(argc, argv, 1);
    if (first == argc)
        return without_command(argc, argv, NULL, "a command is missing");
    const char *word = argv[first];
    char wrong[128];
    bool is_group = false;
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(word, commands[i].first) != 0)
            continue;
        is_group = true;
        int second = find_word(argc, argv, first + 1);
        const char *next = second < argc ? argv[second] : "";
        if (commands[i].second && strcmp(next, commands[i].second) != 0)
            continue;
        if (commands[i].second)
            remove_word(&argc, argv, second);
        remove_word(&argc, argv, first);
        return commands[i].run(argc, argv);
    }
    if (!is_group)
        snprintf(wrong, sizeof(wrong), "there is no command %s", word);
    else if (find_word(argc, argv, first + 1) == argc)
        snprintf(wrong, sizeof(wrong), "a word is missing: %s what?", word);
    else
        snprintf(wrong, sizeof(wrong), "there is no command %s %s", word,
                 argv[find_word(argc, argv, first + 1)]);
    return without_command(argc, argv, is_group ? word : NULL, wrong);
}
