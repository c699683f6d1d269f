"""A widget without its kernel: the same JavaScript and the same data, in an element of a page."""

import base64
import html
import json
from pathlib import Path
from typing import Any

import anywidget

HERE = Path(__file__).parent


def element(widget: anywidget.AnyWidget, still: str = "") -> str:
    """HTML that draws the widget from its present state; `still` is shown where scripts are off.

    The browser keeps what is chosen; nothing is sent anywhere.
    """
    state = {name: packed(value) for name, value in widget.get_state().items() if not hidden(name)}
    data = json.dumps(state).replace("<", "\\u003c")
    script = f"{widget._esm}\n{(HERE / 'frozen.js').read_text()}".replace("</script", "<\\/script")
    return (
        f"<style>{widget._css}</style>\n<div id='widget'></div>\n<noscript>{still}</noscript>\n"
        f"<script type='application/json' id='state'>{data}</script>\n<script type='module'>{script}</script>"
    )


def hidden(name: str) -> bool:
    """Traits of the machinery, not of the widget."""
    return name in ("_esm", "_css", "_anywidget_id", "layout", "tabbable", "tooltip") or name.startswith(
        ("_dom", "_model", "_view")
    )


def packed(value: Any) -> Any:
    """Bytes as base64 in a dictionary of their own, at any depth."""
    if isinstance(value, bytes | memoryview):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: packed(item) for key, item in value.items()}
    return [packed(item) for item in value] if isinstance(value, list | tuple) else value


def picture(png: bytes, words: str) -> str:
    return f"<img src='data:image/png;base64,{base64.b64encode(png).decode()}' alt='{html.escape(words, quote=True)}'>"
