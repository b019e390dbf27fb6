"""A headless Chromium for the tests of a page; what needs it is skipped where it is missing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM, DRIVER = ("chromium", "chromium-browser", "google-chrome"), "chromedriver"

ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--window-size=1280,900")
"""Without a sandbox, since a test may run as root; it opens files that the tests have written, and nothing else."""


def reason_without_browser() -> str | None:
    """Why no page can be opened here; None where it can."""
    try:
        import selenium  # noqa: F401
    except ModuleNotFoundError:
        return "selenium is not installed"
    if not any(map(shutil.which, CHROMIUM)):
        return "chromium is not installed"
    return None if shutil.which(DRIVER) else "chromedriver is not installed"


class Browser:
    """A page in Chromium: what it looks like, what it complains of, and what it asks the network for."""

    def __init__(self, driver) -> None:
        self._driver = driver

    def open(self, path: Path, *, width: int = 1280, height: int = 900, scripts: bool = True) -> None:
        """Open a file anew, in the light theme, on a screen of this size."""
        self.tell("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.media()
        mobile = width < 500
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)
        self._driver.get("about:blank")
        self._driver.get_log("browser"), self._driver.get_log("performance")
        self._driver.get(path.as_uri())

    def tell(self, command: str, **parameters: object) -> dict:
        """A command of Chromium's own protocol."""
        return self._driver.execute_cdp_cmd(command, parameters)

    def media(self, *, dark: bool = False, printed: bool = False) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.tell("Emulation.setEmulatedMedia", media="print" if printed else "screen", features=[scheme])

    def value(self, expression: str):
        """What an expression of JavaScript gives, also on a page whose own scripts do not run."""
        result = self.tell("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def press(self, *keys: str) -> None:
        """Keys, one after the other, wherever the focus is."""
        from selenium.webdriver import ActionChains

        ActionChains(self._driver).send_keys(*keys).perform()

    def complaints(self) -> list[str]:
        """Everything on the console since the page was opened."""
        return [entry["message"] for entry in self._driver.get_log("browser")]

    def asked_for(self) -> list[str]:
        """Addresses that were asked for since the page was opened, without data within the page."""
        messages = (json.loads(entry["message"])["message"] for entry in self._driver.get_log("performance"))
        sent = [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]
        return [address for address in sent if not address.startswith("data:")]


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A browser until the end of the context; skips the test where there is none."""
    reason = reason_without_browser()
    if reason is not None:
        pytest.skip(reason)
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = next(filter(None, map(shutil.which, CHROMIUM)))
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(shutil.which(DRIVER)))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
