/* SPDX-License-Identifier: Apache-2.0 */
/* What the two processes make of bytes that the other should not send. */
#include "fixture_signer.h"

#include <pthread.h>
#include <sys/socket.h>

struct looped {
        int fd;
        int r;
};

static void *loop(void *arg)
{
        struct looped *l = arg;

        l->r = signer_loop(&sg, l->fd);
        (void)close(l->fd);
        return NULL;
}

/* What signer_loop() returns after these bytes, and whether it answered. */
static int looped(const void *p, size_t n, bool *ret_answered)
{
        struct looped l = { -1, 1 };
        pthread_t t;
        int pair[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
        l.fd = pair[1];
        assert_int_equal(pthread_create(&t, NULL, loop, &l), 0);
        assert_int_equal(send(pair[0], p, n, 0), n);
        (void)shutdown(pair[0], SHUT_WR);
        *ret_answered = recv(pair[0], &a, sizeof(a), 0) > 0;
        assert_int_equal(pthread_join(t, NULL), 0);
        (void)close(pair[0]);
        return l.r;
}

static void bytes_that_no_musterd_sends_end_the_process(void **state)
{
        uint8_t big[sizeof(q) + 1] = { SIGNER_RELEASE };
        bool answered = true;

        (void)state;
        log_init("test", LOG_LVL_ERR);
        good(SIGNER_RELEASE);
        assert_int_equal(looped(&q, sizeof(q.release), &answered), 0);
        assert_true(answered);
        assert_int_equal(looped(&q, sizeof(q.release) - 1, &answered), -EBADMSG);
        assert_false(answered);
        memcpy(big, &q, sizeof(q.release));
        assert_int_equal(looped(big, sizeof(big), &answered), -EBADMSG);
        assert_false(answered);
        assert_int_equal(looped("x", 1, &answered), -EBADMSG);
        assert_false(answered);
}

/* A network process that was taken over writes no line but its own. */
static void a_refused_name_is_quoted_in_the_log(void **state)
{
        static const char forged[] = "x made=release name=r1n001";
        char text[600] = "";
        int saved = dup(STDERR_FILENO);
        int pipefd[2];
        bool answered = false;

        (void)state;
        log_init("test", LOG_LVL_INFO);
        good(SIGNER_TLS);
        memcpy(q.tls.name, forged, sizeof(forged));
        assert_int_equal(pipe(pipefd), 0);
        assert_true(dup2(pipefd[1], STDERR_FILENO) >= 0);
        assert_int_equal(looped(&q, sizeof(q.tls), &answered), 0);
        assert_true(dup2(saved, STDERR_FILENO) >= 0);
        assert_true(read(pipefd[0], text, sizeof(text) - 1) > 0);
        (void)close(saved);
        (void)close(pipefd[0]);
        (void)close(pipefd[1]);
        assert_true(answered);
        assert_non_null(strstr(text, "refused=tls-certificate name=\"x made=release name=r1n001\""));
}

/* The client against a signer that answers `with` (len bytes). */
struct fake {
        int fd;
        size_t len;
        int seq_off;
        int32_t error;
};

static void *fake(void *arg)
{
        struct fake *f = arg;
        union signer_request got;
        union signer_answer out = { .done = { .op = SIGNER_WRAP, .error = f->error } };

        if (recv(f->fd, &got, sizeof(got), 0) > 0) {
                out.done.seq = got.head.seq + (uint32_t)f->seq_off;
                (void)send(f->fd, &out, f->len, MSG_NOSIGNAL);
        }
        (void)close(f->fd);
        return NULL;
}

static int asked(size_t n, int seq_off, int32_t error, int *ret_again)
{
        uint8_t header[64] = { 0 };
        uint8_t key[32] = { 0 };
        uint8_t wrapped[WRAPPED_LEN];
        struct fake f = { -1, n, seq_off, error };
        struct signer *s;
        pthread_t t;
        int pair[2];
        int r;

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
        f.fd = pair[1];
        s = signer_adopt(pair[0], 0);
        assert_non_null(s);
        assert_int_equal(pthread_create(&t, NULL, fake, &f), 0);
        r = signer_wrap(s, &(struct image_ref){ "i", header, header }, key, wrapped);
        assert_int_equal(pthread_join(t, NULL), 0);
        *ret_again = signer_wrap(s, &(struct image_ref){ "i", header, header }, key, wrapped);
        signer_stop(s);
        return r;
}

static void an_answer_to_something_else_is_no_answer(void **state)
{
        const size_t n = sizeof(struct signer_wrapped);
        char how[64];
        int again = 0;
        struct signer *s;

        (void)state;
        assert_int_equal(asked(n, 0, 0, &again), 0);
        assert_int_equal(asked(n, 1, 0, &again), -EIO);
        assert_int_equal(again, -EIO);
        assert_int_equal(asked(n - 1, 0, 0, &again), -EIO);
        assert_int_equal(asked(n + 1, 0, 0, &again), -EIO);
        assert_int_equal(asked(0, 0, 0, &again), -EIO);
        assert_int_equal(asked(sizeof(struct signer_done), 0, 0, &again), -EIO);
        assert_int_equal(asked(n, 0, -EINVAL, &again), -EIO);
        assert_int_equal(asked(sizeof(struct signer_done), 0, -EINVAL, &again), -EINVAL);
        assert_int_equal(asked(sizeof(struct signer_done), 0, -EAGAIN, &again), -EIO); /* the caller would try for ever */
        assert_int_equal(asked(n, 0, 5, &again), -EIO);
        s = signer_adopt(-1, 0);
        assert_false(signer_ended(s, how));
        assert_int_equal(signer_wrap(s, &(struct image_ref){ "i", (const uint8_t[64]){ 0 }, (const uint8_t[32]){ 0 } }, (const uint8_t[32]){ 0 },
                                     (uint8_t[WRAPPED_LEN]){ 0 }), -EIO);
        assert_true(signer_ended(s, how));
        signer_stop(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(bytes_that_no_musterd_sends_end_the_process),
                cmocka_unit_test(a_refused_name_is_quoted_in_the_log),
                cmocka_unit_test(an_answer_to_something_else_is_no_answer),
        };

        return cmocka_run_group_tests_name("signer_wire", tests, setup, teardown);
}
