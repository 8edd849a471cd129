// The player: one clock moves the marks of plotly's stages and fills the HTML beside them; what is clicked opens, and
// times lead to the film and back. Acts once in a page. plotly draws each stage once; then the player writes places and
// letters itself, into plotly's SVG and its list of points, so that hover and plotly_click find each mark where it is
// seen. All HTML is Python's: data-act says what a button does, data-slot what is filled, others what it is about.
(() => {
  if (window.mipflowPlayer) return window.mipflowPlayer.look();
  const CALM = window.matchMedia("(prefers-reduced-motion: reduce)"), STEP_MS = 2500;
  const PARTS = [".points > path", ".textpoint > text", "path.js-line"]; // of a trace in plotly's SVG
  const all = (place, what) => [...place.querySelectorAll(what)];
  const put = (element, text) => { if (element.textContent !== text) element.textContent = text; };
  const within = (low, value, high) => Math.min(high, Math.max(low, value));
  const between = (a, b, share) => a + (b - a) * share;
  // The place of the last entry of a list in order that begins at or before a time; -1 where all are later.
  const latest = (list, time) => list.findLastIndex(([at]) => at <= time);
  // Corners are pairs in order; what stands in column `to` where `value` stands first in column `from`.
  const along = (corners, value, from, to) => {
    const k = corners.findIndex((each, n) => n && each[from] >= value), [a, b] = corners.slice(k < 0 ? -2 : k - 1);
    return between(a[to], b[to], b[from] > a[from] ? within(0, (value - a[from]) / (b[from] - a[from]), 1) : 1);
  };
  // How far a way in direction u goes from beside the middle of a rectangle, of which halves are given, to its edge.
  const leaves = (halves, beside, u) => Math.max(0, Math.min(...halves.map((half, k) =>
    (Math.abs(u[k]) < 1e-9 ? Infinity : half / Math.abs(u[k]) - beside[k] / u[k]))));
  const head = (halves, [ux, uy]) => { // the arrowhead before a mark
    const far = Math.min(leaves(halves, [0, 0], [ux, uy]), Math.hypot(...halves) - 2);
    const at = (ahead, side) => [ux * ahead - uy * side, uy * ahead + ux * side];
    return `M${at(far + 14, 0)}L${at(far + 1, -5)}L${at(far + 1, 5)}Z`;
  };
  // A road swings from where it was to where it is; where one has fewer corners, others open from its end.
  const bend = (was, now, share) => {
    const turned = share * share * (3 - 2 * share), corner = (list, k) => list[k] ?? list.at(-1);
    const pairs = (was.length > now.length ? was : now).map((_, k) => [corner(was, k), corner(now, k)]);
    return pairs.map(([[ax, ay], [bx, by]]) => [between(ax, bx, turned), between(ay, by, turned)]);
  };
  // --- a stage: the points and lines of a plotly figure -------------------------------------------------------------
  class Stage {
    constructor(graph, told, show, number) {
      Object.assign(this, { graph, told, show, plates: show.plates[number] });
      this.tie = this.plates.querySelector(".mipflow-tie path");
      graph.style.height = `${graph.layout.meta.height}px`; // plotly forgets it when the window changes, and asks
      graph.parentElement.classList.add("mipflow-stage"); graph.after(this.plates);
      graph.on("plotly_afterplot", () => { this.find(); show.fit(); });
      // Plotly tells of a click before the browser does, which would close at once whatever it opens then.
      const open = (spot) => spot?.hop >= 0 && setTimeout(() => show.open(spot.hop, number));
      graph.on("plotly_click", ({ points: [{ curveNumber, pointNumber }] }) =>
        open(this.layers.find(({ trace }) => trace === curveNumber)?.seen[pointNumber]));
      graph.addEventListener("click", ({ clientX, clientY }) => { // plotly hears none beyond the outermost nodes
        const { left, top } = graph.getBoundingClientRect(), { l, t, w, h } = graph._fullLayout._size;
        const [x, y] = [clientX - left - l, clientY - top - t], isOutside = x < 0 || x > w || y < 0 || y > h;
        const hit = ({ size: [a, b], seen }) => seen.find((each) => each.hop >= 0 && isOutside &&
          Math.abs(each.x - x) <= Math.max(a, b) / 2 && Math.abs(each.y - y) <= Math.max(a, b) / 2);
        open(this.layers.map(hit).findLast(Boolean));
      });
      this.find();
    }
    find() { // plotly draws anew when its place changes size: then the nodes are others
      const { graph, told: { layers, lines, nodes } } = this, { xaxis, yaxis, _size } = graph._fullLayout;
      const found = (each) => {
        const holder = graph.querySelector(`.trace${graph._fullData[each.trace]?.uid}`) ?? document.createElement("g");
        const [points, texts, [path, ...pieces]] = PARTS.map((what) => all(holder, what));
        holder.classList.add(`mipflow-${each.kind}`);
        for (const point of all(holder, "[display]")) point.removeAttribute("display"); // it was out of sight
        for (const text of texts) for (const at of "xy") text.setAttribute(at, 0); // they go where their points go
        for (const piece of pieces) piece.remove(); // the first has them all
        return { ...each, holder, points, texts, path, known: graph.calcdata[each.trace] ?? [], seen: [] };
      };
      [this.layers, this.lines] = [layers, lines].map((list) => list.map(found));
      this.ok = this.lines.every(({ path }) => path) && this.layers.every(({ points, texts, known }) =>
        points.length && points.length === known.length && texts.length === known.length);
      Object.assign(this, { width: _size.w, places: nodes.map(([x, y]) => [xaxis.c2p(x), yaxis.c2p(y)]) });
      graph.classList.toggle("mipflow-driven", this.ok);
    }
    // A leg of a way from card to card, cut by a margin before the cards, and its direction: Scene.legs in scene.py.
    leg([nodes, sides, , ...last], number, margin) {
      const [a, b] = [nodes[number], nodes[number + 1] ?? nodes[number]].map((node) =>
        ({ place: this.places[node], halves: this.told.nodes[node].slice(2).map((half, k) => half + margin[k]) }));
      const [x, y] = a.place, [dx, dy] = [b.place[0] - x, b.place[1] - y], length = Math.hypot(dx, dy);
      if (!length) return [x, y - a.halves[1], x, y - a.halves[1], 0, 0]; // at a node: above its card
      const [ux, uy] = [dx / length, dy / length], side = along(sides[number], this.width, 0, 1);
      const beside = [uy * side, -ux * side];
      let ends = [leaves(a.halves, beside, [ux, uy]), length - leaves(b.halves, beside, [-ux, -uy])];
      if (ends[0] > ends[1]) ends = ends.fill((ends[0] + ends[1]) / 2);
      if (number === nodes.length - 2) ends = last.map((share) => between(...ends, share));
      return [...ends.flatMap((far) => [x + beside[0] + ux * far, y + beside[1] + uy * far]), ux, uy];
    }
    // What is under way; marks that would overlap on a link are one, at the place of the first: spots() in stage.py.
    spots({ size, margin, flights }, us) {
      const seen = [];
      for (const [number, hop, times, text] of flights) {
        if (us < times[0] + !text || us > times.at(-1)) continue; // a step leads to where a message leaves
        const way = this.told.ways[number], leg = Math.floor(times.findLastIndex((at) => at <= us) / 2);
        const [left, reached] = times.slice(2 * leg), [ax, ay, bx, by, ...towards] = this.leg(way, leg, margin);
        const share = reached > left ? Math.min(1, (us - left) / (reached - left)) : 1;
        const [x, y, link] = [between(ax, bx, share), between(ay, by, share), `${way[0].slice(leg, leg + 2)}`];
        const [p, q] = towards.map(Math.abs), isSteep = !text && q > p, [w, h] = isSteep ? size.toReversed() : size;
        const near = (each) => each.link === link && Math.abs(each.x - x) < w + 2 && Math.abs(each.y - y) < h + 2;
        const first = seen.find(near), inside = way[2].includes(leg);
        if (first) first.count += 1; else seen.push({ x, y, link, hop, text, inside, towards, isSteep, count: 1 });
      }
      return seen;
    }
    draw(us, ms) {
      const { graph: { _fullLayout: { xaxis, yaxis } }, places, show } = this;
      for (const layer of this.layers) {
        layer.seen = this.spots(layer, us);
        layer.points.forEach((point, k) => {
          const spot = layer.seen[k], text = layer.texts[k], known = layer.known[k];
          point.style.display = text.style.display = spot ? "inline" : "none";
          [known.x, known.y] = spot ? [xaxis.p2c(spot.x), yaxis.p2c(spot.y)] : [-99, -99];
          if (spot) this.mark(layer, spot, point, text);
        });
      }
      const corner = ([node, beside]) => places[node].map((at, k) => at + along(beside, this.width, 0, k + 1));
      const pieces = (version) => (version?.[1] ?? []).map((piece) => piece.map(corner));
      for (const line of this.lines) {
        const k = latest(line.versions, us), [was, now] = [k - 1, k].map((each) => pieces(line.versions[each]));
        const isRoad = line.kind === "road" && was.length && now.length;
        const share = isRoad ? (ms - show.seen(line.versions[k][0])) / show.told.bend : 1;
        line.seen = share < 1 ? [bend(was[0], now[0], Math.max(0, share))] : now;
        line.path.setAttribute("d", line.seen.map((each) => `M${each.join("L")}`).join("") || "M-99,-99L-98,-99");
      }
    }
    mark({ size: [w, h], wide, letter, upright }, { x, y, towards, count, hop, text, inside, isSteep }, point, label) {
      const isWide = text || (count > 1 && w > h), half = [isWide ? w / 2 : h / 2, h / 2], isTall = isWide && isSteep;
      point.shape ??= point.getAttribute("d"); point.classList.toggle("mipflow-inside", inside);
      const shape = isWide ? wide[Number(isTall)] : point.shape, name = text || letter;
      point.setAttribute("d", hop < 0 ? shape : shape + head(isTall ? half.reverse() : half, towards));
      for (const each of [point, label]) each.setAttribute("transform", `translate(${x},${y})`);
      put(label, isTall ? `×${count}${name}` : count < 2 ? name : `${name}×${count}`);
      if (isTall && !label.children.length) label.innerHTML = upright.replace("#", count); // in two lines
    }
    // Light the row and the roads of a moment in which they bend by it, and join them by a line.
    light(key) {
      for (const { holder, trace } of [...this.layers, ...this.lines])
        holder.classList.toggle("mipflow-lit", !!key && key.lit.includes(trace));
      const row = key && this.plates.querySelector(`[data-row="${CSS.escape(key.row)}"]`);
      const road = row && this.lines.find(({ trace }) => trace === key.lit[0])?.seen[0];
      if (!road) return this.tie.removeAttribute("d");
      const [home, box] = [this.tie.parentElement, row].map((each) => each.getBoundingClientRect());
      const [[ax, ay], [bx, by]] = road.slice(key.leg), { l, t } = this.graph._fullLayout._size;
      const [x, y, middle] = [l + between(ax, bx, 0.4), t + between(ay, by, 0.4), box.top - home.top + box.height / 2];
      const isBelow = middle > this.graph.clientHeight, from = (isBelow ? box.right : box.left) - home.left;
      this.tie.setAttribute("d", `M${from},${middle}${isBelow ? `h7V${y}H${x}` : `L${x},${y}`}`);
    }
  }
  // --- a show: stages, clock, controls, board -----------------------------------------------------------------------
  class Show {
    constructor(told, board, place) {
      Object.assign(this, { told, board, ms: 0, playing: false, shown: [], ...place });
      const find = (what) => [this.controls, board].flatMap((part) => all(part, what));
      for (const each of find("[type='text/html']")) each.outerHTML = each.textContent; // what is nothing without us
      [this.range, this.toggle, this.clock, this.chips, this.panel] = ["[type=range]", "[data-act=play]",
        ".mipflow-clock", ".mipflow-chips", ".mipflow-inspector"].map((what) => find(what)[0]);
      [this.plates, this.marks] = [find(".mipflow-plates"), find("[data-act=mark]")];
      this.stops = told.events.map(({ stop }) => stop);
      this.slots = told.slots.map((versions, k) => [versions, find(`[data-slot="${k}"]`)[0]]);
      this.sizes = new ResizeObserver(() => this.fit()); this.join(place);
    }
    // Stages, controls and board are outputs of their own: their common place becomes a grid (player.css).
    join({ host, graphs }) {
      this.stages = graphs.map((graph, number) => new Stage(graph, this.told.stages[number], this, number));
      this.host = host; host.classList.add("mipflow-grid"); host.classList.toggle("mipflow-two", graphs.length > 1);
      [host, ...graphs].forEach((each) => this.sizes.observe(each)); this.fit();
    }
    fit() { // plotly hears of the window only, and may be slow to: it is asked until it has the width of its place
      const isOff = ({ graph }) => graph.clientWidth && Math.abs(graph.clientWidth - graph._fullLayout.width) >= 3;
      const ask = () => { this.due = 0; window.dispatchEvent(new Event("resize")); this.fit(); };
      if (this.stages.some(isOff)) this.due ||= setTimeout(ask, 200);
      this.seek(this.ms);
    }
    seen(us) { return along(this.told.clock, us, 1, 0); } // when a moment (microseconds) is seen first, in playing ms
    get speed() { return Number(this.controls.querySelector("[type=radio]:checked").value); }
    get beats() { // when a packet leaves or reaches a node
      const flights = this.told.stages.flatMap(({ layers }) => layers).flatMap((layer) => layer.flights);
      return flights.flatMap(([, , times]) => times).map((us) => this.seen(us)).sort((a, b) => a - b);
    }
    next(list, by) { // in a list of playing times, or the end or the beginning of the film
      const found = by > 0 ? list.find((ms) => ms > this.ms + 1) : list.findLast((ms) => ms < this.ms - 1);
      return found ?? by * this.told.length;
    }
    act(name, by) {
      const { events, before } = this.told, jump = (list) => this.go(this.next(list, by));
      const acts = {
        play: () => this.play(!this.playing), event: () => jump(this.stops), step: () => jump(this.beats),
        by: () => this.go(this.ms + by), before: () => { this.go(before); this.play(true); },
        mark: () => { this.go(this.stops[by]); light(events[by].hops); }, back: () => visit(this.from),
        full: () => (document.fullscreenElement ? document.exitFullscreen() : this.host.requestFullscreen()),
        save: () => this.save(by ? "png" : "svg"), ladder: () => visit(arrows().find(share([by])) ?? this.panel),
        look: () => { // into the packet of this event, or into that which led to it
          const event = events.slice(0, this.number + 1).findLast(({ hops }) => hops.length);
          this.open(event?.hops[0] ?? "nothing", event?.stage ?? 0);
        },
      };
      acts[name]();
    }
    go(ms) { this.play(false); this.seek(ms); }
    play(wanted) {
      if (wanted === this.playing) return;
      if (wanted && this.ms >= this.told.length) this.seek(0);
      this.playing = wanted; this.toggle.ariaLabel = this.toggle.title = wanted ? "Pause" : "Play"; // its sign: CSS
      let [before, waited] = [performance.now(), STEP_MS];
      const picture = (now) => {
        if (!this.playing) return;
        const passed = Math.max(0, now - before) * this.speed; before = now;
        if (!CALM.matches) this.seek(this.ms + Math.min(passed, 250 * this.speed));
        else if ((waited += passed) >= STEP_MS) { // from event to event, each long enough to be read
          waited = 0; this.seek(this.next(this.stops, 1));
        }
        if (this.ms >= this.told.length || !this.controls.isConnected) return this.play(false);
        requestAnimationFrame(picture);
      };
      if (wanted) requestAnimationFrame(picture);
    }
    seek(ms) {
      const { events, clock, length, start } = this.told, at = (this.ms = within(0, ms, length));
      const us = along(clock, at, 0, 1), number = events.findLastIndex((each) => each.ms <= at), event = events[number];
      this.slots.forEach(([versions, place], k) => {
        const version = Math.max(0, latest(versions, at));
        if (this.shown[k] !== version) place.innerHTML = versions[(this.shown[k] = version)][1];
      });
      for (const { style, dataset: { from, to } } of this.plates.flatMap((plate) => all(plate, "[data-from]")))
        style.setProperty("--done", `${100 * within(0, (us - from) / (to - from), 1)}%`); // a test's ring closes
      const ok = this.stages.every((stage) => stage.ok), seconds = `${((us + start) / 1e6).toFixed(3)} s`;
      if (ok) for (const stage of this.stages) stage.draw(us, at);
      this.controls.classList.toggle("mipflow-still", !ok); put(this.clock, seconds); this.range.value = at;
      this.range.ariaValueText = `${seconds}, ${at < length ? event?.brief || "the beginning" : "the end"}`;
      if (number !== this.number) for (const each of this.marks) {
        const { by, to = by } = each.dataset, isNow = by <= number && number <= to;
        each.toggleAttribute("data-now", isNow); // the chips, which are last, are scrolled, but never the page
        if (isNow) this.chips.scrollTop = each.parentElement.offsetTop - this.chips.clientHeight / 2;
      }
      const isHeld = !!event?.key && us === event.us && at < length; // time stands
      const ends = isHeld ? [event] : at < length ? [] : events; // at the end each stage tells its last
      this.number = number; this.host.classList.toggle("mipflow-held", isHeld);
      this.stages.forEach((one, k) => one.light(ends.findLast(({ stage, key }) => stage === k && key)?.key));
    }
    // Open one of the cards that a page carries (follow.py): a packet, or the history of a row.
    open(name, stage) {
      this.play(false);
      const [cards, numbers, alike, styles] = this.told.cards[stage], [heading, , inside] = this.panel.children;
      const [title, html] = cards[numbers[name]] ?? [`Packet ${name}`, ""], isLike = alike.includes(name);
      const why = `<p>This page does not carry packet ${name}: in a notebook world.inspect(${name}) shows it.</p>`;
      put(heading, isLike ? `One like the packet that you chose, of the same flow on the same road. ${title}` : title);
      inside.innerHTML = styles + (isLike || !html ? why + html : html);
      this.panel.hidePopover(); this.panel.showPopover(); // who has the focus gets it back when it closes
    }
    // Save what is seen: the stages side by side with the tables that stand on them; below them the words.
    async save(kind) {
      const seen = new window.mipflowSnapshot(), { clock, controls, board } = this;
      for (const { graph } of this.stages) seen.add(graph.parentElement, seen.width, 0);
      const words = [controls.querySelector("p"), ...all(board, ".mipflow-name, li:has([data-flow])")];
      for (const each of words) seen.add(each, 8, seen.height + 8);
      const { backgroundColor: ground } = getComputedStyle(this.toggle.previousElementSibling);
      await seen.save(`mipflow ${clock.textContent}`, kind, ground);
    }
  }
  // --- ways: from a time to the film, from the film to the ladder, from a row to its history ------------------------
  const shows = new Set(), connected = () => [...shows].filter(({ board }) => board.isConnected);
  const showOf = (node) => connected().find(({ told, host }) =>
    told.id === node.closest("[data-show]")?.dataset.show && host.contains(node));
  const unpacked = (text) => new Response(new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))])
    .stream().pipeThrough(new DecompressionStream("gzip"))).json();
  const visit = (element) => { element.scrollIntoView({ block: "center" }); element.focus({ preventScroll: true }); };
  const refuse = (at, why) => { at.setAttribute("aria-disabled", "true"); at.setAttribute("title", why); };
  const arrows = () => all(document, ".mipflow-arrow[data-hops]");
  const share = (hops) => ({ dataset }) => dataset.hops?.split(" ").some((hop) => hops.includes(Number(hop)));
  const light = (hops) => { for (const each of arrows()) each.classList.toggle("mipflow-here", share(hops)(each)); };
  // Of several films that show a time: the one around the place, else the last before it.
  const lead = (from, us) => {
    const shown = ({ told: { start, clock } }) => us >= start - 500 && us <= start + clock.at(-1)[1] + 500;
    const isBefore = ({ board }) => board.compareDocumentPosition(from) & Node.DOCUMENT_POSITION_FOLLOWING;
    const films = connected().filter(shown), around = films.find(({ host }) => host.contains(from));
    const show = around ?? films.findLast(isBefore) ?? films[0];
    if (!show) return refuse(from, "No film in this page shows this time.");
    // Another world has other packets of the same numbers: but hardly at the same time.
    const near = (most) => show.told.events.filter((each) => Math.abs(each.us + show.told.start - us) <= most);
    const event = near(1e6).find(({ hops }) => share(hops)(from)) ?? near(500)[0];
    if (event) show.act("mark", show.told.events.indexOf(event)); else show.go(show.seen(us - show.told.start));
    if (from.closest("[popover]")) return;
    show.from = from; show.controls.querySelector("[data-act=back]").hidden = false;
    show.host.scrollIntoView({ block: "start" }); show.toggle.focus({ preventScroll: true });
  };
  // A row's history stands in the film whose table it is, else in the last that shows such a row.
  const openRow = (at, row) => {
    const own = showOf(at), stage = Number(at.closest("[data-stage]")?.dataset.stage);
    const has = ({ told: { cards } }) => cards.findIndex(([, numbers]) => row in numbers);
    const show = own ?? connected().findLast((each) => has(each) >= 0);
    if (show) show.open(row, own ? stage : has(show)); else refuse(at, "No film in this page shows this row.");
  };
  const follow = ({ target }) => {
    const at = target.closest?.("[data-act], [data-ns], [data-row]"), { act, by, ns, row } = at?.dataset ?? {};
    if (act) showOf(at)?.act(act, Number(by)); else if (ns) lead(at, Number(ns) / 1000); else if (row) openRow(at, row);
  };
  document.addEventListener("click", follow);
  document.addEventListener("input", ({ target }) =>
    target.matches(".mipflow-rail input") && showOf(target)?.go(Number(target.value)));
  document.addEventListener("keydown", (event) => {
    const { target, key } = event, isPress = key === "Enter" || key === " ";
    if (event.ctrlKey || event.metaKey || event.altKey || (isPress && target.matches("button, summary"))) return;
    const act = target.matches(".mipflow-controls :not([type=radio])") && showOf(target)?.told.keys[key];
    if (act) showOf(target).act(...act); else if (isPress && target.role === "button") follow(event); else return;
    event.preventDefault(); event.stopPropagation();
  }, true);
  // JupyterLab takes keys from controls in an output unless the focused one says otherwise: a cell never may.
  document.addEventListener("focusin", ({ target }) => { // the root element may have a class of ours
    const isControl = target.matches("button, input, select, textarea, summary, a[href], [tabindex]:not([class*=jp-])");
    if (isControl && target.closest("[class*=mipflow-]:not(html)")) target.dataset.lmSuppressShortcuts = "true";
  });
  // --- what there is in the page ------------------------------------------------------------------------------------
  const placeOf = (board, { id, stages }) => { // the nearest that holds all outputs: a notebook may be open twice
    const isDrawn = ({ layout, calcdata, _fullLayout }) => layout?.meta?.show === id && calcdata && _fullLayout?.xaxis;
    for (let host = board.parentElement; host; host = host.parentElement) {
      const drawn = all(host, ".js-plotly-plot").filter(isDrawn);
      const graphs = stages.map((_, number) => drawn.find(({ layout: { meta } }) => meta.stage === number));
      const controls = host.querySelector(`.mipflow-controls[data-show="${id}"]`);
      if (controls && graphs.every(Boolean)) return { host, graphs, controls };
    }
  };
  const look = async () => {
    // A page that was saved or exported has Plotly to itself and figures as text.
    if (window.Plotly) for (const div of all(document, ".mipflow-figure:not(.js-plotly-plot)")) {
      div.replaceChildren(); div.classList.add("js-plotly-plot"); // at once: the next look finds it done
      const { data, layout, config } = await unpacked(div.nextElementSibling.textContent);
      window.Plotly.newPlot(div, data, layout, config).then(soon);
    }
    // A notebook that was saved and opened again shows plotly's picture until a mouse comes: it need not wait.
    for (const image of all(document, ".jp-RenderedPlotly > img.plot-img[src]"))
      if (!image.parentElement.querySelector(".plot-container")) image.dispatchEvent(new MouseEvent("mouseenter"));
    for (const board of all(document, ".mipflow-board")) {
      const told = await (board.told ??= unpacked(board.nextElementSibling.textContent));
      const known = [...shows].find((show) => show.board === board);
      const place = known?.stages.every(({ graph }) => graph.isConnected) ? null : placeOf(board, told);
      if (place && known) known.join(place); else if (place) shows.add(new Show(told, board, place));
    }
  };
  let due = 0; const soon = () => { due ||= setTimeout(() => { due = 0; look(); }, 60); };
  window.mipflowPlayer = { look: soon, shows };
  const NEW = ".mipflow-board, .plot-container, .js-plotly-plot, .main-svg, .mipflow-figure";
  const isNew = (node) => node.nodeType === 1 && (node.matches(NEW) || node.querySelector(NEW));
  new MutationObserver((changes) => changes.some(({ addedNodes }) => [...addedNodes].some(isNew)) && soon())
    .observe(document.documentElement, { childList: true, subtree: true });
  window.addEventListener("load", soon); soon();
})();
