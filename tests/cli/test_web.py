"""`magedit-lab web` gives a page what WebAssembly's threads want, and `export` refuses what it cannot do."""

import threading
import urllib.request

import pytest

from magedit_lab.cli import main
from magedit_lab.cli.web import server


def test_a_page_is_served_isolated(tmp_path):
    (tmp_path / "index.html").write_text("<title>here</title>")
    (tmp_path / "engine.mjs").write_text("export {}")
    (tmp_path / "runtime.wasm").write_bytes(b"\0asm")
    with server(tmp_path) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        for name, kind in (("", "text/html"), ("engine.mjs", "text/javascript"), ("runtime.wasm", "application/wasm")):
            with urllib.request.urlopen(f"http://127.0.0.1:{served.server_port}/{name}") as answer:
                assert answer.headers["Content-Type"] == kind
                assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
                assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        served.shutdown()


def test_a_folder_without_a_page_is_one_line(tmp_path, capsys):
    assert main(["web", "--folder", str(tmp_path)]) == 2
    assert "got no index.html; run: make web" in capsys.readouterr().err


@pytest.mark.parametrize("count", [-1, 4])
def test_scenes_that_there_are_not_are_one_line(tmp_path, capsys, count):
    assert main(["export", "web", str(tmp_path / "out"), "--scenes", str(count)]) == 2
    assert f"expected 0 to 3 scenes, got {count}" in capsys.readouterr().err
