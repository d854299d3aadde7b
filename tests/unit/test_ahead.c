/* SPDX-License-Identifier: Apache-2.0 */
/* The other end reads what libmicrohttpd, played here, has sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "ahead.h"
#include "mem.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define SIZE ((size_t)12 << 20)
#define ASKED ((size_t)131072)
#define ODD ((size_t)60001)

static uint8_t *bytes;
static int file = -1;
static int out = -1; /* musterd's end, */
static int peer = -1; /* and the reader's */
static struct ahead ahead;

static int files(void **state)
{
        (void)state;
        (void)signal(SIGPIPE, SIG_IGN);
        file = memfd_create("image", MFD_CLOEXEC);
        assert_true(file >= 0 && ftruncate(file, (off_t)SIZE) == 0);
        bytes = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        assert_true(bytes != MAP_FAILED);
        for (size_t i = 0; i < SIZE; i++)
                bytes[i] = (uint8_t)(i * 2654435761U >> 16);
        return 0;
}

static int no_files(void **state)
{
        (void)state;
        (void)munmap(bytes, SIZE);
        (void)close(file);
        return 0;
}

static int connect_both(void **state)
{
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t n = sizeof(a);
        int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        (void)state;
        assert_true(l >= 0 && bind(l, (struct sockaddr *)&a, n) == 0 && listen(l, 1) == 0);
        assert_int_equal(getsockname(l, (struct sockaddr *)&a, &n), 0);
        peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(peer >= 0 && connect(peer, (struct sockaddr *)&a, n) == 0);
        out = accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        assert_true(out >= 0);
        (void)close(l);
        assert_int_equal(ahead_open(1024), 0);
        return 0;
}

static int part(void **state)
{
        (void)state;
        ahead_end(out);
        ahead_close();
        if (peer >= 0)
                (void)close(peer);
        (void)close(out);
        return 0;
}

/* What comes within a fifth of a second, of SIZE at most; it is the file's from `first`. */
static size_t drain(size_t first)
{
        static uint8_t got[SIZE + 1];
        struct pollfd p = { .fd = peer, .events = POLLIN };
        size_t n = 0;

        while (n < sizeof(got) && poll(&p, 1, 200) == 1) {
                ssize_t k = recv(peer, got + n, sizeof(got) - n, 0);

                assert_true(k > 0);
                n += (size_t)k;
        }
        assert_true(first + n <= SIZE);
        assert_memory_equal(got, bytes + first, n);
        return n;
}

static void more_is_sent_than_was_asked_for_and_no_more_is_told(void **state)
{
        off64_t at = 0;

        (void)state;
        ahead_begin(out, &ahead, 0, SIZE, NULL);
        assert_int_equal(__wrap_sendfile64(out, file, &at, 1000), 1000);
        assert_int_equal(at, 1000);
        assert_true(drain(0) > ASKED);
        assert_int_equal(__wrap_sendfile64(out, file, &at, 2000), 2000);
        assert_int_equal(at, 3000);
        assert_int_equal(drain(0), 0); /* it had been sent */
}

static void nothing_after_the_last_byte_is_sent(void **state)
{
        off64_t at = 1000;

        (void)state;
        ahead_begin(out, &ahead, 1000, 30000, NULL);
        assert_int_equal(__wrap_sendfile64(out, file, &at, 10000), 10000);
        assert_int_equal(drain(1000), 30000);
        assert_int_equal(__wrap_sendfile64(out, file, &at, 20000), 20000);
        assert_int_equal(at, 31000);
        assert_int_equal(drain(1000), 0);
        ahead_begin(out, &ahead, 5, 7, NULL); /* the connection's next answer */
        at = 5;
        assert_int_equal(__wrap_sendfile64(out, file, &at, ASKED), 7);
        assert_int_equal(drain(5), 7);
}

static void *read_all(void *arg)
{
        size_t *n = arg;
        uint8_t some[70000];
        ssize_t k;

        while (*n < SIZE && (k = recv(peer, some, sizeof(some), 0)) > 0) {
                if (memcmp(some, bytes + *n, (size_t)k) != 0)
                        return NULL;
                *n += (size_t)k;
        }
        return *n == SIZE ? n : NULL;
}

/* As libmicrohttpd does: it asks again at once, but after EAGAIN only when the socket became writable since. */
static void send_by_edges(size_t count)
{
        struct epoll_event ev = { .events = EPOLLOUT | EPOLLET };
        int epoll = epoll_create1(EPOLL_CLOEXEC);
        off64_t at = 0;

        assert_true(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, out, &ev) == 0);
        while ((size_t)at < SIZE) {
                size_t want = SIZE - (size_t)at < count ? SIZE - (size_t)at : count;
                off64_t before = at;
                ssize_t n = __wrap_sendfile64(out, file, &at, want);

                assert_true(n == (ssize_t)want || (n < 0 && errno == EAGAIN));
                assert_int_equal(at - before, n > 0 ? n : 0);
                if (n < 0)
                        assert_int_equal(epoll_wait(epoll, &ev, 1, 10000), 1);
        }
        (void)close(epoll);
}

