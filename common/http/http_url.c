#include "http/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <strings.h>

enum { URL_BYTES_MAX = 4096 };

static char *url_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    return curl_url_get(url, part, &text, 0) == CURLUE_OK ? text : NULL;
}

static bool is_this_machine(const char *host)
{
    struct in_addr four;
    if (inet_pton(AF_INET, host, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127;
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

static enum http_url check_parsed(CURLU *parsed)
{
    char *scheme = url_part(parsed, CURLUPART_SCHEME);
    char *host = url_part(parsed, CURLUPART_HOST);
    char *user = url_part(parsed, CURLUPART_USER);
    char *password = url_part(parsed, CURLUPART_PASSWORD);
    enum http_url kind = HTTP_URL_REFUSED;
    if (scheme && host && *host && !user && !password) {
        bool local = is_this_machine(host);
        if (strcmp(scheme, "https") == 0)
            kind = local ? HTTP_URL_LOCAL : HTTP_URL_REMOTE;
        else if (strcmp(scheme, "http") == 0 && local)
            kind = HTTP_URL_LOCAL;
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_free(password);
    return kind;
}

enum http_url http_url_check(struct str url)
{
    char text[URL_BYTES_MAX];
    if (url.len == 0 || url.len >= sizeof(text))
        return HTTP_URL_REFUSED;
    for (size_t i = 0; i < url.len; i++) /* libcurl would encode or accept some of these */
        if ((unsigned char)url.ptr[i] <= ' ' || (unsigned char)url.ptr[i] >= 0x7f)
            return HTTP_URL_REFUSED;
    memcpy(text, url.ptr, url.len);
    text[url.len] = 0;

    CURLU *parsed = curl_url();
    enum http_url kind = HTTP_URL_REFUSED;
    if (parsed && curl_url_set(parsed, CURLUPART_URL, text, 0) == CURLUE_OK)
        kind = check_parsed(parsed);
    curl_url_cleanup(parsed);
    return kind;
}
