"""The files that put Millrace on other machines: sound, safe, and true to the code."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from millrace.commands.work_commands import app
from millrace.process.lifetime import LONGEST_END
from tests.until import wait_until

ROOT = Path(__file__).parents[1]
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
BYTES = {"mb": 2**20, "gb": 2**30, "Mi": 2**20, "Gi": 2**30}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The compose file as it is without any setting: `${NAME:-default}` is its default."""
    text = (ROOT / "docker-compose.yml").read_text()
    services: dict[str, Any] = YAML(typ="safe").load(
        re.sub(r"(?<!\$)\$\{\w+:-([^}]*)\}", r"\1", text)
    )
    return services


@pytest.fixture(scope="module")
def kubernetes() -> dict[tuple[str, str], dict[str, Any]]:
    """The specs of the manifest by kind and name."""
    documents = YAML(typ="safe").load_all(ROOT / "deploy" / "kubernetes" / "millrace.yaml")
    return {(each["kind"], each["metadata"]["name"]): each for each in documents}


def in_bytes(size: str) -> int:
    return int(size[:-2]) * BYTES[size[-2:]]


def test_the_compose_file_keeps_to_its_specification(compose: dict[str, Any]) -> None:
    compose_spec = pytest.importorskip("compose_spec", reason="compose-spec is not installed")
    wrong = json.dumps(compose).replace('"read_only"', '"readonly"')

    assert compose_spec.PyCompose.from_json(json.dumps(compose)).name == "millrace"
    with pytest.raises(ValueError, match="readonly"):
        compose_spec.PyCompose.from_json(wrong)


def test_manifests_keep_to_the_schema_of_kubernetes(
    kubernetes: dict[tuple[str, str], dict[str, Any]],
) -> None:
    codecs = pytest.importorskip("lightkube.codecs", reason="lightkube is not installed")

    for document in kubernetes.values():  # a field unknown to Kubernetes is lost on the way
        assert codecs.from_dict(document).to_dict() == document
    service = kubernetes["Deployment", "millrace-service"]
    assert codecs.from_dict({**service, "specs": {}}).to_dict() == service
    with pytest.raises(ValueError, match=r"spec\.replicas"):
        codecs.from_dict({**service, "spec": {**service["spec"], "replicas": "two"}})


def test_every_container_has_a_health_check(compose: dict[str, Any]) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()

    for name, service in compose["services"].items():
        assert "healthcheck" in service or ("build" in service and "HEALTHCHECK" in dockerfile), (
            name
        )


_OPENED = """
import sys
sys.addaudithook(lambda event, found: event == "open" and print(found[0]))
from datetime import date
from service.languages import LANGUAGES, day_name, foreign_name
for language in LANGUAGES:
    assert day_name(date(2026, 11, 30), language) and foreign_name("de", language) != "de"
"""


def test_the_image_keeps_the_locales_of_its_pages() -> None:
    removed = re.search(r"babel/locale-data/\*'(.*)-delete", (ROOT / "Dockerfile").read_text())
    assert removed is not None
    kept = re.findall(r"! -name '(\S+)'", removed[1])
    opened = subprocess.run(
        [sys.executable, "-c", _OPENED], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    needed = {path.rpartition("/")[2] for path in opened.split() if "/locale-data/" in path}

    assert needed
    assert [name for name in needed if not any(fnmatch(name, each) for each in kept)] == []


def test_the_store_has_a_password_a_volume_and_no_port(compose: dict[str, Any]) -> None:
    store = compose["services"]["store"]

    assert "ports" not in store
    assert store["networks"] == ["inside"]
    assert compose["networks"]["inside"] == {"internal": True}
    assert "--requirepass" in store["command"][2]
    assert "--maxmemory-policy noeviction" in store["command"][2]
    assert "--hash-max-listpack-value 16384" in store["command"][2]
    assert store["volumes"] == ["store:/data"]


def test_no_password_stands_in_an_address() -> None:
    for path in (ROOT / "docker-compose.yml", ROOT / "deploy" / "kubernetes" / "millrace.yaml"):
        text = path.read_text(encoding="utf-8")
        assert "REDIS_PASSWORD" in text
        assert re.findall(r"redis://\S*@", text) == [], path.name


def test_containers_run_unprivileged_on_a_read_only_root(compose: dict[str, Any]) -> None:
    for name in ("service", "worker", "store"):
        service = compose["services"][name]
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
    assert re.search(r"^USER 10001", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_containers_start_commands_that_exist(compose: dict[str, Any]) -> None:
    commands = {
        command.callback.__name__ for command in app.registered_commands if command.callback
    }

    for name in ("service", "worker"):
        assert set(compose["services"][name]["command"]) <= commands
    assert 'CMD ["serve"]' in (ROOT / "Dockerfile").read_text()


def test_the_dockerfile_passes_its_linter() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if hadolint is None:
        pytest.skip("hadolint is not installed")

    answer = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True)

    assert answer.stdout == ""
    assert answer.returncode == 0


def test_the_image_holds_every_package() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    dockerfile = (ROOT / "Dockerfile").read_text()

    for package in pyproject["tool"]["setuptools"]["packages"]:
        assert f"COPY {package.partition('.')[0]} " in dockerfile


def test_the_lock_file_holds_every_dependency() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    locked = set(
        re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    )

    for line in pyproject["project"]["dependencies"]:
        name = re.split(r"[\[<>=;]", line)[0].strip().lower().replace(".", "-").replace("_", "-")
        assert name in locked, f"{name}: run `make lock`"


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_pass_their_linter(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    copy = tmp_path / unit.name
    copy.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.M))

    answer = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True)

    assert answer.stderr == ""
    assert answer.returncode == 0


