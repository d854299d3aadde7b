/* SPDX-License-Identifier: Apache-2.0 */
/* The lies, one row each, in the order in which musterd checks. */
#include "hostile.h"

#include "digest.h"

#define AT(part_, at_, bytes_) .patch = {.part = part_, .at = at_, .bytes = bytes_, .n = sizeof(bytes_) - 1}
#define FIND(part_, find_, bytes_) .patch = {.part = part_, .find = find_, .bytes = bytes_, .n = sizeof(bytes_) - 1}
#define LESS(part_, n_) .patch = {.part = part_, .cut = n_}
#define MORE(part_, bytes_) .patch = {.part = part_, .more = bytes_, .n_more = sizeof(bytes_) - 1}
#define TAIL(part_, cut_, bytes_) .patch = {.part = part_, .cut = cut_, .more = bytes_, .n_more = sizeof(bytes_) - 1}
#define BOOT(change_, pcr_, nth_) .events = {.change = change_, .pcr = pcr_, .nth = nth_}
#define LOGS(change_, pcr_, nth_) .events = {.change = change_, .pcr = pcr_, .nth = nth_, .log_only = true}
#define PCRS(select_) .k = {.select = (const uint8_t *)select_}
#define EXTRA(bytes_) .k = {.extra_given = true, .extra = (const uint8_t *)bytes_, .extra_len = sizeof(bytes_) - 1}

static uint8_t computed[DIGEST_LEN];

static void binding_of(struct fx_knobs *k, const char *label, const void *a, const void *b)
{
        uint8_t in[128];
        size_t n = strlen(label);

        memcpy(in, label, n);
        if (a)
                memcpy(in + n, a, DIGEST_LEN), n += DIGEST_LEN;
        if (b)
                memcpy(in + n, b, DIGEST_LEN), n += DIGEST_LEN;
        FX(digest_sha256(in, n, computed) == 0);
        *k = (struct fx_knobs){.extra_given = true, .extra = computed, .extra_len = DIGEST_LEN};
}

#define LABEL "muster attest v2"
static void other_channel(struct fx_knobs *k) { binding_of(k, LABEL, lie_other_exporter, f.req.digest); }
static void other_request(struct fx_knobs *k) { binding_of(k, LABEL, f.exporter, f.exporter); }
static void no_channel(struct fx_knobs *k) { binding_of(k, LABEL, NULL, f.req.digest); }
static void no_request(struct fx_knobs *k) { binding_of(k, LABEL, f.exporter, NULL); }
static void other_label(struct fx_knobs *k) { binding_of(k, "muster attest v3", f.exporter, f.req.digest); }
static void no_label(struct fx_knobs *k) { binding_of(k, "", f.exporter, f.req.digest); }
static void bare_exporter(struct fx_knobs *k)
{
        *k = (struct fx_knobs){.extra_given = true, .extra = f.exporter, .extra_len = DIGEST_LEN};
}
static void padded_binding(struct fx_knobs *k)
{
        static uint8_t longer[DIGEST_LEN + 1];

        binding_of(k, LABEL, f.exporter, f.req.digest);
        memcpy(longer, computed, DIGEST_LEN);
        *k = (struct fx_knobs){.extra_given = true, .extra = longer, .extra_len = sizeof(longer)};
}

/* A TPM that quotes without PCR 4 what PCR 4 is not, and says so truly. */
static void unquoted_values(struct fx_knobs *k)
{
        *k = (struct fx_knobs){.select = (const uint8_t *)"\xef\xfb", .quote_selected = true};
}

#define Z16 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

/* db, of the image security GUID: a list of X.509 signatures whose sizes lie */
#define DB_LIST(sizes_) \
        "\xcb\xb2\x19\xd7\x3a\x3d\x96\x45\xa3\xbc\xda\xd0\x0e\x67\x65\x6f\2\0\0\0\0\0\0\0\x2c\0\0\0\0\0\0\0d\0b\0" \
        "\xa1\x59\xc0\xa5\xe4\x94\xa7\x4a\x87\xb5\xab\x15\x5c\x2b\xf0\x72" sizes_ Z16
