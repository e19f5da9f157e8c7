"""Settings of clusters that tests start as real processes: the project's own, with questions and jobs of the test."""

from bingproject.settings import *  # noqa: F403

CLUSTER_NUDGES = [
    ("tests.bingproject.cluster_jobs.needs_holder", "tests.bingproject.cluster_jobs.hold"),
    ("tests.bingproject.cluster_jobs.has_order", "tests.bingproject.cluster_jobs.serve_order"),
]
CLUSTER_PERIODIC = {"tests.bingproject.cluster_jobs.repeat": 3600}
