"""A real browser, headless, driven over its DevTools protocol: one page, what it asked of the net, and what it complained about."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

_PATIENCE_SECONDS = 60.0

_EYES = """
window.steward = {
  all(root = document) {
    const found = [];
    for (const one of root.querySelectorAll('*')) {
      found.push(one);
      if (one.shadowRoot) found.push(...steward.all(one.shadowRoot));
    }
    return found;
  },
  text() {
    const parts = [];
    for (const root of [document, ...steward.all().map(e => e.shadowRoot).filter(Boolean)]) {
      const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
      while (walk.nextNode()) {
        const parent = walk.currentNode.parentElement;
        if (parent && !parent.closest('script, style, marimo-code, template') && parent.getClientRects().length) parts.push(walk.currentNode.data.trim());
      }
    }
    return parts.filter(Boolean).join('\\n');
  },
  find(selector, words) {
    return steward.all().find(e => e.matches(selector) && (!words || e.textContent.trim().startsWith(words)) && e.getClientRects().length);
  },
  choose(label, value) {
    for (const select of steward.all().filter(e => e.matches('select'))) {
      const option = [...select.options].find(o => o.text.startsWith(value));
      const near = (select.closest('label, div')?.parentElement?.textContent || '') + (select.getRootNode().host?.parentElement?.textContent || '');
      if (!option || !near.includes(label)) continue;
      Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype, 'value').set.call(select, option.value);
      select.dispatchEvent(new Event('change', { bubbles: true }));
      return true;
    }
    return false;
  },
};
"""


def found() -> str:
    """Where a Chromium is; empty without one."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next((path for name in names if (path := shutil.which(name))), "")


class Browser:
    """One browser with one page and a profile of its own; use it as a context manager."""

    def __init__(self) -> None:
        from websockets.sync import client

        self._folder = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        argv = [
            found(), "--headless=new", "--remote-debugging-port=0", f"--user-data-dir={self._folder.name}", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-gpu", "--disable-dev-shm-usage",
            "--window-size=1280,1600", "--hide-scrollbars", "about:blank",
        ]  # fmt: skip
        if os.geteuid() == 0:
            argv.insert(1, "--no-sandbox")
        self._process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._number = 0
        self.addresses: list[str] = []
        """Every address it asked for."""
        self.complaints: list[str] = []
        """Errors of its console and its policies."""
        self._open = ExitStack()
        try:
            port, path = self._started()
            connecting = client.connect(f"ws://127.0.0.1:{port}{path}", max_size=None, proxy=None)
            self._line = self._open.enter_context(connecting)
            target = self._call("Target.createTarget", url="about:blank")["targetId"]
            self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Network", "Log"):
                self._call(f"{domain}.enable")
            self._call("Page.addScriptToEvaluateOnNewDocument", source=_EYES)
        except BaseException:
            # Half-made, nobody could close it.
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the browser and remove its profile."""
        self._open.close()
        self._process.terminate()
        self._process.wait(20)
        self._folder.cleanup()

    def go(self, address: str) -> None:
        """Begin to load a page."""
        self._call("Page.navigate", url=address)

    def ask(self, script: str) -> Any:
        """The value of an expression in the page."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def until(self, script: str, *, seconds: float = _PATIENCE_SECONDS) -> Any:
        """Wait until an expression is true in the page; its value."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                answer = self._call("Runtime.evaluate", expression=script, returnByValue=True)
            except AssertionError as error:
                # It was just leaving for the next page.
                if "navigated" not in str(error):
                    raise
                answer = {"result": {}}
            if value := answer["result"].get("value"):
                return value
            time.sleep(0.1)
        raise AssertionError(
            f"never: {script}\n{self.ask('window.steward ? steward.text() : document.title')}\n{self.complaints}"
        )

    def sees(self, words: str, *, seconds: float = _PATIENCE_SECONDS) -> None:
        """Wait until a person sees these words."""
        self.until(f"window.steward && steward.text().includes({json.dumps(words)})", seconds=seconds)

    def text(self) -> str:
        """All words a person sees."""
        return str(self.ask("steward.text()"))

    def press(self, selector: str, words: str = "") -> None:
        """Click on the first thing a person sees that matches and begins with these words."""
        where = f"steward.find({json.dumps(selector)}, {json.dumps(words)})"
        self.until(f"!!{where}")
        self.ask(f"{where}.click()")

    def choose(self, label: str, value: str) -> None:
        """Take an option of the choice with this label."""
        self.until(f"steward.choose({json.dumps(label)}, {json.dumps(value)})")

    def picture(self, file: Path, *, high: int, wide: int = 1100) -> None:
        """A picture of the page's top."""
        self._call(
            "Emulation.setDeviceMetricsOverride", width=wide, height=high, deviceScaleFactor=1, mobile=False
        )
        time.sleep(1)  # a page's own transitions
        file.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"]))

    def _started(self) -> tuple[str, str]:
        told = Path(self._folder.name) / "DevToolsActivePort"
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if told.exists() and len(lines := told.read_text().splitlines()) == 2:
                return lines[0], lines[1]
            time.sleep(0.05)
        raise AssertionError("the browser never came up")

    def _call(self, method: str, **given: Any) -> dict[str, Any]:
        self._number += 1
        asked = {"id": self._number, "method": method, "params": given}
        if session := getattr(self, "_session", ""):
            asked["sessionId"] = session
        self._line.send(json.dumps(asked))
        while True:
            answer = json.loads(self._line.recv(timeout=_PATIENCE_SECONDS))
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise AssertionError(answer["error"])
                found: dict[str, Any] = answer["result"]
                return found
            self._note(answer)

    def _note(self, told: dict[str, Any]) -> None:
        about = told.get("params", {})
        if told.get("method") == "Network.requestWillBeSent":
            self.addresses.append(about["request"]["url"])
        elif told.get("method") == "Network.webSocketCreated":
            self.addresses.append(about["url"])
        elif told.get("method") == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.complaints.append(f"{about['entry']['text']} {about['entry'].get('url', '')}")
        elif told.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(about["exceptionDetails"].get("exception", {}).get("description")))
