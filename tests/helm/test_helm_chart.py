"""The chart as Helm renders it, in each way people install it, held to Kubernetes' schemas and to what we promise of pods."""

from typing import Any

import helm_python
import pytest
from kubernetes_validate.utils import validate

from kit.chart import CHART, INSTALLATIONS, Manifest, containers, documented_values, of_kind, pods, readme, render
from kit.reference import settings_of

KUBERNETES = ("1.30", "1.33")
TWIN = 1000  # from the number of a mail port to that of its twin for the PROXY protocol
OURS = {"smtp-in", "delivery", "imap", "pop3", "api", "jobs"}
# What no schema is published for with Kubernetes itself: the operators' own kinds.
CUSTOM = {"Certificate", "ExternalSecret", "Cluster", "PodMonitor", "PrometheusRule", "HTTPRoute"}

installations = pytest.mark.parametrize("values", INSTALLATIONS.values(), ids=INSTALLATIONS.keys())


def test_lint_has_nothing_to_say() -> None:
    found = helm_python.lint(str(CHART))
    assert found["errors"] == []
    assert {message["error"] for message in found["messages"]} <= {"icon is recommended"}


@installations
@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_knows_every_field(values: Manifest, version: str) -> None:
    for manifest in render(values):
        if manifest["kind"] not in CUSTOM:
            validate(manifest, version, strict=True)


@installations
def test_rendering_again_gives_the_same(values: Manifest) -> None:
    assert render(values) == render(values)


@installations
def test_names_are_unique_and_of_the_release(values: Manifest) -> None:
    manifests = render(values, release="post")
    named = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests]
    assert len(set(named)) == len(named)
    assert all(name.startswith("post-mailstead") for _, name in named)


@installations
def test_pods_are_restricted(values: Manifest) -> None:
    """Kubernetes' Pod Security Standard `restricted`, and a root file system that nobody writes to."""
    for name, template in pods(render(values)):
        pod = template["spec"]
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] > 0, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not any("hostPath" in volume for volume in pod.get("volumes", [])), name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys(), name
        for container in containers(template):
            context = container["securityContext"]
            assert context == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
            assert "memory" in container["resources"]["limits"], name
            assert ":" in container["image"].rpartition("/")[2], name
            assert not container["image"].endswith(":latest"), name


@installations
def test_each_service_rolls_without_refusing_mail(values: Manifest) -> None:
    deployments = of_kind(render(values), "Deployment")
    assert {name.removeprefix("mailstead-") for name in deployments} == OURS
    for name, deployment in deployments.items():
        spec = deployment["spec"]
        assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
        pod = spec["template"]["spec"]
        assert not any("persistentVolumeClaim" in volume for volume in pod["volumes"]), name
        (container,) = pod["containers"]
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys(), name
        environment = {entry["name"]: entry.get("value") for entry in container["env"]}
        stop = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pod["terminationGracePeriodSeconds"] > stop + int(environment["MAILSTEAD_DRAIN_SECONDS"] or 0) + 10
        assert set(spec["selector"]["matchLabels"].items()) <= set(spec["template"]["metadata"]["labels"].items())


def test_each_service_and_the_jobs_can_be_left_to_an_autoscaler() -> None:
    manifests = render(INSTALLATIONS["everything"])
    scaled = {hpa["spec"]["scaleTargetRef"]["name"] for hpa in of_kind(manifests, "HorizontalPodAutoscaler").values()}
    deployments = of_kind(manifests, "Deployment")
    assert scaled == deployments.keys()
    assert all("replicas" not in deployment["spec"] for deployment in deployments.values())


@installations
def test_each_variable_is_a_setting_of_its_service(values: Manifest) -> None:
    for name, deployment in of_kind(render(values), "Deployment").items():
        known = {f"MAILSTEAD_{setting.upper()}" for setting in settings_of(name.removeprefix("mailstead-"))} | {"PGPASSWORD"}
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        names = [entry["name"] for entry in container["env"]]
        assert set(names) <= known, name
        assert len(set(names)) == len(names), name


@installations
def test_ports_are_those_that_the_services_listen_on(values: Manifest) -> None:
    for name, deployment in of_kind(render(values), "Deployment").items():
        defaults = {
            field.default for setting, field in settings_of(name.removeprefix("mailstead-")).items() if setting.endswith("_port")
        }
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        for port in container["ports"]:
            number = port["containerPort"] - (TWIN if port["name"].endswith("-px") else 0)
            assert port["name"] == "observe" or number in defaults, (name, port)


def test_load_balancers_that_speak_the_proxy_protocol_have_ports_of_their_own() -> None:
    manifests = render(INSTALLATIONS["everything"])
    services = {name: manifest["spec"] for name, manifest in of_kind(manifests, "Service").items()}
    policies = {name: manifest["spec"] for name, manifest in of_kind(manifests, "NetworkPolicy").items()}
    for name, outside in services.items():
        if outside["type"] != "LoadBalancer":
            continue
        inside = services[f"{name}-inside"]
        assert inside["type"] == "ClusterIP"
        assert {port["port"]: port["targetPort"] for port in outside["ports"]} == {
            port["port"]: f"{port['targetPort']}-px" for port in inside["ports"] if port["name"] != "lmtp"
        }
        allowed = {port["port"] for rule in policies[name]["ingress"] for port in rule["ports"]}
        assert {port["targetPort"] for port in [*outside["ports"], *inside["ports"]]} <= allowed
    assert {"name": "lmtp", "port": 24, "targetPort": "lmtp"} in services["mailstead-smtp-in-inside"]["ports"]
    assert not any(name.endswith("-inside") for name in of_kind(render(INSTALLATIONS["external"]), "Service"))


