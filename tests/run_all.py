"""Runs every test there is and sums up: format check, GoogleTest binaries, end-to-end tests.

The last line is "N passed, N failed". Full output goes to build/test-logs/; what failed is shown here.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "test-logs"
ROOMS = ("common", "server", "worker", "client", "tests", "benchmarks")
BINARY_TIMEOUT_S = 30 * 60
E2E_TIMEOUT_S = 40 * 60
LEAST_MEMORY_FOR_FILES = 4 << 30
MOST_AT_ONCE = 4  # a process of the tasks' tests takes up to 2 GiB
LONGEST = ("tasks_test", "server_test on PostgreSQL", "server_test", "networks_test", "engine_test")
IN_PARTS = {"tasks_test": 2}  # which take longer than all others together
# Once more with their catalogs in PostgreSQL: all but those of SQLite's file, of no catalog, and of PostgreSQL itself.
ON_POSTGRESQL = "*-" + ":".join(f"{suite}.*" for suite in (
    "All/BlobStoreTest", "BadNeighboursTest", "BlobOwnersTest", "BucketOptionsTest", "BucketStateTest", "BucketTest",
    "CachedObjectBlobsTest", "CatalogFileTest", "CredentialsTest", "FleetMetricsTest", "FolderBlobsTest",
    "FrozenStateTest", "ObjectBlobsTest", "OldCatalogTest", "PostgresAddressTest", "PostgresEngineTest",
    "ResultDocumentsTest", "ResultFormsTest", "StateBackupTest", "StateMoveTest", "TenantMetricsTest"))


class Total:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []
        self.lock = threading.Lock()

    def add(self, name, passed, failed, skipped, seconds):
        self.passed += passed
        self.failed += [f"{name}: {test}" for test in failed]
        self.skipped += [f"{name}: {test}" for test in skipped]
        print(f"{name}: {passed} passed, {len(failed)} failed, {len(skipped)} skipped in {seconds:.0f} s", flush=True)


def run(command, log, timeout, environment=None):
    """Exit status and output; 124 where the time ran out."""
    try:
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
                              env={**os.environ, **(environment or {})})
        status, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as expired:
        status, output = 124, (expired.stdout or b"") + b"\n(ran out of time)\n"
    text = output.decode(errors="replace")
    log.write_text(text)
    return status, text


def check_format(total):
    start = time.monotonic()
    files = [str(path.relative_to(ROOT)) for room in ROOMS for pattern in ("*.cc", "*.h")
             for path in sorted((ROOT / room).rglob(pattern))]
    status, text = run(["clang-format", "--dry-run", "--Werror", *files], LOGS / "format.log", 600)
    if status:
        print(text[:4000])
    total.add("format", int(status == 0), ["clang-format"] if status else [], [], time.monotonic() - start)


def parse_googletest(status, text):
    """(passed, failed names, skipped names). A test that began and did not end has failed."""
    ended = dict(re.findall(r"^\[ +(?:OK|FAILED|SKIPPED) +\] ([\w/]+\.[\w/]+)(?:, where .*)? \((\d+) ms\)$", text, re.M))
    names = {word: re.findall(rf"^\[ +{word} +\] ([\w/]+\.[\w/]+)(?:, where .*)? \(\d+ ms\)$", text, re.M)
             for word in ("OK", "FAILED", "SKIPPED")}
    began = re.findall(r"^\[ RUN +\] ([\w/]+\.[\w/]+)$", text, re.M)
    failed = names["FAILED"] + [f"{name} (did not end)" for name in began if name not in ended]
    planned = re.search(r"^\[=+\] Running (\d+) tests?", text, re.M)
    never = (int(planned.group(1)) if planned else 0) - len(set(began))
    failed += [f"test {i + 1} of {never} that never began" for i in range(never)]
    if status and not failed:
        failed = [f"exit status {status}"]
    return len(names["OK"]), failed, names["SKIPPED"]


def show_failed(text, failed):
    """Prints each failed GoogleTest's own output, and the end of everything where one did not end."""
    for name in failed:
        section = re.search(rf"^\[ RUN +\] {re.escape(name)}\n(.*?)^\[  FAILED  \]", text, re.M | re.S)
        print(f"--- {name}\n" + (section.group(1)[-4000:] if section else text[-4000:]))


