"use strict";

// The page works without this script. It fetches the same page again and takes over what changed,
// so that there is one place that writes HTML, and it is on the server.
const EVERY_MS = 1000;
const SOON_MS = 250; // after something was done, for as long as most answers take
const SOON_FOR_MS = 5000;
const NEAR_THE_END_PX = 80;
const LISTS = ["people", "messages", "stories", "lines"];
const logs = [...document.querySelectorAll(".log")];
const offline = document.getElementById("offline");
let posts = 0;
let soonUntil = 0;
let timer;

function tellLocalTime(root) {
  for (const time of root.querySelectorAll("time")) {
    const moment = new Date(time.dateTime);
    if (!time.textContent || Number.isNaN(moment.getTime())) continue;
    const shown = { hour: "2-digit", minute: "2-digit" };
    if (time.dataset.precise === "seconds") shown.second = "2-digit";
    time.textContent = moment.toLocaleTimeString([], shown);
  }
}

function takeOverList(list, fresh) {
  const wanted = [...fresh.children];
  const names = new Set(wanted.map((item) => item.id));
  for (const item of [...list.children]) {
    if (!names.has(item.id)) item.remove();
  }
  wanted.forEach((item, place) => {
    const known = document.getElementById(item.id);
    if (!known) {
      list.insertBefore(item, list.children[place] ?? null);
      return;
    }
    if (known.dataset.state !== item.dataset.state) known.innerHTML = item.innerHTML;
    known.className = item.className;
    known.dataset.state = item.dataset.state;
    if (list.children[place] !== known) list.insertBefore(known, list.children[place]);
  });
}

function takeOverPiece(piece, fresh) {
  if (!fresh || piece.innerHTML === fresh.innerHTML) return;
  const focused = piece.contains(document.activeElement) ? document.activeElement.id : "";
  piece.innerHTML = fresh.innerHTML;
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

function takeOver(fresh) {
  tellLocalTime(fresh);
  const atTheEnd = logs.filter(
    (log) => log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_THE_END_PX,
  );
  for (const name of LISTS) {
    const list = document.getElementById(name);
    const newer = fresh.getElementById(name);
    if (list && newer) takeOverList(list, newer);
  }
  for (const piece of document.querySelectorAll("[data-live]")) {
    takeOverPiece(piece, fresh.getElementById(piece.id));
  }
  showTheEnd(atTheEnd);
}

function showTheEnd(of) {
  for (const log of of) log.scrollTop = log.scrollHeight;
}

async function ask(url, options) {
  const answer = await fetch(url, { headers: { Accept: "text/html" }, ...options });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!page.getElementById("chat")) throw new Error(String(answer.status));
  return { page, ok: answer.ok };
}

function refreshLater() {
  clearTimeout(timer);
  timer = setTimeout(keepFresh, performance.now() < soonUntil ? SOON_MS : EVERY_MS);
}

async function keepFresh() {
  // A page that nobody looks at must not read the customer's messages.
  if (!document.hidden) {
    const before = posts;
    try {
      const { page } = await ask(location.href);
      if (before === posts) takeOver(page);
      offline.hidden = true;
    } catch {
      offline.hidden = false;
    }
  }
  refreshLater();
}

async function send(form, submitter) {
  const body = new URLSearchParams(new FormData(form, submitter));
  const written = form.querySelector("textarea");
  const draft = written?.value;
  if (written) written.value = "";
  posts += 1;
  try {
    const { page, ok } = await ask(form.action, { method: "POST", body });
    posts += 1;
    takeOver(page);
    if (ok) showTheEnd(logs);
    else if (written && !written.value) written.value = draft;
  } catch {
    offline.hidden = false;
    if (written && !written.value) written.value = draft;
  }
  soonUntil = performance.now() + SOON_FOR_MS;
  refreshLater();
}

document.addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  event.preventDefault();
  send(event.target, event.submitter);
});

document.addEventListener("keydown", (event) => {
  const written = event.target.closest(".write textarea");
  if (written && event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    written.form.requestSubmit();
  }
});

tellLocalTime(document);
showTheEnd(logs);
// After writing, the address ends in #newest, and a browser then ignores autofocus.
if (location.hash) document.getElementById("text")?.focus({ preventScroll: true });
refreshLater();
