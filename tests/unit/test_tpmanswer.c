/* SPDX-License-Identifier: Apache-2.0 */
#include "corpus.h"
#include "tpmanswer.h"

#define READ_PUBLIC 0x173
#define NV_READ 0x14e
#define LOAD_EXTERNAL 0x167
#define START_SESSION 0x176
#define NO_SESSIONS 0x8001
#define SESSIONS 0x8002
#define ENCRYPT 0x40

/* Writes a packet's size into its header. */
static struct cursor whole(struct wbuf *w)
{
        size_t n = 0;

        assert_int_equal(wb_end(w, &n), 0);
        for (int i = 0; i < 4; i++)
                w->p[2 + i] = (uint8_t)(n >> (24 - 8 * i));
        return cur_of(w->p, n);
}

static void begin(struct wbuf *w, uint16_t tag, uint32_t code, unsigned n_handles)
{
        wb_u16be(w, tag);
        wb_u32be(w, 0);
        wb_u32be(w, code);
        for (unsigned i = 0; i < n_handles; i++)
                wb_u32be(w, 0x80000000 + i);
}

/* NV_Read under two sessions, the second of which encrypts what is answered. */
static struct cursor nv_read(struct wbuf *w, uint8_t attributes)
{
        static const uint8_t nonce[32];

        begin(w, SESSIONS, NV_READ, 2);
        wb_u32be(w, 2 * (4 + 2 + 32 + 1 + 2 + 32));
        for (int i = 0; i < 2; i++) {
                wb_u32be(w, 0x02000000);
                wb_tpm2b(w, nonce, 32);
                wb_u8(w, i == 1 ? attributes : 1);
                wb_tpm2b(w, nonce, 32);
        }
        wb_u32be(w, 0); /* size and offset */
        return whole(w);
}

/* The answer: parameters of `size` in a field that says `says`, whose first is a TPM2B that says `first`. */
static struct cursor nv_answer(struct wbuf *w, uint32_t says, uint16_t first, unsigned n_sessions, uint16_t nonce_says)
{
        static const uint8_t zero[32];

        begin(w, SESSIONS, 0, 0);
        wb_u32be(w, says);
        wb_u16be(w, first);
        wb_put(w, zero, 16);
        for (unsigned i = 0; i < n_sessions; i++) {
                wb_u16be(w, i == 0 ? nonce_says : 32);
                wb_put(w, zero, 32);
                wb_u8(w, 1);
                wb_tpm2b(w, zero, 32);
        }
        return whole(w);
}

static int judge(uint8_t attributes, uint32_t says, uint16_t first, unsigned n_sessions, uint16_t nonce_says)
{
        uint8_t cmd[512];
        uint8_t ans[512];
        struct wbuf c = wb_of(cmd, sizeof(cmd));
        struct wbuf a = wb_of(ans, sizeof(ans));

        return tpmanswer_check(nv_read(&c, attributes), nv_answer(&a, says, first, n_sessions, nonce_says));
}

static void an_answer_whose_lengths_fit_passes(void **state)
{
        (void)state;
        assert_int_equal(judge(ENCRYPT, 18, 16, 2, 32), 0);
        assert_int_equal(judge(1, 18, 16, 2, 32), 0);
}

static void parameters_beyond_the_answer_are_refused(void **state)
{
        (void)state;
        assert_int_equal(judge(1, 4000, 16, 2, 32), -EBADMSG);
        assert_int_equal(judge(1, UINT32_MAX, 16, 2, 32), -EBADMSG);
        assert_int_equal(judge(1, UINT32_MAX - 13, 16, 2, 32), -EBADMSG);
        assert_int_equal(judge(1, 19, 16, 2, 32), -EBADMSG);
        assert_int_equal(judge(1, 17, 16, 2, 32), -EBADMSG);
}

static void an_encrypted_parameter_beyond_the_parameters_is_refused(void **state)
{
        (void)state;
        assert_int_equal(judge(ENCRYPT, 18, 17, 2, 32), -EBADMSG);
        assert_int_equal(judge(ENCRYPT, 18, UINT16_MAX, 2, 32), -EBADMSG);
        assert_int_equal(judge(1, 18, UINT16_MAX, 2, 32), 0); /* the library reads it with its own bounds */
}

