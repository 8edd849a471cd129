// Brings a reader back to the first picture after "Run All", which makes the last cell the active one.
(() => {
  const cell = [...document.querySelectorAll(".mipflow-here")].pop().closest(".jp-Cell");
  const cells = [...document.querySelectorAll(".jp-Notebook .jp-Cell")];
  if (!cell || !cells.at(-1)?.matches(".jp-mod-active")) return;
  let isOver = false;
  for (const name of ["wheel", "pointerdown", "touchstart", "keydown"])
    window.addEventListener(name, () => { isOver = true; }, { capture: true, once: true });
  // What stands above is measured as it comes into view, so once is not enough.
  for (const ms of [0, 100, 300, 600, 1000, 1500, 2000, 3000]) setTimeout(() => {
    if (isOver) return;
    if (document.activeElement.matches("body, .jp-Notebook, .jp-Cell")) cell.focus({ preventScroll: true });
    cell.scrollIntoView({ block: "start" });
  }, ms);
})()
