"""Tables, figures and the report page, made from files that earlier steps wrote."""

from common.report.figures import write_figures
from common.report.job import run_job
from common.report.runs import read_runs, stored_runs
from common.report.tables import write_tables

__all__ = [
    "read_runs",
    "run_job",
    "stored_runs",
    "write_figures",
    "write_tables",
]
