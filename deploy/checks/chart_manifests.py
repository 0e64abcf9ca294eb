"""Check the chart's values against its schema, or render it and check each manifest, without helm and without a cluster.

Usage: ``python chart_manifests.py values`` or ``python chart_manifests.py manifests RENDERER``, the program made of ``render_chart.go``.
"""

# ruff: noqa: INP001, T201 - a script that talks to whoever runs it
from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

_CHART = Path(__file__).parents[1] / "helm" / "soundmill"
_TRIAL = _CHART.parent / "trial-values.yaml"
_KUBERNETES = "1.31"
# What a rendered release must have, whatever else it has.
_WANTED = {
    *(("Deployment", f"trial-{role}") for role in ("api", "worker", "janitor")),
    *(("NetworkPolicy", f"trial-{role}") for role in ("nothing", "api", "worker", "janitor")),
    ("Job", "trial-migration"),
    ("Service", "trial-api"),
    ("Ingress", "trial"),
    ("PersistentVolumeClaim", "trial-files"),
    ("ScaledObject", "trial-worker"),
    ("PodMonitor", "trial"),
    ("PrometheusRule", "trial"),
}
_BUCKET = {"bucket": {"url": "gs://files/soundmill", "serviceAccountName": "soundmill", "credentialsSecret": "bucket"}}
_WANTED_WITH_BUCKET = (_WANTED - {("PersistentVolumeClaim", "trial-files")}) | {
    ("NetworkPolicy", "trial-bucket"),
    ("ConfigMap", "trial-nginx"),
    ("PodDisruptionBudget", "trial-api"),
}
# KEDA's and the Prometheus operator's, which Kubernetes' own schemas don't know.
_FOREIGN = {"ScaledObject", "PodMonitor", "PrometheusRule"}
_SECRETS_OF = {
    "api": {"secret", "worker-secret", "database-url", "broker-url", "limits-url"},
    "worker": {"worker-secret", "broker-url"},
    "janitor": {"database-url", "broker-url"},
    "migration": {"database-url"},
}


def main() -> None:
    """Print what is wrong and end with status 1, or print how much was checked."""
    if sys.argv[1] == "values":
        wrong = list(_wrong_values())
    else:
        shared = _rendered(sys.argv[2], _values())
        in_bucket = _rendered(sys.argv[2], _merged(_values(), _BUCKET))
        wrong = [each for manifest in (*shared, *in_bucket) for each in _wrong_manifest(manifest)]
        wrong += [f"not rendered: {kind} {name}" for kind, name in sorted(_WANTED - _names(shared))]
        wrong += [f"with a bucket: {kind} {name}" for kind, name in sorted(_names(in_bucket) ^ _WANTED_WITH_BUCKET)]
        print(f"{len(shared) + len(in_bucket)} manifests against Kubernetes {_KUBERNETES}")
    for each in wrong:
        print(each)
    sys.exit(bool(wrong))


def _values() -> dict[str, Any]:
    return _merged(yaml.safe_load((_CHART / "values.yaml").read_text()), yaml.safe_load(_TRIAL.read_text()))


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """As Helm lays given values over the chart's."""
    both = {name: _merged(under[name], value) for name, value in over.items() if isinstance(under.get(name), dict)}
    return {**under, **over, **both}


def _wrong_values() -> Iterator[str]:
    schema = json.loads((_CHART / "values.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    for error in validator.iter_errors(_values()):
        yield f"{error.json_path}: {error.message}"
    # The defaults alone lack what only the operator knows; a schema that takes them would take anything.
    if validator.is_valid(yaml.safe_load((_CHART / "values.yaml").read_text())):
        yield "the schema takes values without image.repository and existingSecret"
    for mistake in (
        {"worker": {"replica": 3}},
        {"uid": 0},
        {"persistence": {"size": "much"}},
        {"bucket": {"url": "x"}},
    ):
        if validator.is_valid(_merged(_values(), mistake)):
            yield f"the schema takes {mistake}"


def _names(manifests: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests}


def _rendered(renderer: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    chart = yaml.safe_load((_CHART / "Chart.yaml").read_text())
    given = {"values": values, "chart": {name[0].upper() + name[1:]: value for name, value in chart.items()}}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(given, file)
        file.flush()
        command = [renderer, str(_CHART), file.name, "trial", "sound"]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        sys.exit(f"not rendered: {ran.stderr.strip()}")
    return [each for each in yaml.safe_load_all(ran.stdout) if each]


def _wrong_manifest(manifest: dict[str, Any]) -> Iterator[str]:
    name = f"{manifest['kind']} {manifest['metadata']['name']}"
    if manifest["kind"] not in _FOREIGN:
        try:
            kubernetes_validate.validate(manifest, _KUBERNETES, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{name}: {'.'.join(map(str, error.path))}: {error.message}"
    if manifest["kind"] in ("Deployment", "Job"):
        yield from (f"{name}: {each}" for each in _wrong_pod(manifest["spec"]["template"]))


def _wrong_pod(template: dict[str, Any]) -> Iterator[str]:
    pod, role = template["spec"], template["metadata"]["labels"]["app.kubernetes.io/component"]
    if not pod["securityContext"]["runAsNonRoot"] or pod["automountServiceAccountToken"]:
        yield "runs as root, or with a token for the cluster"
    for container in pod["containers"]:
        security = container["securityContext"]
        if not security["readOnlyRootFilesystem"] or security["allowPrivilegeEscalation"]:
            yield f"{container['name']} may write its root file system or gain privileges"
        if unknown := {each["name"] for each in container["volumeMounts"]} - {each["name"] for each in pod["volumes"]}:
            yield f"{container['name']} mounts what is not there: {unknown}"
    settings = [each for container in pod["containers"] for each in container["env"]]
    shown = {each["valueFrom"]["secretKeyRef"]["key"] for each in settings if "valueFrom" in each}
    if shown != _SECRETS_OF[role]:
        yield f"is shown {sorted(shown)}, and should be {sorted(_SECRETS_OF[role])}"


if __name__ == "__main__":
    main()
