"""Have a real Prometheus scrape a fleet and evaluate the rules of ``deploy/monitoring``; break the fleet, and see the alerts. Prints what it tried.

Usage: ``PYTHONPATH=. .venv/bin/python deploy/checks/under_prometheus.py PROMETHEUS``. The fleet is that of ``make chaos``, all on loopback. Only how
often is scraped and for how long something must be so are seconds here and not minutes.
"""

# ruff: noqa: INP001, S101, T201 - a script that talks to whoever runs it, and asserts
from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.chaos.cluster import Cluster, running_cluster
from tests.chaos.invariants import settle
from tests.chaos.load import Load
from tests.ports import free_port
from tests.waiting import until

_MONITORING = Path(__file__).parents[1] / "monitoring"
_PATIENCE_SECONDS = 150
_RATE_WINDOW = "30s"
_UPLOADS = 30


def main() -> None:
    """Everything, in order; what is not so raises ``AssertionError``."""
    with running_cluster() as cluster:
        ports = _with_metrics(cluster)
        with _prometheus(sys.argv[1], cluster, ports) as server:
            load = Load(cluster, seed=3, uploads=_UPLOADS)
            load.start()
            _answers_every_query_of_the_dashboard(server, cluster)
            tasks = settle(load)
            load.finish()
            _counts_exactly(ports, tasks)
            _tells_of_a_lost_broker(server, cluster)
            _tells_of_stopped_workers(server, cluster, ports)


def _with_metrics(cluster: Cluster) -> dict[str, int]:
    """Workers and janitor, started again with a port for their metrics."""
    ports = {name: free_port() for name in ("worker-1", "worker-2", "janitor")}
    for name, port in ports.items():
        cluster.parts[name].restart(SOUNDMILL_METRICS_PORT=str(port))
    return ports


@contextmanager
def _prometheus(program: str, cluster: Cluster, ports: dict[str, int]) -> Iterator[httpx.Client]:
    jobs = {
        "soundmill-api": [url.removeprefix("http://") for url in cluster.api_urls],
        "soundmill-worker": [f"127.0.0.1:{ports[name]}" for name in ("worker-1", "worker-2")],
        "soundmill-janitor": [f"127.0.0.1:{ports['janitor']}"],
    }
    given = (_MONITORING / "prometheus.yml").read_text()
    assert set(re.findall(r"job_name: (\S+)", given)) == set(jobs), "the example scrapes the jobs that the rules name"
    with tempfile.TemporaryDirectory(prefix="soundmill-prometheus-", dir="/tmp") as folder:
        home = Path(folder)
        scrapes = [{"job_name": job, "static_configs": [{"targets": targets}]} for job, targets in jobs.items()]
        often = {"scrape_interval": "2s", "evaluation_interval": "1s"}
        configuration = {"global": often, "rule_files": ["alerts.yml"], "scrape_configs": scrapes}
        (home / "prometheus.yml").write_text(json.dumps(configuration))  # which is YAML, too
        rules = (_MONITORING / "alerts.yml").read_text()
        (home / "alerts.yml").write_text(re.sub(r"for: \d+m", "for: 3s", rules))
        address = f"127.0.0.1:{free_port()}"
        command = [program, f"--config.file={home}/prometheus.yml", f"--storage.tsdb.path={home}/data"]
        with (home / "log").open("wb") as log:
            process = subprocess.Popen([*command, f"--web.listen-address={address}"], stdout=log, stderr=log)
        try:
            with httpx.Client(base_url=f"http://{address}") as client:
                until(lambda: _is_scraping(client, 5), seconds=_PATIENCE_SECONDS)
                print("Prometheus scrapes two APIs, two workers and a janitor")
                yield client
        except BaseException:
            print((home / "log").read_text()[-2000:], file=sys.stderr)
            raise
        finally:
            process.terminate()
            process.wait()


def _is_scraping(server: httpx.Client, targets: int) -> bool:
    try:
        return server.get("/-/ready").is_success and len(_asked(server, "up == 1")) == targets
    except httpx.TransportError:
        return False


def _answers_every_query_of_the_dashboard(server: httpx.Client, cluster: Cluster) -> None:
    httpx.get(f"{cluster.api_urls[0]}/api/tasks")  # without a token: a refusal
    panels = json.loads((_MONITORING / "dashboard.json").read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    for query in queries:
        filled = query.replace("$__rate_interval", _RATE_WINDOW)
        until(lambda filled=filled: _asked(server, filled), seconds=_PATIENCE_SECONDS)  # type: ignore[misc]
    print(f"each of the dashboard's {len(queries)} queries returns data")


def _counts_exactly(ports: dict[str, int], tasks: dict[int, dict[str, Any]]) -> None:
    counted: dict[str, float] = {}
    for name in ("worker-1", "worker-2"):
        text = httpx.get(f"http://127.0.0.1:{ports[name]}/metrics").text
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == "soundmill_conversions_total":
                    outcome = sample.labels["outcome"]
                    counted[outcome] = counted.get(outcome, 0) + sample.value
    ended = [task["status"] for task in tasks.values()]
    assert counted.get("processed") == ended.count("processed"), (counted, ended)
    assert counted.get("failed") == ended.count("failed"), (counted, ended)
    print(f"{len(ended)} tasks ended, and the four processes of two workers counted {counted}")


def _tells_of_a_lost_broker(server: httpx.Client, cluster: Cluster) -> None:
    assert not _firing(server), f"nothing is wrong yet: {_firing(server)}"
    cluster.redis.kill()
    _await_alerts(server, {"SoundmillPartDown"})
    cluster.redis.start()
    until(lambda: not _firing(server), seconds=_PATIENCE_SECONDS)
    print("without Redis SoundmillPartDown fires, and ends when it is back")


def _tells_of_stopped_workers(server: httpx.Client, cluster: Cluster, ports: dict[str, int]) -> None:
    killed, stopped = cluster.workers
    killed.kill()  # which must not leave anybody on its port
    stopped.stop()
    load = Load(cluster, seed=4, uploads=1)
    load.start()
    load.wait_for_uploads()
    wanted = {"SoundmillNoWorker", "SoundmillWorkerGone", "SoundmillNothingConverted"}
    _await_alerts(server, wanted)
    print(f"with one worker killed, one stopped and a task waiting fire: {', '.join(sorted(_firing(server)))}")
    for worker in cluster.workers:
        worker.start(SOUNDMILL_METRICS_PORT=str(ports[worker.name]))
    settle(load)
    load.finish()
    # Others may stay: a killed worker's leases count for a quarter of an hour.
    until(lambda: not wanted & _firing(server), seconds=_PATIENCE_SECONDS)
    print("with the workers back the task is converted and these alerts end")


def _await_alerts(server: httpx.Client, names: set[str]) -> None:
    until(lambda: names <= _firing(server), seconds=_PATIENCE_SECONDS)


def _firing(server: httpx.Client) -> set[str]:
    alerts = server.get("/api/v1/alerts").raise_for_status().json()["data"]["alerts"]
    return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}


def _asked(server: httpx.Client, query: str) -> list[Any]:
    answer = server.get("/api/v1/query", params={"query": query})
    assert answer.is_success, f"{query}: {answer.text}"
    found: list[Any] = answer.json()["data"]["result"]
    return found


if __name__ == "__main__":
    main()
