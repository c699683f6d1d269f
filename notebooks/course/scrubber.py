"""A row of pictures under one slider, alive without a kernel; a still where no script runs."""

import base64
import html
import io
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from magedit_lab.plots.style import Plot

SIDE = 108  # pixels of a frame


class Scrubber:
    """rows: by name, as many pictures each as there are labels. still: what is shown without scripts."""

    def __init__(self, rows: Mapping[str, Sequence[Image.Image]], labels: Sequence[str], still: Plot) -> None:
        if not rows or {len(row) for row in rows.values()} != {len(labels)}:
            counts = [len(row) for row in rows.values()]
            raise ValueError(f"expected {len(labels)} pictures a row, one for each label, got {counts}")
        self.rows, self.labels, self.still = rows, list(labels), still

    def __repr__(self) -> str:
        return self.still.sentence

    def _repr_mimebundle_(self, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = self.still._repr_mimebundle_(**more)
        return {**data, "text/html": self.html()}, metadata

    def html(self) -> str:
        """A slider with the pictures of its place above; arrow keys move it."""
        name = f"scrub-{uuid.uuid5(uuid.NAMESPACE_URL, ''.join(self.labels)).hex[:8]}"
        frames = [[_url(picture) for picture in row] for row in self.rows.values()]
        panels = "".join(
            f'<figure style="margin:0;display:inline-block;text-align:center"><img width="{SIDE}" height="{SIDE}" '
            f'src="{row[0]}" alt="{html.escape(title)}, {html.escape(self.labels[0])}">'
            f"<figcaption>{html.escape(title)}</figcaption></figure> "
            for title, row in zip(self.rows, frames, strict=True)
        )
        script = (
            f"(function(){{const r=document.getElementById('{name}'),f={json.dumps(frames)},"
            f"l={json.dumps(self.labels)},"
            "i=r.querySelectorAll('img'),s=r.querySelector('input'),o=r.querySelector('output');"
            "s.oninput=()=>{i.forEach((p,k)=>{p.src=f[k][s.value];p.alt=l[s.value]});o.textContent=l[s.value]}})()"
        )
        return (
            f'<div id="{name}">{panels}<div><label>step <input type="range" min="0" max="{len(self.labels) - 1}" '
            f'value="0" style="width:{SIDE * 2}px;height:40px"></label> <output>{html.escape(self.labels[0])}</output>'
            f"</div></div><script>{script}</script>"
        )


def _url(picture: Image.Image) -> str:
    small, buffer = picture.resize((SIDE, SIDE)), io.BytesIO()
    small.save(buffer, "JPEG", quality=50)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
