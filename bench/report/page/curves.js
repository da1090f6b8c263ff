// Curves by plotly: one quantity at a time, a panel per factor, a line per method that its button shows or hides.
{
  const { quantities, methods } = data("curves-data");
  const hidden = new Set();
  const chooser = byId("quantity"), intervals = byId("intervals"), chips = byId("chips"), plot = byId("plot");
  let plotly = null;
  const style = (name) => {
    const probe = element("span", { style: `color: var(${name})` });
    document.body.append(probe);
    const [r, g, b] = getComputedStyle(probe).color.match(/\d+/g);
    probe.remove();
    return `rgb(${r}, ${g}, ${b})`;
  };
  const lighter = (colour) => `#${colour.match(/[0-9a-f]{2}/gi).map((part) => Math.round(parseInt(part, 16) * 0.6 + 255 * 0.4).toString(16).padStart(2, "0")).join("")}`;
  const colour = (method) => (method.source ? style(method.name === "ir" ? "--ink" : "--soft") : isDark() ? lighter(method.color) : method.color);

  function traces(quantity, panels) {
    return quantity.lines.map((line) => {
      const method = methods[line.method], panel = panels.indexOf(line.factor), shade = colour(method);
      const near = (bounds, sign) => line.y.map((value, place) => (bounds[place] === null ? 0 : sign * (bounds[place] - value)));
      const known = line.low.some((bound) => bound !== null);
      return {
        type: "scatter", mode: "lines+markers", name: quantity.titles[line.method], x: line.x, y: line.y, visible: !hidden.has(line.method),
        xaxis: `x${panel + 1}`, yaxis: `y${panel + 1}`, meta: line.method,
        line: { color: shade, dash: method.dash, width: 2 }, marker: { color: shade, symbol: method.symbol, size: method.symbol ? 7 : 1 },
        error_y: { type: "data", symmetric: false, array: near(line.high, 1), arrayminus: near(line.low, -1), visible: known && intervals.checked, thickness: 1, width: 2 },
        customdata: line.x.map((_, place) => (line.low[place] === null ? "" : ` [${line.low[place]}, ${line.high[place]}]`)),
        hovertemplate: `%{fullData.name}: %{y}%{customdata}<extra></extra>`,
      };
    });
  }

  function draw() {
    if (!plotly) return;
    const quantity = quantities[chooser.value];
    const panels = [...new Set(quantity.lines.map((line) => line.factor))];
    const columns = Math.min(panels.length, plot.clientWidth < 560 ? 1 : plot.clientWidth < 900 ? 2 : 3);
    const rows = Math.ceil(panels.length / columns), ink = style("--ink"), line = style("--line");
    const layout = {
      height: rows * 250 + 60, margin: { l: 62, r: 12, t: 30, b: 44 }, showlegend: false, hovermode: "x unified",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: ink, family: "system-ui, sans-serif", size: 12 },
      hoverlabel: { bgcolor: style("--tint"), font: { color: ink, size: 11 } }, annotations: [],
    };
    const gap = rows > 1 ? Math.min(0.26 / rows + 0.06, 0.18) : 0, width = (1 - 0.05 * (columns - 1)) / columns, height = (1 - gap * (rows - 1)) / rows;
    panels.forEach((factor, place) => {
      const left = (place % columns) * (width + 0.05), bottom = 1 - Math.floor(place / columns) * (height + gap) - height;
      const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, automargin: false };
      const last = place + columns >= panels.length;
      layout[`xaxis${place + 1}`] = { ...axis, domain: [left, left + width], anchor: `y${place + 1}`, dtick: 1, title: { text: last ? "severity" : "", standoff: 4 } };
      layout[`yaxis${place + 1}`] = { ...axis, domain: [bottom, bottom + height], anchor: `x${place + 1}`, title: { text: place % columns ? "" : quantity.label, standoff: 6 }, ...(place ? { matches: "y" } : {}) };
      layout.annotations.push({ text: factor, x: left + width / 2, y: bottom + height, xref: "paper", yref: "paper", yanchor: "bottom", showarrow: false, font: { size: 13, color: ink } });
    });
    plotly.react(plot, traces(quantity, panels), layout, { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d"] });
    byId("quantity-note").textContent = quantity.title;
    intervals.parentElement.hidden = !quantity.lines.some((line) => line.low.some((bound) => bound !== null));
    drawChips(quantity);
  }

  function drawChips(quantity) {
    const shown = [...new Set(quantity.lines.map((line) => line.method))].sort((a, b) => a - b);
    const focus = document.activeElement?.dataset?.method;
    chips.replaceChildren(...shown.map((number) => {
      const method = methods[number];
      const chip = element("button", { className: "chip", type: "button" }, quantity.names[number]);
      chip.dataset.method = number;
      chip.setAttribute("aria-pressed", String(!hidden.has(number)));
      const swatch = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      swatch.innerHTML = `<path d="M0 6.5H27" stroke-width="2.5" fill="none"/>`;
      swatch.firstChild.setAttribute("stroke", colour(method));
      swatch.firstChild.setAttribute("stroke-dasharray", { dash: "6 3", dot: "2 2", dashdot: "6 2 2 2", solid: "none" }[method.dash] ?? "2 2");
      chip.prepend(swatch);
      chip.onclick = () => { hidden.has(number) ? hidden.delete(number) : hidden.add(number); draw(); };
      chip.ondblclick = () => { shown.forEach((other) => hidden.add(other)); hidden.delete(number); draw(); };
      return chip;
    }));
    chips.querySelector(`[data-method="${focus}"]`)?.focus();
  }

  quantities.forEach((quantity, place) => chooser.append(new Option(quantity.name, place)));
  chooser.onchange = intervals.onchange = draw;
  byId("all-methods").onclick = () => { hidden.clear(); draw(); };
  document.addEventListener("theme", draw);
  let waiting = 0;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(draw, 150); });
  whenNear(byId("curves"), async () => {
    const script = element("script", { textContent: await library("plotly") });
    document.head.append(script);
    plotly = window.Plotly;
    draw();
  });
}
