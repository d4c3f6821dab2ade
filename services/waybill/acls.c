/* waybill acls list: what each service, and each other principal, may do in Kafka and in Redis. */
#include "environment/environment.h"
#include "topics/rights.h"
#include "waybill/commands.h"
#include "waybill/tool.h"

#include <stdio.h>

static void list_names(void)
{
    for (size_t i = 0; rights_name(i); i++)
        printf("%-16s %s\n", rights_name(i), rights_text(i));
}

static void print_table(const struct rights *rights, const char *principal)
{
    printf("%s: %s. In Kafka %s needs\n", rights->who, rights->text, principal);
    for (size_t i = 0; i < rights->count; i++) {
        const struct right *right = &rights->list[i];
        char name[300];
        snprintf(name, sizeof(name), "%s%s", right->name, right->is_prefix ? "*" : "");
        printf("  %-15s %-15s %-34s %s\n", right->operation, right->resource, name,
               right->why ? right->why : "");
    }
}

/* "TransactionalId" -> "--transactional-id". */
static const char *flag_of(const char *resource)
{
    return strcmp(resource, "Topic") == 0   ? "--topic"
           : strcmp(resource, "Group") == 0 ? "--group"
                                            : "--transactional-id";
}

/* Lines for a shell; one for each name, with all that may be done to it. */
static void print_commands(const struct rights *rights, const char *principal)
{
    for (size_t i = 0; i < rights->count; i++) {
        const struct right *first = &rights->list[i];
        bool is_told = false;
        for (size_t j = 0; j < i; j++)
            is_told |= strcmp(rights->list[j].name, first->name) == 0 &&
                       strcmp(rights->list[j].resource, first->resource) == 0 &&
                       rights->list[j].is_prefix == first->is_prefix;
        if (is_told)
            continue;
        printf("kafka-acls.sh \"$@\" --add --allow-principal '%s' %s '%s' "
               "--resource-pattern-type %s",
               principal, flag_of(first->resource), first->name,
               first->is_prefix ? "prefixed" : "literal");
        for (size_t j = i; j < rights->count; j++)
            if (strcmp(rights->list[j].name, first->name) == 0 &&
                strcmp(rights->list[j].resource, first->resource) == 0 &&
                rights->list[j].is_prefix == first->is_prefix)
                printf(" --operation %s", rights->list[j].operation);
        printf("\n");
    }
}

static void print_words(const char *const *commands)
{
    for (; *commands; commands++)
        printf(" +%s", *commands);
    printf("\n");
}

/* What ACL SETUSER takes: the password is the person's. */
static void print_redis(const struct tool *tool, const struct rights *rights)
{
    const struct str prefix = tool->cfg.prefix;
    bool is_service = false;
    for (size_t i = 0; i < rights->count; i++)
        is_service |= strcmp(rights->list[i].resource, "TransactionalId") == 0;
    if (is_service) {
        printf("Redis: ACL SETUSER %s ~{%.*s%s:* ~%.*sbucket:*", rights->who, STR_ARG(prefix),
               rights->who, STR_ARG(prefix));
        print_words(store_commands);
    } else if (strcmp(rights->who, "operator") == 0) { /* task, verify; unlink: its --repair */
        printf("Redis: ACL SETUSER %s ~{%.*s*", rights->who, STR_ARG(prefix));
        print_words(store_view_commands);
    }
}

static int list(struct tool *tool, const char *who, const char *principal, bool commands)
{
    struct error err = {0};
    struct rights *rights = arena_alloc(&tool->arena, sizeof(*rights));
    char user[80];
    if (!rights || rights_of(who, tool->cfg.prefix, &tool->arena, rights, &err))
        return tool_misuse(tool, "%s", rights ? err.text : "out of memory");
    snprintf(user, sizeof(user), "User:%s", who);
    if (!principal)
        principal = user;
    if (commands) {
        print_commands(rights, principal);
        return TOOL_OK;
    }
    print_table(rights, principal);
    print_redis(tool, rights);
    return TOOL_OK;
}

int acls_list_main(int argc, char **argv)
{
    const char *principal;
    bool commands = false;
    const struct config_flag flags[] = {
        {.name = "commands",
         .on = &commands,
         .text = "as lines for a shell; \"$@\" in them: --bootstrap-server, --command-config"},
        {.name = "principal",
         .hint = "P",
         .value = &principal,
         .text = "who it is in Kafka (default User:WHO; with mutual TLS User:CN=…)"},
    };
    const struct tool_command command = {
        .name = "waybill acls list",
        .text = "the rights that a service, the tool, another system or an analyst needs, no more",
        .usage = "[WHO] [--principal P] [--commands]",
        .details =
            "Needs no Kafka. Without WHO: who may be asked for. Read and Write imply Describe.\n"
            "Without DescribeConfigs a worker only warns that it cannot check its topics.\n"
            "Brokers before 2.8 want IdempotentWrite on the cluster, too.\n\n"
            "example: waybill acls list intake --commands >grant && sh grant --bootstrap-server "
            "kafka:9092\n",
        TOOL_FLAGS(flags)};
    static struct tool tool;
    int status = tool_open(&tool, &command, argc, argv);
    if (status == CONFIG_RUN && tool.given.argument_count > 1)
        status = tool_misuse(&tool, "unexpected: %s", tool.given.arguments[1]);
    if (status == CONFIG_RUN && tool.given.argument_count == 0) {
        list_names();
        status = TOOL_OK;
    }
    if (status == CONFIG_RUN)
        status = list(&tool, tool.given.arguments[0], principal, commands);
    tool_close(&tool);
    return status;
}
