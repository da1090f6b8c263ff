// What the page does by itself: the theme, definitions on hover and focus, and loading the libraries when they are needed.
"use strict";
const byId = (id) => document.getElementById(id);
const data = (id) => JSON.parse(byId(id).textContent);
const root = document.documentElement;

async function library(id) {
  const packed = Uint8Array.from(atob(byId(id).textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

function whenNear(element, act) {
  if (!element) return;
  const seen = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) { seen.disconnect(); act(); }
  }, { rootMargin: "700px" });
  seen.observe(element);
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// --- light and dark ---
const isDark = () => matchMedia("(prefers-color-scheme: dark)").matches !== (root.dataset.other === "true");
function paint() {
  root.style.colorScheme = isDark() ? "dark" : "light";
  byId("theme").textContent = isDark() ? "☀ light" : "☾ dark";
  document.dispatchEvent(new Event("theme"));
}
byId("theme").onclick = () => { root.dataset.other = String(root.dataset.other !== "true"); paint(); };
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
paint();

// --- definitions ---
const tip = element("div", { id: "tip", role: "tooltip", hidden: true });
document.body.append(tip);
function showTip(event) {
  const of = event.target.closest?.("[data-tip]");
  tip.hidden = !of;
  if (!of) return;
  tip.textContent = of.dataset.tip;
  const place = of.getBoundingClientRect(), box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(place.left, innerWidth - box.width - 4))}px`;
  tip.style.top = `${place.bottom + box.height + 8 < innerHeight ? place.bottom + 6 : Math.max(4, place.top - box.height - 6)}px`;
}
document.addEventListener("mouseover", showTip);
document.addEventListener("focusin", showTip);
document.addEventListener("focusout", () => { tip.hidden = true; });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });

// --- tables: sorting and filtering by DataTables, as itables ships it ---
async function makeTables(tables) {
  const address = URL.createObjectURL(new Blob([await library("datatables")], { type: "text/javascript" }));
  const { default: DataTable } = await import(address);
  for (const table of tables) {
    const sequences = [...table.tHead.rows[0].cells].map((head, place) => ({
      targets: place, type: place ? "num" : "string",
      orderSequence: head.dataset.direction === "higher" ? ["desc", "asc", ""] : ["asc", "desc", ""],
    }));
    const made = new DataTable(table, {
      paging: false, info: false, order: [], autoWidth: false, columnDefs: sequences,
      layout: { topStart: null, topEnd: "search", bottomStart: null, bottomEnd: null },
      language: { search: "", searchPlaceholder: "filter rows", zeroRecords: "no row has this text" },
    });
    const search = made.table().container().querySelector(".dt-search");
    table.closest("figure").querySelector(".tablehead").append(search);
  }
}
const tables = [...document.querySelectorAll("table.data")];
if (tables.length) requestAnimationFrame(() => setTimeout(() => makeTables(tables)));
