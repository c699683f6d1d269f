"""A notebook in JupyterLab as a person has it before them."""

import io
import os
from pathlib import Path

from PIL import Image

OUT = Path("out/e2e").resolve()
PICTURES = Path(os.environ.get("MAGEDIT_LAB_SCREENSHOTS", OUT)).resolve()
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


class Notebook:
    """A notebook open in JupyterLab: `run(i)` a cell, `printed(i)` what it printed."""

    def __init__(self, page, address, name, kernel=True):
        self.page = page
        page.goto(f"{address}/lab/tree/{name}?reset")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
        if kernel:
            page.wait_for_function(
                "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel != null", timeout=90_000
            )
            page.wait_for_function("window.jupyterapp.shell.currentWidget.sessionContext.isReady", timeout=90_000)

    def start(self, index):
        """Run a cell, and don't wait for it."""
        self.page.evaluate(
            """(i) => { const app = window.jupyterapp; app.shell.currentWidget.content.activeCellIndex = i;
            app.commands.execute('notebook:run-cell'); }""",
            index,
        )

    def run(self, index):
        """Run a cell; what it printed."""
        self.start(index)
        self.page.wait_for_function(
            """(i) => { const cell = window.jupyterapp.shell.currentWidget.content.widgets[i].model;
            return cell.executionCount > 0 && cell.executionState !== 'running'; }""",
            arg=index, timeout=180_000,
        )  # fmt: skip
        return self.printed(index)

    def printed(self, index):
        return self.page.evaluate(
            """(i) => window.jupyterapp.shell.currentWidget.content.widgets[i].model.outputs.toJSON()
            .map((o) => o.text ?? o.evalue ?? '').join('')""",
            index,
        )

    def say(self, index, wanted):
        """Run a cell until it prints what is wanted, as what a person did is on its way to the kernel for a moment."""
        for _ in range(40):
            printed = self.run(index).strip()
            if printed == wanted:
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"expected {wanted!r}, got {printed!r}")

    def save(self):
        self.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")

    def theme(self, name):
        """light or dark."""
        self.page.evaluate(
            "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", THEMES[name]
        )
        self.page.wait_for_selector(
            f"body[data-jp-theme-light={'true' if name == 'light' else 'false'!r}]", state="attached"
        )

    def cell(self, index):
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def photograph(self, index, name, part=".mag", folder=PICTURES):
        """A picture of a cell's part with at most 256 colours, a third of the size of a full one."""
        self.page.add_style_tag(content=".Toastify { display: none; }")  # Jupyter's question about news
        folder.mkdir(parents=True, exist_ok=True)
        whole = Image.open(io.BytesIO(self.cell(index).locator(part).first.screenshot()))
        small = whole.convert("RGB").quantize(256, kmeans=3, dither=Image.Dither.NONE)
        small.save(folder / f"{name}.png", optimize=True)
