// Filters, and keys: / searches, n goes to the next tensor that fails, arrows move in tree and chart.
const $ = id => document.getElementById(id);
const tree = $("tree"), form = $("filters"), search = $("search"), plot = $("plot");
const findings = [...tree.querySelectorAll(".finding")];
const boxes = [...tree.querySelectorAll(".node, .group")].reverse(); // inner ones first
const opened = new Map([...boxes, ...findings].map(box => [box, box.open]));
const texts = new Map(findings.map(row => [row,
  `${row.closest("[data-path]").dataset.path} ${row.querySelector(".name").textContent}`.toLowerCase()]));
const MANY = 200;

function filter() {
  const wanted = name => [...form.querySelectorAll(`[name=${name}]:checked`)].map(box => box.value);
  const [verdicts, phases] = ["verdict", "phase"].map(wanted);
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const active = verdicts.length + phases.length + words.length > 0;
  let count = 0;
  for (const row of findings) {
    const fits = (!verdicts.length || verdicts.includes(row.dataset.verdict))
      && (!phases.length || phases.includes(row.dataset.phase))
      && words.every(word => texts.get(row).includes(word));
    row.hidden = !fits;
    count += fits;
  }
  for (const box of boxes) {
    const holds = [...box.children].some(child => child.tagName === "DETAILS" && !child.hidden);
    const named = !verdicts.length && !phases.length && words.length && box.dataset.path
      && words.every(word => box.dataset.path.toLowerCase().includes(word));
    box.hidden = active && !holds && !named;
    box.open = active ? holds && count <= MANY : opened.get(box);
  }
  $("shown").textContent = `${count} of ${findings.length} tensors`;
}

function show(row) {
  for (let box = row; box && box !== tree; box = box.parentElement)
    if (box.tagName === "DETAILS") { box.open = true; box.hidden = false; }
  findings.forEach(other => other.classList.toggle("found", other === row));
  row.scrollIntoView({ block: "center" });
  row.querySelector("summary").focus({ preventScroll: true });
}

document.addEventListener("click", event => {
  const link = event.target.closest('a[href^="#f"]');
  const row = link && document.getElementById(link.getAttribute("href").slice(1));
  if (row && row.classList.contains("finding")) {
    event.preventDefault();
    history.replaceState(null, "", `#${row.id}`);
    show(row);
  }
});

const typing = () => document.activeElement && /^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)
  && document.activeElement.type !== "checkbox";
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && event.target === search) { search.value = ""; filter(); search.blur(); }
  if (typing()) return;
  if (event.key === "/") { event.preventDefault(); search.focus(); search.select(); }
  if (event.key === "n") {
    const bad = findings.filter(row => row.dataset.kind === "bad" && !row.hidden);
    const at = bad.findIndex(row => row.contains(document.activeElement));
    if (bad.length) show(bad[(at + 1) % bad.length]);
  }
});

tree.addEventListener("keydown", event => {
  const line = event.target.closest("summary");
  if (!line || event.ctrlKey || event.metaKey || event.altKey) return;
  const box = line.parentElement;
  const lines = () => [...tree.querySelectorAll("summary")].filter(other => other.checkVisibility());
  const go = step => { const all = lines(); all[all.indexOf(line) + step]?.focus(); };
  const keys = {
    ArrowDown: () => go(1),
    ArrowUp: () => go(-1),
    ArrowRight: () => { if (box.open) go(1); else box.open = true; },
    ArrowLeft: () => {
      if (box.open) box.open = false;
      else box.parentElement.closest("details")?.querySelector("summary").focus();
    },
    Home: () => lines()[0].focus(),
    End: () => lines().at(-1).focus(),
  };
  if (event.key in keys) { event.preventDefault(); keys[event.key](); }
});

const points = [...plot.querySelectorAll("a")].sort((a, b) => a.dataset.place - b.dataset.place);
const say = event => {
  const point = event.target.closest?.("a");
  if (point) $("point").textContent = point.querySelector("title").textContent;
};
plot.addEventListener("mouseover", say);
plot.addEventListener("focusin", say);
plot.addEventListener("keydown", event => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const at = points.indexOf(event.target.closest("a"));
  if (!step || at < 0) return;
  event.preventDefault();
  points[Math.max(0, Math.min(points.length - 1, at + step))].focus();
});
$("point").textContent = "Point at a dot, or go to it with the arrow keys, to see which tensor it is.";

form.hidden = false;
form.addEventListener("input", filter);
form.addEventListener("submit", event => event.preventDefault());
filter();
if (/^#f\d+$/.test(location.hash) && $(location.hash.slice(1))) show($(location.hash.slice(1)));
