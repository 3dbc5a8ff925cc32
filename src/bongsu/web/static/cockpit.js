// Keeps the page fresh: the server says when something changed, the page fetches its own middle and swaps it.
"use strict";

const main = document.getElementById("main");
const offline = document.getElementById("offline");
const dialog = document.getElementById("dialog");
const lang = document.documentElement.lang;
const relative = new Intl.RelativeTimeFormat(lang, { numeric: "auto" });
const absolute = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "medium" });
const STEPS = [[60, "second", 1], [3600, "minute", 60], [86400, "hour", 3600], [Infinity, "day", 86400]];

function ago(date) {
  const seconds = Math.min(0, (date - Date.now()) / 1000);
  const [, unit, size] = STEPS.find(([limit]) => -seconds < limit);
  return relative.format(Math.trunc(seconds / size), unit);
}

function tellTimes() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const date = new Date(time.dateTime);
    const [text, title] = [ago(date), absolute.format(date)];
    const shown = time.dataset.kind === "abs" ? title : text;
    if (time.textContent !== shown) time.textContent = shown;
    time.title = time.dataset.kind === "abs" ? text : title;
  }
}

// ---- fetch the middle of the page, and keep what the reader was doing ----

let last = "", busy = false, again = false, active = false;
for (const kind of ["pointerdown", "keydown", "wheel", "touchmove"]) {
  addEventListener(kind, () => { active = true; }, { passive: true });
}

function toLogin() {
  const here = location.pathname;
  location.assign("/login" + (here === "/" ? "" : "?next=" + encodeURIComponent(here)));
}

function swap(html) {
  if (html === last) return;
  last = html;
  const open = new Map([...main.querySelectorAll("details[id]")].map((d) => [d.id, d.open]));
  const focus = main.contains(document.activeElement) ? document.activeElement.id : "";
  const inSummary = !focus && document.activeElement.matches?.("summary") ? document.activeElement.parentElement.id : "";
  const y = scrollY;
  main.innerHTML = html;
  for (const [id, was] of open) {
    const details = document.getElementById(id);
    if (details) details.open = was;
  }
  tellTimes();
  if (focus && focus !== "main") document.getElementById(focus)?.focus({ preventScroll: true });
  if (inSummary) document.querySelector(`#${CSS.escape(inSummary)} > summary`)?.focus({ preventScroll: true });
  scrollTo({ top: y, behavior: "instant" });
}

async function refresh() {
  if (busy) { again = true; return; }
  busy = true;
  try {
    const answer = await fetch(location.pathname + "?fragment=1" + (active ? "&active=1" : ""), { cache: "no-store" });
    active = false;
    if (answer.status === 401) return toLogin();
    if (answer.ok) swap(await answer.text());
  } catch { connected(false); }
  finally {
    busy = false;
    if (again) { again = false; setTimeout(refresh, 300); }
  }
}

// ---- listen, and say so when there is nobody to listen to ----

let timer = 0;
function connected(yes) {
  clearTimeout(timer);
  if (yes) { offline.hidden = true; document.body.classList.remove("offline"); return; }
  timer = setTimeout(() => { offline.hidden = false; document.body.classList.add("offline"); }, 1500);
}

function listen() {
  const source = new EventSource("/live");
  source.onopen = () => connected(true);
  source.addEventListener("change", refresh);
  source.addEventListener("over", toLogin);
  source.onerror = () => {
    connected(false);
    if (source.readyState !== EventSource.CLOSED) return;
    refresh(); // the server answers but not with events: the session may be over
    setTimeout(listen, 3000);
  };
  addEventListener("pagehide", () => source.close(), { once: true });
}

// ---- confirmations open over the page; without this script they are pages of their own ----

document.addEventListener("click", async (event) => {
  const link = event.target.closest?.("a[data-dialog], a[data-close]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (link.matches("[data-close]") && !dialog.open) return;
  event.preventDefault();
  if (link.matches("[data-close]")) return dialog.close();
  const answer = await fetch(link.getAttribute("href") + "?fragment=1&active=1", { cache: "no-store" });
  if (!answer.ok) return location.assign(link.href);
  dialog.innerHTML = await answer.text();
  dialog.showModal();
  dialog.querySelector("textarea, input:not([type=hidden])").focus();
});

tellTimes();
setInterval(tellTimes, 1000);
if (document.body.dataset.live && !document.querySelector(".confirm, .message")) listen();
