"""The manifests of deploy/kubernetes as kubectl renders them: against Kubernetes' schemas, and every name in them against what it names."""

import functools
import json
import os
import pathlib
import re
import subprocess
import sys

import kubernetes_validate
import pytest
import yaml

import databases
from api import ROOT
from processes import BIN

MANIFESTS = ROOT / "deploy" / "kubernetes"
OVERLAYS = sorted(path.name for path in (MANIFESTS / "overlays").iterdir())
COMPONENTS = sorted(path.name for path in (MANIFESTS / "components").iterdir())
KUBERNETES = "1.29"  # the oldest that they are for
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
IMAGES = {"alignflow-coordinator": "alignflow-coordinator", "alignflow-worker": "alignflow-worker", "alignflow-worker-cuda": "alignflow-worker"}
# Kinds that are not Kubernetes' own, and the fields of their specs (KEDA 2, cert-manager 1, the Prometheus operator).
EXTENSIONS = {
    "ScaledObject": {"scaleTargetRef", "pollingInterval", "cooldownPeriod", "initialCooldownPeriod", "idleReplicaCount", "minReplicaCount",
                     "maxReplicaCount", "fallback", "advanced", "triggers"},
    "Certificate": {"secretName", "issuerRef", "duration", "renewBefore", "privateKey", "usages", "dnsNames", "commonName", "secretTemplate"},
    "ServiceMonitor": {"jobLabel", "selector", "endpoints", "namespaceSelector", "targetLabels"},
}


def kustomize(folder):
    kubectl = pathlib.Path(sys.executable).parent / "kubectl"
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr  # what is deprecated
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def components_of(folder):
    """The names of those that a kustomization or one that it builds on takes."""
    text = yaml.safe_load((folder / "kustomization.yaml").read_text())
    below = [folder / resource for resource in text["resources"] if (folder / resource).is_dir()]
    return {pathlib.Path(name).name for name in text.get("components", [])}.union(*map(components_of, below))


@pytest.fixture(scope="module", params=OVERLAYS)
def rendered(request, tmp_path_factory):
    """The overlay with every component, whatever it takes by itself."""
    folder = MANIFESTS / "overlays" / request.param
    own = components_of(folder)
    further = [name for name in COMPONENTS if name not in own and not (name == "keda" and request.param == "single-node")]
    link = tmp_path_factory.mktemp(request.param)
    (link / "kubernetes").symlink_to(MANIFESTS)
    (link / "all").mkdir()
    (link / "all" / "kustomization.yaml").write_text(yaml.safe_dump({
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": "alignflow",
        "resources": [f"../kubernetes/overlays/{request.param}"], "components": [f"../kubernetes/components/{name}" for name in further]}))
    documents = kustomize(link / "all")
    logs = ROOT / "build" / "test-logs"
    logs.mkdir(parents=True, exist_ok=True)
    (logs / f"kubernetes-{request.param}.yaml").write_text(yaml.safe_dump_all(documents))  # to look at
    return documents


def of_kind(documents, *kinds):
    return [document for document in documents if document["kind"] in kinds]


def names(documents, *kinds):
    return {document["metadata"]["name"] for document in of_kind(documents, *kinds)}


def workloads(documents):
    return of_kind(documents, "Deployment", "StatefulSet")


def pods(documents):
    return [(workload["metadata"]["name"], workload["spec"]["template"]) for workload in workloads(documents)]


def containers(pod):
    return pod["spec"].get("initContainers", []) + pod["spec"]["containers"]


def selects(selector, labels):
    assert set(selector) <= {"matchLabels"}, selector
    return selector.get("matchLabels", {}).items() <= labels.items()


def secrets_that_are_documented():
    """Name -> keys, as docs/operations.md lists them."""
    rows = re.findall(r"^\| `(alignflow-[\w-]+)` \| ((?:`[\w.]+`(?:, )?)+) \|", OPERATIONS, re.M)
    return {name: set(re.findall(r"`([\w.]+)`", keys)) for name, keys in rows}


