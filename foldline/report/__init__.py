"""A report of networks as one HTML file that needs nothing else, and as files for a paper: `write_report`."""

from foldline.report.inputs import CurveStage, Rate, ReportInputs, ReportRun, Target
from foldline.report.page import require_writable
from foldline.report.writing import render_report, require_exportable, write_report

__all__ = [
    "CurveStage",
    "Rate",
    "ReportInputs",
    "ReportRun",
    "Target",
    "render_report",
    "require_exportable",
    "require_writable",
    "write_report",
]
