"""kill -9 of worker and coordinator in every stage: the job finishes by itself, with the very same pairs."""

import grpc

from inputs import LONGER, check_pulled, start_job
from processes import poll

STAGES = {"fit", "rollout", "align", "generate", "compare", "figures"}
JOB_TIMEOUT_S = 400


class Rampage:
    """Follows a job and calls strike(stage) once in every stage, while it runs."""

    def __init__(self, service, job, strike):
        self.service, self.job, self.strike = service, job, strike
        self.struck = set()

    def run(self):
        """Returns the job once it has ended."""
        while True:
            api = self.service.api()
            try:
                job = self._follow(api)
            except grpc.RpcError as error:
                if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
                    raise
                continue
            finally:
                api.close()
            if job is not None:
                return job

    def _follow(self, api):
        job = None
        for job in api.watch(self.job, JOB_TIMEOUT_S):
            for stage in job.stages:
                if stage.state == api.jobs.STAGE_STATE_RUNNING and stage.id not in self.struck:
                    self.struck.add(stage.id)
                    self.strike(stage.id)
                    return None
        return job


def expect_no_orphans(service):
    """Collects garbage at once, twice: the first may remove what a kill left, the second must find nothing to do."""
    for worker in service.workers.values():
        worker.kill()
    for _ in range(2):
        service.coordinator.terminate()
        before = len(service.coordinator.log_text())
        service.start_coordinator("--blob-grace", 0)
        poll(lambda: " blobs: " in service.coordinator.log_text()[before:], 30, "a collection of garbage")
    line = next(line for line in service.coordinator.log_text()[before:].splitlines() if " blobs: " in line)
    assert ", 0 removed (0 bytes), 0 orphans" in line
    assert not list((service.state_dir() / "blobs" / "incoming").iterdir())


def finish(service, job, pull, folder, undisturbed):
    """What must hold after any number of kills."""
    assert pull.wait(120) == 0, pull.log_text()
    assert check_pulled(folder) == undisturbed
    expect_no_orphans(service)
    # Nothing that is needed was taken for garbage, and the restart has changed no pair.
    again = folder.parent / "again"
    service.afctl("pairs", "pull", job, again)
    assert check_pulled(again) == undisturbed
    assert service.afctl("job", "get", job)["report"]["figures"]


def test_worker_killed_in_every_stage(new_service, data, undisturbed, tmp_path):
    service = new_service().start_coordinator().start_worker()
    job = start_job(service, data, LONGER)
    pull = service.start_afctl("pairs", "pull", job, tmp_path / "pairs", name="pull")
    rampage = Rampage(service, job, lambda stage: service.restart_worker())
    ended = rampage.run()
    assert ended.state == service.api().jobs.JOB_STATE_SUCCEEDED, ended.error
    assert rampage.struck >= STAGES
    assert {stage.id for stage in ended.stages if stage.retries} >= STAGES
    finish(service, job, pull, tmp_path / "pairs", undisturbed)


def test_coordinator_killed_in_every_stage(new_service, data, undisturbed, tmp_path):
    service = new_service().start_coordinator().start_worker()
    job = start_job(service, data, LONGER)
    watch = service.start_afctl("job", "watch", job, name="watch")
    pulls = [service.start_afctl("pairs", "pull", job, tmp_path / "pairs", name="pull")]

    def strike(stage):
        service.restart_coordinator()
        if stage == "generate":
            pulls[-1].kill()
            pulls.append(service.start_afctl("pairs", "pull", job, tmp_path / "pairs", name="pull"))

    rampage = Rampage(service, job, strike)
    ended = rampage.run()
    assert ended.state == service.api().jobs.JOB_STATE_SUCCEEDED, ended.error
    assert rampage.struck >= STAGES
    assert watch.wait(60) == 0, watch.log_text()
    finish(service, job, pulls[-1], tmp_path / "pairs", undisturbed)
