#include "tls/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>

static const char ca_setting[] = "ca", certificate_setting[] = "certificate", key_setting[] = "key";

static FILE *open_file(const char *group, const char *setting, struct str file, struct error *err)
{
    FILE *stream = fopen(file.ptr, "re");
    if (!stream)
        error_set(err, ERROR_FATAL, "%s.tls_%s_file: cannot open %s: %s", group, setting, file.ptr,
                  strerror(errno));
    return stream;
}

/* The first certificate of a file; NULL, with err set, if there is none. */
static X509 *read_certificate(const char *group, const char *setting, struct str file,
                              struct error *err)
{
    FILE *stream = open_file(group, setting, file, err);
    if (!stream)
        return NULL;
    X509 *certificate = PEM_read_X509(stream, NULL, NULL, NULL);
    fclose(stream);
    ERR_clear_error();
    if (!certificate)
        error_set(err, ERROR_FATAL, "%s.tls_%s_file: no PEM certificate in %s", group, setting,
                  file.ptr);
    return certificate;
}

/* Instead of asking at the terminal, as OpenSSL does by itself. */
static int give_password(char *out, int size, int writing, void *self)
{
    const struct str *password = self;
    (void)writing;
    if (!password->ptr || password->len > (size_t)size)
        return -1;
    memcpy(out, password->ptr, password->len);
    return (int)password->len;
}

static int check_key(const char *group, const struct tls_files *files, X509 *certificate,
                     struct error *err)
{
    FILE *stream = open_file(group, key_setting, files->key, err);
    if (!stream)
        return -1;
    struct str password = files->key_password;
    EVP_PKEY *key = PEM_read_PrivateKey(stream, NULL, give_password, &password);
    fclose(stream);
    ERR_clear_error();
    if (!key)
        return error_set(err, ERROR_FATAL, "%s.tls_key_file: no private key can be read from %s%s",
                         group, files->key.ptr,
                         password.ptr ? " with the password of tls_key_password"
                                      : "; if it has a password, set tls_key_password_file");
    int result = 0;
    if (X509_check_private_key(certificate, key) != 1)
        result = error_set(err, ERROR_FATAL,
                           "%s.tls_key_file: %s is not the key of the certificate in %s", group,
                           files->key.ptr, files->certificate.ptr);
    ERR_clear_error();
    EVP_PKEY_free(key);
    return result;
}

int tls_check_files(const char *group, const struct tls_files *files, struct error *err)
{
    if (files->ca.ptr) {
        X509 *ca = read_certificate(group, ca_setting, files->ca, err);
        if (!ca)
            return -1;
        X509_free(ca);
    }
    if (!files->certificate.ptr != !files->key.ptr)
        return error_set(err, ERROR_FATAL,
                         "%s.tls_certificate_file and %s.tls_key_file belong together: set both or "
                         "neither",
                         group, group);
    if (!files->certificate.ptr)
        return 0;
    X509 *certificate = read_certificate(group, certificate_setting, files->certificate, err);
    if (!certificate)
        return -1;
    int result = check_key(group, files, certificate, err);
    X509_free(certificate);
    return result;
}

static void show_time(const ASN1_TIME *time, char out[40])
{
    struct tm tm;
    out[0] = '\0';
    if (ASN1_TIME_to_tm(time, &tm) == 1)
        strftime(out, 40, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

int tls_check_dates(const char *group, const struct tls_files *files, struct error *err)
{
    char when[40];
    if (!files->certificate.ptr)
        return 0;
    X509 *certificate = read_certificate(group, certificate_setting, files->certificate, err);
    if (!certificate)
        return -1;
    int result = 0;
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
        show_time(X509_get0_notAfter(certificate), when);
        result = error_set(err, ERROR_DENIED,
                           "%s.tls_certificate_file: the certificate in %s ended at %s; renew it",
                           group, files->certificate.ptr, when);
    } else if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
        show_time(X509_get0_notBefore(certificate), when);
        result = error_set(err, ERROR_DENIED,
                           "%s.tls_certificate_file: the certificate in %s begins at %s only; is "
                           "the clock right?",
                           group, files->certificate.ptr, when);
    }
    X509_free(certificate);
    return result;
}

void tls_subject(struct str certificate, char out[TLS_SUBJECT_BYTES])
{
    out[0] = '\0';
    X509 *read = read_certificate("", "", certificate, NULL);
    BIO *text = BIO_new(BIO_s_mem());
    if (read && text &&
        X509_NAME_print_ex(text, X509_get_subject_name(read), 0, XN_FLAG_RFC2253) >= 0) {
        int len = BIO_read(text, out, TLS_SUBJECT_BYTES - 1);
        out[len > 0 ? len : 0] = '\0';
    }
    BIO_free(text);
    X509_free(read);
}
