#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The offline commands of muster against other people's tools: tpm2-tools with a
# private swtpm, osslsigncode, systemd-measure, openssl; and real certificates and logs.
. "$(dirname "$0")/../lib.sh"
requires swtpm --version
requires tpm2_quote --version
requires jq --version
requires osslsigncode --version
requires test -x /lib/systemd/systemd-measure
muster=$bin/muster
cd "$tmp" || exit 1

# field FILTER CMD…: what jq says of the command's JSON, whatever its exit code
field() {
        local filter=$1
        shift
        "$@" 2>/dev/null | jq -r "$filter"
}
same() { [ "$1" = "$2" ] || { echo "got '$1', wanted '$2'"; return 1; }; }

# --- quotes by tpm2-tools -----------------------------------------------------
start_tpm() {
        mkdir -p "$tmp/tpm"
        swtpm socket --tpm2 --tpmstate dir="$tmp/tpm" --server type=unixio,path="$tmp/tpm.sock" \
                --ctrl type=unixio,path="$tmp/tpm.sock.ctrl" --flags not-need-init,startup-clear >"$tmp/swtpm.log" 2>&1 &
        cleanup_pid $!
        wait_for 10 test -S "$tmp/tpm.sock"
        export TPM2TOOLS_TCTI="swtpm:path=$tmp/tpm.sock"
}
flush() { tpm2_flushcontext -t; tpm2_flushcontext -s; } >/dev/null 2>&1

# make_ak NAME EKALG AKALG SCHEME
make_ak() {
        tpm2_createek -G "$2" -c "$1.ek" -u "$1.ek.pub" && flush
        tpm2_createak -C "$1.ek" -c "$1.ak" -G "$3" -g sha256 -s "$4" -u "$1.pub" -f tss && flush
        tpm2_readpublic -c "$1.ak" -o "$1.pem" -f pem && flush
        tpm2_readpublic -c "$1.ak" -o "$1.der" -f der && flush
} >"$tmp/make.log" 2>&1

quote() { # NAME OUT PCRS [ARGS…]
        local name=$1 out=$2 pcrs=$3
        shift 3
        [ "$name" = pss ] && set -- --scheme rsapss "$@"
        tpm2_quote -c "$name.ak" -l "$pcrs" -q "$nonce" -g sha256 -m "$out.msg" -s "$out.sig" -o "$out.pcrs" "$@" >"$tmp/quote.log" 2>&1
        flush
}
verify() { # KEY OUT [ARGS…]
        local key=$1 out=$2
        shift 2
        "$muster" quote verify -o json --key "$key" --attest "$out.msg" --signature "$out.sig" --qualification "$nonce" "$@"
}

nonce=00112233445566778899aabbccddeeff
start_tpm
tpm2_pcrextend "7:sha256=$(printf 'x%.0s' {1..64} | tr x a)" >/dev/null
make_ak ecc ecc ecc ecdsa
make_ak rsa rsa rsa rsassa
make_ak pss rsa rsa rsapss
for k in ecc rsa pss; do
        quote "$k" "$k" "sha256:0,1,2,7,9+sha1:0,7"
        for form in pub pem der; do
                check_exit 0 "a $k quote verifies with the AK as $form" verify "$k.$form" "$k" --pcrs "$k.pcrs"
        done
        quote "$k" "$k.values" "sha256:0,7" -F values
        check_exit 0 "a $k quote verifies against plain PCR values" verify "$k.pub" "$k.values" --pcrs "$k.values.pcrs"
        check_says 1 'the qualification \(nonce\) is not the expected one' "a $k quote with another nonce is refused" "$muster" quote verify --key "$k.pem" --attest "$k.msg" \
                --signature "$k.sig" --qualification 00
        check_says 1 'the signature is not by this key over this quote' "a $k quote is refused with another quote's signature" "$muster" quote verify --key "$k.pem" \
                --attest "$k.msg" --signature "$k.values.sig" --qualification "$nonce"
done
quote ecc plain sha256:0,7 -f plain
check_exit 0 'a plain ECDSA signature verifies' verify ecc.pub plain --pcrs plain.pcrs
quote rsa plainrsa sha256:0,7 -f plain
check_exit 0 'a plain RSASSA signature verifies' verify rsa.pem plainrsa --pcrs plainrsa.pcrs
check_says 1 'not of the scheme and hash accepted for this key' 'a quote by another key is refused' verify rsa.pub ecc
check_says 1 'not of the scheme and hash accepted for this key' 'an RSAPSS signature is refused for a key pinned to RSASSA' "$muster" quote verify --key rsa.pub \
        --attest pss.msg --signature pss.sig --qualification "$nonce"
tpm2_pcrextend "7:sha256=$(printf 'x%.0s' {1..64} | tr x b)" >/dev/null
quote ecc later "sha256:0,1,2,7,9+sha1:0,7"
check_says 1 'the PCR values are not those that were quoted' 'PCR values of another time are refused' verify ecc.pub ecc --pcrs later.pcrs
quote ecc other sha256:0,1
check_says 1 'the PCR file holds other PCRs than were quoted' 'a file of other PCRs than quoted is refused' verify ecc.pub ecc --pcrs other.pcrs
check 'the digest of the quote is told' same "$(field .pcr_digest verify ecc.pub ecc)" \
        "$(tail -c 32 ecc.msg | od -An -tx1 | tr -d ' \n')"
