# SPDX-License-Identifier: Apache-2.0
# Muster. `make help` lists the targets.

CC      ?= gcc
Q       := $(if $(V),,@)
O       ?= build
PREFIX  ?= /usr
JOBS    ?= $(shell nproc)
SYSCONF ?= /etc
STATIC  ?= 1
B       := $(O)/$(if $(SAN),san,rel)
BIN     := $(if $(SAN),$(O)/san,$(O))
TSS     := build/tss
OSSL    := build/openssl
CFLAGS  ?= -O2 -g

comma  := ,
try     = $(foreach f,$(1),$(shell $(CC) -Werror $(f) -c -xc /dev/null -o /dev/null 2>/dev/null && echo $(f)))
WARN   := -Wall -Wextra -Wshadow -Wvla -Wformat=2 -Wundef -Wstrict-prototypes -Wno-missing-field-initializers \
          -Werror=missing-prototypes -Werror=return-type -Werror=incompatible-pointer-types \
          -Werror=implicit-function-declaration $(call try,-Wlogical-op) $(if $(CI)$(WERROR),-Werror)
HARD   := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fPIE -fcf-protection \
          $(call try,-fstack-clash-protection -ftrivial-auto-var-init=zero -fstrict-flex-arrays=3)
SANF   := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
# the folder it is built in leaves no trace
MAP    := -ffile-prefix-map=$(CURDIR)=.
BASE    = -std=gnu17 -D_GNU_SOURCE $(MAP) -Icommon -Ibootserver -Iprovisioning -MMD -MP $(WARN)
LDHARD := -pie -Wl,-z,relro,-z,now
# COV=1, for `make coverage`: lines as written, counted; see tests/coverage/hook.c
COVF   := -O0 -g -fPIE -Wno-format-truncation --coverage -fprofile-update=atomic
COVL   := -Wl,--wrap=_exit,--wrap=seccomp_load,--wrap=prctl,--wrap=syscall
HOSTF   = $(if $(COV),$(COVF) $(filter -D%,$(CFLAGS)),$(if $(SAN),$(SANF) -fPIE,$(HARD)) $(CFLAGS))
HOSTL   = $(if $(COV),-pie $(COVL),$(if $(SAN),$(SANF) -pie,$(LDHARD))) $(LDFLAGS)

# the node's client: small, static, its own objects
NODEF   = $(if $(COV),$(COVF),$(if $(SAN),$(SANF) -fPIE -O1 -g,$(HARD) -Os -g -ffunction-sections -fdata-sections)) -I$(TSS)/include $(if $(OWNSSL),-I$(OSSL)/include)
tryld    = $(foreach f,$(1),$(shell printf 'int main(void){return 0;}' | $(CC) -static-pie $(f) -o /dev/null -xc - 2>/dev/null && echo $(f)))
STATICL := -static-pie -Wl,-z,relro,-z,now $(call tryld,-Wl$(comma)-z$(comma)pack-relative-relocs)
NODEL   = $(if $(SAN),$(SANF) -pie,$(if $(filter 1,$(STATIC)),$(STATICL),$(LDHARD))) $(if $(COV),$(COVL),-Wl$(comma)--gc-sections)
TSSLIB  = $(TSS)/lib/libtss2-esys.a $(TSS)/lib/libtss2-sys.a $(TSS)/lib/libtss2-mu.a $(TSS)/lib/libtss2-rc.a
# nothing unwinds in a single-threaded C program that never throws
NODESTRIP := -R .eh_frame -R .eh_frame_hdr -R .comment
# the small OpenSSL where `make deps` could build one, else the distribution's
OWNSSL  := $(if $(SAN),,$(if $(filter 1,$(STATIC)),$(wildcard $(OSSL)/stamp)))
# which, as archives, may want more: libzstd and zlib on Debian 13
SSLLIB  := $(if $(OWNSSL),$(OSSL)/lib/libssl.a $(OSSL)/lib/libcrypto.a,$(or $(shell pkg-config $(if $(filter 1,$(STATIC)),--static) --libs libssl libcrypto 2>/dev/null),-lssl -lcrypto))
NODELIB = $(TSSLIB) $(SSLLIB) -ljson-c
# says which OpenSSL and tpm2-tss they were, and changes with them
SSLMARK := $(B)/openssl
$(shell mkdir -p $(B); s=$$(cat $(OWNSSL) $(wildcard $(TSS)/stamp) /dev/null); [ "$$s" = "$$(cat $(SSLMARK) 2>/dev/null)" ] && [ -e $(SSLMARK) ] || echo "$$s" >$(SSLMARK))

