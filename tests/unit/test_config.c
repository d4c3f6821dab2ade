/* Settings and YAML: what is refused, and what the error says; then what is taken, and from where.
 */
/* links: waybill_config */
#include "config/settings.h"
#include "config/values.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct arena arena;
static struct error err;

static void begin(void)
{
    arena_done(&arena);
    arena_init(&arena, 64 << 20);
    err = (struct error){0};
}

static bool said(const char *text)
{
    if (strcmp(err.text, text) == 0)
        return true;
    printf("\n  expected: %s\n  said:     %s\n", text, err.text);
    return false;
}

/* YAML */

static const struct yaml_node *yaml(const char *text)
{
    const struct yaml_node *root = NULL;
    begin();
    return yaml_load_text("f.yaml", str_from(text), &arena, &root, &err) ? NULL : root;
}

static void test_refuses_yaml_that_is_more_than_it_looks_like(void)
{
    CU_ASSERT_PTR_NULL(yaml("a: &x 1\nb: *x\n"));
    CU_ASSERT_TRUE(said("f.yaml:1: anchors (&name) are not allowed"));
    CU_ASSERT_PTR_NULL(yaml("a: 1\nb: *x\n"));
    CU_ASSERT_TRUE(said("f.yaml:2: aliases (*name) are not allowed: write the value out"));
    CU_ASSERT_PTR_NULL(yaml("a: !!binary aGk=\n"));
    CU_ASSERT_TRUE(said("f.yaml:1: tags (!name) are not allowed"));
    CU_ASSERT_PTR_NULL(yaml("a: &x {b: 1}\n"));
    CU_ASSERT_TRUE(said("f.yaml:1: anchors (&name) are not allowed"));
    CU_ASSERT_PTR_NULL(yaml("a: 1\n---\nb: 2\n"));
    CU_ASSERT_TRUE(said("f.yaml:2: a second document (---) is not allowed: use two files"));
    CU_ASSERT_PTR_NULL(yaml("a: 1\nb: 2\na: 3\n"));
    CU_ASSERT_TRUE(said("f.yaml:3: \"a\" stands there twice"));
    CU_ASSERT_PTR_NULL(yaml("? [a, b]\n: 1\n"));
    CU_ASSERT_TRUE(said("f.yaml:1: a key must be a plain name"));
    CU_ASSERT_PTR_NULL(yaml("- 1\n- 2\n"));
    CU_ASSERT_TRUE(said("f.yaml:1: the file must be a map (name: value)"));
}

