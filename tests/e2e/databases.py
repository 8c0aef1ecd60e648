"""A real PostgreSQL server in a folder, on a socket, for the tests that keep a catalog in one."""

import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile

from processes import poll

START_TIMEOUT_S = 60
PROGRAMS = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))


def installed():
    return bool(PROGRAMS)


class Postgres:
    def __init__(self, certificate=None):
        """With a certificate and its key (files) it listens on 127.0.0.1 as well, for TLS alone."""
        self.programs = PROGRAMS[-1].parent
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="alignflow-pg-"))
        self.prefix = []
        if os.geteuid() == 0:  # which PostgreSQL refuses
            owner = next(user for user in map(_user, ("postgres", "nobody")) if user)
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
            self.prefix = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups",
                           "--pdeathsig", "TERM"]
        self._run("initdb", "-U", "alignflow", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        self.process, self.options, self.port = None, ["-c", "listen_addresses="], None
        if certificate:
            self._listen(*certificate)
        self.start()

    def _listen(self, certificate, key):
        for name, file in (("server.pem", certificate), ("server.key", key)):
            copy = self.folder / "data" / name
            shutil.copy(file, copy)
            copy.chmod(0o600)
            shutil.chown(copy, self.folder.owner(), self.folder.group())
        with open(self.folder / "data" / "pg_hba.conf", "w") as rules:
            rules.write("local all all trust\nhostssl all all 127.0.0.1/32 trust\n")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.options = ["-c", "listen_addresses=127.0.0.1", "-p", str(self.port), "-c", "ssl=on", "-c",
                        "ssl_cert_file=server.pem", "-c", "ssl_key_file=server.key"]

    def _run(self, program, *arguments):
        subprocess.run([*self.prefix, self.programs / program, "-D", self.folder / "data", *arguments], check=True,
                       cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, timeout=START_TIMEOUT_S)

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, self.programs / "postgres", "-D", self.folder / "data", "-k", self.folder, *self.options,
                 "-c", "fsync=off"], cwd="/", stdout=log, stderr=subprocess.STDOUT)
        poll(lambda: self.sql("SELECT 1", check=False) == "1", START_TIMEOUT_S, "PostgreSQL")

    def stop(self):
        """At once: every connection is cut."""
        self._run("pg_ctl", "stop", "-m", "immediate", "-w")
        self.process.wait(START_TIMEOUT_S)

    def sql(self, statement, database="postgres", check=True):
        done = subprocess.run([self.programs / "psql", "-h", self.folder, *(["-p", str(self.port)] if self.port else []), "-U",
                               "alignflow", "-At", "-c", statement, database], check=check, capture_output=True, text=True, timeout=START_TIMEOUT_S)
        return done.stdout.strip()

    def create(self, name):
        """A new database's address."""
        self.sql(f"CREATE DATABASE {name}")
        return f"postgresql://alignflow@/{name}?host={self.folder}"

    def close(self):
        if self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def _user(name):
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
