"""`magedit-lab web`: the built page, served so that a browser gives it threads."""

import argparse
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from .common import command


def add(commands: Any, name: str) -> None:
    parser = command(commands, name, web)
    parser.add_argument("--folder", type=Path, default=Path("out/web"), help="what `make web` wrote")
    parser.add_argument("--port", type=int, default=8000, help="0 takes any that is free")
    parser.add_argument(
        "--host", default="127.0.0.1", help="0.0.0.0 shows the page to the network, without threads there"
    )


def web(arguments: argparse.Namespace) -> None:
    """Serve the page until interrupted."""
    served = server(arguments.folder, arguments.host, arguments.port)
    with served:
        print(f"http://{arguments.host}:{served.server_port}/ (Ctrl-C ends it)", flush=True)
        served.serve_forever()


def server(folder: Path, host: str = "127.0.0.1", port: int = 0) -> ThreadingHTTPServer:
    """A server of a built page; ValueError where none is built, OSError for a port in use."""
    if not (folder / "index.html").is_file():
        raise ValueError(f"expected a built page in {str(folder)!r}, got no index.html; run: make web")
    return Server((host, port), partial(Isolated, directory=str(folder)))


class Server(ThreadingHTTPServer):
    """A page that is closed halfway breaks its downloads off, which is no news."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Isolated(SimpleHTTPRequestHandler):
    """Files with the two headers that isolate a page, without which a browser gives WebAssembly one thread."""

    extensions_map = {  # noqa: RUF012  (the base class's own)
        **SimpleHTTPRequestHandler.extensions_map, ".js": "text/javascript", ".mjs": "text/javascript",
        ".wasm": "application/wasm", ".onnx": "application/octet-stream", ".json": "application/json",
    }  # fmt: skip

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, *_: Any) -> None:
        """No line a file."""
