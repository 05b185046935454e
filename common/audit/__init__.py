"""Statistical verdicts on a paper's claims, from run tables and published numbers. No torch."""

from common.audit.audit import FIELDS, audit, holm_counts, summary
from common.audit.power import planned_power
from common.audit.submitted import check_table, read_table

__all__ = [
    "FIELDS",
    "audit",
    "check_table",
    "holm_counts",
    "planned_power",
    "read_table",
    "summary",
]
