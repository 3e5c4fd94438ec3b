#!/bin/sh
# Makes every certificate of this folder anew: `sh make.sh`, with OpenSSL 3. For the tests only: the keys are public.
# All of them are valid for 100 years but for expired.pem. The key of the CA is thrown away.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat > "$work/ca.cnf" <<END
[req]
distinguished_name = name
prompt = no
[name]
CN = promptjuggler tests
[ca]
default_ca = tests
[tests]
database = $work/index.txt
new_certs_dir = $work
certificate = ca.pem
private_key = $work/ca.key
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[lax_authority]
basicConstraints = critical, CA:TRUE
subjectKeyIdentifier = hash
[here]
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[elsewhere]
subjectAltName = DNS:other.example
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
END
: > "$work/index.txt"

new_key() {
    openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1"
}

# Arguments: name of the files, common name, section of extensions, first day, last day, more options.
# The days are fixed (`req -x509` would start today), so that a clock that is some years off finds them valid too.
sign() {
    file=$1 name=$2 section=$3 first=$4 last=$5
    shift 5
    new_key "$work/$file.key"
    openssl req -new -key "$work/$file.key" -subj "/CN=$name" -config "$work/ca.cnf" -out "$work/$file.csr"
    openssl ca -batch -notext -config "$work/ca.cnf" -extensions "$section" -in "$work/$file.csr" \
        -startdate "${first}000000Z" -enddate "${last}000000Z" "$@" -out "$work/$file.crt" 2> "$work/log" ||
        { cat "$work/log" >&2; exit 1; }
    cat "$work/$file.key" "$work/$file.crt" > "$file.pem"
}

sign ca "promptjuggler test CA" authority 20200101 21200101 -selfsign -keyfile "$work/ca.key"
cp "$work/ca.crt" ca.pem

sign server localhost here 20200101 21200101
sign other other.example elsewhere 20200101 21200101
sign expired localhost here 20200101 20210101
sign client "a client" client 20200101 21200101
sign self_signed localhost here 20200101 21200101 -selfsign -keyfile "$work/self_signed.key"

# An authority that does not say what its key is for, as many private ones: Python 3.13 is the first to mind.
sign lax_ca "promptjuggler lax test CA" lax_authority 20200101 21200101 -selfsign -keyfile "$work/lax_ca.key"
cp "$work/lax_ca.crt" lax_ca.pem
sign lax localhost here 20200101 21200101 -cert "$work/lax_ca.crt" -keyfile "$work/lax_ca.key"

# For SSL_CERT_DIR: a folder in which OpenSSL finds the CA by the hash of its name.
rm -rf hashed
mkdir hashed
cp ca.pem "hashed/$(openssl x509 -hash -noout -in ca.pem).0"
