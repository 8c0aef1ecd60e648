import pytest

import api
import inputs
import processes



@pytest.fixture(scope="session", autouse=True)
def wheel(tmp_path_factory):
    """Of the Python package, which is importable from here on."""
    return api.generate(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def new_service(tmp_path):
    """Makes services with state folders of their own; their processes end with the test."""
    made = []

    def make(name="service"):
        service = processes.Service(tmp_path / name)
        made.append(service)
        return service

    yield make
    for service in made:
        service.close()


@pytest.fixture(scope="session")
def service(wheel, tmp_path_factory):
    """One whole service for the tests that leave it as it is."""
    shared = processes.Service(tmp_path_factory.mktemp("shared"))
    shared.start_coordinator().start_worker()
    yield shared
    assert shared.workers["worker"].terminate() == 0
    assert shared.coordinator.terminate() == 0
    shared.close()


@pytest.fixture(scope="session")
def data(service, tmp_path_factory):
    return inputs.make_phantoms(service, tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def finished_job(service, data):
    """A job that nothing disturbed."""
    name = inputs.start_job(service, data)
    service.afctl("job", "watch", name)
    return name


@pytest.fixture(scope="session")
def undisturbed(service, data, tmp_path_factory):
    """The digests of the files of a longer job that nothing disturbed."""
    folder = tmp_path_factory.mktemp("pulled") / "pairs"
    service.afctl("pairs", "pull", inputs.start_job(service, data, inputs.LONGER), folder)
    return inputs.check_pulled(folder)
