"""A real PostgreSQL server in a folder, on a socket, for the tests that keep a catalog in one."""

import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

from processes import poll

START_TIMEOUT_S = 60
PROGRAMS = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))


def installed():
    return bool(PROGRAMS)


class Postgres:
    def __init__(self):
        self.programs = PROGRAMS[-1].parent
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="alignflow-pg-"))
        self.prefix = []
        if os.geteuid() == 0:  # which PostgreSQL refuses
            owner = next(user for user in map(_user, ("postgres", "nobody")) if user)
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
            self.prefix = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups",
                           "--pdeathsig", "TERM"]
        self._run("initdb", "-U", "alignflow", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        self.process = None
        self.start()

    def _run(self, program, *arguments):
        subprocess.run([*self.prefix, self.programs / program, "-D", self.folder / "data", *arguments], check=True,
                       cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, timeout=START_TIMEOUT_S)

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, self.programs / "postgres", "-D", self.folder / "data", "-k", self.folder, "-c",
                 "listen_addresses=", "-c", "fsync=off"], cwd="/", stdout=log, stderr=subprocess.STDOUT)
        poll(lambda: self.sql("SELECT 1", check=False) == "1", START_TIMEOUT_S, "PostgreSQL")

    def stop(self):
        """At once: every connection is cut."""
        self._run("pg_ctl", "stop", "-m", "immediate", "-w")
        self.process.wait(START_TIMEOUT_S)

    def sql(self, statement, database="postgres", check=True):
        done = subprocess.run([self.programs / "psql", "-h", self.folder, "-U", "alignflow", "-At", "-c", statement,
                               database], check=check, capture_output=True, text=True, timeout=START_TIMEOUT_S)
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
