/* Enhances what is readable without it: copying, times in the reader's zone, keys, refresh, one line that says what changed.
   Nothing is evaluated, nothing is written but text. */
(() => {
  "use strict";
  const root = document.documentElement, main = () => document.getElementById("main");
  root.dataset.js = "";

  /* Times: the server writes UTC; here the reader's zone, with the moment in UTC on top of it. */
  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
  const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  let ahead = 0;
  const now = () => new Date(Date.now() + ahead);
  const ago = (then) => {
    const seconds = (now() - then) / 1000, whole = Math.abs(seconds);
    const words = whole < 90 ? `${Math.round(whole)} s` : whole < 5400 ? `${Math.round(whole / 60)} min`
      : whole < 172800 ? `${Math.round(whole / 3600)} h` : `${Math.round(whole / 86400)} days`;
    return seconds < 0 ? `in ${words}` : `${words} ago`;
  };
  const times = () => {
    for (const each of document.querySelectorAll("time[datetime]")) {
      const then = new Date(each.dateTime);
      if (Number.isNaN(+then)) continue;
      const { form } = each.dataset, today = day.format(then) === day.format(now());
      const text = form === "day" ? day.format(then) : form || today ? hour.format(then) : `${day.format(then)} ${hour.format(then)}`;
      if (each.textContent !== text) each.textContent = text;
      each.title = `${ago(then)} · ${each.dateTime}`;
    }
    for (const each of document.querySelectorAll("[data-zone]")) each.textContent = zone;
  };

  /* Copying, where the browser lets a page do so. */
  const buttons = () => {
    if (!navigator.clipboard) return;
    for (const each of document.querySelectorAll(".copy[hidden]")) each.hidden = false;
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.(".copy");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    say(`Copied: ${button.dataset.copy}`);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });

  /* What changed is said once, in one line. */
  let said = 0;
  const say = (text) => {
    const line = document.getElementById("said");
    clearTimeout(said);
    line.textContent = text;
    said = setTimeout(() => { line.textContent = ""; }, 10000);
  };
  const sentences = () => new Map([...document.querySelectorAll("[data-key][data-say]")].map((each) => [each.dataset.key, each.dataset.say]));
  let before = new Map();
  const tell = () => {
    const after = sentences(), changed = [];
    for (const [key, text] of after) {
      if (!before.has(key) || before.get(key) === text) continue;
      changed.push(text);
      const row = document.querySelector(`[data-key="${CSS.escape(key)}"][data-say]`);
      row?.classList.add("said");
      setTimeout(() => row?.classList.remove("said"), 2000);
    }
    before = after;
    if (changed.length) say(changed.length > 3 ? `${changed.slice(0, 3).join("; ")}; and ${changed.length - 3} more` : changed.join("; "));
  };

  const fresh = () => {
    const stated = Date.parse(main().dataset.now);
    if (stated) ahead = stated - Date.now();
    times();
    buttons();
    window.charts?.();
  };

  /* Refresh: the same view again, and nothing where nothing changed. */
  let failed = 0;
  const refresh = () => window.htmx?.trigger(main(), "refresh");
  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    for (const [name, value] of [...ctx.request.body]) if (!value) ctx.request.body.delete(name);
    if (ctx.sourceElement.id === "main") ctx.request.headers["If-None-Match"] = main().dataset.tag;
  });
  document.addEventListener("htmx:before:response", (event) => {
    const { ctx } = event.detail, { response } = ctx;
    if (response.status >= 400) { failed += 1; event.preventDefault(); return; }
    failed = 0;
  });
  document.addEventListener("htmx:after:swap", () => { fresh(); tell(); });
  document.addEventListener("htmx:error", () => { failed += 1; });

  const EVERY = 20000, LONGEST = 300000;
  const poll = () => {
    const wait = Math.min(EVERY * 2 ** failed, LONGEST);
    setTimeout(() => { if (!document.hidden) refresh(); poll(); }, wait);
  };
  const listen = () => {
    let source;
    const open = () => {
      if (source) return;
      source = new EventSource(`/events?since=${encodeURIComponent(main().dataset.moment)}`);
      source.addEventListener("changed", refresh);
    };
    const close = () => { source?.close(); source = undefined; };
    document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
    addEventListener("pagehide", close);
    addEventListener("pageshow", (event) => { if (event.persisted) open(); });
    if (!document.hidden) open();
  };

  /* Keys, as those who read many such pages expect them. */
  const PLACES = { f: 0, c: 1, h: 2, o: 3 };
  let going = 0;
  const move = (by) => {
    const links = [...document.querySelectorAll("main .go")];
    if (!links.length) return;
    const at = links.indexOf(document.activeElement);
    links[Math.max(0, Math.min(links.length - 1, at < 0 ? 0 : at + by))].focus();
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest?.("input, select, textarea");
    if (event.key === "Escape" && typing) { typing.blur(); return; }
    if (typing) return;
    if (event.timeStamp - going < 1500 && event.key in PLACES) { going = 0; document.querySelectorAll(".top nav a")[PLACES[event.key]]?.click(); return; }
    if (event.key === "g") { going = event.timeStamp; return; }
    if (event.key === "/") { const box = document.getElementById("q"); if (box) { event.preventDefault(); box.focus(); box.select(); } }
    else if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "?") { document.querySelector(".keys")?.scrollIntoView(); say("Keys: slash searches; j and k go to the next and previous service; g, then f, c, h or o, opens fleet, cost, changes or operator."); }
  });

  const start = () => {
    before = sentences();
    fresh();
    setInterval(times, 30000);
    const live = document.body.dataset.live;
    if (live === "events") listen(); else if (live) poll();
    if (new URLSearchParams(location.search).has("print")) { for (const each of document.querySelectorAll("details")) each.open = true; print(); }
  };
  start();
})();
