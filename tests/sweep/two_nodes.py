"""A Ray cluster of two nodes on this machine, for tests."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SMALL = {"num_cpus": 1, "object_store_memory": 80 * 1024**2}


@contextmanager
def two_nodes() -> Iterator[Any]:
    """Two raylets on this machine, with a core each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ray.cluster_utils import Cluster

        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        made = Cluster(initialize_head=True, head_node_args={**SMALL, "include_dashboard": False})
        try:
            made.add_node(**SMALL)
            made.wait_for_nodes()
            yield made
        finally:
            made.shutdown()