def test_what_is_rendered_is_valid_by_kubernetes_own_schemas(rendered):
    for document in rendered:
        if document["kind"] in EXTENSIONS:
            assert document["spec"].keys() <= EXTENSIONS[document["kind"]], document["spec"].keys()
        else:
            kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_a_wrong_field_is_found(rendered):
    broken = json.loads(json.dumps(of_kind(rendered, "StatefulSet")[0]))
    broken["spec"]["template"]["spec"]["containers"][0]["livenessprobe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, KUBERNETES, strict=True)


def test_everything_that_has_a_namespace_is_in_ours(rendered):
    for document in rendered:
        without = document["kind"] in ("Namespace", "PriorityClass")
        assert document["metadata"].get("namespace") == (None if without else "alignflow"), document["metadata"]
    assert len({(document["kind"], document["metadata"]["name"]) for document in rendered}) == len(rendered)


def test_pods_are_as_the_restricted_pod_security_standard_asks(rendered):
    for name, pod in pods(rendered):
        context = pod["spec"]["securityContext"]
        assert context["runAsNonRoot"] and context["runAsUser"] == context["runAsGroup"] == context["fsGroup"] == 10001, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["spec"]["automountServiceAccountToken"] is False, name
        for field in ("hostNetwork", "hostPID", "hostIPC"):
            assert field not in pod["spec"], name
        for container in containers(pod):
            assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                                    "capabilities": {"drop": ["ALL"]}}, name
            assert container["resources"]["requests"].keys() >= {"cpu", "memory"} and "memory" in container["resources"]["limits"], name
        for volume in pod["spec"]["volumes"]:
            assert not {"hostPath", "nfs"} & volume.keys(), volume
    for account in of_kind(rendered, "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False
    (namespace,) = of_kind(rendered, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def shares_a_catalog(documents):
    """Whether several coordinators take turns on one database."""
    (coordinator,) = of_kind(documents, "StatefulSet")
    return "--standby" in coordinator["spec"]["template"]["spec"]["containers"][0]["args"]


def test_several_coordinators_are_there_where_one_can_take_over(rendered):
    (coordinator,) = of_kind(rendered, "StatefulSet")
    spec, (container,) = coordinator["spec"], coordinator["spec"]["template"]["spec"]["containers"]
    (service,) = [service for service in of_kind(rendered, "Service") if service["metadata"]["name"] == "alignflow-coordinator"]
    if not shares_a_catalog(rendered):
        assert spec["replicas"] == 1 and service["spec"]["publishNotReadyAddresses"]
        return
    assert spec["replicas"] == 2
    assert spec["podManagementPolicy"] == "Parallel" and spec["updateStrategy"] == {"type": "OnDelete"}, "nothing waits for a stand-by to be ready"
    assert not {"startupProbe", "livenessProbe"} & container.keys(), "a stand-by does not listen"
    assert container["readinessProbe"]["tcpSocket"] == {"port": "grpc"} and "publishNotReadyAddresses" not in service["spec"]
    (apart,) = spec["template"]["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert apart["topologyKey"] == "kubernetes.io/hostname" and selects(apart["labelSelector"], spec["template"]["metadata"]["labels"])
    (claim,) = [claim for claim in of_kind(rendered, "PersistentVolumeClaim") if claim["metadata"]["name"] == "alignflow-state"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def test_selectors_find_the_pods_that_they_mean(rendered):
    for workload in workloads(rendered):
        assert selects(workload["spec"]["selector"], workload["spec"]["template"]["metadata"]["labels"])
    for one in workloads(rendered):  # and no other's
        for _, pod in pods([other for other in workloads(rendered) if other is not one]):
            assert not selects(one["spec"]["selector"], pod["metadata"]["labels"]), one["metadata"]["name"]
    found = {}
    for kind in ("Service", "PodDisruptionBudget", "NetworkPolicy"):
        for document in of_kind(rendered, kind):
            selector = document["spec"].get("podSelector", document["spec"].get("selector"))
            selector = {"matchLabels": selector} if kind == "Service" else selector
            found[kind, document["metadata"]["name"]] = {name for name, pod in pods(rendered) if selects(selector, pod["metadata"]["labels"])}
    assert all(found.values()), found
    assert found["NetworkPolicy", "deny-all"] == names(rendered, "Deployment", "StatefulSet")
    for name, pod in pods(rendered):
        for constraint in pod["spec"].get("topologySpreadConstraints", []):
            assert selects(constraint["labelSelector"], pod["metadata"]["labels"]), name


def test_network_policies_let_through_what_is_needed_and_nothing_else(rendered):
    policies = {policy["metadata"]["name"]: policy["spec"] for policy in of_kind(rendered, "NetworkPolicy")}
    assert policies.pop("deny-all") == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    engines = policies.pop("engines", None)
    assert policies.keys() == {"coordinator", "worker"}
    assert bool(engines) == shares_a_catalog(rendered)
    if engines:
        database, names_of_hosts = engines["egress"]
        assert engines["policyTypes"] == ["Egress"] and [port["port"] for port in names_of_hosts["ports"]] == [53, 53]
        (config,) = [config["data"] for config in of_kind(rendered, "ConfigMap") if "CATALOG" in config["data"]]
        assert "sslmode=verify-full" in config["CATALOG"] and config["S3_ENDPOINT"].startswith("https://")
        assert {port["port"] for port in database["ports"]} == {5432, 443} and "0.0.0.0/0" not in str(database["to"])
    ports = {port["name"] for _, pod in pods(rendered) for container in containers(pod) for port in container.get("ports", [])}
    labels = [pod["metadata"]["labels"] for _, pod in pods(rendered)]
    for policy in policies.values():
        for rule in policy.get("ingress", []) + policy.get("egress", []):
            assert rule["ports"], "to all ports"
            for port in rule["ports"]:
                assert port["port"] in ports | {53}, port
            for peer in rule.get("from", []) + rule.get("to", []):
                assert peer.keys() in ({"podSelector"}, {"namespaceSelector"}) and all(peer.values()), peer
                if "podSelector" in peer:
                    assert any(selects(peer["podSelector"], of) for of in labels), peer


def test_references_have_something_that_they_refer_to(rendered):
    documented = secrets_that_are_documented()
    for certificate in of_kind(rendered, "Certificate"):
        assert documented[certificate["spec"]["secretName"]] == {"tls.crt", "tls.key", "ca.crt"}
        (config,) = [config for config in of_kind(rendered, "ConfigMap") if "COORDINATOR" in config["data"]]
        assert config["data"]["COORDINATOR"].split(":")[0] in certificate["spec"]["dnsNames"], "what workers call it by"
    for monitor in of_kind(rendered, "ServiceMonitor"):
        (service,) = [service for service in of_kind(rendered, "Service")
                      if selects(monitor["spec"]["selector"], service["metadata"].get("labels", {}))]
        for endpoint in monitor["spec"]["endpoints"]:
            assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
            token = endpoint["authorization"]["credentials"]
            assert token["key"] in documented[token["name"]]
    for service in of_kind(rendered, "Service"):
        exposed = {port["name"]: port["containerPort"] for _, pod in pods(rendered) if service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
                   for container in containers(pod) for port in container.get("ports", [])}
        for port in service["spec"]["ports"]:
            assert exposed[port["targetPort"]] == port["port"]
    for stateful in of_kind(rendered, "StatefulSet"):
        assert stateful["spec"]["serviceName"] in names(rendered, "Service")
    for name, pod in pods(rendered):
        spec = pod["spec"]
        assert spec["serviceAccountName"] in names(rendered, "ServiceAccount"), name
        assert spec["priorityClassName"] in names(rendered, "PriorityClass"), name
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        workload = next(w for w in workloads(rendered) if w["metadata"]["name"] == name)
        claims = {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
        for volume in volumes.values():
            if "secret" in volume:
                keys = {item["key"] for item in volume["secret"]["items"]}
                assert keys <= documented[volume["secret"]["secretName"]], volume
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in names(rendered, "PersistentVolumeClaim"), volume
        mounted = set()
        for container in containers(pod):
            ports = {port["name"] for port in container.get("ports", [])}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                if "tcpSocket" in container.get(probe, {}):
                    assert container[probe]["tcpSocket"]["port"] in ports
            for variable in container.get("env", []):
                secret = variable["valueFrom"]["secretKeyRef"]
                assert secret["key"] in documented[secret["name"]], variable
            for mount in container["volumeMounts"]:
                assert mount["name"] in volumes.keys() | claims, mount
                mounted.add(mount["name"])
        assert mounted == volumes.keys() | claims, f"{name} has volumes that nothing mounts"


def test_private_key_is_the_coordinators_alone(rendered):
    for name, pod in pods(rendered):
        has = any(item["key"] == "tls.key" for volume in pod["spec"]["volumes"] if "secret" in volume for item in volume["secret"]["items"])
        assert has == (name == "alignflow-coordinator"), name
        given = {volume["secret"]["secretName"] for volume in pod["spec"]["volumes"] if "secret" in volume}
        assert ("alignflow-worker-key" in given) == (name != "alignflow-coordinator"), name


@functools.cache
def flags_of(program, *arguments):
    done = subprocess.run([BIN / program, *arguments, "--help"], capture_output=True, text=True, timeout=60)
    return set(re.findall(r"--[a-z][a-z0-9-]+", done.stdout))


def test_programs_know_the_flags_and_find_the_files_that_they_are_given(rendered):
    config = {document["metadata"]["name"]: document["data"] for document in of_kind(rendered, "ConfigMap")}
    asked = set()
    for name, pod in pods(rendered):
        for container in pod["spec"]["containers"]:
            program = pathlib.Path(container["command"][0]).name
            assert container["command"] == [f"/usr/bin/{program}"]
            assert IMAGES[container["image"].rsplit("/", 1)[1].split(":")[0]] == program
            commands = [container["args"]] + [container[probe]["exec"]["command"][1:] for probe in ("livenessProbe", "readinessProbe")
                                              if "exec" in container.get(probe, {})]
            values = {key: value for source in container["envFrom"] for key, value in config[source["configMapRef"]["name"]].items()}
            mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
            for argument in [argument for command in commands for argument in command]:
                flag, _, value = argument.partition("=")
                assert flag in flags_of(program), f"{program} knows no {flag}"
                asked |= {variable for variable in re.findall(r"\$\((\w+)\)", value)}
                assert {variable for variable in re.findall(r"\$\((\w+)\)", value)} <= values.keys(), argument
                if value.startswith("/"):
                    assert any(value.startswith(mount) for mount in mounts), f"{argument}: nothing is mounted there"
            given = {argument.partition("=")[0]: argument.partition("=")[2] for argument in container["args"]}
            for flag, port in (("--listen", "grpc"), ("--metrics-listen", "metrics")):
                if flag in given:
                    assert int(given[flag].rsplit(":", 1)[1]) == {port["name"]: port["containerPort"] for port in container["ports"]}[port]
            if "--coordinator" in given:
                host, port = values["COORDINATOR"].split(":")
                (service,) = [service for service in of_kind(rendered, "Service") if service["metadata"]["name"] == host]
                assert int(port) in {port["port"] for port in service["spec"]["ports"]}
            # Files of a Secret are where the flags say.
            volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
            for mount in container["volumeMounts"]:
                for item in volumes.get(mount["name"], {}).get("secret", {}).get("items", []):
                    path = f"{mount['mountPath']}/{item['path']}"
                    given_files = [re.sub(r"\$\((\w+)\)", lambda named: values[named.group(1)], argument) for argument in container["args"]]
                    assert any(argument.endswith(f"={path}") for argument in given_files), f"{name}: nobody reads {path}"
        for container in pod["spec"].get("initContainers", []):
            script = container["command"][-1]
            for words in (("keys", "create"), ("migrate-state",)):
                (given,) = re.findall(rf"alignflow-coordinator {' '.join(words)} ([^>\n]*)", script)
                assert set(re.findall(r"--[a-z0-9-]+", given)) <= flags_of("alignflow-coordinator", *words)
    assert asked == {key for data in config.values() for key in data}, "ConfigMaps hold what nobody asks for"


def test_first_start_makes_one_key_and_keeps_it_secret(rendered, tmp_path):
    """Runs the init container's own script, on folders of this machine."""
    (coordinator,) = [pod for name, pod in pods(rendered) if name == "alignflow-coordinator"]
    command = coordinator["spec"]["initContainers"][0]["command"]
    script = command[-1].replace("/var/lib/alignflow", str(tmp_path)).replace("/usr/bin/", f"{BIN}/")
    for _ in range(2):
        subprocess.run([*command[:-1], script], check=True, timeout=60, capture_output=True)
    key = (tmp_path / "first-key").read_text()
    assert key.startswith("alignflow_") and len(key.split()) == 1
    assert (tmp_path / "first-key").stat().st_mode & 0o077 == 0
    assert admins(tmp_path / "state") == 1


def admins(state):
    return subprocess.run([BIN / "alignflow-coordinator", "keys", "list", "--state-dir", state], check=True, timeout=60, capture_output=True,
                          text=True).stdout.count("admin")


@pytest.mark.skipif(not databases.installed(), reason="no PostgreSQL is installed (scripts/setup.sh)")
def test_two_first_starts_at_once_make_one_key_in_the_database(rendered, tmp_path):
    if not shares_a_catalog(rendered):
        return
    (coordinator,) = [pod for name, pod in pods(rendered) if name == "alignflow-coordinator"]
    command = coordinator["spec"]["initContainers"][0]["command"]
    script = command[-1].replace("/var/lib/alignflow", str(tmp_path)).replace("/usr/bin/", f"{BIN}/")
    postgres = databases.Postgres()
    try:
        environment = {**os.environ, "CATALOG": postgres.create("first")}
        starts = [subprocess.Popen([*command[:-1], script], env=environment, stdout=subprocess.DEVNULL) for _ in range(2)]
        assert [start.wait(60) for start in starts] == [0, 0]
        assert admins(tmp_path / "state") == 1 and postgres.sql("SELECT count(*) FROM access_keys", "first") == "1"
    finally:
        postgres.close()


def test_grace_periods_cover_what_programs_take_to_stop(rendered):
    for name, pod in pods(rendered):
        grace = pod["spec"]["terminationGracePeriodSeconds"]
        (container,) = pod["spec"]["containers"]
        if name == "alignflow-coordinator":
            (drain,) = [argument for argument in container["args"] if argument.startswith("--drain-timeout=")]
            assert grace >= int(drain.split("=")[1]) + 10
        else:
            stop = re.search(r"kStopWithin = absl::Seconds\((\d+)\)", (ROOT / "worker" / "main.cc").read_text())
            assert grace >= int(stop.group(1)) + 10, "the worker ends by itself before it is killed"


def test_scaling_goes_by_metrics_that_are_there_and_starts_from_zero(rendered):
    scaled = of_kind(rendered, "ScaledObject")
    metrics = (ROOT / "server" / "fleet_metrics.cc").read_text()
    for document in scaled:
        target = document["spec"]["scaleTargetRef"]["name"]
        (deployment,) = [workload for workload in of_kind(rendered, "Deployment") if workload["metadata"]["name"] == target]
        assert "replicas" not in deployment["spec"], "kubectl apply would undo what KEDA does"
        assert document["spec"]["minReplicaCount"] == 0
        cuda = "nvidia.com/gpu" in deployment["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
        for trigger in document["spec"]["triggers"]:
            query = trigger["metadata"]["query"]
            for name in re.findall(r"alignflow_\w+", query):
                assert f'"{name}"' in metrics, name
            assert set(re.findall(r'pretrained="(\w+)"', query)) == {"yes" if cuda else "no"}
            assert "alignflow_running_tasks" in query, "workers would be taken from their tasks"
    assert bool(scaled) == ("alignflow-worker-cuda" in names(rendered, "Deployment"))


def test_gpu_workers_go_to_gpu_nodes_with_the_models(rendered):
    for name, pod in pods(rendered):
        (container,) = pod["spec"]["containers"]
        cuda = container["resources"]["limits"].get("nvidia.com/gpu")
        assert (f"--device={'cuda' if cuda else 'cpu'}" in container["args"]) == (name != "alignflow-coordinator")
        assert ("--models-dir=/models" in container["args"]) == bool(cuda)
        assert ("nodeAffinity" in pod["spec"].get("affinity", {})) == bool(cuda) == any(t["key"] == "nvidia.com/gpu" for t in pod["spec"].get("tolerations", []))