@installations
def test_services_and_policies_select_pods_that_are_there(values: Manifest) -> None:
    manifests = render(values)
    labels = [template["metadata"]["labels"].items() for _, template in pods(manifests)]
    for kind in ("Service", "PodDisruptionBudget", "NetworkPolicy"):
        for name, manifest in of_kind(manifests, kind).items():
            selector: dict[str, Any] = manifest["spec"].get("podSelector") or manifest["spec"]["selector"]
            wanted = selector.get("matchLabels", selector).items()
            assert any(wanted <= pod for pod in labels), (kind, name)


@installations
def test_everything_is_denied_that_no_policy_lists(values: Manifest) -> None:
    policies = of_kind(render(values), "NetworkPolicy")
    deny = policies.pop("mailstead-deny")["spec"]
    assert deny["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in deny
    assert "egress" not in deny
    assert {f"mailstead-{name}" for name in OURS} <= policies.keys()
    smtp_to_others = [
        name
        for name, policy in policies.items()
        for rule in policy["spec"]["egress"]
        if {"port": 25, "protocol": "TCP"} in rule["ports"]
    ]
    assert smtp_to_others == ["mailstead-delivery"]


def test_helm_test_makes_a_round_trip_where_it_can_log_in() -> None:
    """By an account that is given, or one that it makes by the first API key; the canary of every few minutes is the same pod."""
    tests = {name: of_kind(render(values), "Pod").get("mailstead-test") for name, values in INSTALLATIONS.items()}
    assert {name for name, pod in tests.items() if pod} == {"evaluation", "everything"}
    known = {f"MAILSTEAD_{setting.upper()}" for setting in settings_of("canary")}
    for pod in filter(None, tests.values()):
        assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
        (container,) = pod["spec"]["containers"]
        assert container["command"] == ["python", "-m", "canary"]
        assert {entry["name"] for entry in container["env"]} <= known
    (regular,) = of_kind(render(INSTALLATIONS["everything"]), "CronJob").values()
    everything = tests["everything"]
    assert everything is not None
    assert regular["spec"]["jobTemplate"]["spec"]["template"]["spec"] == everything["spec"]


def test_only_an_evaluation_renders_secrets() -> None:
    for name, values in INSTALLATIONS.items():
        assert bool(of_kind(render(values), "Secret")) == (name == "evaluation")


def test_passwords_come_from_secrets_only() -> None:
    for values in INSTALLATIONS.values():
        for name, template in pods(render(values)):
            for container in containers(template):
                for entry in container.get("env", []):
                    if "PASSWORD" in entry["name"] and not str(entry.get("value")).startswith("/etc/mailstead/"):
                        assert "secretKeyRef" in entry["valueFrom"], (name, entry)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hostname": ""}, "set hostname"),
        ({"hostname": "Mail"}, "hostname"),
        ({"image": {"tag": "latest"}}, "tag"),
        ({"replicas": 3}, "replicas"),
        ({"services": {"imap": {"replicas": "two"}}}, "replicas"),
        ({"services": {"webmail": {}}}, "webmail"),
        ({"settings": {"MAILSTEAD_LOG_LEVEL": "debug"}}, "MAILSTEAD_LOG_LEVEL"),
        ({"tls": {"existingSecret": ""}}, "set tls.existingSecret"),
        ({"canary": {"enabled": True}}, "set canary.existingSecret"),
        ({"canary": {"schedule": "hourly"}}, "schedule"),
        ({"proxyNetworks": ["the balancer"]}, "proxyNetworks"),
        ({"nats": {"url": ""}}, "set nats.url"),
        ({"nats": {"url": "http://nats:4222"}}, "url"),
        ({"database": {"existingSecret": "", "external": {"host": "postgresql"}}}, "set database.existingSecret"),
        ({"evaluation": {"enabled": True, "secret": "x" * 40}}, "exactly one of"),
        ({"database": {"external": {"host": ""}}}, "exactly one of"),
        ({"database": {"external": {"host": ""}}, "evaluation": {"enabled": True, "secret": "short"}}, "evaluation.secret"),
        ({"database": {"external": {"host": "p", "sslMode": "maybe"}}}, "sslMode"),
    ],
)
def test_nonsense_is_refused_in_words(changes: Manifest, said: str) -> None:
    with pytest.raises(helm_python.HelmError, match=said):
        render(_merged(INSTALLATIONS["external"], changes))


def _merged(base: Manifest, changes: Manifest) -> Manifest:
    return base | {
        key: _merged(base[key], value) if isinstance(value, dict) and isinstance(base.get(key), dict) else value
        for key, value in changes.items()
    }


def test_each_value_is_documented() -> None:
    undocumented = [path for path, (_, said) in documented_values().items() if not said]
    assert [path for path in undocumented if not path.endswith((".resources",))] == []


def test_the_readme_has_the_table() -> None:
    assert (CHART / "README.md").read_text() == readme(), "run `make reference`"
