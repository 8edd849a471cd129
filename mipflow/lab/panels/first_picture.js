// Keeps a reader at the first picture on "Run All", which makes the last cell the active one and scrolls there. Acts
// twice: from a cell before it, as soon as the run begins, and with the picture itself.
(() => {
  const here = [...document.querySelectorAll(".mipflow-here")].pop(), own = here?.closest(".jp-Cell");
  const cells = [...(own?.closest(".jp-Notebook")?.querySelectorAll(".jp-Cell") ?? [])];
  const ahead = Number(here?.dataset.ahead), cell = cells[cells.indexOf(own) + ahead];
  const area = here?.closest(".jp-OutputArea");
  if (ahead && area) Object.assign(area.style, { height: 0, overflow: "hidden", visibility: "hidden" }); // of the empty figure
  here?.remove();
  if (!cell) return;
  for (const old of cell.querySelectorAll(".mipflow-building")) old.remove();
  const waited = cell.dataset.mipflowWaits;
  delete cell.dataset.mipflowWaits;
  if (!waited && !cells.at(-1).matches(".jp-mod-active")) return;
  if (ahead) {
    cell.dataset.mipflowWaits = "true";
    const words = "The network is being built. Its first picture comes here in a moment ...";
    cell.insertAdjacentHTML("beforeend", `<p class="mipflow-building" role="status">${words}</p>`);
    const said = cell.lastChild, prompt = cell.querySelector(".jp-InputPrompt");
    const looks = setInterval(() => { // where a cell before it fails, it waits for its turn no more
      if (prompt?.textContent.includes("*")) return;
      said.remove();
      clearInterval(looks);
    }, 300);
    Object.assign(said.style, { margin: "12px 0 0 80px", fontSize: "16px", minHeight: "70vh" });
  }
  let isOver = false;
  const over = () => { isOver = true; delete cell.dataset.mipflowWaits; };
  for (const name of ["wheel", "pointerdown", "touchstart", "keydown"])
    window.addEventListener(name, over, { capture: true, once: true });
  // What stands above is measured as it comes into view, so once is not enough.
  for (const ms of [0, 50, 100, 200, 300, 600, 1000, 1500, 2000, 3000]) setTimeout(() => {
    if (isOver) return;
    if (document.activeElement.matches("body, .jp-Notebook, .jp-Cell")) cell.focus({ preventScroll: true });
    cell.scrollIntoView({ block: "start" });
  }, ms);
})()
