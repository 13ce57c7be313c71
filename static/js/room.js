// The live room. The page works without this file; with it everything comes at once.
// docs/live-protocol.md describes the frames.

import { bindClock } from "./room/clock.js";
import { bindFloor } from "./room/floor.js";
import { keepLine } from "./room/line.js";
import { bindLog, fragment } from "./room/log.js";
import { bindOutbox } from "./room/outbox.js";
import { renew } from "./room/parts.js";
import { bindAct, bindSheet, hearYou } from "./room/safe.js";
import { bindTalk } from "./room/talk.js";

const room = document.querySelector("[data-socket]");
const { you, session } = room.dataset;
const connection = document.querySelector("[data-connection]");
const said = document.querySelector("[data-said]");
const clock = bindClock(Date.parse(room.dataset.now));
const leading = room.dataset.leads !== undefined;
const floor = bindFloor({ room, you, now: clock.now });
let version = Number(room.dataset.version);
let revision = Number(room.dataset.revision);

const say = (words) => { said.textContent = words; };
const log = bindLog(document.querySelector("[data-log]"), { last: Number(room.dataset.last), you, say });
const net = (state, words) => {
  connection.dataset.connection = state;
  connection.textContent = words;
};

// The line -----------------------------------------------------------------------------------------

let lostAt;
let before;
let arrived = 0;

const hearMessage = (frame) => {
  const mine = frame.sender === you || outbox.has(frame.id);
  if (log.add(frame, { mine }) && !mine) arrived += 1;
  outbox.shown(frame.id);
};

const hearChanged = (frame) => {
  revision = Math.max(revision, frame.revision);
  log.change(frame);
};

const caughtUp = (frame) => {
  revision = frame.revision;
  const seconds = lostAt ? Math.round((Date.now() - lostAt) / 1000) : 0;
  if (lostAt && (arrived || seconds >= 5)) {
    const time = seconds < 90 ? `${seconds} second${seconds === 1 ? "" : "s"}` : `${Math.round(seconds / 60)} minutes`;
    const words = `You were offline for ${time}. ${arrived || "No"} message${arrived === 1 ? "" : "s"} arrived`;
    const first = before ? before.nextElementSibling : document.querySelector("[data-log] article");
    log.mark(arrived ? `${words} and ${arrived === 1 ? "is" : "are"} shown below.` : `${words}.`, first);
  }
  lostAt = undefined;
  net("open", "Connected");
  outboxes.forEach((one) => one.sendAgain());
};

const mark = (root) => root.querySelectorAll("[data-sender]").forEach((one) => {
  one.classList.toggle("is-you", one.dataset.sender === you);
});

const hearPresence = ({ count, people, html }) => {
  const circle = fragment(html);
  mark(circle);
  document.getElementById("room-circle").replaceChildren(circle);
  document.querySelector("[data-here-count]").textContent = count;
  floor.presence(people);
};

const statusWords = { scheduled: "Waiting", live: "In session", ended: "Ended", cancelled: "Off" };
const isOver = () => ["ended", "cancelled"].includes(room.dataset.status);

const hearState = (frame) => {
  clock.set(frame.now);
  if (frame.version <= version) return;
  version = frame.version;
  const { status, part, next } = frame;
  room.dataset.status = status;
  document.querySelector("[data-status-words]").textContent = statusWords[status];
  const back = floor.hold();
  Object.entries(frame.html).forEach(([name, html]) => renew(`room-${name}`, html));
  floor.hear(frame);
  back();
  document.querySelectorAll("[data-controls] input[name='version']").forEach((input) => {
    input.value = version;
  });
  document.querySelectorAll("[data-needs='part']").forEach((form) => { form.hidden = !part; });
  document.querySelectorAll("[data-needs='next']").forEach((form) => {
    form.hidden = !next;
    form.querySelector("[data-next]").textContent = next;
  });
  clock.tick();
  if (status === "live" && part !== room.dataset.part) {
    say(part ? `Now: ${part}.` : "The session has started.");
  }
  room.dataset.part = part;
  if (isOver()) ended();
};

const ended = () => {
  if (!isOver()) room.dataset.status = "ended";
  const news = room.dataset.status === "cancelled"
    ? "This session was called off." : "The session has ended.";
  const words = document.querySelector("[data-closed-words]");
  const onward = document.createElement("a");
  onward.href = window.location.pathname;
  onward.textContent = "See what happens next";
  words.replaceChildren(`${news} Thank you for being here. `, onward, ".");
  say(news);
  outboxes.forEach((one) => one.stop());
};

// A no that the page itself explains better; once, so that two that disagree never go in circles.
const explain = () => {
  const key = `room-no:${session}`;
  const last = Number(sessionStorage.getItem(key) ?? 0);
  sessionStorage.setItem(key, Date.now());
  if (Date.now() - last > 15000) window.location.reload();
};

const line = keepLine(room.dataset.socket, {
  opened: () => {
    before = log.newestArticle();
    arrived = 0;
    line.send({ type: "after", sequence: log.newest(), revision });
  },
  heard: (frame) => {
    const hear = {
      message: hearMessage,
      changed: hearChanged,
      own: (frame) => log.own(frame),
      leads: hearLeads,
      role: ({ leads }) => { if (leads !== leading) window.location.reload(); },
      caught_up: caughtUp,
      sent: ({ id }) => outboxes.forEach((one) => one.sent(id)),
      refused: hearRefused,
      presence: hearPresence,
      you: (frame) => hearYou(room, frame, say),
      state: hearState,
    }[frame.type];
    // A newer server may say things that this page does not know yet.
    hear?.(frame);
  },
  lost: () => {
    lostAt ??= Date.now();
    net("lost", "Reconnecting");
  },
  ended: (code) => {
    if (code === 4410) {
      net("over", "Ended");
      if (!isOver()) ended();
      return;
    }
    net("lost", code === 4401 ? "Signed out" : "Not in the room");
    outboxes.forEach((one) => one.stop());
    explain();
  },
});

