"""A real JupyterLab, a real kernel, and Chromium: `make e2e`."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from book import Notebook
from playwright.sync_api import sync_playwright

import magedit_lab as mag

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """The address of a JupyterLab that serves an empty folder and knows no user's settings, and the folder."""
    folder, own = tmp_path_factory.mktemp("lab"), tmp_path_factory.mktemp("settings")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", f"--port={port}",
        "--IdentityProvider.token=", "--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={folder}",
        "--LabApp.news_url=",
    ]  # fmt: skip
    places = ("JUPYTER_CONFIG_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    env = {**os.environ, **{name: str(own / name) for name in places}}
    with (own / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=env)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(480):
            try:
                urllib.request.urlopen(f"{address}/api", timeout=1).close()
                break
            except OSError:
                time.sleep(0.25)
        else:
            raise TimeoutError((own / "log").read_text()[-2000:])
        yield address, folder
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="session")
def runs(lab):
    """Finished runs of 50 steps by name, saved into the notebooks' folder under these names."""
    demo = mag.bench.demo.Demo(steps=50, iterations=15, step_size=0.4)  # as far in all as the demo's ten steps of three
    net, task = mag.Backbone.load("tabletop", "cpu"), mag.bench.demo.complex_task(demo.seed)
    path = mag.invert(net, task, mag.Direct(demo.steps, demo.guidance_scale))
    keep = mag.Keep(previews=False)
    traces = {name: mag.run(net, task, path, method, keep) for name, method in demo.methods.items()}
    for name, trace in traces.items():
        trace.save(lab[1] / name)
    return traces


@pytest.fixture(scope="session")
def browser():
    where = shutil.which("chromium") or shutil.which("google-chrome")
    if where is None:
        pytest.fail("expected Chromium for the tests in a browser, got none; apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=where, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def opened(lab, browser, request):
    """Opens cells of code as a notebook; at the end no script of a widget, a blob by anywidget, may have failed."""
    address, folder = lab
    pages, failed = [], []

    def make(*cells, name=request.node.name):
        file = folder / f"{name}.ipynb"
        if cells:
            book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
            book.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
            nbformat.write(book, file)
        page = browser.new_page(viewport={"width": 1280, "height": 1600})
        page.on("pageerror", lambda error: failed.append(f"{error.message}\n{error.stack}"))
        pages.append(page)
        return Notebook(page, address, file.name, kernel=bool(cells)), file

    yield make
    for page in pages:
        page.evaluate("window.jupyterapp?.shell.currentWidget?.sessionContext?.shutdown()")
        page.close()
    assert [error for error in failed if "widgets" in error or ".mag" in error or "blob:" in error] == []