check 'a refusal says why in JSON' same \
        "$(field '[.ok, (.reason | test("PCR"))] | tostring' verify ecc.pub ecc --pcrs later.pcrs)" '[false,true]'
check 'the reset count is told' same "$(field .reset_count verify ecc.pub ecc)" \
        "$(tpm2_readclock | sed -n 's/.*reset_count: *//p')"
cp ecc.sig cut.sig && truncate -s -1 cut.sig && cp ecc.msg cut.msg
check_says 2 'the signature is malformed or cut short' 'a signature cut short is malformed' verify ecc.pub cut
printf 'junk' >junk
check_says 2 'no public key that can sign quotes' 'a key that is none is malformed' verify junk ecc
check_says 2 'the PCR file is malformed' 'PCR values that are none are malformed' verify ecc.pub ecc --pcrs junk
check_says 2 '--qualification takes up to 128 bytes in hex' 'a qualification that is no hex is a usage error' "$muster" quote verify --key ecc.pub --attest ecc.msg \
        --signature ecc.sig --qualification xyz
check_says 2 '--attest is missing' 'a missing option is a usage error' "$muster" quote verify --key ecc.pub

# --- endorsement keys -----------------------------------------------------------
for k in ecc rsa; do
        tpm2_readpublic -c "$k.ek" -o "$k.ek.der" -f der >/dev/null 2>&1 && flush
        tpm2_readpublic -c "$k.ek" -o "$k.ek.pem" -f pem >/dev/null 2>&1 && flush
        want=$(sha256sum <"$k.ek.der" | cut -d' ' -f1)
        for form in pub der pem; do
                check "the id of an $k EK as $form is its SPKI's SHA-256" same "$(field .id "$muster" ek -o json "$k.ek.$form")" "$want"
        done
        check_exit 0 "an $k EK is one" "$muster" ek "$k.ek.pub"
        check_says 1 'Refused +it' "an $k AK is no EK" "$muster" ek "$k.pub"
done
leaf=$made/ek-certs/swtpm_rsa.der
mkdir other-ca
cp "$made/ek-certs/another_maker.pem" other-ca
check 'the id of a certificate is what openssl and sha256sum give' same "$(field .id "$muster" ek -o json "$leaf")" \
        "$(openssl x509 -inform DER -in "$leaf" -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum | cut -d' ' -f1)"
check 'a chain is found' same "$(field .chain "$muster" ek -o json "$leaf" --ca "$made/ek-certs/ca")" ok
check 'without --ca no chain is claimed' same "$(field .chain "$muster" ek -o json "$leaf")" none
check_says 1 'Refused +no trusted CA' 'a certificate of an unknown CA does not hold' "$muster" ek "$leaf" --ca other-ca
check_says 1 'Refused +it' 'a bare key cannot chain' "$muster" ek ecc.ek.pub --ca "$made/ek-certs/ca"
check_says 2 'read the CAs in .*No such file' 'a CA directory that is missing is an error' "$muster" ek "$leaf" --ca "$tmp/none"
check_says 2 'it is no X.509 public key certificate' 'an attribute certificate is malformed' "$muster" ek "$made/ek-certs/attribute.der"
if with_corpus; then
        for leaf in ifx_optiga_rsa_mfr029 stm_oaep_ica02_a; do
                check "the chain of a real $leaf is found" same "$(field .chain "$muster" ek -o json "$corpus/ek-certs/$leaf.der" --ca "$corpus/ek-certs/ca")" ok
        done
        check_says 2 'it is no X.509 public key certificate' 'a real attribute certificate is malformed' "$muster" ek "$corpus/ek-certs/attrcert_Intel_nuc_pc.cer"
fi

# --- event logs ---------------------------------------------------------------------
replays() { # NAME FOLDER FILE
        jq -S --arg f "$3" '.[$f].pcrs' "$2/eventlogs/EXPECTED.json" >want.json
        "$muster" eventlog -o json "$2/eventlogs/$3" | jq -S .pcrs >got.json
        check "$1" cmp want.json got.json
}
replays 'a log replays to the expected PCRs' "$made" locality3.bin
with_corpus && replays 'so does one of a real machine' "$corpus" guard_ludmilla.bin
log=$made/eventlogs/boot.bin
check 'a log is shown as text too' "$muster" eventlog "$log"
check_says 2 'an event.s data runs past the end of the log' 'a log cut short is malformed' "$muster" eventlog "$made/eventlogs/cut_by_one.bin"
check_says 2 'read the event log .*No such file' 'a log that is missing is an error' "$muster" eventlog "$tmp/none"

