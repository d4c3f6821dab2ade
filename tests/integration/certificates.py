"""Certificates for tests, made by openssl: a CA, the servers', clients' good and bad."""
import subprocess

OPENSSL = """
set -e
cd "$1"
key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"; }
authority() { key "$1"; openssl req -x509 -new -key "$1.key" -days 3 -subj "/CN=$1" -out "$1.pem"; }
signed() { # NAME SUBJECT CA EXTENSION
    key "$1"; openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
    printf '%s\\n' "$4" >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA "$3.pem" -CAkey "$3.key" -CAcreateserial -days 3 -extfile "$1.ext" -out "$1.pem"
}
authority ca
authority stranger
signed server /CN=server ca 'subjectAltName=IP:127.0.0.1'
cat server.key server.pem ca.pem >server.store
signed client /O=Shop/CN=intake ca ''
signed unknown /O=Shop/CN=intake stranger ''
openssl pkcs8 -topk8 -in client.key -passout pass:opensesame -out client.locked
printf 'opensesame\\n' >client.password
printf '[c]\\ndatabase=db\\nnew_certs_dir=.\\npolicy=p\\ndefault_md=sha256\\nrand_serial=yes\\n[p]\\ncommonName=supplied\\n' >ca.cnf
touch db
openssl ca -batch -config ca.cnf -name c -keyfile ca.key -cert ca.pem -in client.csr -startdate 20200101000000Z -enddate 20200102000000Z -out over.pem
"""


def make(folder):
    """server.store (key, certificate, CA), ca.pem, client.pem/.key/.locked, unknown.pem (another CA's), over.pem, stranger.pem (a CA)."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["bash", "-c", OPENSSL, "make", str(folder)], capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"openssl: {done.stderr}")
    return folder
