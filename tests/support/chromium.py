"""A page in headless Chromium, driven over its debugging pipe: no driver and no library besides."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

BINARY = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Chromium:
    """A browser with one page."""

    def __init__(self, profile: Path) -> None:
        assert BINARY
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()

        # The browser reads descriptor 3 and writes descriptor 4, whatever they were here.
        fds = (os.dup(to_browser), os.dup(from_browser))
        shell = f'exec 3<&{fds[0]} 4>&{fds[1]}; exec "$@"'
        self._process = subprocess.Popen(
            [
                *("bash", "-c", shell, "bash", BINARY, "--headless=new", "--no-sandbox", "--disable-gpu"),
                *("--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-pipe"),
                *(f"--user-data-dir={profile}", "about:blank"),
            ],
            pass_fds=fds,
            stderr=subprocess.DEVNULL,
        )
        for descriptor in (to_browser, from_browser, *fds):
            os.close(descriptor)
        self._buffer = b""
        self._last_id = 0
        self.console: list[str] = []
        self.requested: list[str] = []
        self._loaded: set[tuple[str, str]] = set()
        self._session = ""
        page = next(item for item in self.call("Target.getTargets")["targetInfos"] if item["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """A command of the DevTools protocol and its answer."""
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._last_id:
                assert "error" not in answer, answer["error"]
                found: dict[str, Any] = answer["result"]
                return found

    def open(
        self, url: str, *, width: int, height: int = 900, scheme: str = "light", scripts: bool = True
    ) -> None:
        """Opens a page and waits for it to load."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self._navigate("about:blank")
        self.console.clear()
        self.requested.clear()
        self._navigate(url)

    def _navigate(self, url: str) -> None:
        loader = self.call("Page.navigate", url=url)["loaderId"]
        while (loader, "load") not in self._loaded:
            self._read()

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, *keys: str) -> None:
        """Presses keys one after the other: ``Tab``, ``Enter``."""
        codes = {"Tab": 9, "Enter": 13}
        for key in keys:
            text = {"text": "\r"} if key == "Enter" else {}
            code = {"key": key, "code": key, "windowsVirtualKeyCode": codes[key]}
            self.call("Input.dispatchKeyEvent", type="keyDown", **code, **text)
            self.call("Input.dispatchKeyEvent", type="keyUp", **code)

    def screenshot(self, *, full_page: bool = False) -> bytes:
        """A PNG of what is seen, or of the whole page."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=full_page)
        return base64.b64decode(shot["data"])

    def close(self) -> None:
        """Ends the browser."""
        self._process.terminate()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            chunk = os.read(self._in, 1 << 16)
            assert chunk, "the browser has ended"
            self._buffer += chunk
        text, self._buffer = self._buffer.split(b"\0", 1)
        message: dict[str, Any] = json.loads(text)
        if "method" in message:
            self._note(message)
        return message

    def _note(self, event: dict[str, Any]) -> None:
        parameters = event["params"]
        if event["method"] == "Page.lifecycleEvent":
            self._loaded.add((parameters["loaderId"], parameters["name"]))
        elif event["method"] == "Runtime.exceptionThrown":
            self.console.append(parameters["exceptionDetails"]["text"])
        elif event["method"] == "Runtime.consoleAPICalled":
            self.console.append(json.dumps(parameters["args"]))
        elif event["method"] == "Log.entryAdded":
            self.console.append(parameters["entry"]["text"])
        elif event["method"] == "Network.requestWillBeSent":
            self.requested.append(parameters["request"]["url"])


TOO_FAINT = """
(() => {
  const paint = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.map(c => c / 255).map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const color = paint(getComputedStyle(one).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *:not(svg *):not(script)")) {
    if (![...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())) continue;
    const values = [light(paint(getComputedStyle(element).color).slice(0, 3)), light(ground(element))];
    const ratio = (Math.max(...values) + .05) / (Math.min(...values) + .05);
    if (ratio < 4.5) faint.push([element.tagName, element.className, ratio]);
  }
  return faint;
})()
"""
"""Script: every text that has too little contrast with its ground."""