static void other_sessions_than_the_commands_are_refused(void **state)
{
        (void)state;
        assert_int_equal(judge(1, 18, 16, 1, 32), -EBADMSG);
        assert_int_equal(judge(1, 18, 16, 0, 32), -EBADMSG);
        assert_int_equal(judge(1, 18, 16, 3, 32), -EBADMSG);
        assert_int_equal(judge(1, 18, 16, 2, 33), -EBADMSG);
        assert_int_equal(judge(1, 18, 16, 2, UINT16_MAX), -EBADMSG);
}

static void every_cut_of_an_answer_is_refused(void **state)
{
        uint8_t cmd[512];
        uint8_t ans[512];
        struct wbuf c = wb_of(cmd, sizeof(cmd));
        struct wbuf a = wb_of(ans, sizeof(ans));
        struct cursor command = nv_read(&c, ENCRYPT);
        size_t n = nv_answer(&a, 18, 16, 2, 32).left;

        (void)state;
        for (size_t cut = 0; cut < n; cut++) {
                /* the exact size, so that a sanitizer sees what is read beyond it */
                _cleanup_(freep) uint8_t *short_one = malloc(cut + 1);
                struct wbuf w = wb_of(short_one, cut);

                assert_non_null(short_one);
                wb_put(&w, ans, cut);
                assert_int_equal(tpmanswer_check(command, cur_of(short_one, cut)), -EBADMSG);
                if (cut >= 10)
                        assert_int_equal(tpmanswer_check(command, whole(&w)), -EBADMSG);
        }
        assert_int_equal(tpmanswer_check(command, cur_of(ans, n)), 0);
}

/* `code` without sessions, answered with `tag` and this many bytes. */
static int plain(uint32_t code, unsigned in, uint16_t tag, uint32_t rc, size_t n)
{
        static const uint8_t zero[64];
        uint8_t cmd[128];
        uint8_t ans[128];
        struct wbuf c = wb_of(cmd, sizeof(cmd));
        struct wbuf a = wb_of(ans, sizeof(ans));

        begin(&c, NO_SESSIONS, code, in);
        begin(&a, tag, rc, 0);
        wb_put(&a, zero, n);
        return tpmanswer_check(whole(&c), whole(&a));
}

static void an_answer_without_its_handle_is_refused(void **state)
{
        (void)state;
        assert_int_equal(plain(LOAD_EXTERNAL, 0, NO_SESSIONS, 0, 3), -EBADMSG);
        assert_int_equal(plain(LOAD_EXTERNAL, 0, NO_SESSIONS, 0, 4), 0);
        assert_int_equal(plain(START_SESSION, 2, NO_SESSIONS, 0, 0), -EBADMSG);
        assert_int_equal(plain(START_SESSION, 2, NO_SESSIONS, 0, 6), 0);
}

static void sessions_nobody_asked_for_are_refused(void **state)
{
        (void)state;
        assert_int_equal(plain(READ_PUBLIC, 1, SESSIONS, 0, 16), -EBADMSG);
        assert_int_equal(plain(READ_PUBLIC, 1, NO_SESSIONS, 0, 16), 0);
}

static void a_mere_response_code_passes(void **state)
{
        (void)state;
        assert_int_equal(plain(READ_PUBLIC, 1, NO_SESSIONS, 0x18b, 0), 0);
        assert_int_equal(plain(0x7777, 0, NO_SESSIONS, 0x143, 0), 0);
}

static void the_answer_to_a_command_that_is_never_sent_is_refused(void **state)
{
        (void)state;
        assert_int_equal(plain(0x7777, 0, NO_SESSIONS, 0, 0), -ENOSYS);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_answer_whose_lengths_fit_passes),
                cmocka_unit_test(parameters_beyond_the_answer_are_refused),
                cmocka_unit_test(an_encrypted_parameter_beyond_the_parameters_is_refused),
                cmocka_unit_test(other_sessions_than_the_commands_are_refused),
                cmocka_unit_test(every_cut_of_an_answer_is_refused),
                cmocka_unit_test(an_answer_without_its_handle_is_refused),
                cmocka_unit_test(sessions_nobody_asked_for_are_refused),
                cmocka_unit_test(a_mere_response_code_passes),
                cmocka_unit_test(the_answer_to_a_command_that_is_never_sent_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
