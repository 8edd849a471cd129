// Keys for what plotly and JupyterLab leave to the mouse: every button and slider of a figure can be reached with Tab,
// worked with Enter, Space and the arrows, and is named; who asks for less motion gets steps. Acts once in a page.
(() => {
  if (window.mipflowKeys) return;
  window.mipflowKeys = true;
  const style = document.createElement("style");
  style.textContent = ".updatemenu-button:focus-visible rect, .slider-container:focus-visible .slider-grip-rect" +
    " { stroke: #0072B2 !important; stroke-width: 4px !important } .updatemenu-button, .slider-container { outline: none }";
  document.head.append(style);
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

  function equip(figure) {
    const layout = figure._fullLayout;
    if (!layout) return;
    if (layout.meta && layout.meta.title) {
      figure.setAttribute("role", "group");
      figure.setAttribute("aria-label", layout.meta.title);
    }
    figure.querySelectorAll(".updatemenu-button").forEach((button) => {
      const name = button.textContent.replace(/[^\w ]/g, "").trim();
      Object.entries({ tabindex: "0", role: "button", "aria-label": name }).forEach(([k, v]) => button.setAttribute(k, v));
    });
    figure.querySelectorAll(".slider-container").forEach((slider, index) => {
      const options = layout.sliders[index], step = options.steps[options.active];
      const told = { tabindex: "0", role: "slider", "aria-label": "time", "aria-valuemin": "0",
        "aria-valuemax": String(options.steps.length - 1), "aria-valuenow": String(options.active),
        "aria-valuetext": step ? step.label + " s" : "" };
      Object.entries(told).forEach(([k, v]) => { if (slider.getAttribute(k) !== v) slider.setAttribute(k, v); });
    });
    if (!calm.matches) return;
    for (const menu of [...(figure.layout.updatemenus || []), ...(layout.updatemenus || [])])
      for (const { args: [, how] } of menu.buttons)
        if (how && how.fromcurrent) Object.assign(how, { frame: { duration: 700, redraw: false }, transition: { duration: 0 } });
  }

  function move(figure, slider, target) {
    const rail = slider.querySelector(".slider-rail-touch-rect"), box = rail.getBoundingClientRect(), grip = 10;
    const where = { bubbles: true, clientY: box.top + box.height / 2, clientX: box.left + grip + (box.width - 2 * grip) * target };
    rail.dispatchEvent(new MouseEvent("mousedown", where));
    figure.dispatchEvent(new MouseEvent("mouseup", where));
  }

  document.addEventListener("keydown", (event) => {
    const button = event.target.closest(".updatemenu-button"), slider = event.target.closest(".slider-container");
    const figure = event.target.closest(".js-plotly-plot");
    if (button && (event.key === "Enter" || event.key === " ")) button.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    else if (slider && figure) {
      const { active, steps } = figure._fullLayout.sliders[[...figure.querySelectorAll(".slider-container")].indexOf(slider)];
      const last = steps.length - 1, far = Math.ceil(last / 10);
      const to = { ArrowRight: active + 1, ArrowUp: active + 1, ArrowLeft: active - 1, ArrowDown: active - 1,
        Home: 0, End: last, PageUp: active + far, PageDown: active - far }[event.key];
      if (to === undefined) return;
      move(figure, slider, Math.min(last, Math.max(0, to)) / last);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }, true);
  // JupyterLab takes keys away from controls in an output unless the focused element itself says otherwise.
  document.addEventListener("focusin", ({ target }) => {
    if (target.closest(".jupyter-widgets, .js-plotly-plot")) target.setAttribute("data-lm-suppress-shortcuts", "true");
  });
  let waiting = false;
  new MutationObserver(() => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => { waiting = false; document.querySelectorAll(".js-plotly-plot").forEach(equip); }, 250);
  }).observe(document.documentElement, { childList: true, subtree: true });
  setTimeout(() => document.querySelectorAll(".js-plotly-plot").forEach(equip), 250);
})();
