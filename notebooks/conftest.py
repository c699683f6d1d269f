"""nbval compares text only, and only in cells that are tagged for it."""


def pytest_collectstart(collector):
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("text/html", "application/javascript", "image/png")
