// Keys for what plotly and JupyterLab leave to the mouse: every button and slider of a figure can be reached with Tab,
// worked with Enter, Space and the arrows, and is named; who asks for less motion gets steps. Acts once in a page.
(() => {
  if (window.mipflowKeys) return;
  window.mipflowKeys = true;
  const BUTTON = ".updatemenu-button", SLIDER = ".slider-container", FIGURE = ".js-plotly-plot";
  const style = document.createElement("style");
  style.textContent = `${BUTTON}, ${SLIDER} { outline: none } ${BUTTON}:focus-visible rect,
    ${SLIDER}:focus-visible .slider-grip-rect { stroke: #0072B2 !important; stroke-width: 4px !important }`;
  document.head.append(style);
  const tell = (element, told) => Object.entries(told).forEach(([name, value]) => {
    if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
  });
  function equip(figure) {
    const layout = figure._fullLayout;
    if (!layout) return;
    if (layout.meta && layout.meta.title) tell(figure, { role: "group", "aria-label": layout.meta.title });
    figure.querySelectorAll(BUTTON).forEach((button) => tell(button,
      { tabindex: 0, role: "button", "aria-label": button.textContent.replace(/[^\w ]/g, "").trim() }));
    figure.querySelectorAll(SLIDER).forEach((slider, index) => {
      const { steps, active } = layout.sliders[index];
      tell(slider, { tabindex: 0, role: "slider", "aria-label": "time", "aria-valuemin": 0, "aria-valuenow": active,
        "aria-valuemax": steps.length - 1, "aria-valuetext": `${(steps[active] || steps[0]).label} s` });
    });
    if (!window.matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    for (const menu of [...(figure.layout.updatemenus || []), ...(layout.updatemenus || [])])
      for (const { args: [, how] } of menu.buttons)
        if (how.fromcurrent) Object.assign(how, { frame: { duration: 700, redraw: false }, transition: { duration: 0 } });
  }
  function move(figure, slider, share) {
    const rail = slider.querySelector(".slider-rail-touch-rect"), box = rail.getBoundingClientRect(), grip = 10;
    const at = { bubbles: true, clientY: box.top + 1, clientX: box.left + grip + (box.width - 2 * grip) * share };
    rail.dispatchEvent(new MouseEvent("mousedown", at));
    figure.dispatchEvent(new MouseEvent("mouseup", at));
  }
  document.addEventListener("keydown", (event) => {
    const [button, slider, figure] = [BUTTON, SLIDER, FIGURE].map((each) => event.target.closest(each));
    if (button && ["Enter", " "].includes(event.key)) button.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    else if (slider && figure) {
      const { active, steps } = figure._fullLayout.sliders[[...figure.querySelectorAll(SLIDER)].indexOf(slider)];
      const last = steps.length - 1, far = Math.ceil(last / 10);
      const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: far, PageDown: -far, Home: -last, End: last };
      if (!(event.key in by)) return;
      move(figure, slider, Math.min(last, Math.max(0, active + by[event.key])) / last);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }, true);
  // JupyterLab takes keys away from controls in an output unless the focused element itself says otherwise.
  document.addEventListener("focusin", ({ target }) => {
    if (target.closest(`.jupyter-widgets, ${FIGURE}`)) target.setAttribute("data-lm-suppress-shortcuts", "true");
  });
  let due = 0;
  const equipAll = () => { due = 0; document.querySelectorAll(FIGURE).forEach(equip); };
  const soon = () => { due = due || setTimeout(equipAll, 200); };
  new MutationObserver(soon).observe(document.documentElement, { childList: true, subtree: true });
  soon();
})();
