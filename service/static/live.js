// Brings new and changed stories into the page while it is open; without it the page is complete
// but still. Requests go to this service alone.
"use strict";
(() => {
  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
  const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const today = new Date().toDateString();
  const tell = (root) => {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const moment = new Date(time.dateTime);
      if (!Number.isNaN(moment.valueOf())) {
        time.title = time.textContent;
        const shown = moment.toDateString() === today ? clock : calendar;
        time.textContent = shown.format(moment);
      }
    }
  };
  tell(document);

  // A lead picture that its site refuses leaves no hole.
  const refused = (image) => image.closest(".picture")?.remove();
  for (const image of document.querySelectorAll(".picture img")) {
    if (image.complete && image.naturalWidth === 0) refused(image);
  }
  document.addEventListener("error", (event) => {
    if (event.target instanceof HTMLImageElement) refused(event.target);
  }, true);

  const river = document.getElementById("river");
  if (!river || !("live" in river.dataset) || !window.EventSource) return;
  const root = river.dataset.root;
  const status = document.getElementById("live");
  let count = 0;

  const fetched = async (id) => {
    const answer = await fetch(`${root}cards/${encodeURIComponent(id)}`);
    if (!answer.ok) return null;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return page.querySelector("article.card");
  };
  const place = (card) => {
    const before = document.getElementById(card.id);
    tell(card);
    if (before) {
      before.replaceWith(card);
      return;
    }
    card.classList.add("fresh");
    river.prepend(card);
    document.getElementById("empty")?.remove();
    count += 1;
    status.textContent = count === 1 ? "1 new story" : `${count} new stories`;
  };

  let chain = Promise.resolve(); // one after the other: order is the river's
  const stream = new EventSource(`${root}stream`);
  stream.onmessage = (event) => {
    const { id } = JSON.parse(event.data);
    chain = chain.then(() => fetched(id)).then((card) => card && place(card)).catch(() => {});
  };
  stream.addEventListener("removed", (event) => {
    document.getElementById(JSON.parse(event.data).id)?.remove();
  });
  stream.addEventListener("reset", () => location.reload());
})();
