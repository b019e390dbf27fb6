"""A headless Chromium for tests of a page; these are skipped without one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM, DRIVER = ("chromium", "chromium-browser", "google-chrome"), "chromedriver"

ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--window-size=1280,900")
"""Without a sandbox, as tests may run as root; it opens only files that the tests have written."""


LOAD_SECONDS = 30


def reason_without_browser() -> str | None:
    """Why no page can be opened; None if it can."""
    try:
        import selenium  # noqa: F401
    except ModuleNotFoundError:
        return "selenium is not installed"
    if not any(map(shutil.which, CHROMIUM)):
        return "chromium is not installed"
    return None if shutil.which(DRIVER) else "chromedriver is not installed"


class Browser:
    """A page in Chromium: its style, its console messages, and its network requests."""

    def __init__(self, driver) -> None:
        self._driver = driver

    def open(self, path: Path, *, width: int = 1280, height: int = 900, scripts: bool = True) -> None:
        """Open a file in the light theme on a screen of this size."""
        from selenium.webdriver.support.wait import WebDriverWait

        self.execute("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.media()
        mobile = width < 500
        self.execute(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile
        )
        self._driver.get("about:blank")
        self._driver.get_log("browser"), self._driver.get_log("performance")
        self._driver.get(path.as_uri())
        # `get` may return before all of the page is there, seen with Chromium 150 on a busy machine.
        loaded = f"document.readyState === 'complete' && location.href === {json.dumps(path.as_uri())}"
        WebDriverWait(self._driver, LOAD_SECONDS).until(lambda _: self.value(loaded))

    def execute(self, command: str, **parameters: object) -> dict:
        """Execute a command of the DevTools protocol."""
        return self._driver.execute_cdp_cmd(command, parameters)

    def media(self, *, dark: bool = False, printed: bool = False) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.execute("Emulation.setEmulatedMedia", media="print" if printed else "screen", features=[scheme])

    def value(self, expression: str):
        """Value of a JavaScript expression, also on a page whose scripts are disabled."""
        result = self.execute("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        from selenium.webdriver import ActionChains

        ActionChains(self._driver).send_keys(*keys).perform()

    def messages(self) -> list[str]:
        """All console messages since the page was opened."""
        return [entry["message"] for entry in self._driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Addresses that were requested since the page was opened, except data URIs."""
        events = (json.loads(entry["message"])["message"] for entry in self._driver.get_log("performance"))
        sent = [one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"]
        return [address for address in sent if not address.startswith("data:")]


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A browser until the end of the context; skips the test if there is none."""
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
