"""A coordinator with workers on this machine, and afctl as a function."""

import json
import os
import subprocess
import time

SILENCE = 600  # seconds


class Service:
    def __init__(self, programs, state, workers):
        self.programs = programs
        self.log = open(os.path.join(state, "coordinator.log"), "ab")
        self.coordinator = subprocess.Popen(
            [f"{programs}/alignflow-coordinator", "--listen", "127.0.0.1:0",
             f"--spawn-workers={workers}", "--state-dir", state],
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.coordinator.stdout.readline()
        if not line.startswith("listening on "):
            raise SystemExit(f"study: the coordinator did not start; see {self.log.name}")
        self.address = line.split()[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.coordinator.terminate()
        self.coordinator.wait(timeout=120)
        self.log.close()

    def afctl(self, *arguments, check=True):
        """What afctl prints as JSON; None if it fails and `check` is off."""
        done = subprocess.run(
            [f"{self.programs}/afctl", "--server", self.address, "--json", *map(str, arguments)],
            capture_output=True, text=True, timeout=3600)
        if done.returncode != 0:
            if not check:
                return None
            raise SystemExit(f"study: afctl {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def wait(self, job, report):
        """The job once it has ended; `report` is called with it now and then. A coordinator beside busy workers may
        be late: ten minutes without an answer end the study."""
        answered = time.monotonic()
        while True:
            state = self.afctl("job", "get", job, check=time.monotonic() - answered > SILENCE)
            if state is None:
                time.sleep(5)
                continue
            answered = time.monotonic()
            state = state.get("job", state)
            report(state)
            if state["state"] in ("JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"):
                return state
            time.sleep(5)