def temporary_folder():
    """Environment of tests whose files needn't outlive a power cut: in memory, where there is enough of it."""
    memory = pathlib.Path("/dev/shm")
    if "TMPDIR" in os.environ or not os.access(memory, os.W_OK):
        return {}
    return {"TMPDIR": str(memory)} if shutil.disk_usage(memory).free >= LEAST_MEMORY_FOR_FILES else {}


def googletest_binaries():
    """The test binaries of the present build, as CTest knows them: an old one may still lie in build/bin."""
    listed = subprocess.run(["ctest", "--test-dir", "build", "--show-only=json-v1"], cwd=ROOT, check=True,
                            stdout=subprocess.PIPE).stdout
    return sorted({test["command"][0] for test in json.loads(listed)["tests"] if test.get("command")})


def run_binary(total, name, command, environment=None):
    """One GoogleTest binary, as a line of the sum called so."""
    start = time.monotonic()
    status, text = run(command, LOGS / f"{name.replace(' ', '_')}.log", BINARY_TIMEOUT_S,
                       {**temporary_folder(), **(environment or {})})
    passed, failed, skipped = parse_googletest(status, text)
    with total.lock:
        show_failed(text, failed)
        total.add(name, passed, failed, skipped, time.monotonic() - start)


def run_googletest(total):
    """All binaries, as many at once as there are processors (most tests use one thread), the longest first; among
    them the tests that keep a catalog, once more with their catalogs in PostgreSQL."""
    binaries = {}
    for binary in googletest_binaries():
        name = pathlib.Path(binary).name
        parts = IN_PARTS.get(name, 1)
        for part in range(parts):
            title = f"{name} {part + 1} of {parts}" if parts > 1 else name
            binaries[title] = (total, title, [binary], {"GTEST_TOTAL_SHARDS": str(parts), "GTEST_SHARD_INDEX": str(part)})
    on_postgresql = "server_test on PostgreSQL"
    if list(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        binaries[on_postgresql] = (total, on_postgresql, ["build/bin/server_test", f"--gtest_filter={ON_POSTGRESQL}"],
                                   {"ALIGNFLOW_TEST_CATALOG": "postgresql"})
    else:
        total.add(on_postgresql, 0, [], ["no PostgreSQL is installed (scripts/setup.sh)"], 0)

    def place(title):
        name = title if title in LONGEST else title.split()[0]
        return LONGEST.index(name) if name in LONGEST else len(LONGEST)

    with concurrent.futures.ThreadPoolExecutor(min(os.cpu_count() or 1, MOST_AT_ONCE)) as pool:
        for done in [pool.submit(run_binary, *binaries[title]) for title in sorted(binaries, key=place)]:
            done.result()


def run_e2e(total, python):
    start, report = time.monotonic(), LOGS / "e2e.xml"
    report.unlink(missing_ok=True)
    status, text = run([python, "-m", "pytest", "tests/e2e", f"--junitxml={report}"], LOGS / "e2e.log", E2E_TIMEOUT_S)
    passed, failed, skipped = 0, [], []
    if report.exists():
        for case in xml.etree.ElementTree.parse(report).iter("testcase"):
            kinds = {child.tag for child in case}
            name = f"{case.get('classname', '').split('.')[-1]}.{case.get('name')}"
            if kinds & {"failure", "error"}:
                failed.append(name)
            elif "skipped" in kinds:
                skipped.append(name)
            else:
                passed += 1
    if status and not failed:
        failed = [f"pytest ended with {status}"]
    if failed:
        print(text[-20000:])
    total.add("e2e", passed, failed, skipped, time.monotonic() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default="", help="the Python of the end-to-end tests; without it they do not run")
    args = parser.parse_args()
    LOGS.mkdir(parents=True, exist_ok=True)
    total = Total()
    check_format(total)
    run_googletest(total)
    if args.python:
        run_e2e(total, args.python)
    for word, names in (("skipped", total.skipped), ("FAILED", total.failed)):
        for name in names:
            print(f"{word} {name}")
    print(f"{total.passed} passed, {len(total.failed)} failed")
    return 0 if total.passed and not total.failed else 1


if __name__ == "__main__":
    sys.exit(main())
