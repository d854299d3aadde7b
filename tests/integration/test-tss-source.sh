#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The client's tpm2-tss is built from the newest source that any suite lists
# and gives, and a build of an older one is redone. Nothing is fetched or
# compiled: the program that fetches, and the source itself, are replaced.
. "$(dirname "$0")/../lib.sh"
requires dpkg --version
requires command -v autoreconf
requires command -v libtoolize
requires pkg-config --exists libcrypto
tree=$tmp/tree
fake=$tree/ipxe/apt-fetch.sh
mkdir -p "$tree/initramfs" "$tree/ipxe" "$fake.d/src/tss2-sys/api" "$fake.d/src/tss2-mu" "$fake.d/include/tss2"
cp "$top/initramfs/build-tss.sh" "$top/initramfs/build-lib.sh" "$tree/initramfs/"

# a source with the lines that have the flaws, and the lines like them that have none
cat >"$fake.d/src/tss2-sys/api/Tss2_Sys_GetRpBuffer.c" <<'END'
        *rpBuffer = ctx->cmdBuffer + offset;
        *rpBufferUsedSize = parameterSize;
        *rpBuffer = ctx->cmdBuffer + offset;
END
echo '    *encryptParamBuffer = offset + sizeof(UINT16);' >"$fake.d/src/tss2-sys/api/Tss2_Sys_GetEncryptParam.c"
echo '                                            ctx->maxCmdSize,' >"$fake.d/src/tss2-sys/api/Tss2_Sys_GetRspAuths.c"
cat >"$fake.d/src/tss2-mu/tpm2b-types.c" <<'END'
    rc = Tss2_MU_##subtype##_Marshal(&src->member, buffer, buffer_size, &local_offset); \
        Tss2_MU_##subtype##_Unmarshal(buffer, buffer_size, &local_offset, &dest->member); \
END
touch "$fake.d/configure.ac"
cat >"$fake.d/configure" <<'END'
#!/bin/sh
printf '%%.la:\n\tmkdir -p $(@D)/.libs && cc -xc -c -o $*.o /dev/null && ar rc $(@D)/.libs/$(basename $(@F)).a $*.o\n' >Makefile
END
cat >"$fake" <<'END'
#!/bin/bash
# lists and gives what is in its list: `SUITE VERSION [not-given|not-built]`
while read -r suite version how; do
        [ "$2" = "$suite" ] || continue
        [ "$1" = --source ] || { echo "$version"; exit 0; }
        echo "$version" >>"$0.fetched"
        [ "$how" != not-given ] || exit 1
        mkdir -p "$3" && cp -r "$0.d" "$3/tpm2-tss" && cd "$3/tpm2-tss" || exit 1
        echo "$version" >include/tss2/version
        cp src/tss2-mu/tpm2b-types.c src/tss2-sys/api/*.c include/tss2/ # as they were
        printf '#!/bin/sh\ncp src/*/*.c src/*/*/*.c include/tss2/\n%s\n' "$([ "$how" != not-built ] || echo 'exit 1')" >bootstrap
        chmod +x bootstrap configure
        exit 0
done <"$0.list"
[ "$1" != --source ]
END
chmod +x "$fake"
# mirror LINE…: what the suites list from now on
mirror() {
        printf '%s\n' "$@" >"$fake.list"
        rm -f "$fake.fetched"
}
fetched() { xargs <"$fake.fetched" 2>/dev/null; }
build() { "$tree/initramfs/build-tss.sh" "$tmp/out" >"$tmp/said" 2>&1; }
built() { [ "$(cat "$tmp/out/include/tss2/version")" = "$1" ] && [ -s "$tmp/out/lib/libtss2-esys.a" ] && [[ "$(cat "$tmp/out/stamp")" == "$2 recipe "* ]]; }
says() { grep -qE -e "$1" "$tmp/said"; }

mirror
check_exit 1 "no source at all is an error" build
check "and says what to do" says 'no suite lists a source .*4\.1\.3.*Next: '
mirror 'stable 3.2.1-3' 'unstable 4.1.2-9'
check_exit 1 "a source that is too old is refused" build
check "and not fetched" test ! -e "$fake.fetched"

