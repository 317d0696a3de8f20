// Times and days in the reader's own zone, and new stories while the page is open; without it the
// page is complete but still. Nothing is requested from anyone but this service.
"use strict";
(() => {
  // Milliseconds from the first of a burst of changes to the page's refresh; longer than the
  // service shows an older page (RENDER_EVERY).
  const SOON = 400;
  const GAP = 2000; // between two refreshes
  const PAGE = 50; // cards of a page (CARDS of the service)
  const MOST = 200; // cards that stay on an open page (MOST_CARDS)
  const words = document.getElementById("words").dataset;
  // The reader's own way to write dates (en-AU), where it is in the language of the page.
  const page = document.documentElement.lang;
  const own = navigator.languages.find((tag) => tag.split("-")[0] === page.split("-")[0]);
  const language = (page !== "en" && page) || own || "en-GB";
  const comma = page.startsWith("zh") ? "，" : ", ";
  const clock = new Intl.DateTimeFormat(language, { timeStyle: "short" });
  const calendar = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  const weekday = new Intl.DateTimeFormat(language, { dateStyle: "full" });
  const dayOf = (moment) => new Date(moment).toDateString();

  const localTimes = (root) => {
    const today = new Date().toDateString();
    for (const time of root.querySelectorAll("time[datetime]")) {
      const moment = new Date(time.dateTime);
      if (!Number.isNaN(moment.valueOf())) {
        time.title = time.textContent;
        time.textContent = (dayOf(moment) === today ? clock : calendar).format(moment);
      }
    }
  };

  const river = document.getElementById("river");
  const cards = () => [...river.querySelectorAll("article.card")];
  const seen = (card) => Number(card.dataset.seen);

  const dayName = (moment) => {
    const name = weekday.format(moment);
    const yesterday = new Date();
    yesterday.setDate(yesterday.getDate() - 1);
    if (dayOf(moment) === new Date().toDateString()) return `${words.today}${comma}${name}`;
    return dayOf(moment) === yesterday.toDateString() ? `${words.yesterday}${comma}${name}` : name;
  };
  const localDays = () => {
    for (const heading of river.querySelectorAll(".day")) heading.remove();
    let last = "";
    for (const card of cards()) {
      const day = dayOf(seen(card));
      if (day !== last) {
        const heading = document.createElement("h2");
        heading.className = "day";
        heading.textContent = dayName(seen(card));
        card.before(heading);
      }
      last = day;
    }
  };

  localTimes(document);
  if (river) localDays();

  // A lead picture that its site refuses leaves no hole. Its column goes while the card is below what
  // is visible; later the text would move under the reader's eyes, and the paper's initial takes it.
  const dropPicture = (image) => {
    const card = image.closest(".card");
    if (!image.closest(".picture")) return;
    if (card.getBoundingClientRect().top >= window.innerHeight) {
      card.classList.remove("pictured");
      image.closest(".picture").remove();
      return;
    }
    const initial = document.createElement("span");
    initial.className = "initial";
    initial.textContent = [...card.querySelector(".source").textContent.trim()][0] ?? "";
    image.replaceWith(initial);
  };
  for (const image of document.querySelectorAll(".picture img")) {
    if (image.complete && image.naturalWidth === 0) dropPicture(image);
  }
  document.addEventListener("error", (event) => {
    if (event.target instanceof HTMLImageElement) dropPicture(event.target);
  }, true);

  if (!river || !("live" in river.dataset) || !window.EventSource) return;

  // The page takes the place of what is shown: its order is the feed's, whatever came in which
  // order. It was requested longer than what is shown, so nothing is missing down to the last card
  // that stays; what is below that one is left to the next page.
  const merge = (page) => {
    const shown = new Set(cards().map((card) => card.id));
    const found = [...page.querySelectorAll("#river article.card")];
    const last = found.findLastIndex((card) => shown.has(card.id));
    const older = page.querySelector("a[rel=next]");
    const fresh = older ? found.slice(0, Math.max(last + 1, PAGE)) : found;
    const ids = new Set(fresh.map((card) => card.id));
    for (const card of cards()) if (!ids.has(card.id)) card.remove();
    let cursor = river.querySelector("article.card");
    for (const card of fresh) {
      const before = document.getElementById(card.id);
      localTimes(card);
      if (before && before !== cursor) before.remove();
      if (before && before === cursor) cursor = next(cursor);
      if (before && before.dataset.version === card.dataset.version) {
        if (!before.isConnected) river.insertBefore(before, cursor);
        continue;
      }
      if (!before) card.classList.add("fresh");
      if (before?.isConnected) before.replaceWith(card);
      else river.insertBefore(card, cursor);
    }
    localDays();
    if (fresh.length) document.getElementById("empty")?.remove();
    if (older && !document.querySelector("a[rel=next]")) {
      const query = new URLSearchParams(older.search);
      if (!limited) query.delete("limit"); // page 2 begins within what is shown
      older.search = query;
      document.querySelector(".pages").append(older);
    }
    document.dispatchEvent(new Event("river"));
  };
  const next = (card) => {
    let element = card.nextElementSibling;
    while (element && !element.matches("article.card")) element = element.nextElementSibling;
    return element;
  };

  const limited = new URLSearchParams(location.search).has("limit"); // the reader's number of cards
  let due = 0;
  let refreshed = 0;
  let fetching = false;
  let again = false;
  const refresh = async () => {
    due = 0;
    fetching = true;
    refreshed = Date.now();
    const address = new URL(location.href);
    const size = PAGE * (Math.ceil(cards().length / PAGE) + 1);
    if (!limited) address.searchParams.set("limit", Math.min(size, MOST));
    try {
      const answer = await fetch(address, { headers: { Accept: "text/html" } });
      if (answer.ok) merge(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      // the service is away: the stream opens again when it is back, and that refreshes
    }
    fetching = false;
    catchUp();
  };
  const schedule = () => {
    if (document.hidden || fetching) again = true;
    else due ||= setTimeout(refresh, Math.max(SOON, refreshed + GAP - Date.now()));
  };
  const catchUp = () => {
    if (!again || document.hidden) return;
    again = false;
    schedule();
  };
  document.addEventListener("visibilitychange", catchUp);

  let wait = 1000;
  let position = river.dataset.position; // of the page, so that nothing is missed before the stream
  const listen = () => {
    const from = encodeURIComponent(position);
    const stream = new EventSource(
      `${river.dataset.root}stream?content=summary&last-event-id=${from}`,
    );
    const changed = (event) => {
      position = event.lastEventId || position;
      schedule();
    };
    stream.onopen = () => {
      wait = 1000;
    };
    stream.onmessage = changed;
    stream.addEventListener("reset", changed);
    stream.addEventListener("removed", (event) => {
      document.getElementById(JSON.parse(event.data).id)?.remove();
      changed(event);
    });
    stream.onerror = () => {
      if (stream.readyState !== EventSource.CLOSED) return; // the browser reconnects
      setTimeout(listen, wait); // after a 503 it does not
      wait = Math.min(wait * 2, 30000);
    };
  };
  listen();
})();
