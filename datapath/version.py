"""The installed version of Foldline, for provenance and banners."""

from importlib.metadata import version

VERSION = version("foldline")
TOOL = f"foldline {VERSION}"
