"""What each kind of task costs on a large source: seconds, bytes read and peak memory of the worker, as a Markdown table."""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent / "study"))
from service import Service  # noqa: E402

# Few steps: what is measured is what a task costs before and after them.
SHORT = {"fit.iterations": 4, "judge.iterations": 4, "masks.iterations": 4, "evaluate.iterations": 4, "evaluate.seeds": 1,
         "align.iterations": 4, "align.pool": 32, "generate.steps": 2, "figures.samples": 32, "gates.attempts": 1, "masks.kind": "both"}
LINE = re.compile(r"task (\w+) \(([\w-]+)\) (leased|succeeded|failed)")
PAGE = os.sysconf("SC_PAGESIZE")


class Worker:
    """Counters of a process, from /proc."""

    def __init__(self, pid):
        self.folder = pathlib.Path(f"/proc/{pid}")

    def numbers(self, file):
        return {key: int(value.split()[0]) for key, value in
                (line.split(":") for line in (self.folder / file).read_text().splitlines()) if value.split()[0].isdigit()}

    def memory(self):
        """Bytes of anonymous memory, and of mapped pages of files."""
        status = self.numbers("status")
        return status["RssAnon"] * 1024, status["RssFile"] * 1024

    def read(self):
        return self.numbers("io")["rchar"]

    def cpu(self):
        fields = (self.folder / "stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Meter:
    """Follows the coordinator's log and takes a task's share of the worker's counters."""

    def __init__(self, log, worker):
        self.log, self.worker, self.rows, self.task = open(log), worker, {}, None
        self.log.seek(0, os.SEEK_END)
        self.idle, _ = worker.memory()

    def poll(self):
        anonymous, mapped = self.worker.memory()
        if self.task:
            self.task["peak"] = max(self.task["peak"], anonymous)
            self.task["mapped"] = max(self.task["mapped"], mapped)
        for line in self.log:
            found = LINE.search(line)
            if not found:
                continue
            _, kind, what = found.groups()
            now = {"time": time.monotonic(), "cpu": self.worker.cpu(), "read": self.worker.read()}
            if what == "leased":
                self.task = {"peak": anonymous, "mapped": mapped, "mapped_before": mapped, **now}
            elif self.task:
                row = self.rows.setdefault(kind, {"tasks": 0, "time": 0, "cpu": 0, "read": 0, "peak": 0})
                row["tasks"] += 1
                for counter in ("time", "cpu", "read"):
                    row[counter] += now[counter] - self.task[counter]
                row["read"] += max(0, self.task["mapped"] - self.task["mapped_before"])
                row["peak"] = max(row["peak"], self.task["peak"] - self.idle)
                self.task = None

    def table(self, title):
        print(f"\n{title}; the idle worker holds {self.idle / 2**20:.0f} MiB\n")
        print("| task | seconds | CPU seconds | GiB read | peak memory, GiB |\n| --- | --- | --- | --- | --- |")
        for kind, row in self.rows.items():
            each = [row[counter] / row["tasks"] for counter in ("time", "cpu", "read")]
            print(f"| {kind} | {each[0]:.1f} | {each[1]:.1f} | {each[2] / 2**30:.3f} | {row['peak'] / 2**30:.2f} |")
        sys.stdout.flush()


def child_of(pid):
    while True:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children:
            return int(children[0])
        time.sleep(0.05)


def run(options, count, work):
    data = work / "data"
    for name, images, domain, seed in (("source", count, "source", 1), ("target", max(50, count // 10), "target-a", 2),
                                       ("references", 10, "target-a", 3)):
        folder = data / f"{name}-{images}"
        if not folder.exists():
            subprocess.run([options.maker, folder, str(images), domain, str(seed)], check=True)
    state = work / f"state-{count}-{time.time_ns()}"
    state.mkdir(parents=True)
    os.environ["XDG_CACHE_HOME"] = str(state / "cache")
    settings = {**SHORT, **dict(setting.split("=", 1) for setting in options.set)}
    with Service(options.programs, str(state), 1) as service:
        start = time.monotonic()
        for name, images in (("source", count), ("target", max(50, count // 10))):
            service.afctl("dataset", "push", data / f"{name}-{images}", "--name", name, "--labels", "polyp=255")
        print(f"{count} images: pushed in {time.monotonic() - start:.0f} s", file=sys.stderr)
        meter = Meter(state / "coordinator.log", Worker(child_of(service.coordinator.pid)))
        arguments = ["align", "--source", "source", "--references", data / "references-10" / "images", "--pairs", options.pairs,
                     "--preset", options.preset]
        if options.target:
            arguments += ["--target", "target"]
        for key, value in settings.items():
            arguments += ["--set", f"{key}={value}"]
        job = service.afctl(*arguments)
        name = job.get("name") or job["job"]["name"]
        looked = 0
        while True:
            meter.poll()
            if time.monotonic() - looked > 5:
                looked = time.monotonic()
                job = service.afctl("job", "get", name)
                job = job.get("job", job)
                if job["state"] in ("JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"):
                    break
            time.sleep(0.02)
        meter.poll()
        meter.table(f"{count} images of 1024 pixels, {options.preset}, {options.programs}")
        if job["state"] != "JOB_STATE_SUCCEEDED":
            raise SystemExit(f"large_source: {job.get('error')}")
    subprocess.run(["rm", "-rf", state], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", nargs="*", type=int, default=[1000, 10000], help="images of the source (1000 10000)")
    parser.add_argument("--programs", default="build/bin", help="folder of the programs that are measured (build/bin)")
    parser.add_argument("--maker", default="build/bin/benchmark_large_source", help="the program that makes the images")
    parser.add_argument("--work", default="build/large-source", help="folder for images and state (build/large-source)")
    parser.add_argument("--preset", default="unet-128")
    parser.add_argument("--pairs", type=int, default=32)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="another setting of the job")
    parser.add_argument("--no-target", dest="target", action="store_false", help="leave out the downstream evaluation")
    options = parser.parse_args()
    options.maker = str(pathlib.Path(options.maker).resolve())
    for count in options.counts:
        run(options, count, pathlib.Path(options.work).resolve())


if __name__ == "__main__":
    main()
