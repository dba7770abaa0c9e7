"""A cluster of Ray on this machine, for the tests of a module that import the fixture."""

import pytest

from playground import ray_parts


@pytest.fixture(scope="module")
def cluster():
    """The address of a cluster of this machine, with which this process is connected."""
    pytest.importorskip("ray")
    ray = ray_parts.ray_library()
    options = {"address": "local", "num_cpus": 2, "object_store_memory": 10**8}
    for left in (2, 1, 0):  # it gives its processes 30 seconds, which a crowded machine may not have for them
        try:
            ray.init(include_dashboard=False, log_to_driver=False, **options)
            break
        except Exception:
            ray.shutdown()
            if not left:
                raise
    yield ray.get_runtime_context().gcs_address
    ray.shutdown()
