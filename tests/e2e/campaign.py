#!/usr/bin/env python3
"""A kill campaign: jobs of every kind while coordinator and workers are killed, the network is cut, the disk is full, the clock
is set, stored bytes change and a worker lies, at random moments; then what must hold whatever happened.

  tests/e2e/campaign.py OUT --kills 500 --seed 1

Rounds of the same jobs on new state folders until so many processes were killed. After each round:
  - every job that was accepted has succeeded, and the commands that watched it and pulled its pairs have ended by
    themselves; where stored bytes were changed a job may fail, and then succeeds once it is run again (`afctl job rerun`);
  - each pair is there exactly once, its bytes those of an undisturbed run;
  - every stored blob's name is the SHA-256 of its bytes, but of blobs that were changed and that nobody has read since, and
    `alignflow-coordinator check` names no others;
  - a collection of garbage, after the first, finds nothing that is nobody's.
Prints one line a round, and one with the sum. The coordinator's clock is set by libfaketime, forwards and back by up to two
hours.
"""

import argparse
import collections
import hashlib
import pathlib
import random
import re
import shutil
import subprocess
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
# How often a job may have to be run again: each time something else that was changed may be read.
RERUNS = 8
# Seconds that a round's jobs may take after the last fault, and in all.
PATIENCE_S, LONGEST_ROUND_S = 400, 3600


class Round:
    def __init__(self, folder, data, jobs):
        self.folder, self.counts, self.kills, self.changed = folder, collections.Counter(), 0, set()
        self.lies = collections.Counter()
        folder.mkdir(parents=True)
        self.clock = faults.SteppedClock(folder / "clock")
        # A full disk sends no signal; the limit by which it is played does.
        self.service = processes.Service(folder, prefix=("env", "--ignore-signal=XFSZ", *self.clock.prefix()))
        self.service.start_coordinator()
        self.proxy = faults.CutableProxy(self.service.address)
        for name in WORKERS:
            self.start_worker(name)
        self.names = {kind: inputs.start_job(self.service, data, JOBS[kind]) for kind in jobs}
        self.pulls, self.watches = {}, {}
        for kind in jobs:
            self.follow(kind, self.names[kind])

    def follow(self, kind, name):
        """Waits for the kind's job, which this is now, and pulls its pairs."""
        self.names[kind] = name
        self.pulls[kind] = self.service.start_afctl("pairs", "pull", name, self.pairs(kind), name=f"pull {kind}")
        self.watches[kind] = self.service.start_afctl("job", "watch", name, name=f"watch {kind}")

    def pairs(self, kind):
        return self.folder / "pairs" / f"{kind} {self.names[kind].replace('/', ' ')}"

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
        answer = faults.lie(self.service.address, draw.uniform(0.1, 1), self.lies)
        if answer == grpc.StatusCode.OK:
            raise AssertionError("garbage was accepted as a result")

    def set_clock(self, draw):
        self.clock.step(draw.choice((-7200, -600, -5, 5, 600, 7200)))

    def change_blob(self, draw):
        blob = faults.flip_bit(self.service.state_dir(), draw)
        if blob:
            self.changed.add(blob)

    FAULTS = ((kill_worker, 12), (kill_coordinator, 8), (kill_both, 2), (cut_network, 4), (fill_disk, 2), (lie, 2), (set_clock, 2),
              (change_blob, 1))

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

    def repair(self, kind, expected):
        """Runs the kind's job again for as long as changed bytes keep it from its pairs."""
        for _ in range(RERUNS):
            ended = {waiting: waiting.wait(PATIENCE_S) for waiting in (self.watches[kind], self.pulls[kind])}
            if not any(ended.values()):
                break
            logs = "\n".join(waiting.log_text()[-1000:] for waiting in ended)
            assert self.changed, f"{kind}: {logs}"
            for waiting in ended:
                waiting.close()
            self.counts["rerun"] += 1
            self.follow(kind, self.service.afctl("job", "rerun", self.names[kind])["name"])
        else:
            raise AssertionError(f"{kind}: it has failed {RERUNS} times: {logs}")
        job = self.service.afctl("job", "get", self.names[kind])
        assert job["state"] == "JOB_STATE_SUCCEEDED", f"{kind}: {job['error']}"
        found = inputs.check_pulled(self.pairs(kind))
        assert found == expected[kind], f"{kind}: {sum(found[n] != expected[kind][n] for n in found)} files differ"

    def check(self, expected):
        for kind in self.names:
            self.repair(kind, expected)
        # Files have the machine's time: to a clock that was set back they are of the future, and no file is removed for that.
        self.clock.step(-self.clock.offset)
        expect_no_orphans(self.service)
        stored = faults.stored_blobs(self.service.state_dir())
        assert stored
        damaged = {digest for digest, blob in stored.items() if hashlib.sha256(blob.read_bytes()).hexdigest() != digest}
        assert damaged <= self.changed, f"blobs that nobody changed are others: {damaged - self.changed}"
        assert self.named_as_damaged() <= damaged

    def named_as_damaged(self):
        done = subprocess.run([processes.BIN / "alignflow-coordinator", "check", "--state-dir", self.service.state_dir()],
                              capture_output=True, text=True, timeout=300, check=False)
        assert not re.search("^catalog: ", done.stdout, re.MULTILINE), done.stdout
        return set(re.findall("^damaged: blob ([0-9a-f]{64})$", done.stdout, re.MULTILINE))

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
