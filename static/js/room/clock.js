// Minutes left of the current part: never seconds, and never announced.
// templates/sessions/room_minutes.html says the same.

const EVERY = 15000;

const minutes = (number) => {
  const words = document.createElement("b");
  words.textContent = `${number} minute${number === 1 ? "" : "s"}`;
  return words;
};

/** Keep the minutes right; `serverNow` is the server's clock at this moment, in milliseconds. */
export const bindClock = (serverNow) => {
  let ahead = serverNow - Date.now();

  const tick = () => {
    const clock = document.querySelector("[data-clock]");
    if (!clock) return;
    const planned = Number(clock.dataset.minutes);
    const began = Date.parse(clock.dataset.began);
    const used = Math.max(0, Math.floor((Date.now() + ahead - began) / 60000));
    const left = planned - used;
    if (left > 0) clock.replaceChildren("About ", minutes(left), ` left of ${planned}`);
    else if (left < 0) clock.replaceChildren(minutes(-left), ` over the plan of ${planned}`);
    else clock.replaceChildren(`The ${planned} minutes are up`);
    const bar = clock.parentElement.querySelector("progress");
    if (bar) bar.value = Math.min(used, planned);
  };

  setInterval(tick, EVERY);
  return {
    tick,
    now: () => Date.now() + ahead,
    set: (now) => { ahead = now - Date.now(); tick(); },
  };
};
