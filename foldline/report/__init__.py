"""A report of networks as one HTML file that needs nothing else: `write_report`."""

from foldline.report.inputs import CurveStage, ReportInputs, ReportRun, Target
from foldline.report.page import render_report, require_writable, write_report

__all__ = ["CurveStage", "ReportInputs", "ReportRun", "Target", "render_report", "require_writable", "write_report"]
