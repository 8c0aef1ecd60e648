#!/usr/bin/env python3
"""A kill campaign: jobs of every kind while coordinator and workers are killed, the network is cut, the disk is full and a worker
lies, at random moments; then what must hold whatever happened.

  tests/e2e/campaign.py OUT --kills 500 --seed 1

Rounds of the same jobs on new state folders until so many processes were killed. After each round:
  - every job that was accepted has succeeded, and the commands that watched it and pulled its pairs have ended by
    themselves;
  - each pair is there exactly once, its bytes those of an undisturbed run;
  - every stored blob's name is the SHA-256 of its bytes;
  - a collection of garbage, after the first, finds nothing that is nobody's.
Prints one line a round, and one with the sum. The clock is not stepped: that takes root.
"""

import argparse
import collections
import hashlib
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time

import grpc

import api
import faults
import inputs
import processes
from crash_test import expect_no_orphans

FEW = {"align.iterations": "24", "align.pool": "64", "generate.steps": "20"}
JOBS = {
    "alignflow": inputs.LONGER,
    "every stage": inputs.WHOLE,
    "from noise": {**inputs.SETTINGS, **FEW, "generate.mix": "generated:1", "align.tune": "control"},
    "stage 1": {**inputs.SETTINGS, "method": "controlnet-fm"},
    "reinhard": {**inputs.SETTINGS, "method": "reinhard"},
    "fda": {**inputs.SETTINGS, "method": "fda"},
    "framing": {**inputs.SETTINGS, "method": "framing"},
}
SHORT = ("alignflow", "reinhard")
WORKERS = ("one", "two")
# Seconds that a round's jobs may take after the last fault, and in all.
PATIENCE_S, LONGEST_ROUND_S = 400, 3600


class Round:
    def __init__(self, folder, data, jobs):
        self.folder, self.counts, self.kills = folder, collections.Counter(), 0
        # A full disk sends no signal; the limit by which it is played does.
        self.service = processes.Service(folder, prefix=("env", "--ignore-signal=XFSZ"))
        self.service.start_coordinator()
        self.proxy = faults.CutableProxy(self.service.address)
        for name in WORKERS:
            self.start_worker(name)
        self.names = {kind: inputs.start_job(self.service, data, JOBS[kind]) for kind in jobs}
        self.pulls = {kind: self.service.start_afctl("pairs", "pull", name, folder / "pairs" / kind, name=f"pull {kind}")
                      for kind, name in self.names.items()}
        self.watches = {kind: self.service.start_afctl("job", "watch", name, name=f"watch {kind}")
                        for kind, name in self.names.items()}

    def start_worker(self, name):
        self.service.workers[name] = processes.Worker(self.folder, self.proxy.address, name)

    # The faults. Each leaves the service as it has to come out of it by itself.
    def kill_worker(self, draw):
        name = draw.choice(WORKERS)
        self.service.workers[name].kill()
        self.start_worker(name)
        self.kills += 1

    def kill_coordinator(self, draw):
        self.service.restart_coordinator()
        self.kills += 1

    def kill_both(self, draw):
        name = draw.choice(WORKERS)
        self.service.coordinator.kill()
        self.service.workers[name].kill()
        self.service.start_coordinator()
        self.start_worker(name)
        self.kills += 2

    def cut_network(self, draw):
        self.proxy.cut(draw.uniform(0.1, 3))

    def fill_disk(self, draw):
        process = self.service.coordinator.process
        faults.fill_disk(process, draw.choice((0, 1 << 14, 1 << 18)))
        threading.Event().wait(draw.uniform(0.1, 2))
        if process.poll() is None:
            faults.fill_disk(process, None)
        else:
            raise AssertionError(f"the coordinator ended on a full disk:\n{self.service.coordinator.log_text()[-2000:]}")

    def lie(self, draw):
        answer = faults.lie(self.service.address, draw.uniform(0.1, 1))
        if answer == grpc.StatusCode.OK:
            raise AssertionError("garbage was accepted as a result")

    FAULTS = ((kill_worker, 6), (kill_coordinator, 4), (kill_both, 1), (cut_network, 2), (fill_disk, 1), (lie, 1))

    def ended(self):
        """Whether every command that waits for a job has ended."""
        return all(watch.process.poll() is not None for watch in self.watches.values())

    def disturb(self, draw, kills):
        """Faults at random moments until so many kills, or until the jobs have ended."""
        begun = time.monotonic()
        kinds, weights = zip(*self.FAULTS)
        while self.kills < kills and not self.ended() and time.monotonic() - begun < LONGEST_ROUND_S:
            threading.Event().wait(draw.expovariate(1 / 2.0))
            fault = draw.choices(kinds, weights)[0]
            self.counts[fault.__name__.replace("_", " ")] += 1
            fault(self, draw)

    def check(self, expected):
        for kind, name in self.names.items():
            for waiting in (self.watches[kind], self.pulls[kind]):
                assert waiting.wait(PATIENCE_S) == 0, f"{kind}: {waiting.log_text()[-2000:]}"
            job = self.service.afctl("job", "get", name)
            assert job["state"] == "JOB_STATE_SUCCEEDED", f"{kind}: {job['error']}"
            found = inputs.check_pulled(self.folder / "pairs" / kind)
            assert found == expected[kind], f"{kind}: {sum(found[n] != expected[kind][n] for n in found)} files differ"
        expect_no_orphans(self.service)
        for blob in (self.service.state_dir() / "blobs").rglob("*"):
            if blob.is_file() and len(blob.name) == 64:
                assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name, f"blob {blob.name} is another"

    def close(self):
        self.proxy.close()
        for waiting in (*self.watches.values(), *self.pulls.values()):
            waiting.close()
        self.service.close()


def undisturbed(folder, data, jobs):
    """The digests of each job's files where nothing goes wrong."""
    service = processes.Service(folder)
    try:
        service.start_coordinator()
        for name in WORKERS:
            service.start_worker(name)
        names = {kind: inputs.start_job(service, data, JOBS[kind]) for kind in jobs}
        found = {}
        for kind, name in names.items():
            service.afctl("pairs", "pull", name, folder / "pairs" / kind)
            found[kind] = inputs.check_pulled(folder / "pairs" / kind)
        return found
    finally:
        service.close()


def run(out, data, kills, seed, jobs=tuple(JOBS)):
    """Raises AssertionError where something does not hold; the round's folder is then kept."""
    draw = random.Random(seed)
    expected = undisturbed(out / "undisturbed", data, jobs)
    done, counts, begun, number = 0, collections.Counter(), time.monotonic(), 0
    while done < kills:
        number += 1
        folder = out / f"round-{number}"
        current = Round(folder, data, jobs)
        try:
            current.disturb(draw, kills - done)
            current.check(expected)
        finally:
            current.close()
        done += current.kills
        counts += current.counts
        shutil.rmtree(folder)
        print(f"round {number}: {current.kills} kills, {dict(current.counts)}; all holds", flush=True)
    print(f"seed {seed}: {done} kills in {number} rounds and {time.monotonic() - begun:.0f} s, {dict(counts)}; all held",
        flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", metavar="OUT", type=pathlib.Path, help="a new folder")
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS), metavar="JOB", help=f"of {', '.join(JOBS)}")
    options = parser.parse_args()
    options.out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as stubs:
        api.generate(stubs)
        helper = processes.Service(options.out / "data-service")
        inputs.make_phantoms(helper, options.out / "data")
        run(options.out, options.out / "data", options.kills, options.seed, options.jobs)


if __name__ == "__main__":
    sys.exit(main())