# for muster-node --version: what they were built from; a tpm2-tss with its flaws repaired here says so
first    = $(firstword $(shell cat $(1) /dev/null))
TSSVER  := $(call first,$(wildcard $(TSS)/stamp))
TSSTEXT := $(if $(TSSVER),$(patsubst %+muster,%,$(TSSVER))$(if $(filter %+muster,$(TSSVER)), (older than 4.1.4: GHSA-7638-f8gq-c475 and GHSA-p3px-r4mm-jpw5 are repaired by its build)))

COMMON  := $(filter-out common/tpm_%.c,$(wildcard common/*.c)) $(if $(COV),tests/coverage/hook.c)
TPM     := $(wildcard common/tpm_*.c)
NODE    := $(wildcard initramfs/*.c)
SERVER  := $(wildcard bootserver/*.c)
CLI     := $(wildcard provisioning/*.c)
UNIT    := $(wildcard tests/unit/test_*.c)
obj      = $(patsubst %.c,$(B)/$(1)/%.o,$(2))

# libmicrohttpd's archive calls bootserver/tls_gnutls.c instead of GnuTLS, and bootserver/ahead.c for sendfile64()
SERVERLIB := -Wl,-u,gnutls_init,-u,__wrap_sendfile64,--wrap=sendfile64 -l:libmicrohttpd.a -lseccomp -lsqlite3 -lpq -ljson-c -lssl -lcrypto -lpthread
CLILIB    := -lsqlite3 -lpq -ljson-c -lssl -lcrypto

PROGRAMS := $(BIN)/muster-node $(BIN)/musterd $(BIN)/muster

.PHONY: all help packages deps fixtures check check-fast check-long demo bench bench-tpm install clean tools
.DELETE_ON_ERROR:
.SECONDARY:

all: $(PROGRAMS)

help:
	@echo 'make deps        install what is missing (apt, sudo when not root), build static tpm2-tss and OpenSSL'
	@echo 'make all         build/muster-node build/musterd build/muster'
	@echo 'make check-fast  unit and quick integration tests (three minutes on two cores)'
	@echo 'make check       all tests, boots in QEMU included'
	@echo 'make check-long  what does not fit there: the whole check on the other Debian, in a chroot (root); all benchmarks'
	@echo 'make demo        one virtual node boots through real firmware and is reached by ssh'
	@echo 'make bench       figures, as tables, JSON and pictures in $(O)/bench; PARTS="decide images" for some'
	@echo 'make bench-tpm   TPM commands of a boot, and what they take on a slow TPM'
	@echo 'make storm       NODES=1000 simulated nodes boot at once: tests/storm/README.md'
	@echo 'make fuzz        FUZZ_SECONDS=$(FUZZ_SECONDS) for each parser (clang)'
	@echo 'make prove       CBMC on the parsers, Spin on the protocol'
	@echo 'make mutants     takes one defence away at a time: its test has to fail; ID="..." for some (tests/mutants.list)'
	@echo 'make coverage    lines that the tests reach, by directory; fails under the least wanted'
	@echo 'make analyze     gcc -fanalyzer, clang-tidy, scan-build, cppcheck, shellcheck'
	@echo 'make install     DESTDIR= PREFIX=$(PREFIX)'
	@echo 'SAN=1 builds with ASan and UBSan; STATIC=0 links the client dynamically; CC=clang works'

# ---- objects ----------------------------------------------------------------
$(B)/host/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo '  CC      $<')
	$(Q)$(CC) $(BASE) $(HOSTF) -c $< -o $@

$(B)/node/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo '  CC node $<')
	$(Q)$(CC) $(BASE) $(NODEF) -c $< -o $@

$(B)/nodetest/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo '  CC test $<')
	$(Q)$(CC) $(BASE) $(NODEF) -DMUSTER_TEST_TCTI -c $< -o $@

NODEVER := $(if $(TSSTEXT),-DMUSTER_TSS='"$(TSSTEXT)"') $(if $(OWNSSL),-DMUSTER_OPENSSL='"$(call first,$(OWNSSL))"')
$(B)/node/initramfs/muster-node.o $(B)/nodetest/initramfs/muster-node.o: NODEF += $(NODEVER)

# musterd with the fault points of bootserver/fault.h
$(B)/faults/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo '  CC flt  $<')
	$(Q)$(CC) $(BASE) $(HOSTF) -DMUSTER_FAULTS -c $< -o $@

$(B)/libcommon.a: $(call obj,host,$(COMMON))
	@rm -f $@; $(AR) rcs $@ $^
$(B)/libserver.a: $(call obj,host,$(filter-out bootserver/musterd.c,$(SERVER)))
	@rm -f $@; $(AR) rcs $@ $^
$(B)/libcli.a: $(call obj,host,$(filter-out provisioning/muster.c,$(CLI)))
	@rm -f $@; $(AR) rcs $@ $^

# ---- programs ---------------------------------------------------------------
# free() overwrites: common/wipefree/wipefree.c. A sanitizer has a free() of its own
WIPE     := $(if $(SAN),,$(B)/host/common/wipefree/wipefree.o)
WIPENODE := $(if $(SAN),,$(B)/node/common/wipefree/wipefree.o)
WIPEL    := $(if $(SAN),,$(if $(filter 1,$(STATIC)),-Wl$(comma)--wrap=free$(comma)--wrap=realloc))
# what a static client has in place of parts of its archives
ABSENT   := $(if $(SAN),,$(if $(filter 1,$(STATIC)),initramfs/absent/absent.c))
NODEEXTRA = $(call obj,node,$(ABSENT)) $(WIPENODE)
NODEWRAP  = $(WIPEL) $(if $(ABSENT),-Wl$(comma)--wrap=dlopen)
$(WIPE): CFLAGS += -DWIPEFREE_INTERPOSE
$(WIPENODE): NODEF += $(if $(filter 1,$(STATIC)),,-DWIPEFREE_INTERPOSE)

$(BIN)/musterd: $(B)/host/bootserver/musterd.o $(WIPE) $(B)/libserver.a $(B)/libcommon.a
	$(if $(V),,@echo '  LINK    $@')
	$(Q)$(CC) $(HOSTF) $(HOSTL) -o $@ $^ $(SERVERLIB)

$(BIN)/muster: $(B)/host/provisioning/muster.o $(WIPE) $(B)/libcli.a $(B)/libserver.a $(B)/libcommon.a
	$(if $(V),,@echo '  LINK    $@')
	$(Q)$(CC) $(HOSTF) $(HOSTL) -o $@ $^ $(CLILIB)

$(BIN)/muster-node: $(call obj,node,$(NODE) $(COMMON) $(TPM)) $(NODEEXTRA) $(SSLMARK)
	$(if $(V),,@echo '  LINK    $@')
	$(Q)$(CC) $(NODEF) $(NODEL) $(NODEWRAP) -o $@ $(filter %.o,$^) $(TSS)/lib/libtss2-tcti-device.a $(NODELIB)
	$(if $(SAN),,@cp $@ $@.debug && strip --strip-all $(NODESTRIP) $@)

# the same client with the swtpm TCTI too, for tests; never installed
$(BIN)/muster-node-test: $(call obj,nodetest,$(NODE) $(COMMON) $(TPM)) $(call obj,nodetest,$(ABSENT)) $(WIPENODE) $(SSLMARK)
	$(if $(V),,@echo '  LINK    $@')
	$(Q)$(CC) $(NODEF) $(NODEL) $(NODEWRAP) -o $@ $(filter %.o,$^) $(TSS)/lib/libtss2-tcti-device.a $(TSS)/lib/libtss2-tcti-swtpm.a $(NODELIB)

# what root could try with a recorded boot, with the client's own code; for tests, never installed
$(BIN)/unseal: $(call obj,nodetest,tests/boot/unseal.c $(COMMON) $(TPM)) $(call obj,nodetest,$(ABSENT)) $(WIPENODE) $(SSLMARK)
	$(if $(V),,@echo '  LINK    $@')
	$(Q)$(CC) $(NODEF) $(NODEL) $(NODEWRAP) -o $@ $(filter %.o,$^) $(TSS)/lib/libtss2-tcti-device.a $(TSS)/lib/libtss2-tcti-swtpm.a $(NODELIB)

# for tests; never installed
$(BIN)/musterd-faults: $(call obj,faults,$(SERVER) tests/faults/fault.c) $(B)/libcommon.a
	$(if $(V),,@echo '  LINK    $@')
	$(Q)$(CC) $(HOSTF) $(HOSTL) -o $@ $^ $(SERVERLIB)

# ---- tests ------------------------------------------------------------------
UNITBIN := $(patsubst tests/unit/%.c,$(B)/unit/%,$(UNIT))
$(B)/unit/%: $(B)/host/tests/unit/%.o $(B)/libcli.a $(B)/libserver.a $(B)/libcommon.a
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LINK    $@')
	$(Q)$(CC) $(HOSTF) $(HOSTL) -o $@ $^ $(SERVERLIB) -lcmocka
# one suite for both backends; the second needs a server, which its test starts
$(B)/unit/test_store: $(B)/host/tests/unit/store_suite.o $(B)/host/tests/unit/store_suite_nodes.o
$(B)/store_postgresql: $(call obj,host,tests/integration/store-postgresql.c tests/integration/store-postgresql-plans.c tests/unit/store_suite.c tests/unit/store_suite_nodes.c) $(B)/libserver.a $(B)/libcommon.a
	$(if $(V),,@echo '  LINK    $@')
	$(Q)$(CC) $(HOSTF) $(HOSTL) -o $@ $^ $(SERVERLIB) -lcmocka
# tests/unit/shortage.h makes allocations fail
$(B)/unit/test_shortage $(B)/unit/test_shortage_read: HOSTL += -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=asprintf

# ---- fuzz targets: replayed by check with all compilers' flags, run by fuzz --
FUZZ_SECONDS ?= 60
FUZZ      := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZBIN   := $(FUZZ:%=$(B)/fuzz/%)
FUZZFLAGS := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -O1 -g -DMUSTER_FUZZ
FUZZSRC   := $(COMMON) $(filter-out bootserver/musterd.c,$(SERVER)) $(filter-out provisioning/muster.c,$(CLI))
$(B)/fuzz/%: $(B)/host/tests/fuzz/fuzz_%.o $(B)/host/tests/fuzz/replay.o $(B)/libcli.a $(B)/libserver.a $(B)/libcommon.a
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LINK    $@')
	$(Q)$(CC) $(HOSTF) $(HOSTL) -o $@ $^ $(SERVERLIB)
$(O)/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo '  FUZZ    $<')
	$(Q)clang $(filter-out -Wlogical-op,$(BASE)) $(FUZZFLAGS) -c $< -o $@
$(O)/fuzz/lib.a: $(FUZZSRC:%.c=$(O)/fuzz/obj/%.o)
	@rm -f $@; $(AR) rcs $@ $^
$(O)/fuzz/%: $(O)/fuzz/obj/tests/fuzz/fuzz_%.o $(O)/fuzz/lib.a
	$(Q)clang -fsanitize=fuzzer,address,undefined -o $@ $^ $(SERVERLIB)
fuzz:
	$(MAKE) deps TOOLS=1
	$(MAKE) -j$(JOBS) fuzz-run
fuzz-run: $(FUZZ:%=$(O)/fuzz/%)
	tests/fuzz/run $(O)/fuzz $(FUZZ_SECONDS) $(JOBS) $(FUZZ)
fuzz-replay: $(FUZZBIN)

# ---- proofs, coverage, static analysis: each gets what it needs itself --------
DEPS_TOOLS := clang libclang-rt-dev spin clang-tidy clang-tools cppcheck shellcheck
prove:
	$(MAKE) deps TOOLS=1
	tests/proof/run $(abspath $(O))
mutants:
	$(MAKE) deps
	$(MAKE) -j$(JOBS) tools units
	tests/mutants $(O) $(ID)
coverage:
	$(MAKE) deps TOOLS=1
	$(MAKE) -j$(JOBS) COV=1 CC=gcc O=$(O)/coverage tools units
	tests/coverage/run $(O)/coverage $(JOBS)
analyze:
	$(MAKE) deps TOOLS=1
	tests/analyze $(O)
.PHONY: prove mutants coverage analyze
$(O)/fuzz/seeds: $(O)/fuzz/obj/tests/fuzz/seeds.o $(O)/fuzz/lib.a
	$(Q)clang -fsanitize=address,undefined -o $@ $^ $(SERVERLIB)
.PHONY: fuzz fuzz-run fuzz-replay

tools: all $(BIN)/muster-node-test $(BIN)/unseal $(if $(SAN),,$(BIN)/musterd-faults)

# what the parts of tests/bench measure with: the client's and the server's own objects
BENCHBIN := $(B)/bench/decide_bench $(B)/bench/signer_bench $(B)/bench/image_fetch $(B)/bench/growth_fill $(B)/bench/tls_bare $(B)/bench/tls_openssl
$(B)/bench/decide_bench $(B)/bench/signer_bench $(B)/bench/growth_fill: $(B)/bench/%: $(B)/host/tests/bench/%.o $(WIPE) $(B)/libserver.a $(B)/libcommon.a
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LINK    $@')
	$(Q)$(CC) $(HOSTF) $(HOSTL) -o $@ $^ $(SERVERLIB)
$(B)/bench/decide_bench $(B)/bench/signer_bench: $(B)/host/tests/bench/rounds.o
$(B)/bench/tls_bare: $(B)/host/tests/bench/tls_bare.o
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LINK    $@')
	$(Q)$(CC) $(HOSTF) $(HOSTL) -o $@ $^ -lmicrohttpd -lpthread
$(B)/host/tests/bench/tls_openssl.o: tests/bench/tls_bare.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(BASE) $(HOSTF) -DBARE_OPENSSL -c $< -o $@
$(B)/bench/tls_openssl: $(B)/host/tests/bench/tls_openssl.o $(B)/libserver.a $(B)/libcommon.a
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LINK    $@')
	$(Q)$(CC) $(HOSTF) $(HOSTL) -o $@ $^ $(SERVERLIB)
$(B)/bench/image_fetch: $(call obj,node,tests/bench/image_fetch.c $(filter-out initramfs/muster-node.c,$(NODE)) $(COMMON) $(TPM)) $(NODEEXTRA) $(SSLMARK)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LINK    $@')
	$(Q)$(CC) $(NODEF) $(NODEL) $(NODEWRAP) -o $@ $(filter %.o,$^) $(TSS)/lib/libtss2-tcti-device.a $(NODELIB)

# a fleet of simulated nodes at a musterd of its own
STORM := $(B)/bench/storm
$(STORM): $(patsubst %.c,$(B)/host/%.o,$(wildcard tests/storm/*.c)) $(B)/libcli.a $(B)/libserver.a $(B)/libcommon.a
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LINK    $@')
	$(Q)$(CC) $(HOSTF) $(HOSTL) -o $@ $^ $(SERVERLIB) -lm
storm: all $(STORM)
	tests/storm/run $(O)
.PHONY: storm

check-fast: tools units
	tests/run fast $(O) $(B)
# make asks itself again after deps: what is installed decides some flags
check:
	$(MAKE) deps
	$(MAKE) -j$(JOBS) tools units
	tests/run all $(O) $(B) $(MAKE) -j$(JOBS) SAN=1 tools units
check-long:
	tests/other-debian
	$(MAKE) bench
units: $(UNITBIN) $(FUZZBIN) $(STORM) $(B)/bench/image_fetch $(B)/store_postgresql
.PHONY: units

# which OpenSSL it is decides what the headers say, and the archives
$(foreach d,node nodetest,$(call obj,$(d),$(NODE) $(COMMON) $(TPM) $(ABSENT))): $(SSLMARK)
$(call obj,node,$(TPM) $(NODE)) $(call obj,nodetest,$(TPM) $(NODE)): | $(TSS)/lib/libtss2-esys.a
$(TSS)/lib/libtss2-esys.a:
	@echo 'make: the static tpm2-tss is missing in $(TSS). Next: make deps' >&2; exit 1


# ---- what the build and the tests need --------------------------------------
DEPS_BUILD := build-essential pkg-config libssl-dev zlib1g-dev libzstd-dev libjson-c-dev libmicrohttpd-dev libgnutls28-dev libsqlite3-dev libpq-dev libseccomp-dev \
              libcmocka-dev autoconf automake libtool autoconf-archive dpkg-dev xz-utils zstd
DEPS_RUN   := squashfs-tools erofs-utils dracut-core dracut-network systemd-boot-efi binutils kmod cpio isc-dhcp-client \
              iputils-arping iproute2 dnsmasq-base curl openssl openssh-client ca-certificates
DEPS_DEMO  := swtpm swtpm-tools tpm2-tools qemu-system-x86 ovmf mmdebstrap jq socat uidmap procps
DEPS_TEST  := $(DEPS_DEMO) e2fsprogs busybox-static python3 python3-tpm2-pytss python3-cryptography systemd clang valgrind \
              shellcheck mandoc libtss2-dev netcat-openbsd strace file osslsigncode sqlite3 postgresql xxd
DEPS_BENCH := gnuplot-nox
DEPS       := $(DEPS_BUILD) $(DEPS_RUN) $(if $(BUILD_ONLY),,$(if $(DEMO),$(DEPS_DEMO),$(DEPS_TEST))) $(if $(TOOLS),$(DEPS_TOOLS)) $(if $(BENCH),$(DEPS_BENCH))

# LIST=1 only says what it would install
packages:
	@missing=; for p in $(DEPS); do \
	  dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	  echo "muster needs these Debian packages, installing them with apt:$$missing"; \
	  [ -z "$(LIST)" ] || exit 0; \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  $$sudo apt-get update -q || exit 1; \
	  DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -q -y --no-install-recommends $$missing || exit 1; \
	else echo 'all packages muster needs are installed'; fi
deps: packages
	initramfs/build-tss.sh $(TSS)
	initramfs/build-openssl.sh $(OSSL)
	ipxe/fetch.sh build/ipxe
	$(if $(BUILD_ONLY)$(DEMO),,tests/fetch-nginx.sh build/nginx)

# what boots need: a kernel and a node image, made once
fixtures: build/kernel/vmlinuz build/image/rootfs.tar
build/kernel/vmlinuz: qemu-harness/fetch-kernel.sh
	qemu-harness/fetch-kernel.sh build/kernel
build/image/rootfs.tar: qemu-harness/build-image.sh
	qemu-harness/build-image.sh build/image/rootfs.tar

# ---- main job, figures, installation ----------------------------------------
demo:
	@V=$(V) qemu-harness/demo

# PARTS="decide images": only those of tests/bench/part-*
bench:
	$(MAKE) deps BENCH=1
	$(MAKE) -j$(JOBS) bench-programs
	tests/bench/run $(O) $(PARTS)
bench-programs: tools $(BENCHBIN) $(STORM)
.PHONY: bench-programs

bench-tpm: tools
	tests/bench/tpm.sh $(O)

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/lib/dracut/modules.d/90muster \
	  $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/lib/sysusers.d $(DESTDIR)$(PREFIX)/share/muster \
	  $(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
	  $(DESTDIR)$(PREFIX)/share/doc/muster
	install -m 0755 $(BIN)/muster $(DESTDIR)$(PREFIX)/bin/muster
	install -m 0755 $(BIN)/musterd $(BIN)/muster-node $(DESTDIR)$(PREFIX)/sbin/
	install -m 0755 $(wildcard dracut-module/90muster/*.sh) $(DESTDIR)$(PREFIX)/lib/dracut/modules.d/90muster/
	install -m 0644 $(wildcard dracut-module/90muster/*.a*) $(DESTDIR)$(PREFIX)/lib/dracut/modules.d/90muster/
	install -m 0644 bootserver/musterd.service $(DESTDIR)$(PREFIX)/lib/systemd/system/
	install -m 0644 bootserver/musterd.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/muster.conf
	install -m 0644 $(wildcard ipxe/*.ipxe.in) bootserver/nginx-cache.conf bootserver/tpm-advisories $(DESTDIR)$(PREFIX)/share/muster/
	install -m 0755 ipxe/fetch.sh ipxe/apt-fetch.sh $(DESTDIR)$(PREFIX)/share/muster/
	install -m 0644 initramfs/muster-node.8 bootserver/musterd.8 provisioning/muster.8 $(DESTDIR)$(PREFIX)/share/man/man8/
	install -m 0644 provisioning/muster.bash-completion $(DESTDIR)$(PREFIX)/share/bash-completion/completions/muster
	install -m 0644 README.md LICENSE common/PROTOCOL.md bootserver/API.md $(DESTDIR)$(PREFIX)/share/doc/muster/

clean: # not the fixtures, tss, kernel and image
	rm -rf $(B) $(O)/san $(PROGRAMS) $(BIN)/muster-node-test $(BIN)/musterd-faults $(BIN)/muster-node.debug $(O)/test-logs $(O)/bench

-include $(shell find $(B) $(O)/fuzz/obj -name '*.d' 2>/dev/null)