def test_pods_run_unprivileged_on_a_read_only_root(
    kubernetes: dict[tuple[str, str], dict[str, Any]],
) -> None:
    specs = [each["spec"] for each in kubernetes.values()]
    pods = [spec["template"]["spec"] for spec in specs if "template" in spec]
    assert len(pods) == 3
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_only_feeds_yaml_of_the_clone_gets_into_a_container_with_a_network(
    compose: dict[str, Any], tmp_path: Path
) -> None:
    for name in ("service", "worker"):
        assert compose["services"][name]["volumes"] == ["config:/config:ro"]
    assert compose["services"]["config"]["network_mode"] == "none"
    clone, config = tmp_path / "clone", tmp_path / "config"
    for folder in (clone, config):
        folder.mkdir()
    (clone / ".env").write_text("STORE_PASSWORD=secret")
    (clone / "feeds.yaml").write_text("sources: []")
    loop = compose["services"]["config"]["command"][2].replace("sleep 1", "sleep .05")
    loop = loop.replace("/clone", str(clone)).replace("/config", str(config))

    copying = subprocess.Popen(["sh", "-c", loop], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: (config / "feeds.yaml").exists())
        (tmp_path / "new").write_text("sources: [changed]")
        (tmp_path / "new").replace(clone / "feeds.yaml")  # as editors do
        wait_until(lambda: "changed" in (config / "feeds.yaml").read_text())
    finally:
        copying.kill()
        copying.wait()
    assert [path.name for path in config.iterdir()] == ["feeds.yaml"]


def test_a_store_holds_at_most_half_of_its_limit(
    compose: dict[str, Any], kubernetes: dict[tuple[str, str], dict[str, Any]]
) -> None:
    store = compose["services"]["store"]
    assert '--maxmemory "$$STORE_MEMORY"' in store["command"][2]
    held = in_bytes(store["environment"]["STORE_MEMORY"])
    assert 2 * held <= in_bytes(store["mem_limit"])

    pod = kubernetes["StatefulSet", "millrace-store"]["spec"]["template"]["spec"]
    container = pod["containers"][0]
    found = re.search(r"--maxmemory (\w+)", container["args"][0])
    assert found is not None
    assert 2 * in_bytes(found[1]) <= in_bytes(container["resources"]["limits"]["memory"])


def test_nothing_is_killed_before_it_has_drained(
    compose: dict[str, Any], kubernetes: dict[tuple[str, str], dict[str, Any]]
) -> None:
    for name in ("service", "worker"):
        assert int(compose["services"][name]["stop_grace_period"].removesuffix("s")) > LONGEST_END
        pod = kubernetes["Deployment", f"millrace-{name}"]["spec"]["template"]["spec"]
        assert pod["terminationGracePeriodSeconds"] > LONGEST_END
    for unit in UNITS:
        found = re.search(r"^TimeoutStopSec=(\d+)$", unit.read_text(), re.MULTILINE)
        assert found is not None
        assert int(found[1]) > LONGEST_END


@pytest.mark.parametrize("part", ["service", "worker"])
def test_pods_spread_and_go_one_at_a_time(
    part: str, kubernetes: dict[tuple[str, str], dict[str, Any]]
) -> None:
    deployment = kubernetes["Deployment", f"millrace-{part}"]["spec"]
    labels = deployment["selector"]
    assert deployment["replicas"] == 2
    [spread] = deployment["template"]["spec"]["topologySpreadConstraints"]
    assert spread["topologyKey"] == "kubernetes.io/hostname"
    assert spread["labelSelector"] == labels
    budget = kubernetes["PodDisruptionBudget", f"millrace-{part}"]["spec"]
    assert budget == {"maxUnavailable": 1, "selector": labels}


def test_a_store_that_is_away_makes_pods_unready_and_restarts_none(
    kubernetes: dict[tuple[str, str], dict[str, Any]],
) -> None:
    def container(part: str) -> dict[str, Any]:
        spec = kubernetes["Deployment", f"millrace-{part}"]["spec"]["template"]["spec"]
        found: dict[str, Any] = spec["containers"][0]
        return found

    service, worker = container("service"), container("worker")
    assert service["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert service["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert worker["livenessProbe"]["exec"]["command"][-1] == "worker-process"
    assert worker["readinessProbe"]["exec"]["command"][-1] == "worker"
    assert [each for each in service["env"] if each not in worker["env"]] == []
    for variable in service["env"]:
        secret = re.search("PASSWORD|TOKEN", variable["name"])
        assert ("valueFrom" in variable) == bool(secret), variable["name"]
