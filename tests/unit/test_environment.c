/* links: waybill_environment */
/* Which Kafka, as whom: what is refused at the start, and what reaches the client. */
#include "environment/environment.h"
#include "tls/tls.h"

#include <CUnit/CUnit.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct environment environment;
static struct arena arena;
static struct error error;
static char folder[32];

/* A file in the test's folder; in static storage. */
static const char *in_folder(const char *name)
{
    static char names[8][64];
    static int at;
    char *out = names[at++ % 8];
    snprintf(out, sizeof(names[0]), "%s/%s", folder, name);
    return out;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(in_folder(name), "w");
    CU_ASSERT_FATAL(file != NULL);
    fputs(text, file);
    fclose(file);
}

/* Certificates by openssl's command line, an implementation that is not ours. */
static void make_certificates(void)
{
    char command[1024];
    if (folder[0])
        return;
    strcpy(folder, "/tmp/test_environment_XXXXXX");
    CU_ASSERT_FATAL(mkdtemp(folder) != NULL);
    write_file("ca.cnf", "[c]\ndatabase=db\nnew_certs_dir=.\npolicy=p\ndefault_md=sha256\n"
                         "rand_serial=yes\n[p]\ncommonName=supplied\n");
    snprintf(command, sizeof(command),
             "cd %s && exec >log 2>&1 && touch db &&"
             " openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
             " -subj '/O=Shop/CN=intake' -keyout key.pem -out cert.pem &&"
             " openssl pkcs8 -topk8 -in key.pem -passout pass:geheim -out locked.pem &&"
             " openssl ecparam -name prime256v1 -genkey -noout -out other.pem &&"
             " openssl req -new -key key.pem -subj /CN=old -out old.csr &&"
             " openssl ca -batch -config ca.cnf -name c -selfsign -keyfile key.pem -in old.csr"
             " -startdate 20200101000000Z -enddate 20200102000000Z -out over.pem",
             folder);
    CU_ASSERT_EQUAL_FATAL(system(command), 0);
    write_file("password", "geheim\n");
    write_file("empty.pem", "nothing here\n");
}

/* Loads from variables only, "a=b" each; NULL ends. */
static int load(char *const *variables)
{
    const struct config_part part = {&environment_settings, &environment};
    arena_done(&arena);
    arena_init(&arena, 1 << 20);
    error = (struct error){0};
    return settings_load(&part, 1, NULL, variables, NULL, &arena, &error);
}

#define LOAD(...) load((char *const[]){__VA_ARGS__, NULL})

static void expect(const char *text)
{
    CU_ASSERT_STRING_EQUAL(error.text, text);
    if (strcmp(error.text, text) != 0)
        fprintf(stderr, "said: %s\n", error.text);
}

static char *variable(const char *name, const char *file)
{
    static char texts[8][160];
    static int at;
    char *out = texts[at++ % 8];
    snprintf(out, sizeof(texts[0]), "WAYBILL_KAFKA_%s=%s", name, in_folder(file));
    return out;
}

/* The client's settings as "name=value" lines. */
static const char *options(void)
{
    static char text[2048];
    struct kafka_option list[ENVIRONMENT_OPTIONS_MAX];
    size_t count = 0, len = 0;
    text[0] = '\0';
    if (environment_kafka(&environment, &arena, list, &count, &error))
        return error.text;
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s=%s\n", list[i].name,
                                list[i].value);
    return text;
}

static void test_the_table_is_sound(void)
{
    CU_ASSERT_EQUAL(settings_check_table(&environment_settings, &error), 0);
}

static void test_without_settings_it_is_plaintext(void)
{
    CU_ASSERT_EQUAL(load(NULL), 0);
    CU_ASSERT_STRING_EQUAL(options(), "security.protocol=PLAINTEXT\n");
}

static void test_user_and_password_reach_the_client(void)
{
    make_certificates();
    CU_ASSERT_EQUAL(LOAD("WAYBILL_KAFKA_SECURITY_PROTOCOL=SASL_PLAINTEXT",
                         "WAYBILL_KAFKA_SASL_MECHANISM=SCRAM-SHA-256",
                         "WAYBILL_KAFKA_SASL_USERNAME=intake",
                         variable("SASL_PASSWORD_FILE", "password")),
                    0);
    CU_ASSERT_STRING_EQUAL(options(), "security.protocol=SASL_PLAINTEXT\n"
                                      "sasl.mechanisms=SCRAM-SHA-256\nsasl.username=intake\n"
                                      "sasl.password=geheim\n");
    write_file("password", "renewed");
    CU_ASSERT_PTR_NOT_NULL(strstr(options(), "sasl.password=renewed\n"));
    write_file("password", "geheim\n");
}

