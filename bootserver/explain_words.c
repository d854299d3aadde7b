/* SPDX-License-Identifier: Apache-2.0 */
#include "explain.h"

#define FIRMWARE_NEXT                                                                                                  \
        "if this node's firmware or its settings were updated on purpose, learn and promote a profile from a node "    \
        "you trust (muster policy learn NODE; muster policy promote PROFILE); otherwise quarantine the node and "      \
        "inspect it"
#define SERVED_NEXT                                                                                                    \
        "if the node was caught between two boot entries, restart it; otherwise look for another DHCP, TFTP or HTTP "  \
        "server on the provisioning network, and compare the file with `muster boot list`"
#define CLIENT_NEXT "restart the node; when it comes again, quarantine the node and look at its initramfs and TPM"

static const struct {
        const char *code, *meaning, *next;
} words[] = {
        {"M-MALFORMED", "the request is not what the protocol says",
         "check that the node's initramfs has the same version of Muster as this parent"},
        {"M-BUSY", "the parent is over a limit, is loading its references or cannot write its journal",
         "nothing if the node boots on its next try; otherwise look at the parent's log and disk"},
        {"M-UNKNOWN", "the node's record was removed", "restart the node: it comes back as pending, then approve it"},
        {"M-REVOKED", "the node is revoked", "muster node remove NODE and approve it anew, if it may boot again"},
        {"M-QUARANTINED", "the node is quarantined", "muster node approve NODE, once it has been inspected"},
        {"M-EK", "the endorsement key is no TCG low-range EK, or not the one that the node id names",
         "check the node's TPM with `tpm2_getekcertificate`; another TPM needs an approval of its own"},
        {"M-EKCERT", "the EK certificates are not of this EK or chain to no CA that this parent trusts",
         "put the TPM vendor's CA certificates into the EK CA directory and reload musterd, or approve the node "
         "without an EK certificate (muster node approve --without-ek-certificate NODE)"},
        {"M-AK", "the attestation key's attributes or scheme are not allowed",
         "check the version of the node's client; it makes a new attestation key by itself"},
        {"M-ACTIVATE", "the activation secret is wrong, late, spent or of another connection",
         "restart the node; when it comes again, the attestation key is not in the TPM that has this EK"},
        {"M-QUOTE", "the quote's magic, type or structure is wrong", CLIENT_NEXT},
        {"M-SIGNATURE", "the attestation key did not sign this quote", CLIENT_NEXT},
        {"M-BINDING", "the quote was made for another request or another connection: it is recorded or relayed",
         "look for a machine between the node and this parent, and at the address that the request came from"},
        {"M-SELECTION", "the quote is not over exactly PCRs 0-9 and 11-15 of the SHA-256 bank",
         "enable the SHA-256 bank in the firmware's TPM settings"},
        {"M-PCRDIGEST", "the PCR values sent are not the ones quoted", CLIENT_NEXT},
        {"M-RESETCOUNT", "the TPM's reset counter went back: the quote is older than one seen before",
         "quarantine the node: its TPM was exchanged or its quote was recorded earlier"},
        {"M-CAPPED", "PCR 15 is not zero: this comes from a running system, not from a boot",
         "find out who runs the client on the running node; a restart gives a proper boot"},
        {"M-EVENTLOG", "the event log does not parse or does not give the PCR values that the TPM quoted",
         "restart the node; when it comes again, find what extends the PCRs named above without a log entry"},
        {"M-PROFILE", "there is no current firmware profile for this hardware model",
         "muster policy learn NODE on a node of this model that you trust, then muster policy promote PROFILE"},
        {"M-FIRMWARE", "the firmware measured something else than its profile says", FIRMWARE_NEXT},
        {"M-POLICYKEY", "the policy key in the node's initramfs is none of this parent's",
         "if the policy key was replaced (muster rotate), make a UKI with the new one (muster boot build, muster boot add) and "
         "restart the node; otherwise compare the parents' pki directories"},
        {"M-TPMFW", "an advisory names the firmware of this TPM",
         "update the TPM's firmware (with the BIOS, where it is a firmware TPM); if the advisory's line in tpm-advisories is not true of "
         "it, correct the line and reload musterd, or choose `muster policy tpm warn`"},
        {"M-BOOT", "there is no usable boot entry or no image assigned to the node",
         "muster boot list, muster image list; then muster node assign NODE"},
        {"M-CHAIN", "iPXE, the UKI or the kernel is not one that this parent serves to this node", SERVED_NEXT},
        {"M-UKI", "the UKI's sections differ from the file that this parent serves", SERVED_NEXT},
        {"M-CMDLINE", "the kernel command line differs from the one of the boot entry",
         "look for another DHCP, TFTP or HTTP server that hands out a changed iPXE script, or for a person at the "
         "console; if the change is wanted, add a boot entry with that command line (muster boot add)"},
        {"M-INITRD", "the initrd differs from the one in the UKI that this parent serves",
         "look for another server that hands out an iPXE script with an additional initrd"},
        {"M-PCRS", "PCR 8 or 13 was extended, which nothing in this boot chain does",
         "find what measures into it: a boot loader other than iPXE (PCR 8), or system extensions beside the UKI "
         "(PCR 13)"},
        {"E-CONFIG", "its node.conf, CA certificate or policy key cannot be read",
         "read the line on its console; make the initramfs again from /etc/muster (muster boot build, muster boot add)"},
        {"E-TPM", "a command to its TPM failed", "read the line on its console; if it stays so, look at the TPM in its firmware settings"},
        {"E-BANK", "its TPM has no active SHA-256 bank", "enable the SHA-256 bank in the firmware's TPM settings"},
        {"E-AUTH", "the owner or endorsement authorisation of its TPM is set", "clear the TPM in the firmware settings"},
        {"E-EVENTLOG", "its firmware gives no event log", "boot it by UEFI, and switch its TPM's event log on"},
        {"E-NET", "no parent answered it in time", "check the network, and that musterd runs on each parent of node.conf"},
        {"E-PARENT", "it does not trust a parent's certificate or answer",
         "if the cluster's CA is new, make the initramfs again; if not, look who answers at the parents' addresses; check its clock and "
         "this parent's"},
        {"E-IMAGE", "the image could not be fetched, or is not the one that was sealed",
         "see who serves it (image-urls in musterd.conf), then add it again with `muster image add`"},
        {"E-MEMORY", "its memory is too small for the image", "give the node more RAM, or use a smaller image"},
        {"E-MOUNT", "the image could not be mounted or started: no init or systemd in it, or a file system that the kernel cannot mount",
         "read the line on its console, then add an image of a whole system with `muster image add`"},
        {"E-NV", "its keys could not be read from or written to the TPM's NV",
         "read the line on its console; if it stays so, clear the TPM and approve it again"},
        {"E-BUNDLE", "its TPM could not open the bundle of its keys",
         "read the line on its console; if it stays so, clear the TPM and approve it again"},
        {"E-CAP", "its keys could not be locked or PCR 15 could not be capped", "read the line on its console; look who else uses this TPM"},
};

const char *explain_meaning(const char *code)
{
        for (size_t i = 0; code && i < ELEMENTSOF(words); i++)
                if (strcmp(words[i].code, code) == 0)
                        return words[i].meaning;
        return "this code is not known";
}

const char *explain_next(const char *code)
{
        for (size_t i = 0; code && i < ELEMENTSOF(words); i++)
                if (strcmp(words[i].code, code) == 0)
                        return words[i].next;
        return "look at the parent's log";
}
