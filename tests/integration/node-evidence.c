/* SPDX-License-Identifier: Apache-2.0 */
/* node-evidence.c - what a software PC's firmware would have measured, for
 * tests of muster-node against a software TPM.
 *
 *   node-evidence files DIR            writes DIR/uki.efi and DIR/ipxe.efi
 *   node-evidence log DIR FILE CMDLINE [updated|setting]
 *                                      writes DIR/eventlog.bin of a boot of
 *                                      FILE with CMDLINE, and DIR/extends,
 *                                      the arguments of tpm2_pcrextend;
 *                                      updated: by another firmware;
 *                                      setting: by that, with a setting
 *                                      changed besides */
#include "../unit/fixture_evidence.c"

#include "hex.h"

static void save(const char *dir, const char *name, const struct buf *b)
{
        char path[512];
        FILE *out;

        (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
        out = fopen(path, "w");
        FX(out && fwrite(b->p, 1, b->len, out) == b->len && fclose(out) == 0);
}

int main(int argc, char **argv)
{
        struct fixture f;
        char options[1024];
        char text[FX_EVENTS * 80];
        struct buf extends = { (uint8_t *)text, 0 };
        char digest[HEX_LEN(DIGEST_LEN)];

        if (argc < 3)
                return 2;
        fixture_init(&f);
        if (strcmp(argv[1], "files") == 0) {
                save(argv[2], "uki.efi", &f.uki);
                save(argv[2], "ipxe.efi", &f.ipxe_file);
        } else if (strcmp(argv[1], "log") == 0 && (argc == 5 || argc == 6)) {
                (void)snprintf(options, sizeof(options), "%s %s", argv[3], argv[4]);
                fixture_firmware(&f, false);
                if (argc == 6)
                        fixture_find(&f, 0, 1)->digest[0] ^= 1; /* the firmware blob */
                if (argc == 6 && strcmp(argv[5], "setting") == 0)
                        fixture_event(&f, 1, EV_IPL, NULL, "iommu=off", 9);
                fixture_chain(&f, &f.ipxe_file, &f.uki, options, false);
                fixture_build(&f);
                save(argv[2], "eventlog.bin", &f.req.eventlog);
                for (size_t i = 0; i < f.n; i++) {
                        hex_encode(f.ev[i].digest, DIGEST_LEN, digest);
                        extends.len += (size_t)snprintf(text + extends.len, sizeof(text) - extends.len,
                                                        "%u:sha256=%s\n", f.ev[i].pcr, digest);
                }
                save(argv[2], "extends", &extends);
        } else {
                return 2;
        }
        fixture_free(&f);
        return 0;
}
