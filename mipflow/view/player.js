// The player: one clock moves the marks of plotly's stages and fills the HTML beside them. Acts once in a page.
// plotly draws each stage once; then the player writes places and letters itself, into plotly's SVG and its list of
// points, so that hover and plotly_click find each mark where it is seen. CONTRIBUTING.md lists what it needs there.
(() => {
  if (window.mipflowPlayer) return window.mipflowPlayer.look();
  const CALM = window.matchMedia("(prefers-reduced-motion: reduce)");
  const [PLATES_FROM, PLATE, STEP_MS, FAR, NEAR] = [640, 220, 2500, 60, 30];
  const [PLAY, PAUSE] = ["M4 2l10 6-10 6z", "M4 2h3v12H4zM9 2h3v12H9z"];
  const KEYS = { ",": ["step", -1], ".": ["step", 1], ArrowRight: ["by", 250], ArrowLeft: ["by", -250],
    ArrowUp: ["event", 1], ArrowDown: ["event", -1], PageUp: ["event", 1], PageDown: ["event", -1], Home: ["by", -1e9],
    End: ["by", 1e9] };
  const put = (element, text) => { if (element.textContent !== text) element.textContent = text; };
  const all = (place, what) => [...place.querySelectorAll(what)];
  const within = (low, value, high) => Math.min(high, Math.max(low, value));
  const between = (a, b, share) => a + (b - a) * share;
  // The last entry of a list in order that begins at or before a time.
  const latest = (list, time, at = (each) => each[0]) => list.findLastIndex((each) => at(each) <= time);
  // Corners are pairs in order; what stands in column `to` where `value` stands first in column `from`.
  const along = (corners, value, from, to) => {
    const k = corners.findIndex((each, n) => n && each[from] >= value), [a, b] = corners.slice(k < 0 ? -2 : k - 1);
    return between(a[to], b[to], b[from] > a[from] ? within(0, (value - a[from]) / (b[from] - a[from]), 1) : 1);
  };
  // Legs as a path, in one line where one begins at the end of another.
  const line = (legs) => legs.map(([ax, ay, bx, by]) => `M${ax},${ay}L${bx},${by}`).join("")
    .replace(/L([^M]+)M\1(?=L)/g, "L$1") || "M-999,-999L-998,-999";
  // Where two legs cross, or the middle of what is between them.
  const meet = ([ax, ay, bx, by], [cx, cy, dx, dy]) => {
    const [ux, uy, vx, vy] = [bx - ax, by - ay, dx - cx, dy - cy], turn = ux * vy - uy * vx;
    const share = ((cx - ax) * vy - (cy - ay) * vx) / (turn || 1e-9), [x, y] = [ax + ux * share, ay + uy * share];
    return Math.hypot(x - bx, y - by) < FAR ? [x, y] : [(bx + cx) / 2, (by + cy) / 2];
  };
  // An arrowhead before a mark of half the size w, h.
  const head = (w, h, ux, uy) => {
    const far = Math.min(w / Math.abs(ux || 1e-9), h / Math.abs(uy || 1e-9), Math.hypot(w, h) - 2);
    const at = (ahead, side) => [ux * ahead - uy * side, uy * ahead + ux * side];
    return `M${at(far + 11, 0)}L${at(far + 1, -7)}L${at(far + 1, 7)}Z`;
  };
  // A road swings from where it was to where it is; where one has fewer legs, others open from its end.
  const bend = (was, now, share) => {
    const turned = share * share * (3 - 2 * share), length = Math.max(was.length, now.length);
    const leg = (legs, k) => legs[k] ?? [...legs.at(-1).slice(2), ...legs.at(-1).slice(2)];
    return Array.from({ length }, (_, k) => leg(was, k).map((from, at) => between(from, leg(now, k)[at], turned)));
  };
  // --- a stage: the points of a plotly figure -----------------------------------------------------------------------
  class Stage {
    constructor(graph, told, show) {
      Object.assign(this, { graph, told, show });
      graph.style.height = `${graph.layout.meta.height}px`; // plotly forgets it when the window changes, and asks
      graph.on("plotly_afterplot", () => { this.find(); if (show.host) show.fit(); });
      graph.on("plotly_click", ({ points: [{ curveNumber, pointNumber }] }) => {
        const spot = this.layers.find(({ trace }) => trace === curveNumber)?.seen[pointNumber];
        if (spot && spot.flight.hop >= 0) show.picked("hop", spot.flight.hop, this);
      });
      this.find();
    }
    // plotly draws anew when its place changes size: then the nodes are others.
    find() {
      const { graph, told } = this, { xaxis, yaxis } = graph._fullLayout, data = graph._fullData;
      const holderOf = (trace) => data[trace] && graph.querySelector(`.trace${data[trace].uid}`);
      this.layers = told.layers.map((layer) => {
        const holder = holderOf(layer.trace), known = graph.calcdata[layer.trace] || [];
        const [nodes, texts] = holder ? [all(holder, ".points > path"), all(holder, ".textpoint > text")] : [[], []];
        if (holder) for (const node of all(holder, "[display]")) node.removeAttribute("display"); // it was out of sight
        const ok = nodes.length && nodes.length === known.length && texts.length === known.length;
        return { ...layer, holder, nodes, texts, known, ok, seen: [] };
      });
      this.roads = [{ trace: told.tunnels }, ...told.roads].map((road) => {
        const holder = holderOf(road.trace), [path, ...more] = holder ? all(holder, "path.js-line") : [];
        more.forEach((each) => each.remove()); // plotly has a path for each leg: the first has them all
        const ghost = holder?.querySelector(".mipflow-ghost") || path?.cloneNode(); // where the road was
        ghost?.setAttribute("class", "mipflow-ghost"); path?.before(ghost);
        return { ...road, holder, path, ghost, legs: [] };
      });
      this.ok = this.layers.every(({ ok }) => ok) && this.roads.every(({ path }) => path);
      [this.places, this.ways] = [told.nodes.map(([x, y]) => [xaxis.c2p(x), yaxis.c2p(y)]), new Map()];
      graph.classList.toggle("mipflow-driven", this.ok);
    }
    // The legs of a way from card to card, cut by a margin before the cards: as Scene.legs in scene.py.
    legs(number, mx, my) {
      const { places, told } = this, name = `${number} ${mx} ${my}`;
      if (this.ways.has(name)) return this.ways.get(name);
      const [nodes, lane, keep, , share, until] = told.ways[number];
      const cards = nodes.map((node) => [...places[node], told.nodes[node][2] + mx, told.nodes[node][3] + my]);
      const far = (half, off, u) => (Math.abs(u) < 1e-9 ? Infinity : half / Math.abs(u) - off / u);
      const leaves = ([, , w, h], ox, oy, ux, uy) => Math.max(0, Math.min(far(w, ox, ux), far(h, oy, uy)));
      const legs = cards.slice(1).map((b, k) => {
        const a = cards[k], length = Math.hypot(b[0] - a[0], b[1] - a[1]) || 1;
        const [ux, uy] = [(b[0] - a[0]) / length, (b[1] - a[1]) / length];
        const side = lane * (ux > 1e-6 || (ux > -1e-6 && uy > 0) ? 1 : -1) - keep, [ox, oy] = [uy * side, -ux * side];
        let [from, to] = [leaves(a, ox, oy, ux, uy), length - leaves(b, ox, oy, -ux, -uy)];
        if (from > to) from = to = (from + to) / 2;
        if (k === cards.length - 2) [from, to] = [between(from, to, share), between(from, to, until)];
        return [a[0] + ox + ux * from, a[1] + oy + uy * from, a[0] + ox + ux * to, a[1] + oy + uy * to];
      });
      if (!legs.length) legs.push([cards[0][0], cards[0][1] - cards[0][3], cards[0][0], cards[0][1] - cards[0][3]]);
      this.ways.set(name, legs);
      return legs;
    }
    // A road in one line: its legs meet where their lanes cross, and it ends in the middle of cards, which cover it.
    road(number) {
      if (!(number >= 0)) return [];
      const legs = this.legs(number, -999, -999), ends = this.told.ways[number][0].map((node) => this.places[node]);
      const turns = legs.slice(1).map((leg, k) => meet(legs[k], leg)), last = legs.at(-1).slice(2);
      const points = [ends[0], legs[0].slice(0, 2), ...turns, last, ends.at(-1)];
      return points.slice(1).map((point, k) => [...points[k], ...point]);
    }
    // What is under way; marks that would overlap on a link are one, at the place of the first: spots() in stage.py.
    spots({ size: [w, h], margin, flights }, us) {
      const seen = [];
      for (const flight of flights) {
        const { way, times } = flight, [nodes, , , tunnel] = this.told.ways[way];
        if (us < times[0] + !flight.text || us > times[times.length - 1]) continue;
        const leg = Math.floor(times.findLastIndex((at, k) => k % 2 === 0 && at <= us) / 2);
        const [left, arrived] = times.slice(2 * leg), share = arrived > left ? (us - left) / (arrived - left) : 1;
        const [ax, ay, bx, by] = this.legs(way, ...margin)[leg];
        const [x, y] = [between(ax, bx, Math.min(1, share)), between(ay, by, Math.min(1, share))];
        const link = `${nodes[leg]} ${nodes[leg + 1]}`, length = Math.hypot(bx - ax, by - ay) || 1;
        const near = (each) => each.link === link && Math.abs(each.x - x) < w + 2 && Math.abs(each.y - y) < h + 2;
        const first = seen.find(near), [ux, uy] = [(bx - ax) / length, (by - ay) / length];
        if (first) first.count += 1;
        else seen.push({ x, y, link, flight, count: 1, ux, uy, inside: tunnel.includes(leg) });
      }
      return seen;
    }
    draw(us, ms) {
      const { xaxis, yaxis } = this.graph._fullLayout, { told } = this, inside = [];
      for (const layer of this.layers) {
        const { nodes, texts, known, letter, wide, size: [w, h] } = layer, seen = (layer.seen = this.spots(layer, us));
        nodes.forEach((node, k) => {
          const spot = seen[k], text = texts[k];
          node.style.display = text.style.display = spot ? "inline" : "none";
          [known[k].x, known[k].y] = spot ? [xaxis.p2c(spot.x), yaxis.p2c(spot.y)] : [-99, -99];
          if (!spot) return;
          const { x, y, ux, uy, count, flight } = spot, name = flight.text || letter;
          const half = flight.text || (count > 1 && w > h) ? w / 2 : h / 2; // of several it is as wide as a message
          node.shape ??= node.getAttribute("d"); const shape = half > h / 2 ? wide : node.shape;
          node.setAttribute("d", flight.hop < 0 ? shape : shape + head(half, h / 2, ux, uy));
          node.setAttribute("transform", `translate(${x},${y})`); node.classList.toggle("mipflow-inside", spot.inside);
          put(text, count < 2 ? name : `${name}×${count}`); text.setAttribute("x", x); text.setAttribute("y", y);
        });
      }
      const [tunnels, ...roads] = this.roads, { turn, stages } = this.show;
      for (const road of roads) {
        const k = latest(road.versions, us), [was, now] = [k - 1, k].map((each) => this.road(road.versions[each]?.[1]));
        const gone = turn?.us === road.versions[k][0] && this === stages[turn.stage] ? was : [];
        const near = (a) => now.some((b) => a.every((value, place) => Math.abs(value - b[place]) < NEAR));
        road.ghost.setAttribute("d", line(gone.filter((leg) => !near(leg))));
        const share = k > 0 ? (ms - this.show.seen(road.versions[k][0])) / this.show.told.bend : 1;
        road.legs = share < 1 && was.length && now.length ? bend(was, now, Math.max(0, share)) : now;
        const tunnel = now.length ? told.ways[road.versions[k][1]][3] : [];
        road.led = road.legs[(tunnel[0] ?? 0) + 1]; // where the row that it follows begins to lead it
        for (const leg of tunnel) inside.push(now[leg + 1]);
        road.path.setAttribute("d", line(road.legs));
      }
      tunnels.path.setAttribute("d", line(inside));
    }
  }
  // --- a show: stages, clock, controls, board -----------------------------------------------------------------------
  class Show {
    constructor(told, controls, board, graphs) {
      const find = (...names) => names.map((name) => controls.querySelector(name));
      Object.assign(this, { told, controls, board, ms: 0, speed: 1, playing: false, shown: [], patience: 200 });
      const layers = told.stages.flatMap((stage) => stage.layers), times = new Set();
      for (const { flights } of layers) flights.forEach(([way, hop, start, steps, text], k) => {
        flights[k] = { way, hop, text, times: steps.reduce((so, by) => [...so, so[so.length - 1] + by], [start]) };
        flights[k].times.forEach((us) => times.add(us));
      });
      this.beats = [...times].map((us) => this.seen(us)).sort((a, b) => a - b);
      this.stops = told.events.map(({ stop }) => stop);
      [this.range, this.toggle] = find("[type=range]", "[data-act=play]");
      [this.clock, this.pace, this.caption] = find(".mipflow-clock", ".mipflow-pace", ".mipflow-caption");
      [this.marks, this.chips] = [all(controls, ".mipflow-marks button"), all(board, ".mipflow-chips button")];
      this.slots = told.slots.map((versions, k) => ({ versions, place: board.querySelector(`[data-slot="${k}"]`) }));
      [this.tie, this.sizes] = [board.querySelector(".mipflow-tie"), new ResizeObserver(() => this.fit())];
      this.plates = all(board, ".mipflow-plates");
      const click = ({ target }) => this.click(target), speed = ({ target }) => { this.speed = Number(target.value); };
      for (const place of [controls, board, ...this.plates]) place.addEventListener("click", click);
      for (const radio of all(controls, "[type=radio]")) radio.addEventListener("change", speed);
      this.range.addEventListener("input", () => this.go(Number(this.range.value)));
      controls.addEventListener("keydown", (event) => this.key(event));
      this.join(graphs);
    }
    leave() { for (const each of [this.tie, ...this.plates]) each.remove(); shows.delete(this); }
    seen(us) { return along(this.told.clock, us, 1, 0); } // when a moment (microseconds) is seen first, in playing ms
    // What a click chose: a "hop" of the trace, a "row" of a table, an "event". Who listens goes on from there.
    picked(what, value, stage) {
      const detail = { what, value, stage, show: this };
      this.board.dispatchEvent(new CustomEvent("mipflow", { bubbles: true, detail }));
    }
    click(target) {
      const row = target.closest("[data-row]"), button = target.closest("[data-act]");
      if (row) this.picked("row", row.dataset.row, this.stages[this.plates.findIndex((each) => each.contains(row))]);
      if (button) this.act(button.dataset.act, Number(button.dataset.by));
    }
    act(name, by) {
      const next = (list) => (by > 0 ? list.find((ms) => ms > this.ms + 1) : list.findLast((ms) => ms < this.ms - 1));
      const jump = (list) => this.go(next(list) ?? by * this.told.length);
      ({
        play: () => this.play(!this.playing), event: () => jump(this.stops), step: () => jump(this.beats),
        by: () => this.go(this.ms + by), before: () => { this.go(this.told.before); this.play(true); },
        mark: () => { this.go(this.stops[by]); this.picked("event", by); },
        full: () => (document.fullscreenElement ? document.exitFullscreen() : this.host.requestFullscreen()),
      })[name]();
    }
    key(event) {
      const { target, key } = event, act = key === " " && target.tagName !== "BUTTON" ? ["play"] : KEYS[key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey || target.type === "radio") return;
      this.act(...act); event.preventDefault(); event.stopPropagation();
    }
    go(ms) { this.play(false); this.seek(ms); }
    play(wanted) {
      if (wanted === this.playing) return;
      if (wanted && this.ms >= this.told.length) this.seek(0);
      this.playing = wanted;
      this.toggle.firstChild.firstChild.setAttribute("d", wanted ? PAUSE : PLAY);
      this.toggle.ariaLabel = this.toggle.title = wanted ? "Pause" : "Play";
      let [before, waited] = [performance.now(), STEP_MS];
      const picture = (now) => {
        if (!this.playing) return;
        const passed = Math.max(0, now - before) * this.speed; before = now;
        if (!CALM.matches) this.seek(this.ms + Math.min(passed, 250 * this.speed));
        else if ((waited += passed) >= STEP_MS) { // from event to event, each long enough to be read
          waited = 0;
          this.seek(this.stops.find((ms) => ms > this.ms + 1) ?? this.told.length);
        }
        if (this.ms >= this.told.length || !this.controls.isConnected) return this.play(false);
        requestAnimationFrame(picture);
      };
      if (wanted) requestAnimationFrame(picture);
    }
    seek(ms) {
      const { events, clock, length, captions, paces, start } = this.told, at = (this.ms = within(0, ms, length));
      const us = along(clock, at, 0, 1), number = latest(events, at, (each) => each.ms), event = events[number];
      this.turn = events.findLast(({ key }, k) => key && k <= number); // the last in which a road bent
      this.slots.forEach(({ versions, place }, k) => {
        const version = Math.max(0, latest(versions, us));
        if (this.shown[k] !== version) place.innerHTML = versions[(this.shown[k] = version)][1];
      });
      for (const { style, dataset: { from, to } } of this.plates.flatMap((plate) => all(plate, "[data-from]")))
        style.setProperty("--done", `${100 * within(0, (us - from) / (to - from), 1)}%`); // a test's ring closes
      const ok = this.stages.every((stage) => stage.ok), seconds = `${((us + start) / 1e6).toFixed(3)} s`;
      if (ok) for (const stage of this.stages) stage.draw(us, at);
      put(this.clock, seconds); put(this.pace, paces[latest(paces, at)][1]);
      put(this.caption, ok ? captions[latest(captions, at)][1] : this.told.unknown);
      this.range.value = at;
      this.range.ariaValueText = `${seconds}, ${at < length ? event?.brief || "the beginning" : "the end"}`;
      if (number !== this.number) for (const list of [this.marks, this.chips])
        list.forEach((each, k) => each.toggleAttribute("data-now", k === number));
      const chip = number !== this.number && this.chips[number]?.parentElement; // its list is scrolled, never the page
      if (chip) chip.parentElement.scrollTop = chip.offsetTop - chip.parentElement.clientHeight / 2;
      this.number = number;
      const held = event?.key && us === event.us && at < length && event;
      this.host.classList.toggle("mipflow-held", !!held);
      this.light(held || (at >= length && this.turn));
    }
    // Light the row and the road of a moment in which one bends by the other, and join them by a line.
    light(event) {
      const stage = event && this.stages[event.stage], path = this.tie.firstChild;
      const lit = (part) => event.key.roads.includes(stage.roads.indexOf(part) - 1);
      for (const each of this.stages) for (const part of [...each.roads, ...each.layers])
        part.holder?.classList.toggle("mipflow-lit", each === stage && (part.told || lit(part)));
      const row = event && this.plates[event.stage].querySelector(`[data-row="${CSS.escape(event.key.row)}"]`);
      const leg = row && stage.roads[event.key.roads[0] + 1]?.led;
      if (!leg) return path.removeAttribute("d");
      const [home, from, plot] = [this.host, row, stage.graph].map((each) => each.getBoundingClientRect());
      const { l, t } = stage.graph._fullLayout._size, top = from.top - home.top + from.height / 2;
      const x = between(leg[0], leg[2], 0.3) + plot.left + l - home.left;
      const y = between(leg[1], leg[3], 0.3) + plot.top + t - home.top, below = from.top > plot.bottom;
      const way = below ? `${from.right - home.left},${top}h7V${y}H${x}` : `${from.left - home.left},${top}L${x},${y}`;
      path.setAttribute("d", `M${way}`);
    }
    // --- layout ---------------------------------------------------------------------------------------------------
    // Stages, controls and board are outputs of their own: their common parent becomes a grid (player.css).
    join(graphs) {
      this.stages = graphs.map((graph, k) => new Stage(graph, this.told.stages[k], this));
      const own = [...graphs, this.controls, this.board], as = graphs[1] ? ["left", "right"] : ["main", "main", "side"];
      let host = this.board.parentElement;
      while (!own.every((part) => host.contains(part))) host = host.parentElement;
      own.forEach((part, k) => {
        while (part.parentElement !== host) part = part.parentElement;
        part.classList.add(`mipflow-${as[k]}`);
      });
      graphs.forEach((graph, k) => graph.after(this.plates[k]));
      host.classList.add("mipflow-grid"); host.append(this.tie);
      for (const each of [host, ...graphs]) this.sizes.observe(each); this.host = host; this.fit();
    }
    fit() { // plotly hears of the window only, and may draw again what it was given first: it is asked until it fits
      const off = this.stages.filter(({ graph, told }) => {
        const { margin } = graph.layout, { _size: drawn, width } = graph._fullLayout, across = graph.clientWidth;
        margin.r = told.edge + (across >= PLATES_FROM ? PLATE : 0); // plates stand beside their nodes
        return across && Math.abs(drawn.r - margin.r) + Math.abs(across - width) >= 3;
      });
      if (!off.length) this.patience = 200; else if (!this.due) {
        this.due = setTimeout(() => { this.due = 0; this.fit(); }, (this.patience *= 2));
        for (const { graph } of off) graph._fullLayout.width = 0; // plotly asks what changed
        window.dispatchEvent(new Event("resize"));
      }
      this.place(); this.seek(this.ms);
    }
    place() {
      this.stages.forEach(({ graph, told, places }, k) => {
        const { l, r, t } = graph._fullLayout._size, on = r >= told.edge + PLATE - 3; // as drawn, not as asked for
        this.plates[k].classList.toggle("mipflow-on", on);
        for (const [node, across, down, before, above, slot] of told.plates) {
          const x = graph.offsetLeft + l + places[node][0] + across, y = graph.offsetTop + t + places[node][1] + down;
          const style = `left:${x}px;top:${y}px;transform:translate(${before}%,${above}%)`;
          this.slots[slot].place.parentElement.style.cssText = on ? style : "";
        }
      });
    }
  }
  // --- what there is in the page ------------------------------------------------------------------------------------
  const shows = new Set(); let due = 0;
  // The nearest place that holds what is looked for: a notebook may be open twice.
  const around = (near, found) => {
    for (let host = near; host; host = host.parentElement)
      for (const each of found) if (host.contains(each)) return each;
    return null;
  };
  function look() {
    // A page that was saved or exported has Plotly to itself and figures as text.
    if (window.Plotly) for (const div of all(document, ".mipflow-figure:not(.js-plotly-plot)")) {
      const { data, layout, config } = JSON.parse(div.nextElementSibling.textContent);
      div.replaceChildren(); div.classList.add("js-plotly-plot");
      window.Plotly.newPlot(div, data, layout, config).then(soon);
    }
    // A notebook that was saved and opened again shows plotly's picture until a mouse comes: it need not wait.
    for (const image of all(document, ".jp-RenderedPlotly > img.plot-img[src]"))
      if (!image.parentElement.querySelector(".plot-container")) image.dispatchEvent(new MouseEvent("mouseenter"));
    const drawn = all(document, ".js-plotly-plot").filter((each) => each._fullLayout?.xaxis && each.calcdata);
    for (const board of all(document, ".mipflow-board")) {
      const id = board.dataset.show, known = [...shows].find((show) => show.board === board);
      if (known && known.stages.every(({ graph }) => graph.isConnected)) continue;
      const told = known ? known.told : JSON.parse(board.nextElementSibling.textContent);
      const graphs = told.stages.map((_, stage) =>
        around(board, drawn.filter(({ layout: { meta } }) => meta?.show === id && meta.stage === stage)));
      const controls = around(board, all(document, `.mipflow-controls[data-show="${id}"]`));
      if (!controls || graphs.includes(null)) continue;
      for (const old of known ? [] : shows) if (old.told.id === id && !old.board.isConnected) old.leave(); // drawn anew
      if (known) known.join(graphs); else shows.add(new Show(told, controls, board, graphs));
    }
  }
  const soon = () => { due = due || setTimeout(() => { due = 0; look(); }, 60); };
  window.mipflowPlayer = { look: soon, shows };
  const NEW = ".mipflow-board, .plot-container, .js-plotly-plot, .main-svg, .mipflow-figure";
  const isNew = (node) => node.nodeType === 1 && (node.matches(NEW) || node.querySelector(NEW));
  new MutationObserver((changes) => changes.some(({ addedNodes }) => [...addedNodes].some(isNew)) && soon())
    .observe(document.documentElement, { childList: true, subtree: true });
  window.addEventListener("load", soon); soon();
})();