static void test_certificates_reach_the_client_and_the_name_is_verified(void)
{
    make_certificates();
    CU_ASSERT_EQUAL(LOAD("WAYBILL_KAFKA_SECURITY_PROTOCOL=SSL", variable("TLS_CA_FILE", "cert.pem"),
                         variable("TLS_CERTIFICATE_FILE", "cert.pem"),
                         variable("TLS_KEY_FILE", "locked.pem"),
                         variable("TLS_KEY_PASSWORD_FILE", "password")),
                    0);
    char wanted[512];
    snprintf(wanted, sizeof(wanted),
             "security.protocol=SSL\nssl.endpoint.identification.algorithm=https\n"
             "ssl.ca.location=%s/cert.pem\nssl.certificate.location=%s/cert.pem\n"
             "ssl.key.location=%s/locked.pem\nssl.key.password=geheim\n",
             folder, folder, folder);
    CU_ASSERT_STRING_EQUAL(options(), wanted);
}

static void test_says_as_whom_rights_are_given(void)
{
    char principal[ENVIRONMENT_PRINCIPAL_BYTES];
    make_certificates();
    CU_ASSERT_EQUAL(load(NULL), 0);
    environment_principal(&environment, principal);
    CU_ASSERT_STRING_EQUAL(principal, "User:ANONYMOUS");
    CU_ASSERT_EQUAL(LOAD("WAYBILL_KAFKA_SECURITY_PROTOCOL=SSL",
                         variable("TLS_CERTIFICATE_FILE", "cert.pem"),
                         variable("TLS_KEY_FILE", "key.pem")),
                    0);
    environment_principal(&environment, principal);
    CU_ASSERT_STRING_EQUAL(principal, "User:CN=intake,O=Shop");
}

static void test_refuses_a_mechanism_without_user_or_password(void)
{
    CU_ASSERT_EQUAL(LOAD("WAYBILL_KAFKA_SECURITY_PROTOCOL=SASL_SSL"), -1);
    expect("kafka.security_protocol SASL_SSL needs kafka.sasl_mechanism: PLAIN, SCRAM-SHA-256 or "
           "SCRAM-SHA-512");
    CU_ASSERT_EQUAL(
        LOAD("WAYBILL_KAFKA_SECURITY_PROTOCOL=SASL_SSL", "WAYBILL_KAFKA_SASL_MECHANISM=PLAIN"), -1);
    expect("kafka.sasl_mechanism PLAIN needs kafka.sasl_username");
    CU_ASSERT_EQUAL(LOAD("WAYBILL_KAFKA_SECURITY_PROTOCOL=SASL_SSL",
                         "WAYBILL_KAFKA_SASL_MECHANISM=PLAIN",
                         "WAYBILL_KAFKA_SASL_USERNAME=intake"),
                    -1);
    expect("kafka.sasl_mechanism PLAIN needs kafka.sasl_password: set "
           "WAYBILL_KAFKA_SASL_PASSWORD, or kafka.sasl_password_file to a file that holds it");
}

static void test_refuses_what_would_have_no_effect(void)
{
    make_certificates();
    CU_ASSERT_EQUAL(LOAD("WAYBILL_KAFKA_SASL_USERNAME=intake"), -1);
    expect("kafka.sasl_username is set, but kafka.security_protocol is PLAINTEXT: set SASL_SSL or "
           "SASL_PLAINTEXT");
    CU_ASSERT_EQUAL(LOAD(variable("TLS_CA_FILE", "cert.pem")), -1);
    expect("kafka.tls_ca_file is set, but kafka.security_protocol is PLAINTEXT: set SSL or "
           "SASL_SSL");
}

static int load_certificates(const char *ca, const char *certificate, const char *key)
{
    make_certificates();
    return LOAD("WAYBILL_KAFKA_SECURITY_PROTOCOL=SSL", variable("TLS_CA_FILE", ca),
                variable("TLS_CERTIFICATE_FILE", certificate), variable("TLS_KEY_FILE", key));
}

static void expect_file(const char *format)
{
    char text[256];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof(text), format, folder, folder);
#pragma GCC diagnostic pop
    expect(text);
}

