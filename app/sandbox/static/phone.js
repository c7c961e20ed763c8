"use strict";

// The page works without this script. It fetches the same page again and takes over what changed,
// so that there is one place that writes HTML, and it is on the server.
const EVERY_MS = 1500;
const NEAR_THE_END_PX = 80;
const log = document.getElementById("log");
const form = document.getElementById("write");

function tellLocalTime(root) {
  for (const time of root.querySelectorAll("time")) {
    const moment = new Date(time.dateTime);
    if (time.textContent && !Number.isNaN(moment.getTime())) {
      time.textContent = moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    }
  }
}

function takeOver(list, fresh) {
  const wanted = [...fresh.children];
  const names = new Set(wanted.map((item) => item.id));
  for (const item of [...list.children]) {
    if (!names.has(item.id)) item.remove();
  }
  wanted.forEach((item, place) => {
    tellLocalTime(item);
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

function showTheEnd() {
  if (log) log.scrollTop = log.scrollHeight;
}

async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) throw new Error(String(answer.status));
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  takeOver(document.getElementById("people"), fresh.getElementById("people"));
  if (!log) return;
  const atTheEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_THE_END_PX;
  takeOver(document.getElementById("messages"), fresh.getElementById("messages"));
  log.querySelector(".empty").textContent = fresh.querySelector(".empty").textContent;
  document.getElementById("presence").textContent = fresh.getElementById("presence").textContent;
  if (atTheEnd) showTheEnd();
}

async function keepFresh() {
  const offline = document.getElementById("offline");
  // A page that nobody looks at must not read the customer's messages.
  if (!document.hidden) {
    try {
      await refresh();
      if (offline) offline.hidden = true;
    } catch {
      if (offline) offline.hidden = false;
    }
  }
  setTimeout(keepFresh, EVERY_MS);
}

form?.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
});

tellLocalTime(document);
showTheEnd();
// After writing, the address ends in #newest, and a browser then ignores autofocus.
if (location.hash) document.getElementById("text")?.focus({ preventScroll: true });
setTimeout(keepFresh, EVERY_MS);
