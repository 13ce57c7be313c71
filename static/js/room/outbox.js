// What was written and is not yet known to be kept. Nothing typed vanishes, also over a reload.

const ANSWER_WITHIN = 10000;
// An older text may no longer fit what is talked about: its writer decides.
const SENT_AGAIN_WITHIN = 120000;

const newId = () => {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
};

/** Bind an outbox, known as `key`. `send(frame)` says whether the line took it, `type` is that of
    its frames; `log` has has(id) and addPending(element). */
export const bindOutbox = ({ key, type, send, log, say }) => {
  const template = document.getElementById("pending-message");
  const items = new Map();

  const keep = () => {
    const rows = [...items.values()].map(({ id, body, at, how }) => ({ id, body, at, how }));
    try {
      if (rows.length) sessionStorage.setItem(key, JSON.stringify(rows));
      else sessionStorage.removeItem(key);
    } catch { /* storage may be blocked: then it is kept while the page is open */ }
  };

  const show = (item, words, { failed = false } = {}) => {
    item.element.classList.toggle("msg--failed", failed);
    item.element.querySelector("[data-state]").textContent = words;
    item.element.querySelectorAll("button").forEach((button) => { button.hidden = !failed; });
  };

  const forget = (item) => {
    clearTimeout(item.timer);
    item.element.remove();
    items.delete(item.id);
    keep();
  };

  const fail = (item, words = "Not sent.") => {
    clearTimeout(item.timer);
    item.state = "failed";
    show(item, words, { failed: true });
    say(`A message was not sent. ${words === "Not sent." ? "" : words}`);
  };

  const attempt = (item) => {
    clearTimeout(item.timer);
    item.state = "sending";
    show(item, "Sending");
    const { id, body, how } = item;
    send({ type, id, body, ...how });
    item.timer = setTimeout(() => fail(item), ANSWER_WITHIN);
  };

  const add = ({ id, body, at, how = {} }) => {
    const element = template.content.cloneNode(true).querySelector("article");
    element.querySelector(".msg__text").textContent = body;
    element.querySelector("[data-nameless]").hidden = !how.nameless;
    const item = { id, body, at, how, element, state: "new" };
    items.set(id, item);
    show(item, "Sending");
    element.querySelector("[data-again]").addEventListener("click", () => {
      item.at = Date.now();
      keep();
      attempt(item);
    });
    element.querySelector("[data-delete]").addEventListener("click", () => forget(item));
    log.addPending(element);
    return item;
  };

  let rows = [];
  try { rows = JSON.parse(sessionStorage.getItem(key) ?? "[]"); } catch { /* as if empty */ }
  rows.filter(({ id }) => !log.has(id)).forEach((row) => fail(add(row)));
  keep();

  return {
    has: (id) => items.has(id),
    /** Send words; `how` goes with them each time: what they answer, or that they have no name. */
    write: (body, how = {}) => {
      const item = add({ id: newId(), body, at: Date.now(), how });
      keep();
      attempt(item);
    },
    /** The line is there again and everything missed has come: what is still here goes again. */
    sendAgain: () => {
      items.forEach((item) => {
        if (item.state !== "sent" && Date.now() - item.at < SENT_AGAIN_WITHIN) attempt(item);
      });
    },
    sent: (id) => {
      const item = items.get(id);
      if (!item) return;
      clearTimeout(item.timer);
      item.state = "sent";
      show(item, "Sent");
    },
    /** It stands in the log now. */
    shown: (id) => {
      const item = items.get(id);
      if (item) forget(item);
    },
    refused: ({ id, message, retry_after: seconds }) => {
      const item = items.get(id);
      if (!item) return;
      if (!seconds) {
        fail(item, message || "Not sent.");
        return;
      }
      clearTimeout(item.timer);
      show(item, "A moment: this goes out shortly.");
      item.timer = setTimeout(() => attempt(item), seconds * 1000);
    },
    stop: () => items.forEach((item) => { if (item.state !== "sent") fail(item); }),
    clear: () => {
      items.clear();
      keep();
    },
  };
};
