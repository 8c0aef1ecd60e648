"""The catalog in a real PostgreSQL: the database restarts, the coordinator dies and a stand-by takes over."""

import subprocess

import grpc
import pytest

import databases
from crash_test import Rampage
from inputs import LONGER, check_pulled, start_job
from processes import BIN, Coordinator, Program, poll
from security_test import Authority

pytestmark = pytest.mark.skipif(not databases.installed(), reason="no PostgreSQL is installed (scripts/setup.sh)")


@pytest.fixture(scope="module")
def postgres():
    server = databases.Postgres()
    yield server
    server.close()


class Standby(Program):
    """A coordinator that waits for its turn."""

    def __init__(self, service, url, name):
        super().__init__([BIN / "alignflow-coordinator", "--listen", service.address, "--state-dir",
                          service.state_dir(), "--catalog", url, "--standby"], service.folder / f"{name}.log")
        self.address = service.address

    def await_standing_by(self):
        poll(lambda: "standing by" in self.log_text(), 60, "the stand-by")
        return self


def coordinator_command(*arguments):
    return subprocess.run([BIN / "alignflow-coordinator", *map(str, arguments)], capture_output=True, text=True,
                          timeout=120)


def probe(service):
    return coordinator_command("--probe", "--state-dir", service.state_dir())


def test_a_job_goes_on_while_the_database_restarts_and_a_standby_takes_over(new_service, data, undisturbed, postgres,
                                                                             tmp_path):
    url = postgres.create("failover")
    service = new_service().start_coordinator("--catalog", url).start_worker()
    standby = Standby(service, url, "standby").await_standing_by()
    try:
        job = start_job(service, data, LONGER)
        pull = service.start_afctl("pairs", "pull", job, tmp_path / "pairs", name="pull")
        watch = service.start_afctl("job", "watch", job, name="watch")

        def strike(stage):
            if stage == "fit":
                postgres.stop()
                postgres.start()
            if stage == "align":
                service.coordinator.kill()
                standby.await_line(r"^listening on ")
                service.coordinator = standby

        rampage = Rampage(service, job, strike)
        ended = rampage.run()
        assert ended.state == service.api().jobs.JOB_STATE_SUCCEEDED, ended.error
        assert {"fit", "align"} <= rampage.struck
        assert not any(stage.retries for stage in ended.stages), "the worker kept its leases"
        assert pull.wait(120) == 0, pull.log_text()
        assert watch.wait(120) == 0, watch.log_text()
        assert check_pulled(tmp_path / "pairs") == undisturbed
        assert standby.terminate() == 0
        checked = coordinator_command("check", "--state-dir", service.state_dir())
        assert checked.returncode == 0 and " 0 lost, 0 damaged" in checked.stdout, checked.stdout + checked.stderr
    finally:
        standby.close()


def test_while_the_database_is_gone_calls_say_so_and_go_on_once_it_is_back(new_service, postgres):
    service = new_service().start_coordinator("--catalog", postgres.create("outage"))
    service.afctl("job", "list")
    postgres.stop()
    try:
        poll(lambda: probe(service).stdout.startswith("not serving"), 60, "an unhealthy coordinator")
        api = service.api()
        with pytest.raises(grpc.RpcError) as refused:
            api.get_job("jobs/none")
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
        assert "database does not answer" in refused.value.details()
        api.close()
    finally:
        postgres.start()
    poll(lambda: probe(service).returncode == 0, 60, "a healthy coordinator")
    assert service.afctl("job", "list")["jobs"] == []


def test_a_second_coordinator_and_a_password_in_the_address_are_refused(new_service, postgres):
    url = postgres.create("refusals")
    service = new_service().start_coordinator("--catalog", url)
    start = ("--listen", "127.0.0.1:0", "--catalog", url, "--state-dir")
    second = coordinator_command(*start, service.state_dir())
    assert second.returncode == 1 and "another coordinator has this database" in second.stderr
    stranger = coordinator_command(*start, service.folder / "other")
    assert stranger.returncode == 1 and "another state folder's" in stranger.stderr
    refused = coordinator_command("--listen", "127.0.0.1:0", "--state-dir", service.folder / "other", "--catalog",
                                  "postgresql://alignflow:hunter2@localhost/refusals")
    assert refused.returncode == 1 and "PGPASSFILE" in refused.stderr and "hunter2" not in refused.stderr


def test_a_server_is_verified_by_its_certificate_and_its_name(new_service, tmp_path):
    authority, other = Authority(tmp_path, "ca"), Authority(tmp_path, "other")
    server = databases.Postgres(authority.sign("server", subject="DNS:localhost"))
    try:
        server.create("guarded")
        at = f"postgresql://alignflow@{{}}:{server.port}/guarded?sslmode=verify-full&sslrootcert={{}}"

        def refused(host, ca):
            done = coordinator_command("--listen", "127.0.0.1:0", "--state-dir", tmp_path / "state", "--catalog", at.format(host, ca))
            assert done.returncode == 1 and not (tmp_path / "state" / "catalog-id").exists(), done.stderr
            return done.stderr

        assert "certificate verify failed" in refused("localhost", other.ca)
        assert "does not match host name" in refused("127.0.0.1", authority.ca)
        service = new_service().start_coordinator("--catalog", at.format("localhost", authority.ca))
        assert service.afctl("job", "list")["jobs"] == []
        sessions = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE datname = 'guarded'"
        assert server.sql(sessions) == "t"
    finally:
        server.close()


def test_a_state_folder_moves_into_a_database_and_its_keys_with_it(new_service, finished_job, service, postgres,
                                                                   tmp_path):
    del finished_job  # there is a job
    state, url = tmp_path / "state", postgres.create("moved")
    copied = coordinator_command("backup", "--state-dir", service.state_dir(), "--to", state)
    assert copied.returncode == 0, copied.stderr
    moved = coordinator_command("migrate-state", "--state-dir", state, "--catalog", url)
    assert moved.returncode == 0, moved.stderr
    rows = {line.split()[1]: int(line.split()[0]) for line in moved.stdout.splitlines()[:-1]}
    assert rows["jobs"] == int(postgres.sql("SELECT COUNT(*) FROM jobs", "moved")) > 0
    assert coordinator_command("check", "--state-dir", state).returncode == 0
    without = coordinator_command("--listen", "127.0.0.1:0", "--state-dir", state)
    assert without.returncode == 1 and f"--catalog '{url}'" in without.stderr
    other = new_service()
    coordinator = Coordinator(other.folder, "--catalog", url, state_dir=state)
    other.coordinator, other.address = coordinator, coordinator.address
    names = {job["name"] for job in service.afctl("job", "list")["jobs"]}
    assert {job["name"] for job in other.afctl("job", "list")["jobs"]} == names
    made = coordinator_command("keys", "create", "--state-dir", state, "--role", "viewer", "--name", "me")
    assert made.returncode == 0, made.stderr
    assert postgres.sql("SELECT role FROM access_keys", "moved") == "viewer"
