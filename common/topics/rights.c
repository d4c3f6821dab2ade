#include "topics/rights.h"

#include "topics/operator.h"

#include <stdio.h>

enum { WORDS_MAX = 10 };

/* Beside what is the same for every service: its own topics, schemas and controls. */
static const struct {
    const char *name, *text;
    const char *reads[WORDS_MAX];  /* inputs, but for its operator's */
    const char *tables[WORDS_MAX]; /* read as a whole */
    const char *writes[WORDS_MAX];
} services[] = {
    {"intake", "takes orders in", .reads = {"inbound.orders", "fulfilment"}, .writes = {"orders"}},
    {"stock_check", "holds stock",
     .reads = {"inbound.stock", "orders", "fulfilment", "stock.holds", "stock.answers"},
     .writes = {"stock", "stock.answers", "stock.holds"}},
    {"supplier_router", "chooses suppliers and orders there",
     .reads = {"inbound.suppliers", "orders", "stock", "tracking"}, .tables = {"suppliers"},
     .writes = {"fulfilment", "shipments", "stock.holds"}},
    {"tracking_ingest", "follows parcels", .reads = {"inbound.tracking", "shipments"},
     .writes = {"tracking"}},
    {"notifier", "tells customers",
     .reads = {"inbound.messages", "messages", "orders", "fulfilment", "tracking", "feedback"},
     .writes = {"messages", "notifications"}},
    {"feedback", "asks whether it was good",
     .reads = {"inbound.feedback", "orders", "fulfilment", "tracking", "observations"},
     .writes = {"feedback", "observations", "suppliers"}},
};

/* One row: name is a topic without prefix; a trailing '*' = all that begin so. */
struct row {
    const char *operation, *resource, *name, *why;
};

static const struct row admin[] = {
    {"Create", "Topic", "*", "waybill topics create"},
    {"Describe", "Topic", "*", NULL},
    {"DescribeConfigs", "Topic", "*", "waybill topics check"},
    {NULL, NULL, NULL, NULL},
};

static const struct row operator[] = {
    {"Read", "Topic", "*", "consume, order show, dlq, parked, verify"},
    {"DescribeConfigs", "Topic", "*", "topics check"},
    {"Write", "Topic", "inbound.*", "produce"},
    {"Write", "Topic", "controls", "endpoint stop, start"},
    {"Write", "Topic", "intake" OPERATOR_SUFFIX, "dlq requeue, parked resolve, replay"},
    {"Write", "Topic", "stock_check" OPERATOR_SUFFIX, NULL},
    {"Write", "Topic", "supplier_router" OPERATOR_SUFFIX, NULL},
    {"Write", "Topic", "tracking_ingest" OPERATOR_SUFFIX, NULL},
    {"Write", "Topic", "notifier" OPERATOR_SUFFIX, NULL},
    {"Write", "Topic", "feedback" OPERATOR_SUFFIX, NULL},
    {"Describe", "Group", "*", "how far each service has come"},
    {NULL, NULL, NULL, NULL},
};

static const struct row producer[] = {
    {"Write", "Topic", "inbound.*", "or only those that this one fills"},
    {"Read", "Topic", "schemas", "where schemas by id are"},
    {NULL, NULL, NULL, NULL},
};

static const struct row analyst[] = {
    {"Read", "Topic", "orders", "no states, no dead letters: they hold what customers wrote"},
    {"Read", "Topic", "stock", NULL},
    {"Read", "Topic", "fulfilment", NULL},
    {"Read", "Topic", "shipments", NULL},
    {"Read", "Topic", "tracking", NULL},
    {"Read", "Topic", "notifications", NULL},
    {"Read", "Topic", "feedback", NULL},
    {"Read", "Topic", "observations", NULL},
    {"Read", "Topic", "suppliers", NULL},
    {"Read", "Topic", "lanes", NULL},
    {"Read", "Topic", "schemas", NULL},
    {"Read", "Group", "analyst.*", "its consumers' groups begin so"},
    {NULL, NULL, NULL, NULL},
};

static const struct {
    const char *name, *text;
    const struct row *rows;
} others[] = {{"admin", "makes the topics", admin},
              {
                  "operator",
                  "the tool, in the hands of the person on call",
                  operator},
                  {"producer", "another system that writes events in", producer},
                  {"analyst", "reads events, and nothing else", analyst},
};

enum { SERVICES = sizeof(services) / sizeof(services[0]) };
enum { OTHERS = sizeof(others) / sizeof(others[0]) };