static void test_refuses_files_that_are_missing_or_wrong(void)
{
    CU_ASSERT_EQUAL(load_certificates("nobody.pem", "cert.pem", "key.pem"), -1);
    expect_file("kafka.tls_ca_file: cannot open %s/nobody.pem: No such file or directory");
    CU_ASSERT_EQUAL(load_certificates("empty.pem", "cert.pem", "key.pem"), -1);
    expect_file("kafka.tls_ca_file: no PEM certificate in %s/empty.pem");
    CU_ASSERT_EQUAL(load_certificates("cert.pem", "cert.pem", "other.pem"), -1);
    expect_file("kafka.tls_key_file: %s/other.pem is not the key of the certificate in "
                "%s/cert.pem");
    CU_ASSERT_EQUAL(load_certificates("cert.pem", "cert.pem", "locked.pem"), -1);
    expect_file("kafka.tls_key_file: no private key can be read from %s/locked.pem; if it has a "
                "password, set tls_key_password_file");
    CU_ASSERT_EQUAL(
        LOAD("WAYBILL_KAFKA_SECURITY_PROTOCOL=SSL", variable("TLS_CERTIFICATE_FILE", "cert.pem")),
        -1);
    expect("kafka.tls_certificate_file and kafka.tls_key_file belong together: set both or "
           "neither");
}

static void test_a_certificate_that_is_over_is_refused_later_than_a_wrong_one(void)
{
    CU_ASSERT_EQUAL(load_certificates("cert.pem", "over.pem", "key.pem"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(options(), "over.pem ended at 20"));
    CU_ASSERT_EQUAL(error.action, ERROR_DENIED);
    CU_ASSERT_EQUAL(environment_settings.check_today(&environment, &error), -1);
}

static void test_refuses_in_options_what_has_a_setting_and_every_secret(void)
{
    CU_ASSERT_EQUAL(LOAD("WAYBILL_KAFKA_OPTIONS=linger.ms=1,sasl.password=hunter2"), -1);
    expect("kafka.options: for sasl.password there is kafka.sasl_password_file");
    CU_ASSERT_EQUAL(LOAD("WAYBILL_KAFKA_OPTIONS=ssl.keystore.password=hunter2"), -1);
    expect("kafka.options: ssl.keystore.password: a secret does not stand here");
    CU_ASSERT_EQUAL(LOAD("WAYBILL_KAFKA_OPTIONS=linger.ms"), -1);
    expect("kafka.options: \"linger.ms\" is not name=value");
    CU_ASSERT_EQUAL(LOAD("WAYBILL_KAFKA_OPTIONS=linger.ms=1, debug=broker"), 0);
    CU_ASSERT_STRING_EQUAL(options(), "security.protocol=PLAINTEXT\nlinger.ms=1\ndebug=broker\n");
}

static void test_redis_speaks_tls_only_where_its_library_does(void)
{
    int result = LOAD("WAYBILL_REDIS_URLS=rediss://redis:6380");
    if (HIREDIS_MAJOR >= 1) {
        CU_ASSERT_EQUAL(result, 0);
        return;
    }
    CU_ASSERT_EQUAL(result, -1);
    expect("redis.urls: rediss:// needs hiredis 1.0 or newer with its TLS; this program was built "
           "without (Debian 12 has 0.14, Debian 13 has 1.2)");
}

static void test_redis_settings_that_do_nothing_or_lack_something_are_refused(void)
{
    make_certificates();
    char file[160];
    snprintf(file, sizeof(file), "WAYBILL_REDIS_TLS_CA_FILE=%s", in_folder("cert.pem"));
    CU_ASSERT_EQUAL(LOAD(file), -1);
    expect("redis.tls_… files are set, but no url of redis.urls is rediss://");
    CU_ASSERT_EQUAL(LOAD("WAYBILL_REDIS_USERNAME=waybill"), -1);
    expect("redis.username needs redis.password: set WAYBILL_REDIS_PASSWORD, or "
           "redis.password_file to a file that holds it");
    CU_ASSERT_EQUAL(LOAD("WAYBILL_REDIS_URLS=redis://:hunter2@"), -1);
    CU_ASSERT_PTR_NULL(strstr(error.text, "hunter2"));
    CU_ASSERT_EQUAL(LOAD("WAYBILL_REDIS_URLS=redis://:hunter2@a, redis://b:1/2"), 0);
}

static void test_the_clock_of_a_replay_runs_from_its_epoch(void)
{
    CU_ASSERT_EQUAL(LOAD("WAYBILL_CLOCK_EPOCH=1000000"), -1);
    expect("clock.epoch and clock.start_wall belong together: set both or neither");
    CU_ASSERT_EQUAL(LOAD("WAYBILL_CLOCK_EPOCH=1000000", "WAYBILL_CLOCK_START_WALL=5000",
                         "WAYBILL_CLOCK_RATE=10"),
                    0);
    CU_ASSERT_EQUAL(environment_now_ms(&environment, 5007), 1000070);
    CU_ASSERT_EQUAL(load(NULL), 0);
    CU_ASSERT_EQUAL(environment_now_ms(&environment, 5007), 5007);
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    CU_ASSERT_EQUAL(folder[0] ? system(command) : 0, 0);
    arena_done(&arena);
}
