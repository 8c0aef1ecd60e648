"""Rules, alerts and dashboards of deploy/ against a real Prometheus that scrapes a real run."""

import json
import re
import subprocess
import urllib.parse
import urllib.request

import pytest
import yaml

from api import ROOT
from inputs import start_job
from metrics_test import scrape
from processes import BIN, Program, Service, poll

PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = {name: yaml.safe_load((PROMETHEUS / f"{name}.rules.yml").read_text())["groups"][0]["rules"] for name in ("recording", "alerts")}
DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
EMPTY = dict(line.split("\t") for line in (ROOT / "tests" / "prometheus" / "expected_empty.txt").read_text().splitlines() if line and line[0] != "#")
WAIT_S = 60


def dashboard_queries():
    return {target["expr"] for file in DASHBOARDS for panel in json.loads(file.read_text())["panels"] for target in panel.get("targets", [])}


def metric_names(query):
    """The metrics of an expression, without the words of PromQL."""
    return set(re.findall(r"\balignflow[\w:]*|\bup\b", re.sub(r'"[^"]*"', "", query)))


class Prometheus(Program):
    """Debian's, which scrapes every second and loads the rules as they are."""

    def __init__(self, folder, targets):
        folder.mkdir()
        config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(PROMETHEUS / file) for file in config["rule_files"]]
        assert [job["job_name"] for job in config["scrape_configs"]] == list(targets)
        for job in config["scrape_configs"]:
            job["static_configs"] = [{"targets": [targets[job["job_name"]]]}]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        super().__init__(["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                          "--web.listen-address=127.0.0.1:0"], folder / "log")
        self.address = poll(lambda: re.search(r'Listening on" address=(\S+)\n', self.log_text()), 60, "Prometheus").group(1)

    def get(self, path, **parameters):
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters, doseq=True)}"
        with urllib.request.urlopen(url, timeout=30) as response:
            return json.load(response)["data"]

    def query(self, expression):
        return self.get("query", query=expression)["result"]


@pytest.fixture(scope="module")
def run(tmp_path_factory, data):
    """A job, while a Prometheus looks."""
    folder = tmp_path_factory.mktemp("prometheus")
    service = Service(folder / "service").start_coordinator("--metrics-listen", "127.0.0.1:0")
    programs = [service]
    try:
        coordinator = poll(lambda: re.search(r"metrics on (\S+)", service.coordinator.log_text()), 30, "the address").group(1)
        worker = Program([BIN / "alignflow-worker", "--coordinator", service.address, "--threads", 1, "--cache-dir", folder / "cache",
                          "--metrics-listen", "127.0.0.1:0"], folder / "worker.log")
        programs.append(worker)
        address = worker.await_line(r"^listening on (\S+)$").group(1)
        prometheus = Prometheus(folder / "prometheus", {"alignflow-coordinator": coordinator, "alignflow-worker": address})
        programs.append(prometheus)
        job = start_job(service, data)
        service.afctl("job", "watch", job)
        yield {"prometheus": prometheus, "texts": [scrape(coordinator), scrape(address)], "job": job}
    finally:
        for program in reversed(programs):
            program.close()


def test_rules_are_what_promtool_wants():
    subprocess.run(["promtool", "check", "rules", *PROMETHEUS.glob("*.rules.yml")], check=True, timeout=60)
    subprocess.run(["promtool", "check", "config", PROMETHEUS / "prometheus.yml"], check=True, timeout=60)


