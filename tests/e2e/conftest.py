"""A real JupyterLab, a real kernel, and Chromium: `make e2e`."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import sync_playwright

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PICTURES = Path(os.environ.get("MAGEDIT_LAB_SCREENSHOTS", "out/e2e")).resolve()


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """The address of a JupyterLab that serves an empty folder, and the folder."""
    folder = tmp_path_factory.mktemp("lab")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", f"--port={port}",
        "--IdentityProvider.token=", "--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={folder}",
        "--LabApp.news_url=",
    ]  # fmt: skip
    with (folder / ".log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/api", timeout=1).close()
                break
            except OSError:
                time.sleep(0.25)
        else:
            raise TimeoutError((folder / ".log").read_text()[-2000:])
        yield address, folder
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="session")
def browser():
    where = shutil.which("chromium") or shutil.which("google-chrome")
    if where is None:
        pytest.fail("expected Chromium for the tests in a browser, got none; apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=where, args=FLAGS)
        yield started
        started.close()


class Notebook:
    """A notebook open in JupyterLab: `run(i)` a cell, `printed(i)` what it printed."""

    def __init__(self, page, address, name):
        self.page = page
        page.goto(f"{address}/lab/tree/{name}?reset")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
        page.wait_for_function(
            "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel != null", timeout=90_000
        )
        page.wait_for_function("window.jupyterapp.shell.currentWidget.sessionContext.isReady")

    def start(self, index):
        """Run a cell, and don't wait for it."""
        self.page.evaluate(
            """(i) => { const app = window.jupyterapp; app.shell.currentWidget.content.activeCellIndex = i;
            app.commands.execute('notebook:run-cell'); }""",
            index,
        )

    def run(self, index):
        self.start(index)
        self.page.wait_for_function(
            """(i) => { const cell = window.jupyterapp.shell.currentWidget.content.widgets[i].model;
            return cell.executionCount > 0 && cell.executionState !== 'running'; }""",
            arg=index, timeout=120_000,
        )  # fmt: skip
        return self.printed(index)

    def printed(self, index):
        return self.page.evaluate(
            """(i) => window.jupyterapp.shell.currentWidget.content.widgets[i].model.outputs.toJSON()
            .map((o) => o.text ?? o.evalue ?? '').join('')""",
            index,
        )

    def save(self):
        self.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")

    def cell(self, index):
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def photograph(self, index, name, part=".mag"):
        self.page.add_style_tag(content=".Toastify { display: none; }")  # Jupyter's question about news
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.cell(index).locator(part).first.screenshot(path=PICTURES / f"{name}.png")


@pytest.fixture
def opened(lab, browser, request):
    """Opens cells of code as a notebook."""
    address, folder = lab
    pages = []

    def make(*cells, name=request.node.name):
        file = folder / f"{name}.ipynb"
        if cells:
            book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
            book.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
            nbformat.write(book, file)
        page = browser.new_page(viewport={"width": 1280, "height": 1600})
        pages.append(page)
        return Notebook(page, address, file.name), file

    yield make
    for page in pages:
        page.close()
