"""The three programs as real processes. Every wait has a deadline."""

import json
import os
import queue
import re
import signal
import subprocess
import threading
import time

from api import ROOT, Api

BIN = ROOT / "build" / "bin"
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 60
COMMAND_TIMEOUT_S = 900


def poll(condition, timeout, what):
    """Waits until condition() is true; returns what it gave."""
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s for {what}")
        pause.wait(0.05)


class Program:
    """A running program. Its stdout comes line by line, its stderr goes to a file."""

    def __init__(self, command, log):
        self.log = log
        with open(log, "ab") as stderr:
            self.process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=stderr,
                                            text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def await_line(self, pattern, timeout=START_TIMEOUT_S):
        deadline = time.monotonic() + timeout
        while True:
            try:
                line = self.lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no line like {pattern} in {timeout} s; log:\n{self.log_text()}") from None
            if line is None:
                raise AssertionError(f"ended without a line like {pattern}; log:\n{self.log_text()}")
            if match := re.search(pattern, line):
                return match

    def log_text(self):
        return self.log.read_text(errors="replace")

    def children(self):
        """Process numbers of the children that live."""
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(child) for child in file.read().split()]

    def kill(self):
        """As `kill -9`: no time to clean up."""
        self.process.kill()
        self.process.wait(STOP_TIMEOUT_S)

    def terminate(self):
        """As SIGTERM from an init system. Returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self, timeout=STOP_TIMEOUT_S):
        return self.process.wait(timeout)

    def close(self):
        if self.process.poll() is None:
            self.kill()
        self.process.stdout.close()


class Coordinator(Program):
    def __init__(self, folder, *options, listen="127.0.0.1:0", state_dir=None, prefix=()):
        """`prefix`: a command that runs the coordinator."""
        super().__init__([*prefix, BIN / "alignflow-coordinator", "--listen", listen,
                          "--state-dir", state_dir or folder / "state", *options], folder / "coordinator.log")
        self.address = self.await_line(r"^listening on (\S+)$").group(1)


class Worker(Program):
    """Of one thread: these jobs are too small for more, and the tests do not slow down as much on a busy machine."""

    def __init__(self, folder, address, name="worker"):
        super().__init__([BIN / "alignflow-worker", "--coordinator", address, "--device", "cpu", "--threads", 1,
                          "--cache-dir", folder / f"{name}-cache"], folder / f"{name}.log")


class Service:
    """A coordinator and its workers on one state folder, killed and started again as a test likes."""

    def __init__(self, folder, prefix=()):
        """`prefix`: a command that runs the coordinator."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.prefix = folder, prefix
        self.coordinator = None
        self.workers = {}
        self.address = "127.0.0.1:0"

    def state_dir(self):
        return self.folder / "state"

    def start_coordinator(self, *options):
        """On the port of the first start from the second on, so that clients find it again."""
        self.coordinator = Coordinator(self.folder, *options, listen=self.address, prefix=self.prefix)
        self.address = self.coordinator.address
        return self

    def start_worker(self, name="worker"):
        self.workers[name] = Worker(self.folder, self.address, name)
        return self

    def restart_worker(self, name="worker"):
        self.workers[name].kill()
        self.start_worker(name)

    def restart_coordinator(self, *options):
        self.coordinator.kill()
        self.start_coordinator(*options)

    def api(self):
        return Api(self.address)

    def afctl(self, *arguments, expect=0):
        """Runs afctl with --json. Returns its document; its stderr is then in self.stderr."""
        done = subprocess.run([str(part) for part in (BIN / "afctl", *arguments, "--json")], capture_output=True,
                              text=True, timeout=COMMAND_TIMEOUT_S, env=self.environment())
        self.stderr = done.stderr
        assert done.returncode == expect, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)

    def start_afctl(self, *arguments, name):
        """afctl in the background, with --json. It is interrupted by SIGINT even where this process ignores it."""
        return Program(["env", "--default-signal=INT", BIN / "afctl", *arguments, "--json", "--server", self.address], self.folder / f"{name}.log")

    def environment(self):
        return {**os.environ, "AFCTL_SERVER": self.address, "AFCTL_CONFIG": str(self.folder / "afctl-config")}

    def close(self):
        for program in [*self.workers.values(), self.coordinator]:
            if program:
                program.close()
