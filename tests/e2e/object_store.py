"""An S3-compatible store (moto's server) behind a gate that checks every request and can be shut.

What moto does not prove: it checks no signature and no digest of what comes (the gate does, by botocore), knows neither
rights nor slowness, and keeps all in memory.
"""

import hashlib
import http.client
import http.server
import logging
import re
import ssl
import threading

import botocore.auth
import botocore.awsrequest
import botocore.credentials
from moto.server import ThreadedMotoServer

KEY, SECRET, REGION = "AKIDEXAMPLE", "secret/of+the=tests", "eu-central-1"
BUCKET = "scans"


class ObjectStore:
    """Coordinators get `options` and `prefix` (a command that gives them the keys in the environment)."""

    def __init__(self, certificate=None, key=None):
        """With a certificate and its key, PEM files, the gate speaks TLS."""
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # which tells of each request
        self.moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self.moto.start()
        self.backend = self.moto.get_host_and_port()
        self.shut, self.lose = False, 0
        self.wrong, self.refused, self.lost = [], 0, 0
        self.lock = threading.Lock()
        self.gate = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Gate", (Gate,), {"store": self}))
        self.gate.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self.gate.socket = context.wrap_socket(self.gate.socket, server_side=True)
        threading.Thread(target=self.gate.serve_forever, daemon=True).start()
        self.ask("PUT", f"/{BUCKET}", f"<CreateBucketConfiguration><LocationConstraint>{REGION}"
                                      "</LocationConstraint></CreateBucketConfiguration>".encode())
        endpoint = "%s://127.0.0.1:%d" % ("https" if certificate else "http", self.gate.server_address[1])
        self.options = ("--blobs", f"s3://{BUCKET}/site-a", "--s3-region", REGION, "--s3-endpoint", endpoint)
        self.prefix = ("env", f"AWS_ACCESS_KEY_ID={KEY}", f"AWS_SECRET_ACCESS_KEY={SECRET}")

    def ask(self, method, path, body=b"", headers=None):
        """Asks moto itself. Returns status, headers and body."""
        connection = http.client.HTTPConnection(*self.backend, timeout=60)
        authorization = f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/{REGION}/s3/aws4_request, SignedHeaders=host, Signature=0"
        connection.request(method, path, body, {"Authorization": authorization, **(headers or {})})
        answer = connection.getresponse()
        result = answer.status, answer.getheaders(), answer.read()
        connection.close()
        return result

    def keys(self):
        """Names of the objects that there are; for fewer than 1,000."""
        return re.findall(r"<Key>([^<]*)</Key>", self.ask("GET", f"/{BUCKET}?list-type=2")[2].decode())

    def close(self):
        self.gate.shutdown()
        self.gate.server_close()
        self.ask("POST", "/moto-api/reset")  # its state is the process's
        self.moto.stop()


class Gate(http.server.BaseHTTPRequestHandler):
    store = None
    protocol_version = "HTTP/1.1"
    HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "date", "server"}

    def log_message(self, *arguments):
        pass

    def is_signed(self, body):
        """By botocore, which is AWS's own: the signature and the digest of the body."""
        found = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d+/([^/]+)/s3/aws4_request, ?SignedHeaders=([^,]+), ?"
                             r"Signature=([0-9a-f]{64})", self.headers.get("Authorization", ""))
        if not found or self.headers.get("X-Amz-Content-Sha256") != hashlib.sha256(body).hexdigest():
            return False
        key, region, names, signature = found.groups()
        request = botocore.awsrequest.AWSRequest(
            self.command, f"http://{self.headers['Host']}{self.path}",
            {name: self.headers[name] for name in names.split(";") if name != "host"}, body)
        request.context["timestamp"] = self.headers["X-Amz-Date"]
        signer = botocore.auth.S3SigV4Auth(botocore.credentials.Credentials(KEY, SECRET), "s3", REGION)
        text = signer.string_to_sign(request, signer.canonical_request(request))
        return key == KEY and region == REGION and signer.signature(text, request) == signature

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in self.HOP_BY_HOP:
                self.send_header(name, value)
        length = dict((name.lower(), value) for name, value in headers).get("content-length", "0")
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_request(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        store = self.store
        with store.lock:
            shut = store.shut
            store.refused += shut
            lose = not shut and self.command in ("PUT", "POST") and store.lose > 0
            store.lose -= lose
        if shut:
            return self.answer(503, [], b"<Error><Code>ServiceUnavailable</Code></Error>")
        if not self.is_signed(body):
            store.wrong.append(f"{self.command} {self.path}")
            return self.answer(403, [], b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "expect", "connection")}
        answer = store.ask(self.command, self.path, body, headers)
        if lose:  # it is stored, and nobody hears of it
            store.lost += 1
            self.close_connection = True
            return None
        return self.answer(*answer)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_request
