"""SIGTERM: work is handed back, not lost, and no process stays behind."""

import os

from inputs import SETTINGS, start_job
from processes import poll

STAGE_TIMEOUT_S = 120
JOB_TIMEOUT_S = 300
HANDED_OVER_STEP = 2
ENDLESS = {**SETTINGS, "fit.iterations": "100000"}


def alive(pid):
    return os.path.exists(f"/proc/{pid}")


def follow_fit_to_its_end(service, job):
    """Asserts that the stage goes on where it was, and that this did not count as a failure."""
    api = service.api()
    for state in api.watch(job, JOB_TIMEOUT_S):
        fit = next(stage for stage in state.stages if stage.id == "fit")
        assert fit.retries == 0
        if fit.state == api.jobs.STAGE_STATE_RUNNING and fit.steps_total:
            assert fit.step >= HANDED_OVER_STEP
        if fit.state == api.jobs.STAGE_STATE_SUCCEEDED:
            break
    assert fit.state == api.jobs.STAGE_STATE_SUCCEEDED, state.error
    api.close()


def test_coordinator_hands_over_to_its_successor(new_service, data):
    service = new_service().start_coordinator("--spawn-workers", 1)
    job = start_job(service, data)
    service.api().await_stage(job, "fit", STAGE_TIMEOUT_S, min_step=HANDED_OVER_STEP)
    children = service.coordinator.children()
    assert children
    assert service.coordinator.terminate() == 0
    assert not any(alive(child) for child in children)
    service.start_coordinator("--spawn-workers", 1)
    follow_fit_to_its_end(service, job)


def test_worker_hands_its_task_to_another(new_service, data):
    service = new_service().start_coordinator().start_worker("first")
    job = start_job(service, data)
    service.api().await_stage(job, "fit", STAGE_TIMEOUT_S, min_step=HANDED_OVER_STEP)
    assert service.workers["first"].terminate() == 0
    service.start_worker("second")
    follow_fit_to_its_end(service, job)


def test_workers_of_a_killed_coordinator_do_not_stay_behind(new_service):
    service = new_service().start_coordinator("--spawn-workers", 2)
    children = poll(lambda: len(service.coordinator.children()) == 2 and service.coordinator.children(), 30, "two workers")
    service.coordinator.kill()
    poll(lambda: not any(alive(child) for child in children), 60, "the workers' end")


def test_dead_worker_is_replaced(new_service):
    service = new_service().start_coordinator("--spawn-workers", 1)
    first = poll(service.coordinator.children, 30, "a worker")
    os.kill(first[0], 9)
    poll(lambda: service.coordinator.children() not in ([], first), 30, "another worker")


def test_queued_job_says_that_no_worker_is_there_and_is_cancelled_twice(new_service, data):
    service = new_service().start_coordinator()
    job = start_job(service, data)
    assert "no worker" in service.afctl("job", "get", job)["waiting_reason"]
    assert service.afctl("job", "cancel", job)["state"] == "JOB_STATE_CANCELLED"
    assert service.afctl("job", "cancel", job)["state"] == "JOB_STATE_CANCELLED"
    error = service.afctl("job", "watch", job, expect=2)["error"]
    assert error["code"] == "CANCELLED"


def test_running_job_is_cancelled_soon_and_the_worker_goes_on_with_the_next(new_service, data):
    service = new_service().start_coordinator().start_worker()
    job = start_job(service, data, ENDLESS)
    service.api().await_stage(job, "fit", STAGE_TIMEOUT_S, min_step=1)
    service.afctl("job", "cancel", job)
    following = start_job(service, data, {**ENDLESS, "seed": "1"})
    service.api().await_stage(following, "fit", STAGE_TIMEOUT_S, min_step=1)
    assert service.afctl("job", "get", job)["state"] == "JOB_STATE_CANCELLED"