const char *rights_name(size_t at)
{
    return at < SERVICES            ? services[at].name
           : at < SERVICES + OTHERS ? others[at - SERVICES].name
                                    : NULL;
}

const char *rights_text(size_t at)
{
    return at < SERVICES            ? services[at].text
           : at < SERVICES + OTHERS ? others[at - SERVICES].text
                                    : NULL;
}

/* What is being written down. */
struct writing {
    struct rights *out;
    struct str prefix;
    struct arena *arena;
    bool failed;
};

static void add(struct writing *writing, const struct row *row)
{
    size_t len = strlen(row->name);
    bool is_prefix = len > 0 && row->name[len - 1] == '*';
    const char *name = arena_printf(writing->arena, "%.*s%.*s", STR_ARG(writing->prefix),
                                    (int)(is_prefix ? len - 1 : len), row->name)
                           .ptr;
    writing->failed |= !name || writing->out->count == RIGHTS_MAX;
    if (!writing->failed)
        writing->out->list[writing->out->count++] =
            (struct right){row->operation, row->resource, name, is_prefix, row->why};
}

static void add_own(struct writing *writing, const char *operation, const char *resource,
                    const char *service, const char *suffix, const char *why)
{
    struct str name = arena_printf(writing->arena, "%s%s", service, suffix);
    writing->failed |= !name.ptr;
    if (name.ptr)
        add(writing, &(struct row){operation, resource, name.ptr, why});
}

static void add_inputs(struct writing *writing, size_t service)
{
    for (const char *const *topic = services[service].reads; *topic; topic++) {
        add(writing, &(struct row){"Read", "Topic", *topic, NULL});
        if (strncmp(*topic, "inbound.", 8) == 0)
            add(writing, &(struct row){"Write", "Topic", *topic,
                                       "what stands on the wrong partition is sent to the right"});
        add(writing, &(struct row){"DescribeConfigs", "Topic", *topic, NULL});
    }
    add_own(writing, "Read", "Topic", services[service].name, OPERATOR_SUFFIX,
            "what a person sends");
    add_own(writing, "Write", "Topic", services[service].name, OPERATOR_SUFFIX, NULL);
    add_own(writing, "DescribeConfigs", "Topic", services[service].name, OPERATOR_SUFFIX, NULL);
}

static void of_service(struct writing *writing, size_t service)
{
    const char *name = services[service].name;
    add_inputs(writing, service);
    for (const char *const *topic = services[service].tables; *topic; topic++) {
        add(writing, &(struct row){"Read", "Topic", *topic, "a table, read as a whole"});
        add(writing, &(struct row){"DescribeConfigs", "Topic", *topic, NULL});
    }
    for (const char *const *topic = services[service].writes; *topic; topic++)
        add(writing, &(struct row){"Write", "Topic", *topic, NULL});
    add(writing, &(struct row){"Read", "Topic", "schemas", NULL});
    add(writing, &(struct row){"Write", "Topic", "schemas", "publishes its own at the start"});
    add(writing, &(struct row){"Read", "Topic", "controls", "which endpoints are stopped"});
    add(writing, &(struct row){"DescribeConfigs", "Topic", "controls", NULL});
    add_own(writing, "Read", "Topic", name, ".changelog", NULL);
    add_own(writing, "Write", "Topic", name, ".changelog", NULL);
    add_own(writing, "DescribeConfigs", "Topic", name, ".changelog", NULL);
    add_own(writing, "Write", "Topic", name, ".dlq", NULL);
    add_own(writing, "DescribeConfigs", "Topic", name, ".dlq", NULL);
    add_own(writing, "Read", "Group", name, "", NULL);
    add_own(writing, "Write", "TransactionalId", name, ".*", "one for each instance");
}

int rights_of(const char *who, struct str prefix, struct arena *arena, struct rights *out,
              struct error *err)
{
    struct writing writing = {out, prefix, arena, false};
    size_t at = 0;
    while (rights_name(at) && strcmp(rights_name(at), who) != 0)
        at++;
    if (!rights_name(at))
        return error_set(err, ERROR_FATAL, "there is no rights' list for %s; see waybill acls list",
                         who);
    *out = (struct rights){.who = rights_name(at), .text = rights_text(at)};
    if (at < SERVICES)
        of_service(&writing, at);
    for (const struct row *row = at < SERVICES ? NULL : others[at - SERVICES].rows;
         row && row->name; row++)
        add(&writing, row);
    return writing.failed ? error_set(err, ERROR_FATAL, "no room for the list of rights") : 0;
}