bindSheet();
bindAct();
const outbox = bindOutbox({ key: `room-outbox:${session}`, type: "message", send: line.send, log, say });
const outboxes = [outbox];
net("opening", "Connecting");

// Only for those who lead: their own line, and the news of their parts.
const lineLog = {
  has: (id) => document.querySelector(`#leads-line [data-id="${CSS.escape(id)}"]`) !== null,
  addPending: (element) => document.querySelector("[data-line-pending]").append(element),
};
const lineOutbox = leading
  && bindOutbox({ key: `room-line:${session}`, type: "line", send: line.send, log: lineLog, say });
if (lineOutbox) outboxes.push(lineOutbox);

const hearLeads = ({ kind, html }) => {
  if (!renew(`leads-${kind}`, html)) return;
  const news = document.querySelector("[data-tab-news]");
  if (room.dataset.room !== "leads" && kind !== "heard") news.hidden = false;
  if (kind !== "line") return;
  const words = document.getElementById("leads-line");
  words.querySelectorAll("[data-id]").forEach((one) => lineOutbox.shown(one.dataset.id));
  words.scrollTop = words.scrollHeight;
};

const hearRefused = (no) => {
  outboxes.forEach((one) => one.refused(no));
  if (no.sequence === undefined) return;
  const words = no.reason === "too_fast" ? "That was quick. Wait a moment, then try again."
    : no.message || "That did not work. Try again.";
  log.mark(words);
};

// Writing ------------------------------------------------------------------------------------------

const compose = document.querySelector("[data-compose]");
const field = compose.querySelector("textarea");
const draft = `room-draft:${session}`;
try { field.value ||= sessionStorage.getItem(draft) ?? ""; } catch { /* storage may be blocked */ }
const keepDraft = () => {
  try { sessionStorage.setItem(draft, field.value); } catch { /* storage may be blocked */ }
};
field.addEventListener("input", keepDraft);
field.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    compose.requestSubmit();
  }
});
compose.addEventListener("submit", (event) => {
  event.preventDefault();
  const body = field.value.trim();
  const answered = Number(replyTo.value);
  if (body) outbox.write(body, answered ? { reply_to: answered } : {});
  field.value = "";
  keepDraft();
  answer();
  field.focus();
});

// Answering one message.
const replyTo = compose.querySelector("[name='reply_to']");
const replying = compose.querySelector("[data-replying]");
const answer = ({ sequence = "", name = "", words = "" } = {}) => {
  replyTo.value = sequence;
  replying.hidden = !sequence;
  replying.querySelector("[data-replying-name]").textContent = name;
  replying.querySelector("[data-replying-words]").textContent = words;
};
replying.querySelector("[data-replying-end]").addEventListener("click", (event) => {
  event.preventDefault();
  answer();
  field.focus();
});
bindTalk(document.querySelector("[data-log]"), {
  send: line.send,
  say,
  find: log.find,
  reply: (message) => { answer(message); field.focus(); },
});

// A form of its own for each other way to say something: nothing goes out by the wrong one.
const bindWords = (form, write) => form?.addEventListener("submit", (event) => {
  event.preventDefault();
  const words = form.querySelector("textarea");
  if (words.value.trim()) write(words.value.trim());
  words.value = "";
});
bindWords(document.querySelector("[data-ask-form]"), (body) => {
  outbox.write(body, { nameless: true });
  document.querySelector("[data-ask]").open = false;
  field.focus();
});
bindWords(document.querySelector("[data-line-form]"), (body) => lineOutbox.write(body));
document.querySelector("[data-line-form] textarea")?.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
});

// Leaving takes what was written along: the next person at this machine finds nothing.
const clear = () => {
  outboxes.forEach((one) => one.clear());
  try { sessionStorage.removeItem(draft); } catch { /* storage may be blocked */ }
};
document.querySelector("[data-leave]").addEventListener("submit", () => { clear(); line.end(); });
window.addEventListener("pagehide", () => {
  // The quick exit empties the page first, however it was asked for.
  if (document.body.childElementCount === 0) clear();
});

// Parts of the room --------------------------------------------------------------------------------

const tabs = document.querySelectorAll("[data-room-tab]");
tabs.forEach((tab) => tab.addEventListener("click", () => {
  room.dataset.room = tab.dataset.roomTab;
  tabs.forEach((other) => other.setAttribute("aria-pressed", String(other === tab)));
  if (tab.dataset.roomTab === "leads") document.querySelector("[data-tab-news]").hidden = true;
  // On a phone the tab was the one action; its contents open with it.
  if (tab.dataset.roomTab === "care") {
    document.querySelectorAll("[data-care]").forEach((part) => { part.open = true; });
  }
}));
// A form that came back with an error is looked at, not the chat.
if (document.querySelector("[data-care][open]") && window.matchMedia("(max-width: 59.99rem)").matches) {
  document.querySelector("[data-room-tab='care']").click();
}

// The news of a facilitator's button comes over the line; without one the page is read again.
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.target.closest?.("[data-controls]") && event.detail.successful
    && !line.isOpen() && !isOver()) {
    window.location.reload();
  }
});
