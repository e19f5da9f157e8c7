"""Whole stories over real HTTP: the server, a runner, the sandbox as Bing."""

import pytest

pytest.register_assert_rewrite("tests.journeys.engine", "tests.journeys.refusals")