#define SIGLIST(sizes_) \
        .events = {.change = APPEND, .pcr = 7, .data = DB_LIST(sizes_), .n_data = sizeof(DB_LIST(sizes_)) - 1}

const struct lie lies[] = {
        {"body-empty", "M-MALFORMED", 'u', "a body cut short", LESS(BODY, 20)},
        {"body-more", "M-MALFORMED", 'u', "bytes after the body", MORE(BODY, " {}")},
        {"body-member", "M-MALFORMED", 'u', "an unknown member", FIND(BODY, "\"former\"", "\"farmer\"")},
        {"body-twice", "M-MALFORMED", 'u', "a member twice", FIND(BODY, "\"former\"", "\"policy\"")},
        {"body-head", "M-MALFORMED", 'u', "a head longer than the body", AT(BODY, 0, "\xff\xff\xff\xff")},
        {"body-octets", "M-MALFORMED", 'u', "octets that take a byte of those behind", FIND(BODY, "[\"pcrs\",480]", "[\"pcrs\",481]")},
        {"body-long", "M-MALFORMED", 'u', "octets longer than what is left", FIND(BODY, "\"octets\":[[\"ek_public\",1", "\"octets\":[[\"ek_public\",9")},
        {"body-order", "M-MALFORMED", 'u', "octets in another order", FIND(BODY, "[\"ak_public\"", "[\"ek_public\"")},

        {"ek-attributes", "M-EK", 'u', "an EK without fixedTPM", AT(EK, 9, "\xb0")},
        {"ek-decrypt", "M-EK", 'u', "an EK that does not decrypt", AT(EK, 7, "\x01")},
        {"ek-name", "M-EK", 'u', "an EK whose Name is made with SHA-1", AT(EK, 4, "\0\x04")},
        {"ek-policy", "M-EK", 'u', "an EK with another policy", AT(EK, 12, "\0")},
        {"ek-symmetric", "M-EK", 'u', "an EK with AES-256", AT(EK, 46, "\1\0")},
        {"ek-curve", "M-EK", 'u', "an EK on another curve", AT(EK, 52, "\0\4")},
        {"ek-trailing", "M-EK", 'u', "bytes after the EK", MORE(EK, "\0")},
        {"ek-node", "M-EK", 'u', "the node id of another EK", .k = {.other_node = true}},

        {"ak-restricted", "M-AK", 'u', "an AK that is not restricted", .k = {.ak_attributes = 0x00040472}},
        {"ak-sign", "M-AK", 'u', "an AK that does not sign", .k = {.ak_attributes = 0x00010472}},
        {"ak-fixedtpm", "M-AK", 'u', "an AK that is not fixedTPM", .k = {.ak_attributes = 0x00050470}},
        {"ak-fixedparent", "M-AK", 'u', "an AK that is not fixedParent", .k = {.ak_attributes = 0x00050462}},
        {"ak-origin", "M-AK", 'u', "an AK made outside the TPM", .k = {.ak_attributes = 0x00050452}},
        {"ak-userwithauth", "M-AK", 'u', "an AK without userWithAuth", .k = {.ak_attributes = 0x00050432}},
        {"ak-decrypt", "M-AK", 'u', "an AK that also decrypts", .k = {.ak_attributes = 0x00070472}},
        {"ak-stclear", "M-AK", 'u', "an AK with stClear", .k = {.ak_attributes = 0x00050476}},
        {"ak-adminpolicy", "M-AK", 'u', "an AK with adminWithPolicy", .k = {.ak_attributes = 0x000504f2}},
        {"ak-encdup", "M-AK", 'u', "an AK with encryptedDuplication", .k = {.ak_attributes = 0x00050c72}},
        {"ak-x509", "M-AK", 'u', "an AK with x509sign", .k = {.ak_attributes = 0x000d0472}},
        {"ak-reserved", "M-AK", 'u', "an AK with a reserved attribute", .k = {.ak_attributes = 0x80050472}},
        {"ak-name", "M-AK", 'u', "an AK whose Name is made with SHA-384", AT(AK, 4, "\0\x0c")},
        {"ak-scheme", "M-AK", 'u', "an AK for ECDAA", AT(AK, 14, "\0\x1a")},
        {"ak-hash", "M-AK", 'u', "an AK that signs SHA-1", AT(AK, 16, "\0\4")},
        {"ak-curve", "M-AK", 'u', "an AK on another curve", AT(AK, 18, "\0\4")},
        {"ak-kdf", "M-AK", 'u', "an AK with a KDF", AT(AK, 20, "\0\x20")},
        {"ak-point", "M-AK", 'u', "an AK that is no point of its curve", AT(AK, 58, Z16)},
        {"ak-trailing", "M-AK", 'u', "bytes after the AK", MORE(AK, "\0")},
        {"ak-cut", "M-AK", 'u', "an AK cut short", LESS(AK, 1)},

        {"quote-magic", "M-QUOTE", 'u', "a structure that no TPM made", .k = {.magic = 0xff544348}},
        {"quote-certify", "M-QUOTE", 'u', "a TPM2_Certify instead of a quote", .k = {.type = 0x8017}},
        {"quote-time", "M-QUOTE", 'u', "a TPM2_GetTime instead of a quote", .k = {.type = 0x8019}},
        {"quote-creation", "M-QUOTE", 'u', "a TPM2_CertifyCreation instead of a quote", .k = {.type = 0x801a}},
        {"quote-nv", "M-QUOTE", 'u', "a TPM2_NV_Certify instead of a quote", .k = {.type = 0x8014}},
        {"quote-trailing", "M-QUOTE", 'u', "bytes after the quote", .k = {.trailing_quote = true}},
        {"quote-cut", "M-QUOTE", 'u', "a quote cut short", LESS(QUOTE, 1)},
        {"quote-safe", "M-QUOTE", 'u', "a flag that is neither 0 nor 1", AT(QUOTE, 92, "\2")},
        {"quote-banks", "M-QUOTE", 'u', "an absurd number of banks", AT(QUOTE, 101, "\xff\xff\xff\xff")},

        {"signature", "M-SIGNATURE", 'u', "a signature by another key", .k = {.other_key = true}},
        {"signature-bit", "M-SIGNATURE", 'u', "a signature of something else", AT(SIGNATURE, 10, "\x55\xaa")},
        {"signature-zero", "M-SIGNATURE", 'u', "r of zero", AT(SIGNATURE, 6, Z16 Z16)},
        {"signature-alg", "M-SIGNATURE", 'u', "the scheme of RSA", AT(SIGNATURE, 0, "\0\x14")},
        {"signature-null", "M-SIGNATURE", 'u', "no scheme", AT(SIGNATURE, 0, "\0\x10")},
        {"signature-sha1", "M-SIGNATURE", 'u', "the hash SHA-1", AT(SIGNATURE, 2, "\0\4")},
        {"signature-sha384", "M-SIGNATURE", 'u', "the hash SHA-384", AT(SIGNATURE, 2, "\0\x0c")},
        {"signature-trailing", "M-SIGNATURE", 'u', "bytes after the signature", MORE(SIGNATURE, "\0")},

        {"binding-zero", "M-BINDING", 'u', "a constant binding", EXTRA(Z16 Z16)},
        {"binding-none", "M-BINDING", 'u', "no binding", EXTRA("")},
        {"binding-own", "M-BINDING", 'u', "a nonce of the node's own", EXTRA("0123456789abcdef0123456789abcdef")},
        {"binding", "M-BINDING", 'u', "another connection's exporter", .prepare = other_channel},
        {"binding-request", "M-BINDING", 'u', "the binding of another request", .prepare = other_request},
        {"binding-nochannel", "M-BINDING", 'u', "a binding to no connection", .prepare = no_channel},
        {"binding-norequest", "M-BINDING", 'u', "a binding to no request", .prepare = no_request},
        {"binding-label", "M-BINDING", 'u', "the label of another protocol", .prepare = other_label},
        {"binding-nolabel", "M-BINDING", 'u', "a binding without a label", .prepare = no_label},
        {"binding-bare", "M-BINDING", 'u', "the exporter itself", .prepare = bare_exporter},
        {"binding-longer", "M-BINDING", 'u', "a binding with a byte more", .prepare = padded_binding},

        {"select-none", "M-SELECTION", 'g', "an empty selection", PCRS("\0\0\0")},
        {"select-no0", "M-SELECTION", 'g', "a selection without PCR 0", PCRS("\xfe\xfb")},
        {"select-no4", "M-SELECTION", 'g', "a selection without PCR 4", PCRS("\xef\xfb")},
        {"select-no7", "M-SELECTION", 'g', "a selection without PCR 7", PCRS("\x7f\xfb")},
        {"select-no9", "M-SELECTION", 'g', "a selection without PCR 9", PCRS("\xff\xf9")},
        {"select-no15", "M-SELECTION", 'g', "a selection without PCR 15", PCRS("\xff\x7b")},
        {"select-10", "M-SELECTION", 'g', "PCR 10 besides", PCRS("\xff\xff")},
        {"select-16", "M-SELECTION", 'g', "PCR 16 besides", PCRS("\xff\xfb\1")},
        {"select-23", "M-SELECTION", 'g', "PCR 23 besides", PCRS("\xff\xfb\x80")},
        {"select-nobank", "M-SELECTION", 'g', "no bank at all", .k = {.banks = NO_BANK}},
        {"select-two", "M-SELECTION", 'g', "a second bank besides", .k = {.banks = TWO_BANKS}},
        {"select-same", "M-SELECTION", 'g', "the bank twice", .k = {.banks = SAME_BANK}},
        {"select-unquoted", "M-SELECTION", 'g', "a value outside what was quoted", .prepare = unquoted_values},
        {"bank-sha1", "M-SELECTION", 'g', "the SHA-1 bank", .k = {.bank = 0x0004}},
        {"bank-sha384", "M-SELECTION", 'g', "the SHA-384 bank", .k = {.bank = 0x000c}},
        {"pcrs", "M-PCRDIGEST", 'g', "another PCR 0 than the one quoted", .k = {.lie_about_pcrs = true}},
        {"digest-other", "M-PCRDIGEST", 'g', "a quote over other values", AT(QUOTE, 120, "\1\2\3\4")},
        {"digest-none", "M-PCRDIGEST", 'g', "a quote without a digest", TAIL(QUOTE, 34, "\0\0")},
        {"digest-short", "M-PCRDIGEST", 'g', "half a digest", TAIL(QUOTE, 34, "\0\x10" Z16)},

        {"reset", "M-RESETCOUNT", 'g', "the quote of an earlier boot", .reset_count = 1},
        {"capped", "M-CAPPED", 'g', "a running system, capped", BOOT(APPEND, 15, 0)},

        {"log", "M-EVENTLOG", 'g', "a log that lacks an event", .k = {.drop_event = 3}},
        {"log-cut", "M-EVENTLOG", 'g', "a log cut short by a byte", .k = {.cut_log = true}},
        {"log-half", "M-EVENTLOG", 'g', "a log without its last event", LOGS(REMOVE, 9, 1)},
        {"log-swap0", "M-EVENTLOG", 'g', "a log reordered in PCR 0", LOGS(SWAP, 0, 0)},
        {"log-swap4", "M-EVENTLOG", 'g', "a log reordered in PCR 4", LOGS(SWAP, 4, 4)},
        {"log-swap9", "M-EVENTLOG", 'g', "a log reordered in PCR 9", LOGS(SWAP, 9, 0)},
        {"log-more", "M-EVENTLOG", 'g', "an event that never happened", LOGS(APPEND, 9, 0)},
        {"log-altered", "M-EVENTLOG", 'g', "a digest that was not measured", LOGS(ALTER, 4, 3)},
        {"log-hidden", "M-EVENTLOG", 'g', "an event hidden as EV_NO_ACTION", LOGS(HIDE, 4, 3)},
        {"log-unquoted", "M-EVENTLOG", 'g', "a PCR that does not exist", MORE(LOG, "\x18\0\0\0\x0d\0\0\0\1\0\0\0\x0b\0" Z16 Z16 "\0\0\0\0")},
        {"log-algorithm", "M-EVENTLOG", 'g', "an event with an algorithm that was not declared", AT(LOG, 77, "\x77\x77")},
        {"log-bank", "M-EVENTLOG", 'g', "a log that declares an unknown algorithm", AT(LOG, 60, "\x77\x77")},
        {"log-sha1", "M-EVENTLOG", 'g', "a log of SHA-1 digests only", .patch = {.part = LOG, .at = 60, .bytes = "\4\0\x14", .n = 3, .keep = 65}},
        {"log-size", "M-EVENTLOG", 'g', "a wrong digest size for SHA-256", AT(LOG, 62, "\x10")},
        {"log-nodigest", "M-EVENTLOG", 'g', "an event without a digest", AT(LOG, 73, "\0")},
        {"log-legacy", "M-EVENTLOG", 'g', "a log of the TPM 1.2 format", AT(LOG, 32, "X")},
        {"log-locality", "M-EVENTLOG", 'g', "another start of PCR 0", MORE(LOG, "\0\0\0\0\3\0\0\0\1\0\0\0\x0b\0" Z16 Z16 "\x11\0\0\0StartupLocality\0\3")},
        {"separator-no0", "M-FIRMWARE", 's', "no separator in PCR 0", BOOT(NO_SEPARATOR, 0, 0)},
        {"separator-no2", "M-FIRMWARE", 's', "no separator in PCR 2", BOOT(NO_SEPARATOR, 2, 0)},
        {"separator-no3", "M-FIRMWARE", 's', "no separator in PCR 3", BOOT(NO_SEPARATOR, 3, 0)},
        {"separator-no4", "M-EVENTLOG", 'g', "no separator in PCR 4", BOOT(NO_SEPARATOR, 4, 0)},
        {"separator-no6", "M-FIRMWARE", 's', "no separator in PCR 6", BOOT(NO_SEPARATOR, 6, 0)},
        {"separator-no7", "M-EVENTLOG", 'g', "no separator in PCR 7", BOOT(NO_SEPARATOR, 7, 0)},
        {"separator-error", "M-FIRMWARE", 's', "the separator that says of an error", BOOT(ERROR_SEPARATOR, 2, 0)},
        {"separator-error4", "M-EVENTLOG", 'g', "the same in PCR 4", BOOT(ERROR_SEPARATOR, 4, 0)},
        {"separator-error7", "M-EVENTLOG", 'g', "and in PCR 7", BOOT(ERROR_SEPARATOR, 7, 0)},
        {"separator-two0", "M-FIRMWARE", 's', "two separators in PCR 0", BOOT(APPEND_SEPARATOR, 0, 0)},
        {"separator-two4", "M-CHAIN", 's', "two in PCR 4", BOOT(APPEND_SEPARATOR, 4, 0)},
        {"separator-two7", "M-FIRMWARE", 's', "two in PCR 7", BOOT(APPEND_SEPARATOR, 7, 0)},

        {"firmware-0", "M-FIRMWARE", 's', "other firmware code", BOOT(ALTER, 0, 1)},
        {"firmware-0after", "M-FIRMWARE", 's', "an event after PCR 0's separator", BOOT(APPEND, 0, 0)},
        {"firmware-2after", "M-FIRMWARE", 's', "an event after PCR 2's separator", BOOT(APPEND, 2, 0)},
        {"firmware-3after", "M-FIRMWARE", 's', "an event after PCR 3's separator", BOOT(APPEND, 3, 0)},
        {"firmware-6after", "M-FIRMWARE", 's', "an event after PCR 6's separator", BOOT(APPEND, 6, 0)},
        {"firmware-7", "M-FIRMWARE", 's', "another dbx", BOOT(ALTER, 7, 4)},
        {"firmware-7after", "M-FIRMWARE", 's', "an event after PCR 7's separator", BOOT(APPEND, 7, 0)},
        {"siglist-header", "M-FIRMWARE", 's', "a signature list with a huge header", SIGLIST("\x2c\0\0\0\xff\xff\xff\xff\x10\0\0\0")},
        {"siglist-size", "M-FIRMWARE", 's', "a signature list longer than its variable", SIGLIST("\xff\xff\xff\x7f\0\0\0\0\x10\0\0\0")},
        {"siglist-zero", "M-FIRMWARE", 's', "a signature list of empty signatures", SIGLIST("\x2c\0\0\0\0\0\0\0\0\0\0\0")},
        {"siglist-none", "M-FIRMWARE", 's', "a signature list of no length", SIGLIST("\0\0\0\0\0\0\0\0\x10\0\0\0")},
        {"firmware-14", "M-FIRMWARE", 's', "something in PCR 14", BOOT(APPEND, 14, 0)},
        {"firmware-secure", "M-FIRMWARE", 's', "another Secure Boot setting", .events = {.secure_boot = true}},
        {"firmware-4", "M-FIRMWARE", 's', "something started before the boot", BOOT(ALTER, 4, 0)},
        {"chain-ipxe", "M-CHAIN", 's', "another iPXE", BOOT(ALTER, 4, 2)},
        {"chain-noipxe", "M-CHAIN", 's', "no iPXE", .events = {.no_ipxe = true}},
        {"chain-uki", "M-CHAIN", 's', "another UKI was probed", BOOT(ALTER, 4, 3)},
        {"chain-started", "M-CHAIN", 's', "another UKI was started", BOOT(ALTER, 4, 4)},
        {"chain-kernel", "M-CHAIN", 's', "another kernel", BOOT(ALTER, 4, 5)},
        {"chain-nokernel", "M-CHAIN", 's', "no kernel", BOOT(REMOVE, 4, 5)},
        {"chain-nouki", "M-CHAIN", 's', "no UKI", BOOT(REMOVE_TWO, 4, 3)},
        {"chain-order", "M-CHAIN", 's', "the kernel before the UKI", BOOT(SWAP, 4, 4)},
        {"chain-after", "M-CHAIN", 's', "something started after the kernel", BOOT(APPEND, 4, 0)},
        {"chain-old", "M-CHAIN", 's', "a UKI that is not served any more", .events = {.old_uki = true}},
        {"uki", "M-UKI", 's', "another section of the UKI", BOOT(ALTER, 11, 0)},
        {"uki-more", "M-UKI", 's', "a section more", BOOT(APPEND, 11, 0)},
        {"uki-less", "M-UKI", 's', "a section less", BOOT(REMOVE, 11, 0)},
        {"cmdline-break", "M-CMDLINE", 's', "rd.break", .events = {.options = FX_FILE " " FX_CMDLINE " rd.break"}},
        {"cmdline-init", "M-CMDLINE", 's', "init=/bin/sh", .events = {.options = FX_FILE " " FX_CMDLINE " init=/bin/sh"}},
        {"cmdline-none", "M-CMDLINE", 's', "no command line", .events = {.options = FX_FILE}},
        {"cmdline-name", "M-CMDLINE", 's', "another image name", .events = {.options = "x " FX_CMDLINE}},
        {"cmdline-12", "M-CMDLINE", 's', "something more in PCR 12", BOOT(APPEND, 12, 0)},
        {"cmdline-9", "M-CMDLINE", 's', "the kernel saw other options", BOOT(ALTER, 9, 0)},
        {"initrd", "M-INITRD", 's', "another initrd", BOOT(ALTER, 9, 1)},
        {"initrd-more", "M-INITRD", 's', "a second initrd", BOOT(APPEND, 9, 0)},
        {"initrd-less", "M-INITRD", 's', "no initrd", BOOT(REMOVE, 9, 1)},
        {"pcr-8", "M-PCRS", 's', "something in PCR 8", BOOT(APPEND, 8, 0)},
        {"pcr-13", "M-PCRS", 's', "something in PCR 13", BOOT(APPEND, 13, 0)},

        {"true-noda", "challenge", 't', "an AK without noDA may be shown", .k = {.ak_attributes = 0x00050072}},
        {"true-1", "ok", 't', "PCR 1 is recorded, not judged", BOOT(APPEND, 1, 0)},
        {"true-5", "ok", 't', "PCR 5 is recorded, not judged", BOOT(APPEND, 5, 0)},
        {"true-padding", "ok", 't', "a log with padding behind it", MORE(LOG, Z16)},
};
const size_t n_lies = sizeof(lies) / sizeof(lies[0]);
