"""Alerts and dashboard: each alert fires when it should, and all name metrics that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from core.metrics import METRICS

ROOT = Path(__file__).parents[2]


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
