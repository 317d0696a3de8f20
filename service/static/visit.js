// What is new since the last visit, kept in this browser alone, and the keys j k o ?.
"use strict";
(() => {
  const VISIT = 30 * 60 * 1000; // milliseconds away after which the next look is another visit
  const words = document.getElementById("words").dataset;
  const river = document.getElementById("river");
  const cards = () => [...document.querySelectorAll("article.card")];

  // Browsers may refuse storage; the page then tells of no visit.
  const load = (key) => {
    try {
      return JSON.parse(localStorage.getItem(key));
    } catch {
      return null;
    }
  };
  const save = (key, value) => {
    try {
      localStorage.setItem(key, JSON.stringify(value));
    } catch {
      // as above
    }
  };

  const root = new URL(document.body.dataset.root, location.href).pathname;
  const place = `millrace:visit:${root}`;
  const last = load(place);
  const since = last && (Date.now() - last.left > VISIT ? last.newest : last.since);
  const atLoad = new Set(cards().map((card) => card.id));

  const markNew = () => {
    const all = cards();
    let count = 0;
    for (const card of all) {
      const isNew = since ? Number(card.dataset.seen) > since : !atLoad.has(card.id);
      card.classList.toggle("unseen", isNew);
      count += isNew;
    }
    const status = document.getElementById("live");
    if (status) {
      const text = count === 1 ? words.newOne : words.newMany;
      const more = count === all.length && document.querySelector("a[rel=next]") ? "+" : "";
      status.textContent = count ? text.replace("{}", count + more) : "";
    }
  };
  const leave = () => {
    if (!river || !("whole" in river.dataset)) return; // a part of it shows not all that is new
    const newest = Math.max(last?.newest ?? 0, ...cards().map((card) => Number(card.dataset.seen)));
    save(place, { since: since ?? newest, newest, left: Date.now() });
  };
  if (river) {
    markNew();
    leave();
    document.addEventListener("river", () => {
      markNew();
      leave();
    });
    document.addEventListener("visibilitychange", leave);
  }

  const dialog = document.getElementById("keys");
  const button = document.getElementById("keys-open");
  const choice = document.getElementById("keys-on");
  if (!dialog?.showModal) return;
  button.hidden = false;
  button.addEventListener("click", () => dialog.showModal());
  const chosen = `millrace:keys:${root}`;
  choice.checked = load(chosen) !== false;
  choice.addEventListener("change", () => save(chosen, choice.checked));

  const title = (card) => card.querySelector("h2 a");
  const step = (by) => {
    const all = cards();
    const now = all.findIndex((card) => card.contains(document.activeElement));
    const card = all[now < 0 ? 0 : Math.min(Math.max(now + by, 0), all.length - 1)];
    if (card) {
      title(card).focus();
      card.scrollIntoView({ block: "nearest" });
    }
  };
  const actions = {
    j: () => step(1),
    k: () => step(-1),
    o: () => {
      const card = document.activeElement?.closest("article.card");
      if (card) title(card).click();
    },
    "?": () => dialog.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea, dialog[open]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !choice.checked) return;
    const action = actions[event.key];
    if (action) {
      event.preventDefault();
      action();
    }
  });
})();
