"""Admin pages of tasks and runners, and the creator's cards on the dashboard."""

from creator.admin.pages import RunnerAdmin, TaskAdmin

__all__ = ["RunnerAdmin", "TaskAdmin"]
