"""What Prometheus reads from both servers."""

import re
import urllib.request

from inputs import start_job
from processes import BIN, Program, poll


def scrape(address):
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as response:
        return response.read().decode()


def value(text, name):
    """Sum over the labels of a metric; nothing if it is not there."""
    found = re.findall(rf"^{re.escape(name)}(?:{{[^}}]*}})? (\S+)$", text, re.M)
    return sum(float(number) for number in found) if found else None


def test_coordinator_counts_jobs_tasks_workers_and_bytes(new_service, data):
    service = new_service().start_coordinator("--metrics-listen", "127.0.0.1:0").start_worker()
    address = poll(lambda: re.search(r"metrics on (\S+)", service.coordinator.log_text()), 30, "the address").group(1)
    service.afctl("job", "watch", start_job(service, data))
    poll(lambda: value(scrape(address), 'alignflow_jobs{state="succeeded"}'), 30, "a job that has succeeded")
    text = scrape(address)
    for name in ("alignflow_tasks", "alignflow_workers", 'alignflow_blob_bytes_total{direction="received"}',
                 'alignflow_blob_bytes_total{direction="sent"}', "alignflow_rpc_duration_seconds_count",
                 "alignflow_task_queue_wait_seconds_count"):
        assert value(text, name), name
    assert value(text, 'alignflow_lease_ends_total{outcome="lost"}') == 0


def test_worker_tells_its_speed_and_losses(new_service, data):
    service = new_service().start_coordinator()
    worker = Program([BIN / "alignflow-worker", "--coordinator", service.address, "--threads", 1, "--cache-dir",
                      service.folder / "cache", "--metrics-listen", "127.0.0.1:0"], service.folder / "worker.log")
    try:
        address = worker.await_line(r"^listening on (\S+)$").group(1)
        service.afctl("job", "watch", start_job(service, data))
        text = scrape(address)
        for name in ("loss", "steps_per_second", "images_per_second", "device_memory_bytes", "tasks_total"):
            assert value(text, f"alignflow_worker_{name}"), text
    finally:
        worker.close()
