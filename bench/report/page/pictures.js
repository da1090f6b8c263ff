// The pictures of a pair: two methods on a stage with a divider, all of them as tiles; zoom and place are one for all.
{
  const { pairs, conditions, names, titles, boxes, colours, size, judged } = data("pictures-data");
  let tiles = null; // megabytes, read when they are near
  const view = byId("pictures-view"), stage = byId("stage"), divider = byId("divider");
  const choosers = { pair: byId("pair"), condition: byId("condition"), a: byId("left"), b: byId("right") };
  const look = { zoom: 1, x: 0, y: 0, split: 50 };
  const key = (name) => `${choosers.pair.value}/${choosers.condition.value}/${name}`;
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  function place() {
    look.zoom = clamp(look.zoom, 1, 12);
    look.x = clamp(look.x, 100 - 100 * look.zoom, 0);
    look.y = clamp(look.y, 100 - 100 * look.zoom, 0);
    look.split = clamp(look.split, 0, 100);
    for (const [name, value] of Object.entries(look)) view.style.setProperty(`--${name}`, value);
    view.classList.toggle("near", look.zoom > 2.5);
    divider.setAttribute("aria-valuenow", Math.round(look.split));
  }
  function zoom(factor, x = 50, y = 50) {
    const before = look.zoom;
    look.zoom = clamp(before * factor, 1, 12);
    look.x = x - (x - look.x) * (look.zoom / before);
    look.y = y - (y - look.y) * (look.zoom / before);
    place();
  }

  function scene(name) {
    const made = element("div", { className: "scene" });
    const picture = (tiles ??= data("tiles-data"))[key(name)];
    if (!picture) return element("div", { className: "absent" }, "not stored in this run");
    made.append(element("img", { src: picture, alt: `${titles[name]}, ${choosers.condition.selectedOptions[0].text}`, draggable: false }));
    const found = boxes[key(name)];
    if (found) {
      const layer = document.createElementNS("http://www.w3.org/2000/svg", "svg"), [width, height] = size[choosers.pair.value];
      layer.setAttribute("viewBox", `0 0 ${width} ${height}`);
      layer.setAttribute("preserveAspectRatio", "none");
      for (const [kind, label, score, x, y, w, h] of found) {
        const box = document.createElementNS(layer.namespaceURI, "rect"), words = document.createElementNS(layer.namespaceURI, "title");
        for (const [name, value] of Object.entries({ x, y, width: w, height: h, class: kind, stroke: kind === "miss" ? "#ffe600" : kind === "alarm" ? "#ff2d2d" : colours[label] })) box.setAttribute(name, value);
        words.textContent = kind === "miss" ? `${label}, missed` : `${label} ${score}${kind === "alarm" ? ", false alarm" : ""}`;
        box.append(words);
        layer.append(box);
      }
      made.append(layer);
    }
    return made;
  }
  function caption(name) {
    const found = boxes[key(name)];
    if (!found) return titles[name];
    const count = (kind) => found.filter((box) => box[0] === kind).length;
    return `${titles[name]} · ${judged[choosers.pair.value] ? `${count("hit")} found, ${count("miss")} missed, ${count("alarm")} false` : `${found.length} detected`}`;
  }

  function show() {
    const [width, height] = size[choosers.pair.value];
    view.style.setProperty("--aspect", `${width} / ${height}`);
    view.style.setProperty("--ratio", width / height);
    for (const side of ["a", "b"]) {
      stage.querySelector(side === "a" ? ".left" : ".right").replaceChildren(scene(choosers[side].value));
      stage.querySelector(`.caption.${side}`).textContent = caption(choosers[side].value);
    }
    byId("tiles").replaceChildren(...names.map((name) => {
      const tile = element("button", { className: "tile", type: "button" }, element("div", { className: "window" }, scene(name)), element("span", {}, caption(name)));
      tile.setAttribute("aria-pressed", String([choosers.a.value, choosers.b.value].includes(name)));
      tile.dataset.name = name;
      tile.onclick = (event) => { choosers[event.shiftKey ? "a" : "b"].value = name; show(); byId("tiles").querySelector(`[data-name="${CSS.escape(name)}"]`).focus({ preventScroll: true }); };
      return tile;
    }));
  }

  pairs.forEach((pair, number) => choosers.pair.append(new Option(pair, number)));
  conditions.forEach((condition, number) => choosers.condition.append(new Option(condition, number)));
  for (const side of ["a", "b"]) names.forEach((name) => choosers[side].append(new Option(titles[name], name)));
  choosers.a.value = names.includes("vis") ? "vis" : names[0];
  choosers.b.value = names[names.length - 1];
  for (const chooser of Object.values(choosers)) chooser.onchange = show;
  byId("boxes").onchange = (event) => view.classList.toggle("noboxes", !event.target.checked);
  byId("zoom-in").onclick = () => zoom(1.5);
  byId("zoom-out").onclick = () => zoom(1 / 1.5);
  byId("zoom-reset").onclick = () => zoom(1 / 12);

  const percent = (event, of) => [100 * (event.clientX - of.left) / of.width, 100 * (event.clientY - of.top) / of.height];
  stage.addEventListener("pointerdown", (event) => {
    const of = stage.getBoundingClientRect(), moves = event.target === divider, start = { ...look, at: percent(event, of) };
    stage.setPointerCapture(event.pointerId);
    stage.onpointermove = (moved) => {
      const [x, y] = percent(moved, of);
      if (moves) look.split = x;
      else { look.x = start.x + x - start.at[0]; look.y = start.y + y - start.at[1]; }
      place();
    };
    (moves ? divider : stage).focus({ preventScroll: true });
    event.preventDefault();
  });
  for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, () => { stage.onpointermove = null; });
  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !stage.contains(document.activeElement)) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, ...percent(event, stage.getBoundingClientRect()));
  }, { passive: false });
  stage.addEventListener("dblclick", (event) => zoom(look.zoom > 1.01 ? 1 / 12 : 3, ...percent(event, stage.getBoundingClientRect())));
  const step = (chooser, by) => { chooser.selectedIndex = (chooser.selectedIndex + by + chooser.length) % chooser.length; show(); };
  const acts = {
    "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), 0: () => zoom(1 / 12), b: () => byId("boxes").click(),
    n: () => step(choosers.b, 1), p: () => step(choosers.b, -1), c: () => step(choosers.condition, 1), i: () => step(choosers.pair, 1),
  };
  stage.addEventListener("keydown", (event) => {
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || !(arrow || acts[event.key])) return;
    event.preventDefault();
    if (!arrow) acts[event.key]();
    else if (event.target === divider) { look.split += 2 * (arrow[0] - arrow[1]); place(); }
    else { look.x -= 6 * arrow[0]; look.y -= 6 * arrow[1]; place(); }
  });
  place();
  whenNear(view, show);
}
