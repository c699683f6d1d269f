"""The notebooks as a static site and as slides: nothing is fetched when a page is read, no kernel, no CDN."""
