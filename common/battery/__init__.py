"""What the papers taught, asked of any criterion: one page of tests, in minutes."""

from common.battery.subject import Finding, Subject
from common.battery.trials import TRIALS

__all__ = ["TRIALS", "Finding", "Subject"]
