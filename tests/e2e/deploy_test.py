"""What an administrator gets: installed files, services, containers, probes. The packages themselves are tested by tests/deploy/install_test.sh."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from api import ROOT
from inputs import PAIRS, check_pulled, set_options
from processes import BIN, Coordinator, Program, Service, poll
from security_test import Authority, make_key

DEPLOY = ROOT / "deploy"
UNITS = [DEPLOY / "systemd" / f"alignflow-{name}.service" for name in ("coordinator", "worker")]
HERE = ROOT / "tests" / "e2e"
UID = 10001


def probe(program, *options):
    return subprocess.run([str(part) for part in (BIN / program, "--probe", *options)], capture_output=True, text=True, timeout=60)


def run_job(service, data):
    """A small whole job on running programs; every pair is pulled."""
    service.afctl("dataset", "push", "source", data / "source", "--labels", "polyp=255")
    job = service.afctl("align", "--source", "source", "--references", data / "references", "--pairs", PAIRS, *set_options())["name"]
    service.afctl("pairs", "pull", job, service.folder / "pairs")
    check_pulled(service.folder / "pairs")


# Probes.

def test_the_coordinators_probe_says_whether_it_takes_work(tmp_path):
    state = tmp_path / "state"
    done = probe("alignflow-coordinator", "--state-dir", state)
    assert done.returncode == 1 and "no coordinator listens" in done.stderr
    coordinator = Coordinator(tmp_path)
    done = probe("alignflow-coordinator", "--state-dir", state)
    assert (done.returncode, done.stdout) == (0, "serving\n"), done.stderr
    coordinator.kill()
    assert probe("alignflow-coordinator", "--state-dir", state).returncode == 1
    coordinator.close()
    full = Coordinator(tmp_path, "--disk-reserve", 1 << 60)
    poll(lambda: probe("alignflow-coordinator", "--state-dir", state).returncode == 1, 20, "the probe to fail")
    done = probe("alignflow-coordinator", "--state-dir", state, "--live")
    assert done.returncode == 0 and done.stdout.startswith("not serving"), done.stderr
    assert full.terminate() == 0
    assert probe("alignflow-coordinator", "--state-dir", state, "--live").returncode == 1
    full.close()


def test_the_coordinators_probe_knows_its_certificate_from_another(tmp_path):
    authority = Authority(tmp_path, "ca")
    certificate = authority.sign("server", subject="DNS:alignflow.example")
    make_key(tmp_path / "state", "admin")
    coordinator = Coordinator(tmp_path, "--tls-cert", certificate[0], "--tls-key", certificate[1], listen="0.0.0.0:0")
    done = probe("alignflow-coordinator", "--state-dir", tmp_path / "state")
    assert done.returncode == 0, done.stderr
    note = tmp_path / "state" / "listening"
    note.write_text(f"{coordinator.address}\n{Authority(tmp_path, 'other').ca}\n")
    done = probe("alignflow-coordinator", "--state-dir", tmp_path / "state")
    assert done.returncode == 1 and "certificate" in done.stderr
    assert coordinator.terminate() == 0
    coordinator.close()


def test_the_workers_probe_says_whether_it_hears_from_its_coordinator(tmp_path):
    cache = tmp_path / "cache"
    assert probe("alignflow-worker", "--cache-dir", cache).returncode == 1
    coordinator = Coordinator(tmp_path)
    worker = Program([BIN / "alignflow-worker", "--coordinator", coordinator.address, "--device", "cpu", "--cache-dir", cache],
                     tmp_path / "worker.log")
    poll(lambda: probe("alignflow-worker", "--cache-dir", cache).returncode == 0, 60, "the worker's first answer")
    contact, = cache.glob("workers/*/contact")
    contact.write_text(str(int(contact.read_text()) - 3600))
    done = probe("alignflow-worker", "--cache-dir", cache)
    assert done.returncode == 1 and "1h" in done.stdout
    for program in (worker, coordinator):
        assert program.terminate() == 0
        program.close()
    assert probe("alignflow-worker", "--cache-dir", cache).returncode == 1


# What is installed.

@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], check=False).returncode != 0:
        pytest.skip("needs root and mount namespaces")
    folder = tmp_path_factory.mktemp("stage")
    for component in ("coordinator", "client", "worker"):
        subprocess.run(["cmake", "--install", ROOT / "build", "--prefix", "/usr", "--component", component], check=True,
                       capture_output=True, timeout=300, env={**os.environ, "DESTDIR": str(folder)})
    yield folder
    shutil.rmtree(folder)  # half a gigabyte


def test_installed_programs_do_a_whole_job_in_a_read_only_root_without_root(stage, data, tmp_path):
    service = Service(tmp_path / "contained")
    folders = [tmp_path / "state", tmp_path / "cache"]
    for folder in folders:
        folder.mkdir()
        os.chown(folder, UID, UID)
    contained = ["unshare", "--mount", HERE / "read_only_root.sh", stage, *folders]
    service.coordinator = Program([*contained, "/usr/bin/alignflow-coordinator", "--state-dir", "/var/lib/alignflow/state", "--listen",
                                   "127.0.0.1:0"], service.folder / "coordinator.log")
    service.address = service.coordinator.await_line(r"^listening on (\S+)$").group(1)
    service.workers["worker"] = Program([*contained, "/usr/bin/alignflow-worker", "--coordinator", service.address, "--threads", "1"],
                                        service.folder / "worker.log")
    run_job(service, data)
    for program, options in (("coordinator", ["--state-dir", "/var/lib/alignflow/state"]), ("worker", [])):
        done = subprocess.run([*contained, f"/usr/bin/alignflow-{program}", "--probe", *options], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
    refused = subprocess.run([*contained, "/usr/bin/touch", "/usr/bin/x", "/x"], capture_output=True, text=True, timeout=60)
    assert refused.stderr.count("Read-only file system") == 2
    for program in (service.workers["worker"], service.coordinator):
        assert program.terminate() == 0, program.log_text()
    owners = {file.stat().st_uid for folder in folders for file in folder.rglob("*")}
    assert owners == {UID}
    service.close()


def test_licences_of_what_is_shipped_are_installed(stage):
    found = {str(file.relative_to(stage / "usr/share")) for file in (stage / "usr/share").rglob("*") if file.is_file()}
    for licence in ("doc/alignflow-worker/licenses/torch/LICENSE", "doc/alignflow-worker/licenses/torch/NOTICE",
                    "doc/alignflow-worker/licenses/nvidia_cuda_runtime/License.txt",
                    "doc/alignflow-worker/licenses/nvidia_cuda_cupti/License.txt", "alignflow/models/LICENSE.efficientnet-lite"):
        assert licence in found


# Services.

@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_units_are_hardened(unit):
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=24", unit], capture_output=True, text=True, timeout=60)
    level = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert level and float(level.group(1)) < 2.5, done.stdout + done.stderr
    assert done.returncode == 0


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_a_whole_job_gets_by_with_the_system_calls_that_the_units_allow(data, tmp_path):
    service = Service(tmp_path / "filtered")
    under = {unit.stem: [sys.executable, HERE / "unit_filter.py", unit] for unit in UNITS}
    service.coordinator = Coordinator(service.folder, prefix=under["alignflow-coordinator"])
    service.address = service.coordinator.address
    service.workers["worker"] = Program(
        [*under["alignflow-worker"], BIN / "alignflow-worker", "--coordinator", service.address, "--threads", "1", "--device", "cpu",
         "--cache-dir", tmp_path / "cache"], service.folder / "worker.log")
    run_job(service, data)
    for program in (service.workers["worker"], service.coordinator):
        assert program.terminate() == 0, program.log_text()
    service.close()


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_the_units_command_lines_are_ones_that_the_programs_know(unit):
    text = unit.read_text()
    options = dict(re.findall(r'^(OPTIONS)="(.*)"$', unit.with_suffix(".default").read_text(), re.M))["OPTIONS"]
    program, *arguments = re.search(r"^ExecStart=/usr/bin/(.+)$", text, re.M).group(1).replace("$OPTIONS", options).split()
    assert_known(program, arguments)


def assert_known(program, arguments):
    """The program has every option of the command line. Help is asked for last, so that nothing starts."""
    done = subprocess.run([BIN / program, "--help"], capture_output=True, text=True, timeout=60)
    named = [argument.split("=")[0] for argument in arguments if argument.startswith("--")]
    assert named
    for option in named:
        assert re.search(rf"^\s+{option}\b", done.stdout, re.M), f"{program} has no {option}"


# Containers.

def test_compose_file_fits_together():
    document = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    dockerfile = (ROOT / "Dockerfile").read_text()
    stages = re.findall(r"^FROM \S+ AS (\S+)$", dockerfile, re.M)
    for name, service in document["services"].items():
        assert service["build"]["target"] in stages
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["user"] == f"{UID}:{UID}"
        assert set(service["secrets"]) <= set(document["secrets"])
        for volume in service["volumes"]:
            source, target = volume.split(":")
            assert source in document["volumes"] and f"VOLUME {target}" in dockerfile
        assert_known(f"alignflow-{name}", service["command"])
        for secret in re.findall(r"/run/secrets/(\S+)", " ".join(service["command"])):
            assert secret in service["secrets"]
    assert set().union(*(service["secrets"] for service in document["services"].values())) == set(document["secrets"])


def test_dockerfile_runs_programs_that_are_installed_with_options_that_they_know():
    dockerfile = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    entries = re.findall(r'^ENTRYPOINT \["/usr/bin/([\w-]+)"\]\nCMD \[(.*)\]$', dockerfile, re.M)
    assert [program for program, _ in entries] == ["alignflow-coordinator", "alignflow-worker"]
    for program, command in entries:
        assert_known(program, re.findall(r'"([^"]+)"', command))
    assert dockerfile.count(f"USER {UID}:{UID}") == 3


# Without a network.

def test_a_changed_bundle_is_not_installed(tmp_path):
    if os.geteuid() != 0 or "bookworm" not in pathlib.Path("/etc/os-release").read_text():
        pytest.skip("needs root on Debian 12")
    shutil.copy(DEPLOY / "install.sh", tmp_path)
    (tmp_path / "Packages").write_text("as it was made\n")
    with open(tmp_path / "SHA256SUMS", "w") as sums:
        subprocess.run(["sha256sum", "Packages", "install.sh"], cwd=tmp_path, stdout=sums, check=True)
    (tmp_path / "Packages").write_text("changed on its way\n")
    done = subprocess.run([tmp_path / "install.sh"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "copy it anew" in done.stderr


def test_a_bundle_without_packages_says_how_to_make_them(tmp_path):
    done = subprocess.run([DEPLOY / "bundle.sh", tmp_path / "out.tar", "--packages", tmp_path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "cpack --config build/CPackConfig.cmake" in done.stderr
    assert list(tmp_path.iterdir()) == []
