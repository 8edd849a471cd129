// The inspector: a packet's fields and bytes point at each other; a packet of the film opens, a row shows its history, a
// time leads to the film and back; what is seen becomes a file. Acts once in a page.
//
// It listens to what player.js says was picked. A packet's card alone needs no player.
(() => {
  if (window.mipflowInspector) return;
  window.mipflowInspector = true;
  document.documentElement.classList.add("mipflow-inspects");
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
    mark(at);
  });
  document.addEventListener("keydown", (event) => {
    const at = fieldAt(event.target), to = at && !event.ctrlKey && !event.metaKey && !event.altKey && step(at, event.key);
    if (!to) return;
    to.focus();
    event.preventDefault();
    event.stopPropagation();
  });

  // --- ways: from a time to the film, from the film to the ladder ------------------------------------------------------
  const shows = () => [...(window.mipflowPlayer?.shows ?? [])].filter(({ board }) => board.isConnected);
  const button = (text, onclick) => make("button", { type: "button", textContent: text, onclick });
  const visit = (element) => {
    element.scrollIntoView({ block: "center" });
    element.focus({ preventScroll: true });
  };
  const hopsOf = (node) => (node.dataset.hops ?? "").split(" ").filter(Boolean).map(Number);
  const arrows = (hops) => all(document, "[data-hops]").filter((each) => hopsOf(each).some((hop) => hops.includes(hop)));
  const eventOf = ({ told }, us, hops) => {
    // Another world has other packets of the same numbers: but hardly at the same time.
    const own = told.events.findIndex((each) => Math.abs(each.us - us) < 1e6 && each.hops.some((hop) => hops.includes(hop)));
    return own >= 0 ? own : told.events.findIndex((each) => Math.abs(each.us - us) <= 500);
  };
  const none = (at, why) => Object.entries({ "aria-disabled": true, title: why }).forEach((each) => at.setAttribute(...each));
  // Of several films that show a time: the one around the place, else the last before it.
  const lead = (from, us) => {
    const found = shows().filter(({ told }) => us >= told.start - 500 && us <= told.start + told.clock.at(-1)[1] + 500);
    const isBefore = ({ board }) => board.compareDocumentPosition(from) & Node.DOCUMENT_POSITION_FOLLOWING;
    const show = found.find(({ host }) => host.contains(from)) ?? found.findLast(isBefore) ?? found[0];
    if (!show) return none(from, "No film in this page shows this time.");
    const event = eventOf(show, us - show.told.start, hopsOf(from));
    if (event < 0) show.go(show.seen(us - show.told.start)); else show.act("mark", event);
    show.way?.remove();
    if (!show.host.contains(from)) show.controls.append((show.way = button("Back to where you came from", () => visit(from))));
    show.host.scrollIntoView({ block: "start" });
    show.toggle.focus({ preventScroll: true });
  };

  // --- the panel of a film: a packet, or the history of a row ----------------------------------------------------------
  const unpacked = async (text) => {
    const octets = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return new Response(new Blob([octets]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  };
  const open = (show, title, inside, ...ways) => {
    const back = show.panel?.back ?? (document.activeElement === document.body ? show.toggle : document.activeElement);
    const places = show.panel?.places ?? []; // how far the reader had scrolled
    for (let each = places.length ? null : show.host; each; each = each.parentElement) places.push([each, each.scrollTop]);
    const close = () => {
      show.panel.remove();
      show.panel = null;
      if (back.isConnected) back.focus({ preventScroll: true });
      for (const [each, top] of places) each.scrollTop = top;
    };
    show.panel?.remove();
    const heading = make("p", { className: "mipflow-title", textContent: title, tabIndex: -1 });
    const body = typeof inside === "string" ? make("div", { innerHTML: inside }) : inside;
    show.panel = make("section", { className: "mipflow-inspector", ariaLabel: title, back, places }, heading, ...ways, button("Close", close), body);
    show.panel.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
    show.host.append(show.panel);
    show.panel.scrollIntoView({ block: "nearest" });
    heading.focus({ preventScroll: true });
  };
  const openPacket = async (show, hop, stage) => {
    show.play(false);
    show.carried ??= await Promise.all(show.told.packets.map(unpacked));
    const [cards, numbers, alike] = show.carried[stage], card = cards[numbers[hop]];
    const event = show.told.events.findIndex((each) => each.stage === stage && each.hops.includes(hop)), [arrow] = arrows([hop]);
    const ways = event < 0 ? [] : [button("To this moment", () => show.act("mark", event))];
    if (arrow) ways.push(button("In the ladder", () => visit(arrow)));
    const [title, html] = card ?? [`Packet-hop ${hop}`, "<p>This packet is not carried along.</p>"];
    const other = alike.includes(hop);
    const why = other ? `<p>This page does not carry packet-hop ${hop} along, but one of the same flow, with the same road:</p>` : "";
    open(show, other ? `One like the packet that you chose. ${title}` : title, `${why}${html}<p>In a notebook, world.inspect(${hop}) shows the very packet.</p>`, ...ways);
  };
  // Of several films the one whose table it is, else the last that shows such a row.
  const openRow = (at) => {
    const where = (show) => Math.max(show.plates.findIndex((each) => each.contains(at)),
      all(show.board, "section").findIndex((each) => each.contains(at)));
    const { row } = at.dataset, has = (show) => show.told.history.findIndex((each) => each[row]);
    const show = shows().find((each) => where(each) >= 0) ?? shows().findLast((each) => has(each) >= 0);
    if (!show) return none(at, "No film in this page shows this row.");
    const stage = where(show) < 0 ? has(show) : where(show);
    const [title, versions] = show.told.history[stage][row] ?? [row, []];
    open(show, title, make("ol", {}, ...versions.map(([us, text]) => {
      const at = `${((show.told.start + us) / 1e6).toFixed(3)} s`, way = button(at);
      if (us < 0) return make("li", { className: "mipflow-quiet", textContent: `${at} ${text} (before this film)` });
      way.dataset.ns = (show.told.start + us) * 1000;
      return make("li", {}, way, ` ${text}`);
    })));
  };
  document.addEventListener("mipflow", ({ detail: { what, value, stage, show } }) => {
    if (what === "hop") openPacket(show, value, show.stages.indexOf(stage));
    const lit = what === "event" ? arrows(show.told.events[value].hops) : [];
    if (what === "event") all(document, "[data-hops]").forEach((each) => each.classList.toggle("mipflow-here", lit.includes(each)));
  });

  // --- what is seen, as a file -----------------------------------------------------------------------------------------
  const SVG = "http://www.w3.org/2000/svg";
  const drawn = (show) => {
    const { color, backgroundColor } = getComputedStyle(show.range.closest(".mipflow-controls").querySelector("button:not([data-act=play])"));
    const draw = (tag, more, ...inside) => {
      const element = document.createElementNS(SVG, tag);
      for (const [name, value] of Object.entries(more)) element.setAttribute(name, value);
      element.append(...inside);
      return element;
    };
    const whole = draw("svg", { xmlns: SVG, "font-family": "system-ui, Arial, sans-serif", "font-size": 15 });
    let [across, down] = [0, 0];
    for (const { graph } of show.stages) {
      const layers = all(graph, ".main-svg").map((each) => each.cloneNode(true));
      whole.append(draw("g", { transform: `translate(${across},0)` }, ...layers));
      [across, down] = [across + graph.clientWidth, Math.max(down, graph.clientHeight)];
    }
    const say = (text, weight = "normal") => {
      for (const line of text.replace(/\s+/g, " ").match(new RegExp(`.{1,${Math.floor(across / 9)}}(?:\\s|$)`, "g")) ?? []) {
        down += 21;
        whole.append(draw("text", { x: 10, y: down, fill: color, "font-weight": weight }, line.trim()));
      }
    };
    const words = (node) => [...node.childNodes].map((each) => each.textContent + (each.nodeName === "DEL" ? " → " : "")).join("");
    say(show.caption.textContent, "bold");
    for (const flow of all(show.board, ".mipflow-legend li:has([data-slot])")) say(flow.textContent);
    for (const table of show.plates.flatMap((each) => all(each, "table"))) {
      say(table.caption.textContent, "bold");
      for (const row of table.tBodies[0].rows) say([...row.cells].map(words).join(": "));
    }
    const size = { width: across, height: down + 14 };
    whole.prepend(draw("rect", { ...size, fill: backgroundColor }));
    for (const [name, value] of Object.entries({ ...size, viewBox: `0 0 ${across} ${size.height}` })) whole.setAttribute(name, value);
    return { ...size, text: new XMLSerializer().serializeToString(whole) };
  };
  const save = async (show, kind) => {
    const { width, height, text } = drawn(show);
    let file = new Blob([text], { type: "image/svg+xml" });
    if (kind === "png") {
      const image = new Image(), canvas = make("canvas", { width: 2 * width, height: 2 * height });
      image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
      await image.decode();
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      file = await new Promise((done) => canvas.toBlob(done));
    }
    const href = URL.createObjectURL(file), name = `mipflow ${show.clock.textContent.replace(/[^0-9. s]/g, "").trim()}.${kind}`;
    make("a", { href, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(href), 60000);
  };
  const act = (event) => {
    const at = event.target.closest?.("[data-ns], [data-look], [data-row]");
    if (!at) return;
    if (at.dataset.row) return openRow(at);
    const { ns, look } = at.dataset, show = look && shows().find(({ controls }) => controls.contains(at));
    if (ns) lead(at, Number(ns) / 1000);
    else if (show && look !== "inside") save(show, look);
    else { // the packet of this event, or the one that led to it
      const { hops, stage } = show.told.events.slice(0, show.number + 1).findLast((each) => each.hops.length) ?? { hops: [] };
      const isLater = show.told.events.some((each) => each.hops.length);
      const hint = isLater ? "Go on to an event with a message" : "No message is told in this film: stop it while packets are seen";
      if (hops.length) openPacket(show, hops[0], stage);
      else open(show, "No message has been sent yet that could be opened", `<p>${hint}, or click a packet in the picture.</p>`);
    }
  };
  document.addEventListener("click", act);
  document.addEventListener("keydown", (event) => { // a button says so itself
    if ((event.key === "Enter" || event.key === " ") && event.target.matches?.("[data-ns]:not(button)")) {
      act(event);
      event.preventDefault();
    }
  });
  // JupyterLab takes keys from controls in an output unless the focused one says otherwise: a cell never may.
  document.addEventListener("focusin", ({ target }) => { // the root element may have a class of ours
    const isControl = target.matches("button, input, select, textarea, summary, a[href], [tabindex]:not([class*=jp-])");
    if (isControl && target.closest("[class*=mipflow-]:not(html)")) target.dataset.lmSuppressShortcuts = "true";
  });
})();
