"""Widgets as a page's own messages reach them: a real kernel, its comm channel, and buffers."""

import queue

import pytest
from jupyter_client.manager import start_new_kernel

OPEN = """
from PIL import Image
from magedit_lab.widgets.mask_painter import MaskPainter
painter = MaskPainter(Image.new('RGB', (80, 60), 'gray'))
"""
STROKE = {"tool": "grow", "mode": "add", "points": [[0.5, 0.5]], "tolerance": 5}


@pytest.fixture(scope="module")
def client():
    manager, started = start_new_kernel(kernel_name="python3")
    yield started
    started.stop_channels()
    manager.shutdown_kernel(now=True)


def messages(client, asked):
    """What the kernel publishes until it has dealt with a request."""
    seen = []
    while True:
        try:
            message = client.get_iopub_msg(timeout=60)
        except queue.Empty:
            raise AssertionError(f"expected an answer, got {[m['msg_type'] for m in seen]}") from None
        if message["parent_header"].get("msg_id") != asked:
            continue
        seen.append(message)
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            return seen


def update(client, comm, state):
    content = {"comm_id": comm, "data": {"method": "update", "state": state, "buffer_paths": []}}
    message = client.session.msg("comm_msg", content)
    client.shell_channel.send(message)
    return messages(client, message["header"]["msg_id"])


def printed(client, code):
    return "".join(
        m["content"]["text"] for m in messages(client, client.execute(code)) if m["msg_type"] == "stream"
    ).strip()


def test_strokes_and_patches_go_through_a_kernels_comm(client):
    opened = messages(client, client.execute(OPEN))
    (comm,) = [
        m for m in opened if m["msg_type"] == "comm_open" and m["content"]["data"]["state"].get("tool") == "brush"
    ]
    paths = comm["content"]["data"]["buffer_paths"]
    assert bytes(comm["buffers"][paths.index(["_picture"])]).startswith(b"\x89PNG")
    answers = update(client, comm["content"]["comm_id"], {"strokes": [STROKE]})
    grown = [m for m in answers if m["msg_type"] == "comm_msg" and m["buffers"]]
    assert grown[-1]["content"]["data"]["buffer_paths"] == [["_grown", 0]]
    assert bytes(grown[-1]["buffers"][0]).startswith(b"\x89PNG")
    assert printed(client, "print(painter.strokes[0]['tool'], painter.mask.mean())") == "grow 1.0"
    answers = update(client, comm["content"]["comm_id"], {"strokes": [{"tool": "laser"}]})
    told = [m["content"]["data"]["state"] for m in answers if m["msg_type"] == "comm_msg"]
    assert any("laser" in state.get("status", "") for state in told)
    assert any(len(state.get("strokes", [])) == 1 for state in told)
    assert printed(client, "print(len(painter.strokes))") == "1"
