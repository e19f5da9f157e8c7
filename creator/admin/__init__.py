"""Operators' pages for tasks and runners, and the creator's part of the dashboard."""

from creator.admin.pages import RunnerAdmin, TaskAdmin

__all__ = ["RunnerAdmin", "TaskAdmin"]
