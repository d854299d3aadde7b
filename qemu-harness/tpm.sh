# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# tpm.sh - a node's TPM: swtpm with EK certificates, RSA-2048 at 0x01c00002 and
# ECC P-256 at 0x01c0000a, signed by a local CA that plays the TPM maker.
# Works in the node's directory, with relative paths (socket paths are short).

# tpm_ca_config CADIR: swtpm's settings for that CA, in the node's directory
tpm_ca_config() {
	mkdir -p "$1"
	local ca
	ca=$(cd "$1" && pwd)
	cat >tpm/localca.conf <<-CONF
		statedir = $ca
		signingkey = $ca/signkey.pem
		issuercert = $ca/issuercert.pem
		certserial = $ca/certserial
	CONF
	cat >tpm/localca.options <<-CONF
		--platform-manufacturer Muster
		--platform-version 1.0
		--platform-model vnode
	CONF
	cat >tpm/setup.conf <<-CONF
		create_certs_tool = $(command -v swtpm_localca)
		create_certs_tool_config = $PWD/tpm/localca.conf
		create_certs_tool_options = $PWD/tpm/localca.options
		active_pcr_banks = sha256
	CONF
}

# tpm_create CADIR: a new TPM in ./tpm, its certificates in ./ek-*.der, ./ek-ca
tpm_create() {
	local ca=$1 log=$PWD/tpm/setup.log
	mkdir -p tpm
	tpm_ca_config "$ca"
	# nodes made at the same time share the CA and its serial number
	exec 8>"$ca/lock"
	flock 8
	swtpm_setup --tpm2 --tpmstate "$PWD/tpm" --config "$PWD/tpm/setup.conf" \
		--create-ek-cert --create-platform-cert --pcr-banks sha256 \
		--overwrite --logfile "$log" >/dev/null 2>&1 ||
		{ tail -n 20 "$log" >&2; vnode_die "make a TPM in $PWD/tpm with swtpm_setup failed (see above)"; }
	tpm_add_ecc_ek "$log" ||
		{ tail -n 20 "$log" >&2; vnode_die "give the TPM in $PWD/tpm an ECC EK certificate failed; the log is $log"; }
	exec 8>&-
	mkdir -p ek-ca
	cp "$ca/swtpm-localca-rootca-cert.pem" ek-ca/root.pem
	cp "$ca/issuercert.pem" ek-ca/issuer.pem
	chmod 0644 ek-*.der ek-ca/*.pem
	rm -f tpm/ek.pub tpm/ek.ctx tpm/ek.pem tpm/ek.cert
}

# tpm_serve PIDFILE SOCKET: swtpm for tpm2-tools, SOCKET and SOCKET.ctrl
tpm_serve() {
	swtpm socket --tpm2 --tpmstate dir=tpm --flags not-need-init,startup-clear \
		--server type=unixio,path="$2" --ctrl type=unixio,path="$2.ctrl" \
		>/dev/null 2>>tpm/setup.log &
	proc_record "$1" $!
	proc_listens "$2.ctrl" "$1"
}

# tpm_add_ecc_ek LOG: swtpm_setup makes only P-384; makers ship P-256
tpm_add_ecc_ek() {
	local log=$1 rc=0
	mkdir -p run
	if tpm_serve run/setup.pid run/setup.sock; then
		TPM2TOOLS_TCTI=swtpm:path=run/setup.sock tpm_write_ecc_ek >>"$log" 2>&1 || rc=1
	else
		rc=1
	fi
	proc_stop run/setup.pid
	rm -f run/setup.sock run/setup.sock.ctrl
	return "$rc"
}

tpm_write_ecc_ek() {
	local hex
	tpm2_createek -Q -c tpm/ek.ctx -G ecc -f pem -u tpm/ek.pem || return 1
	hex=$(openssl ec -pubin -in tpm/ek.pem -outform DER 2>/dev/null | tail -c 64 | od -An -v -tx1 | tr -d ' \n')
	[ ${#hex} -eq 128 ] || return 1
	swtpm_localca --type ek --ek "x=${hex:0:64},y=${hex:64},id=secp256r1" \
		--dir "$PWD/tpm" --vmid vnode --tpm2 --configfile "$PWD/tpm/localca.conf" \
		--optsfile "$PWD/tpm/localca.options" --tpm-spec-family 2.0 \
		--tpm-spec-level 0 --tpm-spec-revision 164 --tpm-manufacturer id:00001014 \
		--tpm-model swtpm --tpm-version id:20191023 || return 1
	mv tpm/ek.cert ek-ecc.der
	tpm2_nvdefine -Q 0x01c0000a -C p -s "$(stat -c %s ek-ecc.der)" \
		-a 'ppwrite|writedefine|ppread|ownerread|authread|no_da|platformcreate' || return 1
	tpm2_nvwrite -Q 0x01c0000a -C p -i ek-ecc.der || return 1
	tpm2_nvread -Q 0x01c00002 -C o -o ek-rsa.der || return 1
	tpm2_flushcontext -Q -t
}

# tpm_start: swtpm for QEMU on run/tpm.sock; ends when QEMU does
tpm_start() {
	rm -f run/tpm.sock
	swtpm socket --tpm2 --tpmstate dir=tpm --ctrl type=unixio,path=run/tpm.sock \
		--terminate --log file=tpm/swtpm.log,level=1 </dev/null >/dev/null 2>run/swtpm.err &
	if ! proc_record run/swtpm.pid $! || ! proc_listens run/tpm.sock run/swtpm.pid; then
		vnode_die "start swtpm in $PWD failed: $(cat run/swtpm.err)"
	fi
}