def test_each_alert_is_silent_and_fires_on_made_up_series():
    tests = ROOT / "tests" / "prometheus" / "rules.test.yml"
    done = subprocess.run(["promtool", "test", "rules", tests.name], cwd=tests.parent, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    cases = [case for test in yaml.safe_load(tests.read_text())["tests"] for case in test.get("alert_rule_test", [])]
    for silent in (True, False):
        tested = {case["alertname"] for case in cases if ("exp_alerts" not in case) == silent}
        assert tested == {rule["alert"] for rule in RULES["alerts"]}


def test_each_alert_says_how_bad_it_is_and_has_a_paragraph_of_what_to_do():
    operations = (ROOT / "docs" / "operations.md").read_text()
    documented = re.findall(r"^\*\*(AlignFlow\w+)\*\* \((critical|warning)\)\. \S.{80,}", operations, re.M)
    assert documented == [(rule["alert"], rule["labels"]["severity"]) for rule in RULES["alerts"]]
    for rule in RULES["alerts"]:
        assert rule["annotations"]["summary"]


def test_metrics_of_both_programs_are_what_promtool_wants(run):
    for text in run["texts"]:
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and not done.stderr, done.stderr


def test_labels_hold_nothing_of_a_users(run):
    known = {"kind", "state", "outcome", "direction", "version", "result_version", "method", "code", "operation", "pretrained", "device", "name",
             "verdict", "le", "stage", "quantile", "tenant"}  # a tenant's name is an admin's choice
    for text in run["texts"]:
        assert set(re.findall(r'[{,](\w+)="', text)) <= known
        assert run["job"].split("/")[-1] not in text and "polyp" not in text


def test_every_query_of_dashboards_and_rules_has_data(run):
    prometheus = run["prometheus"]
    queries = dashboard_queries() | {rule["expr"] for rule in RULES["recording"]}
    # Alerts are empty while all is well: what they look at must be there.
    queries |= {name for rule in RULES["alerts"] for name in metric_names(rule["expr"])}
    missing = set()

    def answered():
        missing.clear()
        missing.update(query for query in queries if not prometheus.query(query))
        return missing == queries & EMPTY.keys()

    poll(answered, WAIT_S, f"data of {missing - EMPTY.keys() or 'nothing'}, and none of {EMPTY.keys() & queries - missing}")
    assert EMPTY.keys() <= queries, "what is expected empty is asked for by nobody"


def test_nothing_is_wrong_with_a_run_that_went_well(run):
    rules = [rule for group in run["prometheus"].get("rules")["groups"] for rule in group["rules"]]
    assert len(rules) == len(RULES["recording"]) + len(RULES["alerts"])
    assert [rule["name"] for rule in rules if rule["health"] == "err"] == []
    assert [rule["name"] for rule in rules if rule["type"] == "alerting" and rule["state"] == "firing"] == []


def test_dashboards_are_of_the_form_that_grafana_reads():
    uids, titles = set(), set()
    for file in DASHBOARDS:
        dashboard = json.loads(file.read_text())
        assert dashboard["schemaVersion"] == 39 and dashboard["title"].startswith("AlignFlow: "), file.name
        uids.add(dashboard["uid"])
        titles.add(dashboard["title"])
        (variable,) = dashboard["templating"]["list"]
        assert (variable["type"], variable["query"]) == ("datasource", "prometheus")
        panels = dashboard["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels)
        taken = set()
        for panel in panels:
            place = panel["gridPos"]
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
            assert max(x for x, _ in cells) < 24 and not cells & taken, f"{file.name}: {panel['title']} lies on another"
            taken |= cells
            if panel["type"] == "text":
                assert panel["options"]["content"]
                continue
            assert panel["type"] in ("timeseries", "stat") and panel["title"] and panel["targets"]
            assert panel["fieldConfig"]["defaults"]["unit"]
            for source in (panel["datasource"], *(target["datasource"] for target in panel["targets"])):
                assert source == {"type": "prometheus", "uid": "${datasource}"}
            refs = [target["refId"] for target in panel["targets"]]
            assert len(set(refs)) == len(refs)
    assert len(uids) == len(titles) == len(DASHBOARDS) == 3
    provider = yaml.safe_load((ROOT / "deploy/grafana/provisioning/dashboards/alignflow.yaml").read_text())["providers"][0]
    assert provider["type"] == "file" and provider["options"]["path"]
