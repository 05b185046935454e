"""Planning: schemas, expansion into runs, digests, blocks, and what a request makes. No torch."""

from common.errors import Refused
from common.suite.plan import Plan, Request, make_plan, settings
from common.suite.start import hold, start, write_specs

__all__ = ["Plan", "Refused", "Request", "hold", "make_plan", "settings", "start", "write_specs"]
