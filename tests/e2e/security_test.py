"""Who may come in: TLS, access keys and roles, with real processes and a CA made here."""

import importlib
import json
import os
import pathlib
import pkgutil
import pty
import re
import signal
import subprocess
import termios

import grpc
import pytest

from inputs import PAIRS, SETTINGS, set_options
from processes import BIN, Coordinator, Program, Service, Worker, poll

DAY_S = 86400
# As server/access/roles.cc: what each role may do, by one method that it is the least for.
LEAST = {"GetJob": "viewer", "GetQuota": "viewer", "CreateJob": "operator", "SetWorkerMode": "admin", "CreateTenant": "admin", "CreateKey": "admin",
         "Lease": "worker"}


def openssl(*arguments, folder):
    subprocess.run(["openssl", *map(str, arguments)], cwd=folder, check=True, capture_output=True, timeout=60)


class Authority:
    """A CA, and what it signs."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.ca = folder / f"{name}.pem"
        self._request(name, "-x509", "-days", 10, out=f"{name}.pem")

    def _request(self, name, *options, out):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out", out,
                "-subj", f"/CN={name}", *options, folder=self.folder)

    def sign(self, name, subject="IP:127.0.0.1,DNS:localhost", days=1):
        """The files of a new certificate and its key."""
        self._request(name, out=f"{name}.csr")
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={subject}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{self.name}.pem", "-CAkey", f"{self.name}.key",
                "-CAcreateserial", "-out", f"{name}.pem", "-days", days, "-extfile", f"{name}.ext", folder=self.folder)
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"), "ca")


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.sign("server")


def run(*arguments, key=None, server=None, ca=None, config=None, stdin=None):
    """afctl with no more around it than is given here."""
    environment = {"PATH": "/usr/bin:/bin", "AFCTL_CONFIG": str(config or "/no/such/file")}
    for name, value in (("AFCTL_KEY", key), ("AFCTL_SERVER", server), ("AFCTL_CA", ca)):
        if value:
            environment[name] = str(value)
    return subprocess.run([str(part) for part in (BIN / "afctl", *arguments)], capture_output=True, text=True, timeout=300,
                          env=environment, input=stdin, check=False)


def keys(state, *arguments):
    done = subprocess.run([str(part) for part in (BIN / "alignflow-coordinator", "keys", *arguments, "--state-dir", state)],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def make_key(state, role, *options):
    return keys(state, "create", "--role", role, "--name", f"a {role}", *options)


def id_of(key):
    return key.split("_")[1]


def one_line(done, *words):
    """afctl has failed with one line that has the words in it."""
    assert done.returncode != 0, done.stdout
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    for word in words:
        assert word in lines[0], lines[0]


class Guarded:
    """A coordinator with TLS and a key of each role."""

    def __init__(self, folder, certificate, *options):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.state = folder, folder / "state"
        self.keys = {role: make_key(self.state, role) for role in ("viewer", "operator", "admin", "worker")}
        self.certificate, self.private_key = folder / "cert.pem", folder / "key.pem"
        self.use(certificate)
        self.coordinator = Coordinator(folder, "--tls-cert", self.certificate, "--tls-key", self.private_key, *options)
        self.address = self.coordinator.address

    def use(self, certificate):
        for new, file in zip(certificate, (self.certificate, self.private_key)):
            beside = file.with_suffix(".new")
            beside.write_bytes(pathlib.Path(new).read_bytes())
            beside.replace(file)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory, certificate, authority):
    service = Guarded(tmp_path_factory.mktemp("guarded"), certificate, "--tls-client-ca", authority.ca)
    yield service
    service.coordinator.close()


def test_beyond_loopback_only_with_tls_and_somebody_who_may_come(tmp_path, certificate):
    def refused(*options):
        done = subprocess.run([str(part) for part in (BIN / "alignflow-coordinator", "--listen", "0.0.0.0:0", "--state-dir",
                                                      tmp_path / "state", *options)], capture_output=True, text=True,
                              timeout=60, check=False)
        assert done.returncode == 1
        return done.stderr.splitlines()[-1]
    tls = ("--tls-cert", certificate[0], "--tls-key", certificate[1])
    assert "--tls-cert" in refused()
    assert "keys create" in refused(*tls)
    assert "is not the key of" in refused("--tls-cert", certificate[0], "--tls-key", certificate[0].parent / "ca.key")
    assert "holds no certificate" in refused("--tls-cert", certificate[1], "--tls-key", certificate[1])
    make_key(tmp_path / "state", "admin")
    coordinator = Coordinator(tmp_path, *tls, listen="0.0.0.0:0")
    assert coordinator.terminate() == 0
    coordinator.close()


def test_each_way_not_to_get_in_has_one_line(guarded, authority, tmp_path):
    other = Authority(tmp_path, "other-ca")
    key, ca, at = guarded.keys["viewer"], authority.ca, guarded.address
    assert run("job", "list", key=key, server=at, ca=ca).returncode == 0
    one_line(run("job", "list", key=key, server=at), at, "--ca")
    one_line(run("job", "list", key=key, server=at, ca=other.ca), "certificate", at, "--ca")
    one_line(run("job", "list", server=at, ca=ca), "access key", "login")
    one_line(run("job", "list", key=key[:-1] + ("0" if key[-1] != "0" else "1"), server=at, ca=ca), "not known")
    one_line(run("job", "list", key=key, server=at, ca=tmp_path / "none.pem"), "none.pem")


def test_a_certificate_for_another_name_is_refused(guarded, authority, tmp_path):
    service = Guarded(tmp_path, authority.sign("elsewhere", subject="DNS:elsewhere.example"))
    one_line(run("job", "list", key=service.keys["viewer"], server=service.address, ca=authority.ca), "another name")
    service.coordinator.close()


def test_tls_to_a_port_without_it_has_one_line(service, authority):
    one_line(run("job", "list", server=service.address, ca=authority.ca), "does not speak TLS")


def call(guarded, authority, method, role):
    """The status code of a method's call with an empty request and a role's key."""
    channel = grpc.secure_channel(guarded.address, grpc.ssl_channel_credentials(authority.ca.read_bytes()))
    metadata = (("authorization", f"Bearer {guarded.keys[role]}"),) if role else ()
    try:
        stub = channel.stream_stream(method, request_serializer=lambda message: message, response_deserializer=lambda data: data)
        list(stub(iter([b""]), timeout=20, metadata=metadata))
        return grpc.StatusCode.OK
    except grpc.RpcError as error:
        return error.code()
    finally:
        channel.close()


def all_methods():
    for found in pkgutil.iter_modules(importlib.import_module("alignflow.v1").__path__):
        if not found.name.endswith("_pb2"):
            continue
        module = importlib.import_module(f"alignflow.v1.{found.name}")
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                yield f"/{service.full_name}/{method.name}"


def test_every_method_wants_a_key_and_the_role_for_it(guarded, authority):
    refused = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}
    allowed = {role: set() for role in guarded.keys}
    methods = list(all_methods())
    assert len(methods) > 25
    for method in methods:
        assert call(guarded, authority, method, None) == grpc.StatusCode.UNAUTHENTICATED, method
        for role in guarded.keys:
            code = call(guarded, authority, method, role)
            # A worker that is not registered is told to do so.
            unknown_worker = code == grpc.StatusCode.UNAUTHENTICATED and role == "worker" and ".Workers/" in method
            if code not in refused or unknown_worker:
                allowed[role].add(method.rsplit("/", 1)[1])
    assert allowed["viewer"] < allowed["operator"] < allowed["admin"]
    for method, least in LEAST.items():
        assert {role for role in allowed if method in allowed[role]} == {
            "viewer": {"viewer", "operator", "admin"}, "operator": {"operator", "admin"}, "admin": {"admin"},
            "worker": {"worker"}}[least], method


def test_a_call_with_two_keys_is_refused(guarded, authority):
    """Else the one might be looked at and the other be taken for whose call it is."""
    channel = grpc.secure_channel(guarded.address, grpc.ssl_channel_credentials(authority.ca.read_bytes()))
    call_with = channel.unary_unary("/alignflow.v1.Server/GetCaller", request_serializer=bytes, response_deserializer=bytes)
    keys = [("authorization", f"Bearer {guarded.keys[role]}") for role in ("admin", "viewer")]
    for key in keys:
        call_with(b"", timeout=20, metadata=[key])
    with pytest.raises(grpc.RpcError) as refused:
        call_with(b"", timeout=20, metadata=keys)
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    channel.close()


def test_new_certificates_are_taken_without_a_restart(guarded, authority, tmp_path):
    other = Authority(tmp_path, "next-ca")
    key = guarded.keys["viewer"]
    guarded.use(other.sign("next"))
    poll(lambda: run("job", "list", key=key, server=guarded.address, ca=other.ca).returncode == 0, 30, "the new certificate")
    guarded.use((authority.folder / "server.pem", authority.folder / "server.key"))
    poll(lambda: run("job", "list", key=key, server=guarded.address, ca=authority.ca).returncode == 0, 30, "the old one")


def test_a_revoked_key_opens_nothing_any_more_and_ends_what_it_has_open(new_service, data):
    service = new_service().start_coordinator()
    service.afctl("dataset", "push", "source", data / "source", "--labels", "polyp=255")
    job = service.afctl("align", "--source", "source", "--references", data / "references", "--pairs", PAIRS,
                        *set_options(SETTINGS))["name"]
    key = make_key(service.state_dir(), "viewer")
    poll(lambda: run("job", "list", server=service.address).returncode != 0, 10, "the coordinator to be closed")
    watch = Program(["env", f"AFCTL_KEY={key}", f"AFCTL_SERVER={service.address}", "AFCTL_CONFIG=/no/such/file", BIN / "afctl",
                     "job", "watch", job], service.folder / "watch.log")
    assert run("job", "get", job, key=key, server=service.address).returncode == 0
    poll(lambda: "QUEUED" in watch.log_text().upper() or watch.process.poll() is not None, 20, "the watch")
    assert watch.process.poll() is None, watch.log_text()
    keys(service.state_dir(), "revoke", id_of(key))
    assert watch.wait(10) != 0
    assert "revoked" in watch.log_text()
    one_line(run("job", "get", job, key=key, server=service.address), "revoked")
    watch.close()


def test_workers_come_with_a_key_or_with_a_certificate(guarded, authority, tmp_path, data):
    certificate = authority.sign("worker-1", subject="DNS:worker-1")
    key_file = tmp_path / "key"
    key_file.write_text(guarded.keys["worker"] + "\n")
    environment = {"key": guarded.keys["operator"], "server": guarded.address, "ca": authority.ca}
    for name, options in (("by-key", ("--key-file", key_file)),
                          ("by-certificate", ("--tls-cert", certificate[0], "--tls-key", certificate[1]))):
        worker = Program([BIN / "alignflow-worker", "--coordinator", guarded.address, "--device", "cpu", "--threads", 1, "--ca",
                          authority.ca, "--cache-dir", tmp_path / name, *options], tmp_path / f"{name}.log")
        poll(lambda: json.loads(run("worker", "list", "--json", **environment).stdout)["workers"], 60, f"the worker {name}")
        assert worker.terminate() == 0, worker.log_text()
        worker.close()
        poll(lambda: not json.loads(run("worker", "list", "--json", **environment).stdout)["workers"], 120, "it to be gone")


def test_own_workers_need_no_key_of_their_users(tmp_path, certificate, authority, data):
    folder = tmp_path / "own"
    service = Guarded(folder, certificate, "--spawn-workers", 1)
    environment = {"key": service.keys["viewer"], "server": service.address, "ca": authority.ca}
    poll(lambda: json.loads(run("worker", "list", "--json", **environment).stdout)["workers"], 60, "the coordinator's own worker")
    assert (service.state / "worker-key").stat().st_mode & 0o777 == 0o600
    assert service.coordinator.terminate() == 0
    service.coordinator.close()


def test_login_keeps_a_key_for_one_server_alone(guarded, authority, service, tmp_path):
    config = tmp_path / "afctl" / "config"
    done = run("login", guarded.address, "--ca", authority.ca, "--context", "lab", config=config, stdin=guarded.keys["viewer"])
    assert done.returncode == 0, done.stderr
    assert config.stat().st_mode & 0o777 == 0o600
    assert run("job", "list", config=config).returncode == 0
    shown = run("context", "list", "--json", config=config).stdout + run("context", "show", config=config).stdout
    assert id_of(guarded.keys["viewer"]) in shown and guarded.keys["viewer"] not in shown
    # To another coordinator nothing of it goes: one without keys would refuse a key that it does not know.
    assert run("job", "list", "--server", service.address, config=config).returncode == 0
    done = run("login", guarded.address, "--ca", authority.ca, "--context", "bad", config=config, stdin="alignflow_no_key")
    one_line(done, "not known")
    assert "bad" not in run("context", "list", config=config).stdout
    config.chmod(0o644)
    one_line(run("job", "list", config=config), "chmod 600")
    config.chmod(0o600)
    assert run("context", "delete", "lab", config=config).returncode == 0
    assert guarded.keys["viewer"] not in config.read_text()


def test_a_key_that_is_typed_is_not_shown_and_ctrl_c_leaves_the_terminal_as_it_was(guarded, authority, tmp_path):
    controller, terminal = pty.openpty()
    echoes = lambda: bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
    assert echoes()
    login = subprocess.Popen(["env", "--default-signal=INT", f"AFCTL_CONFIG={tmp_path / 'config'}", str(BIN / "afctl"), "login",
                              guarded.address, "--ca", str(authority.ca)], stdin=terminal, stdout=terminal, stderr=terminal)
    poll(lambda: not echoes(), 30, "the terminal to be silent")
    login.send_signal(signal.SIGINT)
    assert login.wait(30) == 128 + signal.SIGINT
    assert echoes()
    os.close(controller)
    os.close(terminal)


def test_no_key_is_in_a_log_or_a_process_list(guarded):
    for log in guarded.folder.rglob("*.log"):
        text = log.read_text(errors="replace")
        for key in guarded.keys.values():
            assert key not in text and key.rsplit("_", 1)[1] not in text
    for command in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert not re.search(b"alignflow_[0-9a-f]{12}_", command.read_bytes())
        except (FileNotFoundError, ProcessLookupError):  # it has ended
            pass
    for file in guarded.state.rglob("*"):
        if file.is_file() and file.name != "worker-key":
            content = file.read_bytes()
            for key in guarded.keys.values():
                assert key.rsplit("_", 1)[1].encode() not in content, file
