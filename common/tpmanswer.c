/* SPDX-License-Identifier: Apache-2.0 */
#include "tpmanswer.h"

#include <stdbool.h>

#define ST_SESSIONS 0x8002
#define SESSIONS_MAX 3
#define ATTR_ENCRYPT 0x40 /* the answer's first parameter is encrypted */

/* How many handles a command and its successful answer begin with. */
static const struct {
        uint32_t code;
        uint8_t in;
        uint8_t out;
} handles[] = {
        { 0x120, 2, 0 }, /* EvictControl */
        { 0x122, 2, 0 }, /* NV_UndefineSpace */
        { 0x12a, 1, 0 }, /* NV_DefineSpace */
        { 0x131, 1, 1 }, /* CreatePrimary */
        { 0x137, 2, 0 }, /* NV_Write */
        { 0x138, 2, 0 }, /* NV_WriteLock */
        { 0x13c, 1, 0 }, /* PCR_Event */
        { 0x145, 0, 0 }, /* Shutdown */
        { 0x147, 2, 0 }, /* ActivateCredential */
        { 0x148, 2, 0 }, /* Certify */
        { 0x14e, 2, 0 }, /* NV_Read */
        { 0x14f, 2, 0 }, /* NV_ReadLock */
        { 0x151, 2, 0 }, /* PolicySecret */
        { 0x156, 1, 0 }, /* Import */
        { 0x157, 1, 1 }, /* Load */
        { 0x158, 1, 0 }, /* Quote */
        { 0x15d, 1, 0 }, /* Sign */
        { 0x15e, 1, 0 }, /* Unseal */
        { 0x165, 0, 0 }, /* FlushContext: its handle is a parameter */
        { 0x167, 0, 1 }, /* LoadExternal */
        { 0x169, 1, 0 }, /* NV_ReadPublic */
        { 0x16a, 1, 0 }, /* PolicyAuthorize */
        { 0x16d, 1, 0 }, /* PolicyCounterTimer */
        { 0x173, 1, 0 }, /* ReadPublic */
        { 0x176, 2, 1 }, /* StartAuthSession */
        { 0x177, 1, 0 }, /* VerifySignature */
        { 0x17a, 0, 0 }, /* GetCapability */
        { 0x17e, 0, 0 }, /* PCR_Read */
        { 0x17f, 1, 0 }, /* PolicyPCR */
        { 0x180, 1, 0 }, /* PolicyRestart */
        { 0x181, 0, 0 }, /* ReadClock */
        { 0x182, 1, 0 }, /* PCR_Extend */
};

struct head {
        uint16_t tag;
        uint32_t code;
};

/* The header; its size is that of the whole packet. */
static int take_head(struct cursor *c, struct head *ret)
{
        const size_t whole = c->left;
        uint32_t size;

        if (cur_u16be(c, &ret->tag) < 0 || cur_u32be(c, &size) < 0 || cur_u32be(c, &ret->code) < 0 || size != whole)
                return -EBADMSG;
        return 0;
}

/* One session of a command (which begins with its handle) or of an answer. */
static int session(struct cursor *c, bool of_command, uint8_t *ret_attributes)
{
        const uint8_t *p;
        size_t n;

        if ((of_command && cur_skip(c, 4) < 0) || cur_tpm2b(c, &p, &n) < 0 || cur_u8(c, ret_attributes) < 0 ||
            cur_tpm2b(c, &p, &n) < 0)
                return -EBADMSG;
        return 0;
}

/* The sessions of a command, and whether one encrypts what is answered. */
static int command_sessions(struct cursor c, unsigned *ret_n, bool *ret_encrypts)
{
        const uint8_t *area;
        uint32_t size;

        if (cur_u32be(&c, &size) < 0 || cur_take(&c, size, &area) < 0)
                return -EBADMSG;
        c = cur_of(area, size);
        while (c.left > 0) {
                uint8_t attributes;

                if (*ret_n == SESSIONS_MAX || session(&c, true, &attributes) < 0)
                        return -EBADMSG;
                (*ret_n)++;
                *ret_encrypts = *ret_encrypts || (attributes & ATTR_ENCRYPT);
        }
        return 0;
}

int tpmanswer_check(struct cursor command, struct cursor answer)
{
        unsigned n_sessions = 0;
        bool encrypts = false;
        const uint8_t *params;
        struct head cmd;
        struct head ans;
        uint32_t size;
        size_t i;

        if (take_head(&command, &cmd) < 0 || take_head(&answer, &ans) < 0)
                return -EBADMSG;
        if (ans.code != 0)
                return 0;
        for (i = 0; i < sizeof(handles) / sizeof(*handles) && handles[i].code != cmd.code; i++)
                ;
        if (i == sizeof(handles) / sizeof(*handles))
                return -ENOSYS;
        if (cur_skip(&command, 4 * (size_t)handles[i].in) < 0 || cur_skip(&answer, 4 * (size_t)handles[i].out) < 0 ||
            ans.tag != cmd.tag)
                return -EBADMSG;
        if (cmd.tag != ST_SESSIONS)
                return 0;
        if (command_sessions(command, &n_sessions, &encrypts) < 0 || cur_u32be(&answer, &size) < 0 ||
            cur_take(&answer, size, &params) < 0)
                return -EBADMSG;
        if (encrypts) {
                struct cursor first = cur_of(params, size);
                const uint8_t *p;
                size_t n;

                if (cur_tpm2b(&first, &p, &n) < 0)
                        return -EBADMSG;
        }
        while (n_sessions-- > 0) {
                uint8_t attributes;

                if (session(&answer, false, &attributes) < 0)
                        return -EBADMSG;
        }
        return cur_end(&answer);
}
