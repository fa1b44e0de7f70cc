"use strict";
(() => {
  const main = document.querySelector("main");
  const words = (seconds) => {
    const minutes = Math.round(seconds / 60), hours = Math.round(seconds / 3600);
    if (seconds < 60) return Math.max(0, Math.round(seconds)) + " s ago";
    if (minutes < 120) return minutes + " min ago";
    return hours < 72 ? hours + " h ago" : Math.round(seconds / 86400) + " days ago";
  };
  const age = (time) => (Date.now() - Date.parse(time)) / 1000;
  const show = () => {
    for (const place of document.querySelectorAll("[data-age]")) place.textContent = words(age(place.dataset.age));
    const limit = Number(main.dataset.oldAfter);
    main.classList.toggle("old", limit > 0 && age(main.dataset.at) > limit);
  };
  show();
  setInterval(show, 1000);
  try {
    const key = "fieldingkit-open";
    const open = new Set(JSON.parse(sessionStorage.getItem(key) || "[]"));
    for (const part of document.querySelectorAll("details[id]")) {
      part.open = part.open || open.has(part.id);
      part.addEventListener("toggle", () => {
        if (part.open) open.add(part.id); else open.delete(part.id);
        sessionStorage.setItem(key, JSON.stringify([...open]));
      });
    }
  } catch (problem) { /* without storage, lists close when the page is loaded again */ }
  if (main.dataset.reload) setTimeout(() => location.reload(), 1000 * Number(main.dataset.reload));
})();