mirror 'stable 4.1.3-1.2'
check "an old source is built where there is no newer one" build
check "the stamp says that it was repaired" built 4.1.3-1.2 4.1.3-1.2+muster
check "and so does the build, with both advisories" says 'WARNING: tpm2-tss 4\.1\.3-1\.2 .*older than 4\.1\.4: GHSA-7638-f8gq-c475 and GHSA-p3px-r4mm-jpw5 are repaired.*Next: '
now() { grep -cE -e "$2" "$tmp/out/include/tss2/$1"; }
check "the parameters' size is compared, once" test "$(now Tss2_Sys_GetRpBuffer.c 'parameterSize > ctx->rsp_header.responseSize - offset')" = 1
check "before it is used" sh -c "head -n 3 '$tmp/out/include/tss2/Tss2_Sys_GetRpBuffer.c' | tail -n 1 | grep -q '^        \*rpBuffer = '"
check "the first parameter's too" test "$(now Tss2_Sys_GetEncryptParam.c 'encryptParamSize > ctx->rsp_header.responseSize')" = 1
check "the sessions end with the answer" test "$(now Tss2_Sys_GetRspAuths.c '^ *ctx->rsp_header.responseSize,$')" = 1
check "a nested error is not dropped" test "$(now tpm2b-types.c '^ +rc = Tss2_MU_##subtype##_Unmarshal')" = 1
mirror 'stable 4.1.3-1.2'
check "a build that is there already is not repeated" build
check "nothing is fetched for it" test ! -e "$fake.fetched"
check "what is old is said again" says 'WARNING: tpm2-tss 4\.1\.3-1\.2 '
mirror
check "without a mirror what was built stays" build
check "and that is said" says 'no suite lists tpm2-tss just now .*4\.1\.3-1\.2, built before, stays'

mirror 'unstable 4.2.0-2 not-given' 'stable 4.1.3-1.2'
check "a newer one that the mirror lists and does not give is no error" build
check "it is asked for" test "$(fetched)" = 4.2.0-2
check "and said" says 'WARNING: tpm2-tss 4\.2\.0-2 of unstable: listed, but the mirror does not give it'
check "what was built stays" built 4.1.3-1.2 4.1.3-1.2+muster
mirror 'unstable 4.2.0-2 not-given' 'stable 4.1.3-1.2'
check "the next run" build
check "does not ask for it again on the same day" test ! -e "$fake.fetched"
check "but says so" says '4\.2\.0-2 of unstable: listed, but .*tried again after half a day'
mirror 'unstable 4.2.0-3 not-built' 'testing 4.2.0-1' 'stable 4.1.3-1.2'
check "a newer one that cannot be built is no error" build
check "it is said" says 'WARNING: tpm2-tss 4\.2\.0-3 of unstable: its build failed'
check "and the next newest is built" built 4.2.0-1 4.2.0-1
check "which has no flaw to tell of" sh -c "! grep -q 'older than' '$tmp/said'"
mirror 'unstable 4.2.0-3 not-built' 'testing 4.2.0-1' 'stable 4.1.3-1.2'
check "the run after a newer one was passed over" build
check "does not try that one again either" test ! -e "$fake.fetched"
check "and what is new is not edited" test "$(now tpm2b-types.c '^ +rc = Tss2_MU_##subtype##_Unmarshal')" = 0
mirror 'unstable 4.10.0-1' 'testing 4.9.0-1' 'stable 4.1.3-1.2'
check "a newer one is built in the place of what is there" build
check "by version, not by spelling or suite" built 4.10.0-1 4.10.0-1
mirror 'stable 4.1.3-1.2'
check "what is newer than all that is listed stays" build
check "untouched" built 4.10.0-1 4.10.0-1
mirror 'unstable 4.11.0-1'
rm -f "$tmp/out/stamp"
check "a build that was cut short is done" build
check "whole" built 4.11.0-1 4.11.0-1

# a source whose lines are other ones is not half repaired
mirror 'stable 4.1.3-9'
rm -rf "$tmp/out"
sed -i 's/cmdBuffer/buffer/' "$fake.d/src/tss2-sys/api/Tss2_Sys_GetRpBuffer.c"
check_exit 1 "where the repair does not fit, there is no build" build
check "and it says where" says 'repair src/tss2-sys/api/Tss2_Sys_GetRpBuffer.c: 0 lines changed'
check "nothing is left to link with" test ! -e "$tmp/out/lib"