static void every_byte_comes_once_and_who_waits_for_edges_gets_through(void **state)
{
        static const size_t counts[] = { ASKED, ODD, 4096, (size_t)3 << 20 };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(counts); i++) {
                pthread_t reader;
                size_t n = 0;
                void *whole = NULL;

                ahead_begin(out, &ahead, 0, SIZE, NULL);
                assert_int_equal(pthread_create(&reader, NULL, read_all, &n), 0);
                send_by_edges(counts[i]);
                assert_int_equal(pthread_join(reader, &whole), 0);
                assert_non_null(whole);
                ahead_end(out);
        }
}

static void an_error_is_told_though_some_was_sent_before(void **state)
{
        off64_t at = 0;
        ssize_t n = 0;

        (void)state;
        ahead_begin(out, &ahead, 0, SIZE, NULL);
        do
                n = __wrap_sendfile64(out, file, &at, ODD);
        while (n > 0 && ahead.sent - ahead.told >= ODD);
        assert_true(n == (ssize_t)ODD && ahead.sent > ahead.told && ahead.sent < SIZE);
        (void)close(peer); /* with bytes unread: a reset */
        peer = -1;
        assert_int_equal(__wrap_sendfile64(out, file, &at, ODD), -1);
        assert_true(errno == EPIPE || errno == ECONNRESET);
}

static void what_was_not_begun_is_the_kernels(void **state)
{
        off64_t at = 100;

        (void)state;
        assert_int_equal(__wrap_sendfile64(out, file, &at, 50), 50);
        assert_int_equal(at, 150);
        assert_int_equal(drain(100), 50);
        ahead_begin(out, &ahead, 1000, 5000, NULL);
        assert_int_equal(__wrap_sendfile64(out, file, &at, 50), 50); /* not its next bytes */
        assert_int_equal(drain(150), 50);
        ahead_end(out);
        at = 1000;
        assert_int_equal(__wrap_sendfile64(out, file, &at, 50), 50);
        assert_int_equal(drain(1000), 50);
        ahead_close();
        ahead_begin(out, &ahead, 0, 5000, NULL); /* no room for it */
        at = 0;
        assert_int_equal(__wrap_sendfile64(out, file, &at, 50), 50);
        assert_int_equal(drain(0), 50);
}

static void readers_share_what_may_wait_for_them(void **state)
{
        int before = ahead_waiting(0);

        (void)state;
        assert_int_equal(before, AHEAD_WAITING_MOST);
        for (unsigned n = 1; n < 20000; n++) {
                int now = ahead_waiting(n);

                assert_true(now <= before && now >= AHEAD_WAITING_LEAST);
                assert_true((uint64_t)now * n <= AHEAD_WAITING || now == AHEAD_WAITING_LEAST);
                before = now;
        }
        assert_int_equal(before, AHEAD_WAITING_LEAST);
}

static int bound(void)
{
        int v = -1;
        socklen_t n = sizeof(v);

        assert_int_equal(getsockopt(out, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &v, &n), 0);
        return v;
}

static void a_readers_part_is_less_when_more_have_come(void **state)
{
        atomic_uint readers = 1;
        off64_t at = 0;
        int before = bound();

        (void)state;
        ahead_begin(out, &ahead, 0, 10, NULL);
        assert_int_equal(__wrap_sendfile64(out, file, &at, 10), 10);
        assert_int_equal(bound(), before); /* no reader of an image */
        ahead_begin(out, &ahead, 10, SIZE - 10, &readers);
        assert_true(__wrap_sendfile64(out, file, &at, ASKED) > 0);
        assert_int_equal(bound(), ahead_waiting(1));
        readers = 1000;
        for (size_t got = 0; got < SIZE;) { /* in the middle of its image */
                if (__wrap_sendfile64(out, file, &at, ASKED) < 0 || ahead.sent == SIZE)
                        got += drain(got);
        }
        assert_int_equal(bound(), ahead_waiting(1000));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(more_is_sent_than_was_asked_for_and_no_more_is_told, connect_both, part),
                cmocka_unit_test_setup_teardown(nothing_after_the_last_byte_is_sent, connect_both, part),
                cmocka_unit_test_setup_teardown(every_byte_comes_once_and_who_waits_for_edges_gets_through, connect_both, part),
                cmocka_unit_test_setup_teardown(an_error_is_told_though_some_was_sent_before, connect_both, part),
                cmocka_unit_test_setup_teardown(what_was_not_begun_is_the_kernels, connect_both, part),
                cmocka_unit_test(readers_share_what_may_wait_for_them),
                cmocka_unit_test_setup_teardown(a_readers_part_is_less_when_more_have_come, connect_both, part),
        };

        return cmocka_run_group_tests(tests, files, no_files);
}
