"""Settings of clusters that tests start as real processes: the project's own, with questions and jobs of the test."""

from bingproject.settings import *  # noqa: F403

CLUSTER_NUDGES = [
    ("tests.bingproject.cluster.cluster_jobs.needs_caller_id", "tests.bingproject.cluster.cluster_jobs.hold"),
    ("tests.bingproject.cluster.cluster_jobs.has_order", "tests.bingproject.cluster.cluster_jobs.serve_order"),
]
CLUSTER_PERIODIC = {"tests.bingproject.cluster.cluster_jobs.repeat": 3600}
