/* SPDX-License-Identifier: Apache-2.0 */
/* Linked before the archives of the static client, in the place of what they
 * hold for others and the client never reaches; each would bring much with it.
 *
 * - Names and modules: the TSS can look a host name up and OpenSSL load a
 *   shared object. Static glibc would read /etc and load libraries of another
 *   version for both, and ld warns of it. Here both fail.
 * - OpenSSL's P-256 with a table of 150 KiB of points: a boot computes a
 *   handful, which the method without it does in a millisecond or two, in
 *   constant time too.
 * - OpenSSL's tables of all ciphers, all engines and all sections of
 *   openssl.cnf. Providers have the algorithms; what is looked up by an
 *   object's number (signatures of certificates) is added here.
 *
 * The names are those of glibc and of OpenSSL 3. Where a release of either
 * calls a thing differently, the linker takes its own or says that there are
 * two of it: nothing is decided here at run time. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stddef.h>
#include <stdlib.h>

#include <openssl/evp.h>

/* ---- glibc -------------------------------------------------------------- */

#ifdef MUSTER_TEST_TCTI
/* The TSS finds a software TPM by host and port: an IPv4 address in digits. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res)
{
        struct {
                struct addrinfo ai;
                struct sockaddr_in in;
        } *a = calloc(1, sizeof(*a));

        if (!a)
                return EAI_MEMORY;
        if (inet_pton(AF_INET, node, &a->in.sin_addr) != 1) {
                free(a);
                return EAI_NONAME;
        }
        a->in.sin_family = AF_INET;
        a->in.sin_port = htons((uint16_t)strtoul(service, NULL, 10));
        a->ai = (struct addrinfo){ .ai_family = AF_INET,
                                   .ai_socktype = hints ? hints->ai_socktype : SOCK_STREAM,
                                   .ai_addrlen = sizeof(a->in),
                                   .ai_addr = (struct sockaddr *)&a->in };
        *res = &a->ai;
        return 0;
}

void freeaddrinfo(struct addrinfo *ai)
{
        free(ai); /* the first member */
}
#else
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res)
{
        (void)node, (void)service, (void)hints, (void)res;
        return EAI_FAIL;
}

void freeaddrinfo(struct addrinfo *ai)
{
        (void)ai;
}
#endif

const char *gai_strerror(int code)
{
        (void)code;
        return "the client looks up no names";
}

int getnameinfo(const struct sockaddr *sa, socklen_t salen, char *host, socklen_t hostlen, char *serv, socklen_t servlen, int flags)
{
        (void)sa, (void)salen, (void)host, (void)hostlen, (void)serv, (void)servlen, (void)flags;
        return EAI_FAIL;
}

struct hostent *gethostbyname(const char *name)
{
        (void)name;
        return NULL;
}

void *__wrap_dlopen(const char *file, int mode);

void *__wrap_dlopen(const char *file, int mode)
{
        (void)file, (void)mode;
        return NULL;
}

/* ---- OpenSSL: no header declares these ----------------------------------- */

struct ec_method_st;
const struct ec_method_st *EC_GFp_nistp256_method(void);
const struct ec_method_st *EC_GFp_nistz256_method(void);
void *EC_nistz256_pre_comp_dup(void *p);
void EC_nistz256_pre_comp_free(void *p);
void openssl_add_all_ciphers_int(void);
void openssl_add_all_digests_int(void);
void OPENSSL_load_builtin_modules(void);
void ENGINE_load_builtin_engines(void);

const struct ec_method_st *EC_GFp_nistz256_method(void)
{
        return EC_GFp_nistp256_method();
}

void *EC_nistz256_pre_comp_dup(void *p)
{
        return p;
}

void EC_nistz256_pre_comp_free(void *p)
{
        (void)p; /* only the other method makes one */
}

void openssl_add_all_ciphers_int(void)
{
}

void openssl_add_all_digests_int(void)
{
        const EVP_MD *all[] = { EVP_sha1(), EVP_sha256(), EVP_sha384(), EVP_sha512() };

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
                (void)EVP_add_digest(all[i]);
}

void OPENSSL_load_builtin_modules(void)
{
}

void ENGINE_load_builtin_engines(void)
{
}
