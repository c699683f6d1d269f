"""Which texts of a page can't be read well."""

# Given an element, or none for the page: what in it has text of its own whose contrast with what lies behind is under
# 4.5 (WCAG AA). What is disabled need not be read, and pictures are not looked at.
FAINT = """(root) => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => rgb.slice(0, 3).map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = parts(getComputedStyle(node).backgroundColor);
      if (colour[3] !== 0) return colour;
    }
    return [255, 255, 255];
  };
  const page = 'p, a, span, pre, code, li, h1, h2, td, label, output, math';
  const texts = root ? `${page}, strong, small, button, select, input, div, legend, summary, figcaption, text` : page;
  const typed = (node) => node.matches('select, input:not([type=range])');
  const written = (node) => [...node.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  const found = [];
  for (const node of (root ?? document.body).querySelectorAll(texts)) {
    if (!(typed(node) || written(node)) || !node.getClientRects().length || node.disabled) continue;
    const style = getComputedStyle(node), colour = node.matches('text') ? style.fill : style.color;
    const [a, b] = [light(parts(colour)), light(behind(node))].sort((x, y) => y - x);
    const text = String(node.value ?? node.textContent).slice(0, 30);
    if ((a + 0.05) / (b + 0.05) < 4.5) found.push(`${node.tagName} ${node.className} ${text}`);
  }
  return found;
}"""
