// The inspector: a packet's fields and bytes point at each other, a row shows its history, and times lead to the film.
//
// It listens to what player.js says was picked, and needs no picture for a packet's card alone. Acts once in a page.
(() => {
  if (window.mipflowInspector) return;
  window.mipflowInspector = true;
  const all = (place, what) => [...place.querySelectorAll(what)];
  const make = (tag, more, ...inside) => {
    const element = Object.assign(document.createElement(tag), more);
    element.append(...inside);
    return element;
  };

  // --- a card: fields and bytes -------------------------------------------------------------------------------------
  const fieldAt = (node) => node?.closest?.(".mipflow-packet [data-f]");
  const fieldsOf = (node) => node.dataset.f.split(" ");
  const mark = (at) => {
    all(document, ".mipflow-found").forEach((each) => each.classList.remove("mipflow-found"));
    for (const each of at ? all(at.closest(".mipflow-packet"), "[data-f]") : []) {
      const shared = each.tagName !== at.tagName && fieldsOf(each).some((field) => fieldsOf(at).includes(field));
      each.classList.toggle("mipflow-found", shared || each.dataset.f === at.dataset.f); // a field's bytes may take two lines
    }
  };
  const step = (at, key) => {
    const card = at.closest(".mipflow-packet"), here = (tag) => all(card, `${tag}[data-f]`).filter((each) => each.offsetParent);
    const peers = here(at.tagName), k = peers.indexOf(at), own = fieldsOf(at).at(-1);
    return { ArrowDown: peers[k + 1], ArrowRight: peers[k + 1], ArrowUp: peers[k - 1], ArrowLeft: peers[k - 1], Home: peers[0],
      End: peers.at(-1), Enter: here(at.tagName === "TR" ? "SPAN" : "TR").find((each) => fieldsOf(each).includes(own)) }[key];
  };
  document.addEventListener("mouseover", ({ target }) => mark(fieldAt(target) ?? fieldAt(document.activeElement)));
  document.addEventListener("focusout", () => mark(null));
  document.addEventListener("focusin", ({ target }) => {
    const at = fieldAt(target);
    if (!at) return;
    for (const each of all(at.closest(".mipflow-packet"), `${at.tagName}[data-f]`)) each.tabIndex = each === at ? 0 : -1;
    at.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab's
    mark(at);
  });
  document.addEventListener("keydown", (event) => {
    const at = fieldAt(event.target), to = at && !event.ctrlKey && !event.metaKey && !event.altKey && step(at, event.key);
    if (!to) return;
    to.focus();
    event.preventDefault();
    event.stopPropagation();
  });
})();