static void test_refuses_yaml_that_is_none_or_is_too_deep(void)
{
    CU_ASSERT_PTR_NULL(yaml("a: [1, 2\nb: 3\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "f.yaml:2: no YAML"));
    char deep[200] = "a: ";
    memset(deep + 3, '[', 60);
    CU_ASSERT_PTR_NULL(yaml(deep));
    CU_ASSERT_TRUE(said("f.yaml:1: nested too deeply (at most 16 levels)"));
    const struct yaml_node *root;
    CU_ASSERT_EQUAL(yaml_load_file("/no/such/file", &arena, &root, &err), -1);
    CU_ASSERT_TRUE(said("cannot open /no/such/file: No such file or directory"));
}

static void test_refuses_more_nodes_than_the_limit(void)
{
    char *text = malloc(3 * (YAML_NODES_MAX + 10) + 10);
    strcpy(text, "a: [");
    size_t len = 4;
    for (int i = 0; i < YAML_NODES_MAX + 5; i++, len += 2)
        memcpy(text + len, "1,", 3);
    strcpy(text + len, "]");
    begin();
    arena.bytes_max = 256 << 20;
    const struct yaml_node *root;
    CU_ASSERT_EQUAL(yaml_load_text("f.yaml", str_from(text), &arena, &root, &err), -1);
    CU_ASSERT_TRUE(said("f.yaml:1: too many values in one file"));
    free(text);
}

static void test_names_file_line_and_path_when_a_value_is_wrong(void)
{
    const struct yaml_node *root = yaml("suppliers:\n  - id: north\n    cost: 3\n"
                                        "  - id: south\n    cost: -5\n    cots: 1\n");
    const struct yaml_node *list, *item;
    int64_t cost = 42;
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    CU_ASSERT_EQUAL(yaml_get_list(root, "suppliers", 10, &list, &err), 0);
    item = yaml_items(list)->next;
    CU_ASSERT_EQUAL(yaml_get_int(item, "cost", 0, 100, &cost, &err), -1);
    CU_ASSERT_TRUE(said("f.yaml:5: suppliers[1].cost: -5 is below 0"));
    CU_ASSERT_EQUAL(cost, 42);
    CU_ASSERT_EQUAL(yaml_get_int(item, "days", 0, 9, &cost, &err), -1);
    CU_ASSERT_TRUE(said("f.yaml:4: suppliers[1]: \"days\" is missing"));
    CU_ASSERT_EQUAL(yaml_get_int(item, "id", 0, 9, &cost, &err), -1);
    CU_ASSERT_TRUE(said("f.yaml:4: suppliers[1].id: \"south\" is no whole number"));
    static const char *const keys[] = {"id", "cost", NULL};
    CU_ASSERT_EQUAL(yaml_check_keys(item, keys, &err), -1);
    CU_ASSERT_TRUE(said("f.yaml:6: suppliers[1].cots: there is no such key; nearest: cost"));
    CU_ASSERT_EQUAL(yaml_get_list(root, "suppliers", 1, &list, &err), -1);
    CU_ASSERT_TRUE(said("f.yaml:2: suppliers: 2 items are too many (at most 1)"));
}

static void test_a_quoted_number_is_a_text(void)
{
    const struct yaml_node *root = yaml("n: '5'\nzip: 01234\nnothing:\n");
    int64_t n = 42;
    struct str zip = {NULL, 0};
    CU_ASSERT_EQUAL(yaml_get_int(root, "n", 0, 9, &n, &err), -1);
    CU_ASSERT_TRUE(said("f.yaml:1: n: \"5\" is a text; a number goes without quotes"));
    CU_ASSERT_EQUAL(yaml_get_str(root, "zip", &zip, &err), 0);
    CU_ASSERT_TRUE(str_equal(zip, STR("01234")));
    CU_ASSERT_PTR_NULL(yaml_find(root, "nothing"));
}

static void test_reads_typed_values_and_leaves_defaults_when_absent(void)
{
    static const char *const colours[] = {"red", "green", NULL};
    const struct yaml_node *root =
        yaml("i: 7\nd: 2.5\nb: yes\nt: 5m\nc: green\nm: {x: 1}\ns: hi\n");
    int64_t i = 0, t = 0, other = 9;
    double d = 0;
    bool b = false;
    int c = 0;
    struct str s;
    const struct yaml_node *m;
    CU_ASSERT_EQUAL(yaml_get_int(root, "i", 7, 7, &i, &err), 0);
    CU_ASSERT_EQUAL(yaml_get_double(root, "d", 0, 3, &d, &err), 0);
    CU_ASSERT_EQUAL(yaml_get_bool(root, "b", &b, &err), 0);
    CU_ASSERT_EQUAL(yaml_get_duration(root, "t", 0, 1000000, &t, &err), 0);
    CU_ASSERT_EQUAL(yaml_get_choice(root, "c", colours, &c, &err), 0);
    CU_ASSERT_EQUAL(yaml_get_map(root, "m", &m, &err), 0);
    CU_ASSERT_EQUAL(yaml_get_str(root, "s", &s, &err), 0);
    CU_ASSERT_EQUAL(yaml_maybe_int(root, "absent", 0, 1, &other, &err), 0);
    CU_ASSERT_TRUE(i == 7 && d == 2.5 && b && t == 300000 && c == 1 && other == 9);
    CU_ASSERT_EQUAL(m->count, 1);
    CU_ASSERT_EQUAL(yaml_get_choice(root, "s", colours, &c, &err), -1);
    CU_ASSERT_TRUE(said("f.yaml:7: s: \"hi\" is none of red, green"));
}

static void test_an_empty_file_is_an_empty_map(void)
{
    CU_ASSERT_EQUAL(yaml("")->kind, YAML_MAP);
    CU_ASSERT_EQUAL(yaml("# nothing\n")->count, 0);
}

/* Values */

static void test_refuses_values_that_are_not_quite_right(void)
{
    int64_t n = 42;
    double d = 42;
    bool b;
    CU_ASSERT_EQUAL(value_to_duration(STR("10"), 0, INT64_MAX, &n, &err), -1);
    CU_ASSERT_TRUE(said("\"10\" is no duration: write 250ms, 10s, 5m, 2h or 3d"));
    CU_ASSERT_EQUAL(value_to_duration(STR("4d"), 0, 3 * 86400000, &n, &err), -1);
    CU_ASSERT_TRUE(said("4d is above 3d"));
    CU_ASSERT_EQUAL(value_to_duration(STR("1 s"), 0, INT64_MAX, &n, &err), -1);
    CU_ASSERT_EQUAL(value_to_duration(STR("-1s"), 0, INT64_MAX, &n, &err), -1);
    CU_ASSERT_EQUAL(value_to_duration(STR("99999999999999999d"), 0, INT64_MAX, &n, &err), -1);
    CU_ASSERT_EQUAL(value_to_bytes(STR("1MB"), 0, INT64_MAX, &n, &err), -1);
    CU_ASSERT_EQUAL(value_to_time_of_day(STR("24:00"), &n, &err), -1);
    CU_ASSERT_EQUAL(value_to_time_of_day(STR("9:30"), &n, &err), -1);
    CU_ASSERT_EQUAL(value_to_time(STR("yesterday"), &n, &err), -1);
    CU_ASSERT_EQUAL(value_to_double(STR("nan"), -9, 9, &d, &err), -1);
    CU_ASSERT_EQUAL(value_to_double(STR("1e999"), -9, 9, &d, &err), -1);
    CU_ASSERT_EQUAL(value_to_double(STR("0x10"), -9, 99, &d, &err), -1);
    CU_ASSERT_EQUAL(value_to_bool(STR("maybe"), &b, &err), -1);
    CU_ASSERT_TRUE(said("\"maybe\" is neither true nor false"));
    CU_ASSERT_EQUAL(n, 42);
    CU_ASSERT_EQUAL(d, 42);
}

static int64_t duration(const char *text)
{
    int64_t ms = -1;
    return value_to_duration(str_from(text), 0, INT64_MAX, &ms, &err) ? -1 : ms;
}

static void test_reads_and_shows_durations_and_sizes(void)
{
    char text[VALUE_SHOWN_BYTES];
    int64_t n;
    CU_ASSERT_EQUAL(duration("250ms"), 250);
    CU_ASSERT_EQUAL(duration("10s"), 10000);
    CU_ASSERT_EQUAL(duration("5m"), 300000);
    CU_ASSERT_EQUAL(duration("2h"), 7200000);
    CU_ASSERT_EQUAL(duration("3d"), 259200000);
    CU_ASSERT_EQUAL(duration("0"), 0);
    CU_ASSERT_STRING_EQUAL(value_show_duration(259200000, text), "3d");
    CU_ASSERT_STRING_EQUAL(value_show_duration(90000, text), "90s");
    CU_ASSERT_STRING_EQUAL(value_show_duration(1, text), "1ms");
    CU_ASSERT_STRING_EQUAL(value_show_duration(0, text), "0");
    CU_ASSERT_EQUAL(value_to_bytes(STR("16MiB"), 0, INT64_MAX, &n, &err), 0);
    CU_ASSERT_EQUAL(n, 16777216);
    CU_ASSERT_STRING_EQUAL(value_show_bytes(65536, text), "64KiB");
    CU_ASSERT_STRING_EQUAL(value_show_bytes(1000, text), "1000");
    CU_ASSERT_EQUAL(value_to_time_of_day(STR("21:30"), &n, &err), 0);
    CU_ASSERT_EQUAL(n, 1290);
    CU_ASSERT_EQUAL(value_to_time(STR("2017-09-02T08:15:30Z"), &n, &err), 0);
    CU_ASSERT_EQUAL(n, 1504340130000);
}

static void test_counts_slips_between_names(void)
{
    CU_ASSERT_EQUAL(value_distance(STR("kitten"), STR("sitting")), 3);
    CU_ASSERT_EQUAL(value_distance(STR("ab"), STR("ba")), 1);
    CU_ASSERT_EQUAL(value_distance(STR(""), STR("abc")), 3);
    static const char *const names[] = {"alpha", "beta", NULL};
    CU_ASSERT_STRING_EQUAL(value_nearest(STR("aplha"), names), "alpha");
    CU_ASSERT_PTR_NULL(value_nearest(STR("zzzzz"), names));
}

/* Settings */

struct shop {
    struct str name, hash, first_item;
    struct secret password;
    int64_t wait_ms, lines_max, size, opens, since;
    double share;
    bool open;
    int colour;
    size_t items;
};

static const char *const colours[] = {"red", "green", NULL};
static const struct setting shop_rows[] = {
    {.name = "shop.colour",
     .kind = SETTING_CHOICE,
     .offset = offsetof(struct shop, colour),
     .default_text = "red",
     .choices = colours,
     .text = "Colour of the door"},
    {.name = "shop.lines_max",
     .kind = SETTING_INT,
     .offset = offsetof(struct shop, lines_max),
     .default_text = "5",
     .min = 1,
     .max = 10,
     .text = "Lines at most"},
    {.name = "shop.name",
     .kind = SETTING_STRING,
     .offset = offsetof(struct shop, name),
     .required = true,
     .text = "What it is called"},
    {.name = "shop.open",
     .kind = SETTING_BOOL,
     .offset = offsetof(struct shop, open),
     .default_text = "no",
     .text = "Whether it is open"},
    {.name = "shop.opens",
     .kind = SETTING_TIME_OF_DAY,
     .offset = offsetof(struct shop, opens),
     .default_text = "09:00",
     .text = "When"},
    {.name = "shop.password",
     .kind = SETTING_SECRET,
     .offset = offsetof(struct shop, password),
     .text = "Of the safe"},
    {.name = "shop.share",
     .kind = SETTING_DOUBLE,
     .offset = offsetof(struct shop, share),
     .default_text = "0.5",
     .min = 0,
     .max = 1,
     .text = "A share"},
    {.name = "shop.since",
     .kind = SETTING_TIME,
     .offset = offsetof(struct shop, since),
     .default_text = "0",
     .text = "Since when"},
    {.name = "shop.size",
     .kind = SETTING_BYTES,
     .offset = offsetof(struct shop, size),
     .default_text = "1KiB",
     .text = "How large"},
    {.name = "shop.wait",
     .kind = SETTING_DURATION,
     .offset = offsetof(struct shop, wait_ms),
     .default_text = "2s",
     .min = 1000,
     .max = 60000,
     .text = "How long"},
};

static int load_items(const struct yaml_node *root, void *cfg, struct arena *in,
                      struct error *error)
{
    struct shop *shop = cfg;
    const struct yaml_node *list = NULL;
    (void)in;
    if (yaml_maybe_list(root, "items", 100, &list, error))
        return -1;
    shop->items = list ? list->count : 0;
    return list ? yaml_as_str(yaml_items(list), &shop->first_item, error) : 0;
}

static const char *const shop_sections[] = {"items", NULL};
static const struct settings shop_settings = {.component = "shop",
                                              SETTINGS_ROWS(shop_rows),
                                              .bytes = sizeof(struct shop),
                                              .hash_offset = offsetof(struct shop, hash),
                                              .sections = shop_sections,
                                              .load_section = load_items};

struct kafka {
    struct str servers;
};
static const struct setting kafka_rows[] = {{.name = "kafka.bootstrap_servers",
                                             .kind = SETTING_STRING,
                                             .offset = offsetof(struct kafka, servers),
                                             .default_text = "localhost:9092",
                                             .text = "Where"}};
static const struct settings kafka_settings = {
    .component = "kafka", SETTINGS_ROWS(kafka_rows), .bytes = sizeof(struct kafka)};

static struct shop shop;
static struct kafka kafka;
static const struct config_part parts[] = {{&kafka_settings, &kafka}, {&shop_settings, &shop}};

static const char *file_with(const char *text)
{
    static char names[16][32];
    static int at;
    char *name = names[at++ % 16];
    strcpy(name, "/tmp/test_config_XXXXXX");
    int fd = mkstemp(name);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_FATAL(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    return name;
}

/* Loads from the three sources; each may be NULL. The file is named F in what is said. */
static int load(const char *text, char *env, const char *flag)
{
    begin();
    const char *file = text ? file_with(text) : NULL;
    const char *files[] = {file, NULL}, *flags[] = {flag, NULL};
    char *vars[] = {env, NULL};
    int result = settings_load(parts, 2, files, vars, flags, &arena, &err);
    if (file)
        unlink(file);
    if (result && file && strncmp(err.text, file, strlen(file)) == 0) {
        char rest[sizeof(err.text)];
        snprintf(rest, sizeof(rest), "F%.254s", err.text + strlen(file));
        memcpy(err.text, rest, sizeof(rest));
    }
    return result;
}

static void test_refuses_a_setting_that_does_not_exist_and_names_the_nearest(void)
{
    CU_ASSERT_EQUAL(load("shop:\n  name: x\n  waits: 3s\n", NULL, NULL), -1);
    CU_ASSERT_TRUE(said("F:3: shop.waits: there is no such setting; nearest: shop.wait"));
    CU_ASSERT_EQUAL(load("shop.name: x\nitemz: []\n", NULL, NULL), -1);
    CU_ASSERT_TRUE(said("F:2: itemz: there is no such setting; nearest: items"));
    CU_ASSERT_EQUAL(load("shop.name: x", NULL, "shop.wiat=3s"), -1);
    CU_ASSERT_TRUE(said("--shop.wiat: there is no such setting; nearest: shop.wait"));
    CU_ASSERT_EQUAL(load("shop.name: x", (char[]){"WAYBILL_SHOP_WIAT=3s"}, NULL), -1);
    CU_ASSERT_TRUE(said("WAYBILL_SHOP_WIAT: there is no such setting; nearest: WAYBILL_SHOP_WAIT"));
}

static void test_refuses_a_section_that_does_not_exist_whatever_is_in_it(void)
{
    CU_ASSERT_EQUAL(load("shop.name: x\nitms: {}\n", NULL, NULL), -1);
    CU_ASSERT_TRUE(said("F:2: itms: there is no such setting; nearest: items"));
    CU_ASSERT_EQUAL(load("shop.name: x\nitms:\n", NULL, NULL), -1);
    CU_ASSERT_TRUE(said("F:2: itms: there is no such setting; nearest: items"));
    CU_ASSERT_EQUAL(load("shop.name: x\nitms: {a: {b: 1}, c: 2}\n", NULL, NULL), -1);
    CU_ASSERT_TRUE(said("F:2: itms: there is no such setting; nearest: items"));
    CU_ASSERT_EQUAL(load("shopp: {name: x}\n", NULL, NULL), -1);
    CU_ASSERT_TRUE(said("F:1: shopp: there is no such setting; nearest: shop"));
    CU_ASSERT_EQUAL(load("shop:\n  name: x\n  wiat: {}\n", NULL, NULL), -1);
    CU_ASSERT_TRUE(said("F:3: shop.wiat: there is no such setting; nearest: shop.wait"));
    CU_ASSERT_EQUAL(load("shop.name: x\nkafka: {}\n", NULL, NULL), 0);
}

static struct settings_faults faults;

static bool fault_ends(size_t at, const char *text)
{
    size_t len = at < faults.count ? strlen(faults.faults[at].text) : 0, wanted = strlen(text);
    if (len >= wanted && strcmp(faults.faults[at].text + len - wanted, text) == 0)
        return true;
    printf("\n  expected: …%s\n  said:     %s\n", text, faults.faults[at].text);
    return false;
}

static void test_names_every_fault_of_every_source(void)
{
    begin();
    const char *one = file_with("shop:\n  lines_max: 11\n  wait: soon\nitms: {}\nitems: {}\n");
    const char *two = file_with("a: [\n");
    CU_ASSERT_EQUAL(settings_load_all(parts, 2, (const char *[]){one, two, NULL},
                                      (char *[]){"WAYBILL_SHOP_OPEN=perhaps", NULL},
                                      (const char *[]){"shop.share=2", NULL}, &arena, &faults),
                    -1);
    CU_ASSERT_EQUAL(faults.count, 8);
    CU_ASSERT_TRUE(fault_ends(0, ":2: shop.lines_max: 11 is above 10"));
    CU_ASSERT_TRUE(
        fault_ends(1, ":3: shop.wait: \"soon\" is no duration: write 250ms, 10s, 5m, 2h or 3d"));
    CU_ASSERT_TRUE(fault_ends(2, ":4: itms: there is no such setting; nearest: items"));
    CU_ASSERT_PTR_NOT_NULL(strstr(faults.faults[3].text, "no YAML"));
    CU_ASSERT_TRUE(fault_ends(4, "WAYBILL_SHOP_OPEN: \"perhaps\" is neither true nor false"));
    CU_ASSERT_TRUE(fault_ends(5, "--shop.share: 2 is above 1"));
    CU_ASSERT_PTR_NOT_NULL(strstr(faults.faults[6].text, "shop.name must be set"));
    CU_ASSERT_TRUE(fault_ends(7, ":5: items: must be a list (- item)"));
    unlink(one);
    unlink(two);
}

static void test_faults_beyond_the_limit_are_not_kept(void)
{
    static const char *too_many[SETTINGS_FAULTS_MAX + 6];
    for (int i = 0; i < SETTINGS_FAULTS_MAX + 5; i++)
        too_many[i] = "shop.share=2";
    begin();
    CU_ASSERT_EQUAL(settings_load_all(parts, 2, NULL, NULL, too_many, &arena, &faults), -1);
    CU_ASSERT_EQUAL(faults.count, SETTINGS_FAULTS_MAX);
    CU_ASSERT_TRUE(fault_ends(0, "--shop.share: 2 is above 1"));
}

static void test_leaves_other_programs_variables_alone(void)
{
    CU_ASSERT_EQUAL(load("shop.name: x", (char[]){"WAYBILL_ROUTER_ATTEMPTS_MAX=3"}, NULL), 0);
    CU_ASSERT_EQUAL(load("shop.name: x", (char[]){"SHOP_WAIT=never"}, NULL), 0);
    CU_ASSERT_EQUAL(load("shop.name: x", (char[]){"WAYBILL_CONFIG=a.yaml"}, NULL), 0);
}

static void test_says_where_a_value_out_of_range_came_from(void)
{
    CU_ASSERT_EQUAL(load("shop:\n  lines_max: 11\n", NULL, NULL), -1);
    CU_ASSERT_TRUE(said("F:2: shop.lines_max: 11 is above 10"));
    CU_ASSERT_EQUAL(load(NULL, (char[]){"WAYBILL_SHOP_LINES_MAX=0"}, NULL), -1);
    CU_ASSERT_TRUE(said("WAYBILL_SHOP_LINES_MAX: 0 is below 1"));
    CU_ASSERT_EQUAL(load(NULL, NULL, "shop.wait=2h"), -1);
    CU_ASSERT_TRUE(said("--shop.wait: 2h is above 1m"));
    CU_ASSERT_EQUAL(load(NULL, NULL, "shop.share=1.5"), -1);
    CU_ASSERT_TRUE(said("--shop.share: 1.5 is above 1"));
    CU_ASSERT_EQUAL(load("shop: {wait: }", NULL, NULL), -1);
    CU_ASSERT_TRUE(said("F:1: shop.wait: must be a single value"));
}

static void test_names_what_is_required_and_how_to_give_it(void)
{
    CU_ASSERT_EQUAL(load(NULL, NULL, NULL), -1);
    CU_ASSERT_TRUE(said("shop.name must be set (What it is called): --shop.name=…, "
                        "WAYBILL_SHOP_NAME=… or in the --config file"));
}

static void test_refuses_a_secret_in_the_open_without_repeating_it(void)
{
    CU_ASSERT_EQUAL(load("shop: {name: x, password: hunter2}", NULL, NULL), -1);
    CU_ASSERT_TRUE(said("F:1: shop.password: a secret does not stand here: set "
                        "WAYBILL_SHOP_PASSWORD, or shop.password_file to a file that holds it"));
    CU_ASSERT_EQUAL(load("shop: {name: x}", NULL, "shop.password=hunter2"), -1);
    CU_ASSERT_PTR_NULL(strstr(err.text, "hunter2"));
}

static void test_takes_secrets_from_environment_and_files(void)
{
    const char *file = file_with("s3cret\n");
    char text[200];
    CU_ASSERT_EQUAL(load("shop.name: x", (char[]){"WAYBILL_SHOP_PASSWORD=hunter2"}, NULL), 0);
    CU_ASSERT_TRUE(str_equal(shop.password.text, STR("hunter2")));
    snprintf(text, sizeof(text), "shop: {name: x, password_file: %s}", file);
    CU_ASSERT_EQUAL(load(text, NULL, NULL), 0);
    CU_ASSERT_TRUE(str_equal(shop.password.text, STR("s3cret")));
    snprintf(text, sizeof(text), "shop.password_file=%s", file);
    CU_ASSERT_EQUAL(load("shop.name: x", NULL, text), 0);
    CU_ASSERT_TRUE(str_equal(shop.password.text, STR("s3cret")));
    snprintf(text, sizeof(text), "WAYBILL_SHOP_PASSWORD_FILE=%s", file);
    CU_ASSERT_EQUAL(load("shop.name: x", text, NULL), 0);
    CU_ASSERT_TRUE(str_equal(shop.password.text, STR("s3cret")));
    unlink(file);
    CU_ASSERT_EQUAL(load("shop.name: x", text, NULL), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "WAYBILL_SHOP_PASSWORD_FILE: cannot open /tmp/"));
}

static void test_flags_win_over_environment_over_file_over_default(void)
{
    CU_ASSERT_EQUAL(load("shop.name: file", NULL, NULL), 0);
    CU_ASSERT_TRUE(str_equal(shop.name, STR("file")));
    CU_ASSERT_EQUAL(shop.wait_ms, 2000);
    CU_ASSERT_EQUAL(load("shop: {name: file, wait: 3s}", (char[]){"WAYBILL_SHOP_NAME=env"}, NULL),
                    0);
    CU_ASSERT_TRUE(str_equal(shop.name, STR("env")));
    CU_ASSERT_EQUAL(shop.wait_ms, 3000);
    CU_ASSERT_EQUAL(load("shop: {name: file}", (char[]){"WAYBILL_SHOP_NAME=env"}, "shop.name=flag"),
                    0);
    CU_ASSERT_TRUE(str_equal(shop.name, STR("flag")));
}

static void test_fills_every_kind_and_several_components(void)
{
    CU_ASSERT_EQUAL(load("kafka: {bootstrap_servers: 'a:1,b:2'}\n"
                         "shop:\n  name: x\n  colour: green\n  open: on\n  opens: 21:30\n"
                         "  share: 0.25\n  since: 2017-09-02T08:15:30Z\n  size: 2MiB\n"
                         "items: [one, two]\n",
                         NULL, NULL),
                    0);
    CU_ASSERT_TRUE(str_equal(kafka.servers, STR("a:1,b:2")));
    CU_ASSERT_TRUE(shop.colour == 1 && shop.open && shop.opens == 1290 && shop.share == 0.25);
    CU_ASSERT_EQUAL(shop.since, 1504340130000);
    CU_ASSERT_EQUAL(shop.size, 2097152);
    CU_ASSERT_EQUAL(shop.items, 2);
    CU_ASSERT_TRUE(str_equal(shop.first_item, STR("one")));
}

static void test_refuses_a_section_in_two_files(void)
{
    begin();
    const char *one = file_with("shop.name: x\nitems: [a]\n"), *two = file_with("items: [b]\n");
    const char *files[] = {one, two, NULL};
    CU_ASSERT_EQUAL(settings_load(parts, 2, files, NULL, NULL, &arena, &err), -1);
    char expected[200];
    snprintf(expected, sizeof(expected), "%s:1: items: stands in %s:2, too; one place only", two,
             one);
    CU_ASSERT_TRUE(said(expected));
    unlink(one);
    unlink(two);
}

static void test_hash_changes_with_settings_and_sections_but_not_with_secrets(void)
{
    char first[SETTINGS_HASH_BYTES + 1];
    CU_ASSERT_EQUAL(load("shop.name: x\nitems: [a]\n", NULL, NULL), 0);
    CU_ASSERT_EQUAL(shop.hash.len, SETTINGS_HASH_BYTES);
    memcpy(first, shop.hash.ptr, sizeof(first));
    CU_ASSERT_EQUAL(load("shop.name: x\nitems: [a]\n", (char[]){"WAYBILL_SHOP_PASSWORD=p"}, NULL),
                    0);
    CU_ASSERT_TRUE(str_equal(shop.hash, str_from(first)));
    CU_ASSERT_EQUAL(
        load("shop.name: x\nitems: [a]\n", (char[]){"WAYBILL_KAFKA_BOOTSTRAP_SERVERS=z:1"}, NULL),
        0);
    CU_ASSERT_TRUE(str_equal(shop.hash, str_from(first)));
    CU_ASSERT_EQUAL(load("shop.name: x\nitems: [b]\n", NULL, NULL), 0);
    CU_ASSERT_FALSE(str_equal(shop.hash, str_from(first)));
    CU_ASSERT_EQUAL(load("shop.name: x\nshop.wait: 3s\nitems: [a]\n", NULL, NULL), 0);
    CU_ASSERT_FALSE(str_equal(shop.hash, str_from(first)));
}

static int check_table(const struct setting *rows, size_t count)
{
    struct settings settings = {
        .component = "x", .rows = rows, .count = count, .bytes = sizeof(struct shop)};
    return settings_check_table(&settings, &err);
}

static void test_refuses_a_table_that_is_wrong(void)
{
    struct setting rows[2] = {shop_rows[1], shop_rows[0]};
    CU_ASSERT_EQUAL(check_table(rows, 2), -1);
    CU_ASSERT_TRUE(said("shop.colour: must stand before shop.lines_max (alphabetical)"));
    rows[0].default_text = "11";
    CU_ASSERT_EQUAL(check_table(rows, 1), -1);
    CU_ASSERT_TRUE(said("shop.lines_max: default: 11 is above 10"));
    rows[0] = shop_rows[1];
    rows[0].offset = sizeof(struct shop) - 4;
    CU_ASSERT_EQUAL(check_table(rows, 1), -1);
    rows[0] = shop_rows[1];
    rows[0].name = "Shop-Lines";
    CU_ASSERT_EQUAL(check_table(rows, 1), -1);
    CU_ASSERT_EQUAL(check_table(shop_rows, sizeof(shop_rows) / sizeof(shop_rows[0])), 0);
}

/* Programs */

static bool follow;
static const char *count;
static const struct config_flag flags[] = {
    {.name = "follow", .letter = 'f', .text = "go on", .on = &follow},
    {.name = "max", .letter = 'n', .hint = "N", .text = "stop after N", .value = &count},
};
static const struct config_program program = {.name = "shop",
                                              .text = "sells",
                                              .usage = "[flags] ITEM…",
                                              .flags = flags,
                                              .flag_count = 2,
                                              .parts = parts,
                                              .part_count = 2};
static struct config_outcome outcome;

static int run(int argc, char **argv)
{
    begin();
    fflush(NULL);
    int out = dup(1), errors = dup(2);
    FILE *silent = fopen("/dev/null", "w");
    dup2(fileno(silent), 1);
    dup2(fileno(silent), 2);
    int status = config_parse(&program, argc, argv, &arena, &outcome);
    fflush(NULL);
    dup2(out, 1);
    dup2(errors, 2);
    close(out);
    close(errors);
    fclose(silent);
    return status;
}
#define RUN(...)                                                                                   \
    run((int)(sizeof((char *[]){"shop", __VA_ARGS__}) / sizeof(char *)),                           \
        (char *[]){"shop", __VA_ARGS__, NULL})

static void test_wrong_usage_ends_with_2(void)
{
    CU_ASSERT_EQUAL(RUN("--shop.name=x", "--nonsense"), 2);
    CU_ASSERT_EQUAL(RUN("--shop.name=x", "-x"), 2);
    CU_ASSERT_EQUAL(RUN("--shop.name=x", "--follow=yes"), 2);
    CU_ASSERT_EQUAL(RUN("--shop.name=x", "--max"), 2);
    CU_ASSERT_EQUAL(RUN("--shop.name"), 2);
    CU_ASSERT_EQUAL(RUN("--config", "/no/such/file"), 2);
    CU_ASSERT_EQUAL(RUN("--check-config"), 2);
}

static void test_help_and_the_like_end_with_0_even_without_required_settings(void)
{
    CU_ASSERT_EQUAL(RUN("--help"), 0);
    CU_ASSERT_EQUAL(RUN("-h"), 0);
    CU_ASSERT_EQUAL(RUN("--version"), 0);
    CU_ASSERT_EQUAL(RUN("--help-settings"), 0);
    CU_ASSERT_EQUAL(RUN("--check-config", "--shop.name=x"), 0);
}

static void test_takes_flags_settings_and_arguments_in_any_order(void)
{
    CU_ASSERT_EQUAL(RUN("one", "-f", "--shop.name", "x", "-n", "3", "--shop.open", "two"),
                    CONFIG_RUN);
    CU_ASSERT_TRUE(follow && shop.open);
    CU_ASSERT_STRING_EQUAL(count, "3");
    CU_ASSERT_TRUE(str_equal(shop.name, STR("x")));
    CU_ASSERT_EQUAL_FATAL(outcome.argument_count, 2);
    CU_ASSERT_STRING_EQUAL(outcome.arguments[1], "two");
    CU_ASSERT_EQUAL(RUN("--shop.name=x", "--max=4", "--", "--follow", "-"), CONFIG_RUN);
    CU_ASSERT_STRING_EQUAL(count, "4");
    CU_ASSERT_FALSE(follow);
    CU_ASSERT_EQUAL(outcome.argument_count, 2);
}
