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
    for (const each of document.querySelectorAll("text[data-at]")) {
      each.textContent = (each.dataset.form === "day" ? day : hour).format(new Date(each.dataset.at));
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
    const text = button.previousElementSibling.textContent;
    await navigator.clipboard.writeText(text);
    say(`Copied: ${text}`);
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

  /* Series over time: the server's drawing stays for paper and readers; here values under a cursor, and zoom by dragging. */
  const NAMES = ["candidate", "stable", "limit"];
  const told = (value, unit) => value === null ? "–" : unit === "share" ? `${+(value * 100).toPrecision(3)} %` : `${+value.toPrecision(3)}`;
  /* Spans are shaded as on the server's drawing: hatched where too little was seen, tinted where nothing might move. */
  const shade = (own, bands, hatch, tint) => {
    const { ctx, bbox } = own, clamp = (x) => Math.max(bbox.left, Math.min(bbox.left + bbox.width, x));
    for (const { kind, since, until } of bands) {
      const [left, right] = [since, until].map((each) => clamp(own.valToPos(Date.parse(each) / 1000, "x", true)));
      if (right <= left) continue;
      ctx.save();
      ctx.beginPath();
      ctx.rect(left, bbox.top, right - left, bbox.height);
      ctx.clip();
      if (kind === "frozen") { ctx.fillStyle = tint; ctx.fill(); } else {
        const step = 8 * devicePixelRatio;
        ctx.beginPath();
        for (let x = left - bbox.height - (left - bbox.height) % step; x < right; x += step) { ctx.moveTo(x, bbox.top + bbox.height); ctx.lineTo(x + bbox.height, bbox.top); }
        Object.assign(ctx, { strokeStyle: hatch, lineWidth: devicePixelRatio });
        ctx.stroke();
      }
      ctx.restore();
    }
  };
  const chart = (figure) => {
    const picture = figure.querySelector(".chart"), /* the first: values; evidence stays the server's */ line = figure.querySelector(".at"), { unit } = figure.dataset;
    const { points, bands } = JSON.parse(figure.querySelector("script").textContent);
    const colour = (one) => getComputedStyle(picture.querySelector(one) ?? picture).stroke;
    const limits = points.map((each) => each.limit ?? 0), soft = getComputedStyle(picture.querySelector("text")).fill;
    const at = (index) => `${hour.format(new Date(points[index].at))}: ${NAMES.map((name) => `${name} ${told(points[index][name], unit)}`).join(", ")}`;
    const axis = { stroke: soft, grid: { stroke: colour(".grid"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
    const drawn = new window.uPlot({
      width: picture.clientWidth || 400, height: 140, legend: { show: false }, cursor: { y: false },
      scales: { y: { range: (_, __, most) => [0, Math.max(most, ...limits) * 1.05 || 1] } },
      axes: [{ ...axis, size: 28, values: (_, ticks) => ticks.map((each) => hour.format(new Date(each * 1000))) }, { ...axis, size: 56, values: (_, ticks) => ticks.map((each) => told(each, unit)) }],
      series: [{}, ...NAMES.map((name) => ({ stroke: colour(`.line.${name}`), width: 1.75, dash: { stable: [5, 3], limit: [1.5, 3] }[name], points: { show: false } }))],
      hooks: { drawClear: [(own) => shade(own, bands, getComputedStyle(document.querySelector(".hatch")).stroke, getComputedStyle(picture.querySelector(".band.frozen") ?? picture).fill)], setCursor: [(own) => { line.hidden = own.cursor.idx == null; if (!line.hidden) line.textContent = at(own.cursor.idx); }] },
    }, [points.map((each) => Date.parse(each.at) / 1000), ...NAMES.map((name) => points.map((each) => each[name]))]);
    picture.after(drawn.root);
    figure.classList.add("drawn");
    const place = drawn.root.querySelector(".u-wrap");
    Object.assign(place, { tabIndex: 0, role: "group" });
    place.setAttribute("aria-label", `${picture.getAttribute("aria-label")} Arrow keys read values.`);
    let index = points.length - 1, waits = 0;
    place.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      index = Math.max(0, Math.min(points.length - 1, index + by));
      drawn.setCursor({ left: drawn.valToPos(Date.parse(points[index].at) / 1000, "x"), top: 0 });
      clearTimeout(waits);
      waits = setTimeout(() => say(at(index)), 300);
    });
  };
  const charts = () => {
    if (!window.uPlot) return;
    for (const figure of document.querySelectorAll("figure.series")) {
      if (figure.querySelector("script") && !figure.querySelector(".uplot")) chart(figure);
    }
  };
  const redrawn = () => {
    for (const figure of document.querySelectorAll("figure.drawn")) {
      figure.querySelector(".uplot").remove();
      figure.classList.remove("drawn");
    }
    charts();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawn);
  let wide = innerWidth, resized = 0;
  addEventListener("resize", () => {
    clearTimeout(resized);
    resized = setTimeout(() => { if (wide !== innerWidth) redrawn(); wide = innerWidth; }, 150);
  });

  const fresh = () => {
    const stated = Date.parse(main().dataset.now);
    if (stated) ahead = stated - Date.now();
    times();
    buttons();
    charts();
  };

  /* Refresh: the same view again, and nothing where nothing changed. */
  let failed = 0;
  const hear = (well) => {
    failed = well ? 0 : failed + 1;
    const line = document.getElementById("gone"), gone = failed > 2;
    if (!line || line.hidden === !gone) return;
    line.hidden = !gone;
    say(gone ? "Nothing is heard of the server any more." : "The server is heard of again.");
  };
  const refresh = () => window.htmx?.trigger(main(), "refresh");
  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    for (const [name, value] of [...ctx.request.body]) if (!value) ctx.request.body.delete(name);
    if (ctx.sourceElement.id === "main") ctx.request.headers["If-None-Match"] = main().dataset.tag;
  });
  document.addEventListener("htmx:before:response", (event) => {
    const { ctx } = event.detail, { response } = ctx;
    hear(response.status < 400);
    if (response.status >= 400) event.preventDefault();
  });
  document.addEventListener("htmx:after:swap", () => { fresh(); tell(); });
  document.addEventListener("htmx:error", () => hear(false));

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
      source.addEventListener("open", () => hear(true));
      source.addEventListener("error", () => hear(false));
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