# --- UKIs -------------------------------------------------------------------------------
kernel=$(for f in "$top/build/kernel/vmlinuz" /boot/vmlinuz-*; do [ -r "$f" ] && echo "$f" && break; done)
stub=/usr/lib/systemd/boot/efi/linuxx64.efi.stub
requires test -r "$stub"
# any EFI image will do for a kernel that nobody boots
[ -n "$kernel" ] || kernel=$stub
printf 'ID=test\nVERSION_ID=1\n' >osrel
printf 'console=ttyS0 embedded' >cmdline
head -c 70001 /dev/urandom >initrd
add_sections "$stub" test.efi .osrel=osrel .cmdline=cmdline .initrd=initrd .linux="$kernel"
more=() # stubs since 254 measure their .sbat
if /lib/systemd/systemd-measure --help | grep -q -e --sbat; then
        objcopy -O binary --only-section=.sbat "$stub" sbat
        more=(--sbat=sbat)
fi
measured=$(/lib/systemd/systemd-measure calculate --linux="$kernel" --osrel=osrel --cmdline=cmdline --initrd=initrd "${more[@]}" \
        --bank=sha256 --phase= 2>/dev/null | sed -n 's/^11:sha256=//p')
check 'PCR 11 is what systemd-measure calculates' same "$(field '.pcrs."11".value' "$muster" uki -o json test.efi)" "$measured"
if /lib/systemd/systemd-measure --help | grep -q -e --hwids; then # Debian 13's
        printf 'ID=one\n' >profile
        printf 'hardware' >hwids
        add_sections "$stub" more.efi .osrel=osrel .cmdline=cmdline .initrd=initrd .hwids=hwids .linux="$kernel" .profile=profile
        measured=$(/lib/systemd/systemd-measure calculate --linux="$kernel" --osrel=osrel --cmdline=cmdline --initrd=initrd "${more[@]}" \
                --profile=profile --hwids=hwids --bank=sha256 --phase= 2>/dev/null | sed -n 's/^11:sha256=//p')
        check 'and with a profile and hardware ids' same "$(field '.pcrs."11".value' "$muster" uki -o json more.efi)" "$measured"
fi
printf 'x' >auto
add_sections "$stub" auto.efi .cmdline=cmdline .dtbauto=auto .linux="$kernel"
check_says 2 'depends on the hardware' 'what depends on the hardware is refused' "$muster" uki auto.efi
if with_corpus; then
        cases=$corpus/cases
        check 'a profile of a corpus UKI is measured' same "$(field '.pcrs."11".events | length' "$muster" uki -o json "$cases/uki-multiprofile.efi")" 10
        for f in base cmdline-newline cmdline-crlf; do
                check "the options' digest of uki-$f.efi" same "$(field '.secure_boot.pcrs."9".events[0][0:8]' "$muster" uki -o json "$cases/uki-$f.efi")" 8bab60b5
        done
        for f in dtbauto nomagic; do
                check_says 2 'its stub' "uki-$f.efi is refused" "$muster" uki "$cases/uki-$f.efi"
        done
fi
options='r1.efi console=ttyS0 root=muster'
line=$(printf '%s\0' "$options" | iconv -f ASCII -t UTF-16LE | sha256sum | cut -d' ' -f1)
check 'PCR 12 gets the load options' same \
        "$(field '.pcrs."12".events[0]' "$muster" uki -o json test.efi --cmdline "$options")" "$line"
# stubs since 257 put .osrel behind the initrd, so without it
add_sections "$stub" bare.efi .cmdline=cmdline .initrd=initrd .linux="$kernel"
check 'PCR 9 gets the load options and the initrd' same \
        "$(field '.pcrs."9".events | join(" ")' "$muster" uki -o json bare.efi --cmdline "$options")" \
        "$line $(sha256sum <initrd | cut -d' ' -f1)"
check 'under Secure Boot PCR 12 stays untouched' same \
        "$(field '.secure_boot.pcrs."12".events | length' "$muster" uki -o json test.efi --cmdline "$options")" 0
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN=test -days 2 >/dev/null 2>&1
for image in test.efi "$stub"; do
        rm -f signed.efi
        osslsigncode sign -h sha256 -certs cert.pem -key key.pem -in "$image" -out signed.efi >/dev/null 2>&1
        want=$(osslsigncode verify -CAfile cert.pem -in signed.efi 2>&1 | sed -n 's/^Calculated message digest *: *//p' | head -n 1 | tr 'A-F' 'a-f' | tr -d ' ')
        add_sections "$stub" outer.efi .linux=signed.efi
        check "the Authenticode digest of a signed $(basename "$image") is osslsigncode's" same \
                "$(field .kernel_authenticode "$muster" uki -o json outer.efi)" "$want"
done
check_says 2 'it has no \.linux section' 'an image that is no UKI is refused' "$muster" uki "$stub"
check_says 2 'no PE image: no MZ header' 'a file that is no image is refused' "$muster" uki osrel
check_says 2 'a character that is not ASCII' 'a command line that is not ASCII is refused' "$muster" uki test.efi --cmdline $'caf\xc3\xa9'
for c in eventlog 'quote verify' uki ek; do
        # shellcheck disable=SC2086
        check "muster $c --help works" "$muster" $c --help
done
