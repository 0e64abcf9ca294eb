"""What is done to a fleet whose files are in a bucket."""

from __future__ import annotations

import time

from tests.chaos.cluster import Cluster, is_ready
from tests.chaos.faults import Fault, kill_worker, nothing
from tests.chaos.files import SharedBucket
from tests.waiting import until

# Longer than a request to the bucket is repeated.
_AWAY_SECONDS = 20


def kill_apis_in_mid_upload(cluster: Cluster) -> None:
    """With pieces in the bucket that no index names: nobody is left who could finish what is under way when both are dead."""
    assert isinstance(cluster.files, SharedBucket)
    apis = [cluster.parts[name] for name in ("api-1", "api-2")]
    hit: list[str] = []
    while not hit:
        until(cluster.files.uploads_under_way, seconds=60)
        for api in apis:
            api.kill()
        hit = cluster.files.uploads_under_way()
        for api in apis:
            api.start()


def cut_off_the_bucket(cluster: Cluster) -> None:
    assert isinstance(cluster.files, SharedBucket)
    cluster.files.proxy.cut()
    until(lambda: not any(is_ready(url) for url in cluster.api_urls))
    time.sleep(_AWAY_SECONDS)
    cluster.files.proxy.mend()


BUCKET_FAULTS = (
    Fault("in a bucket, nothing", nothing, in_bucket=True, needs_proxies=True),
    Fault("in a bucket, SIGKILL of a worker", kill_worker, in_bucket=True, needs_proxies=True),
    Fault("in a bucket, SIGKILL of the APIs", kill_apis_in_mid_upload, in_bucket=True, needs_proxies=True),
    Fault("in a bucket that can't be reached", cut_off_the_bucket, in_bucket=True, needs_proxies=True),
)
