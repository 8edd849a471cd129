// Draws parts of a page as they are seen: one SVG, which needs neither the page nor its styles, is saved as a file.
// Comes once into a page and knows no film. Lines keep their looks; of HTML there are grounds, frames and words.
window.mipflowSnapshot ??= class {
  static LOOKS = [
    "clipPath", "display", "fill", "opacity", "stroke", "strokeDasharray", "strokeLinecap", "strokeWidth",
  ];
  parts = ""; width = 0; height = 0; range = new Range();
  // Add what is seen of an element, its upper left corner at a place of the picture.
  add(element, left, top) {
    const { x, y } = element.getBoundingClientRect();
    this.from = { x: x - left, y: y - top }; this.paint(element);
  }
  paint(node) {
    if (node.nodeType === 3) return this.say(node);
    const { x, y, width, height } = node.getBoundingClientRect(), is = getComputedStyle(node);
    if (!(width > 1)) return; // it is for who hears the page
    const [left, top] = [x - this.from.x, y - this.from.y];
    const place = `x="${left}" y="${top}" width="${width}" height="${height}"`;
    const look = `fill:${is.backgroundColor};stroke:${is.borderTopColor};stroke-width:${is.borderTopWidth}`;
    this.width = Math.max(this.width, left + width); this.height = Math.max(this.height, top + height);
    if (node.tagName === "svg") return this.draw(node, place);
    this.parts += `<rect ${place} rx="${parseFloat(is.borderRadius)}" style="${look}"/>`;
    for (const each of node.childNodes) this.paint(each);
  }
  draw(svg, place) {
    const copy = svg.cloneNode(true), own = svg.querySelectorAll("*");
    for (const name of ["width", "height"]) copy.removeAttribute(name);
    copy.querySelectorAll("*").forEach(({ style }, k) => {
      const is = getComputedStyle(own[k]);
      for (const look of this.constructor.LOOKS) style[look] = is[look];
    });
    this.parts += this.write(copy).replace("<svg ", `<svg ${place} `);
  }
  say(node) { // word by word, because a line may end behind any
    const is = getComputedStyle(node.parentElement), { range, from } = this;
    const look = `fill:${is.color};font:${is.fontWeight} ${is.fontSize} Arial;text-decoration:${is.textDecorationLine}`;
    for (const { 0: word, index } of node.data.matchAll(/\S+/g)) {
      range.setStart(node, index); range.setEnd(node, index + word.length);
      const { x, y, width, height } = range.getBoundingClientRect();
      const place = `x="${x - from.x}" y="${y - from.y + 0.78 * height}" textLength="${width}"`;
      this.parts += `<text ${place} style="${look}">${this.write(new Text(word))}</text>`;
    }
  }
  write(node) { return new XMLSerializer().serializeToString(node); }
  // Save all of it as "svg" or, twice as large, as "png"; ground: the colour behind it.
  async save(name, kind, ground) {
    const [width, height] = [this.width, this.height].map(Math.ceil), link = document.createElement("a");
    const size = `width="${width}" height="${height}"`;
    const back = `<rect width="100%" height="100%" fill="${ground}"/>`;
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" ${size}>${back}${this.parts}</svg>`;
    link.href = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
    if (kind === "png") {
      const image = Object.assign(new Image(), { src: link.href }), canvas = document.createElement("canvas");
      await image.decode(); [canvas.width, canvas.height] = [2 * width, 2 * height];
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      link.href = canvas.toDataURL();
    }
    link.download = `${name}.${kind}`; link.click();
  }
};
