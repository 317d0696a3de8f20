// Times and days in the reader's own zone, and new stories while the page is open; without it the
// page is complete but still. Nothing is requested from anyone but this service.
"use strict";
(() => {
  // Milliseconds from the first of a burst of changes to the page's refresh; longer than the
  // service shows an older page (RENDER_EVERY).
  const SOON = 400;
  const FIRST = 1500; // the same on an empty page: the first sources answer one after the other
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

  const place = (card) => card.getBoundingClientRect();
  const inView = (card) => place(card).bottom > 0 && place(card).top < innerHeight;

  // The cards of a newer page that take the place of what is shown: its order is the feed's, whatever
  // came in which order. It was requested longer than what is shown, so nothing is missing down to
  // the last card that stays; what is below that one is left to the next page.
  const freshOf = (page) => {
    const shown = new Set(cards().map((card) => card.id));
    const found = [...page.querySelectorAll("#river article.card")];
    const last = found.findLastIndex((card) => shown.has(card.id));
    return page.querySelector("a[rel=next]") ? found.slice(0, Math.max(last + 1, PAGE)) : found;
  };
  const merge = (page) => {
    const fresh = freshOf(page);
    const older = page.querySelector("a[rel=next]");
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

  // What is being read stays where it is. A newer page that has nothing new among the cards in view
  // is merged: the first of them is held in place, which browsers do by themselves only below the top
  // of a page, and some not at all. Any other page waits until the reader wants it or looks away.
  let held = null;
  const above = new Set(); // new cards that came above the view, until the reader is up there
  const button = document.getElementById("above");
  const take = (page) => {
    const visible = cards().filter(inView);
    const ids = visible.map((card) => card.id);
    const fresh = freshOf(page).map((card) => card.id);
    const start = fresh.indexOf(ids[0]);
    const same = ids.every((id, index) => fresh[start + index] === id);
    const brings = fresh.some((id) => !document.getElementById(id));
    held = null;
    if (document.hidden || !ids.length || (!same && !brings)) merge(page);
    else if (!same) held = page;
    else {
      for (const id of fresh.slice(0, start)) if (!document.getElementById(id)) above.add(id);
      const { top } = place(visible[0]);
      merge(page);
      const moved = place(document.getElementById(ids[0])).top - top;
      // A short page is made longer, to have something to scroll.
      river.style.minBlockSize = `${scrollY + moved + innerHeight}px`;
      scrollBy({ top: moved, behavior: "instant" });
    }
    offer();
  };
  const offer = () => {
    for (const id of above) {
      const card = document.getElementById(id);
      if (!card || place(card).bottom > 0) above.delete(id);
    }
    const waiting = held ? freshOf(held).filter((card) => !document.getElementById(card.id)) : [];
    const count = above.size + waiting.length;
    button.hidden = !held && !count;
    const more = held?.querySelector("a[rel=next]") ? "+" : "";
    const text = count === 1 ? words.newOne : words.newMany;
    button.textContent = `↑ ${text.replace("{}", count + more)}`;
  };
  button.addEventListener("click", () => {
    if (held) merge(held);
    held = null;
    scrollTo({ top: 0, behavior: "instant" });
    offer();
  });
  document.addEventListener("scroll", offer, { passive: true });

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
      if (answer.ok) take(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      // the service is away: the stream opens again when it is back, and that refreshes
    }
    fetching = false;
    catchUp();
  };
  const schedule = () => {
    if (document.hidden || fetching) again = true;
    else due ||= setTimeout(refresh, Math.max(cards().length ? SOON : FIRST, refreshed + GAP - Date.now()));
  };
  const catchUp = () => {
    if (document.hidden && held) take(held);
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
