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

from core.metrics import METRICS
from millrace.commands.work_commands import app

ROOT = Path(__file__).parents[1]
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    services: dict[str, Any] = YAML(typ="safe").load(ROOT / "docker-compose.yml")
    return services


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


def test_pods_run_unprivileged_on_a_read_only_root() -> None:
    documents = list(YAML(typ="safe").load_all(ROOT / "deploy" / "kubernetes" / "millrace.yaml"))

    pods = [each["spec"]["template"]["spec"] for each in documents if "template" in each["spec"]]
    assert len(pods) == 3
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "deploy/prometheus/alerts.yml"),
        ("test", "rules", "tests/prometheus/alerts_test.yml"),
    ],
)
def test_each_alert_fires_when_it_should_and_only_then(arguments: tuple[str, ...]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")

    answer = subprocess.run([promtool, *arguments], cwd=ROOT, capture_output=True, text=True)

    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_every_alert_has_a_test() -> None:
    rules = (ROOT / "deploy/prometheus/alerts.yml").read_text()
    tests = YAML(typ="safe").load(ROOT / "tests/prometheus/alerts_test.yml")["tests"]

    for name in re.findall(r"- alert: (\w+)", rules):
        cases = [c for t in tests for c in t["alert_rule_test"] if c["alertname"] == name]
        assert any(case["exp_alerts"] for case in cases), name
        assert any(not case["exp_alerts"] for case in cases), name


def test_alerts_and_dashboard_ask_for_metrics_that_exist() -> None:
    deploy = ROOT / "deploy"
    text = (deploy / "prometheus" / "alerts.yml").read_text()
    text += json.dumps(
        json.loads((deploy / "grafana" / "dashboards" / "millrace.json").read_text())
    )

    for name in set(re.findall(r"\bmillrace_[a-z_]+", text)):
        assert name in METRICS or name.removesuffix("_bucket") in METRICS, name
