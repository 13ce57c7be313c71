// The log of messages: each once, in order, the newest in view unless somebody reads further up.

import { localiseTimes } from "../times.js";

// Long sessions stay light: so many messages are kept in the page.
const KEPT = 100;

/** An element from the server's own HTML. */
export const fragment = (html) => {
  const template = document.createElement("template");
  template.innerHTML = html;
  localiseTimes(template.content);
  return template.content;
};

/** Bind the log. `last` is the number of the newest message in it, `you` the reader's token. */
export const bindLog = (log, { last, you, say }) => {
  const newer = document.querySelector("[data-newer]");
  const earlier = log.querySelector("[data-earlier]");
  const end = log.querySelector("#newest");
  // What is the reader's own and cannot be seen in a message: number -> mine, reactions.
  const own = new Map();
  let newest = last;

  const nearEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 90;
  const toEnd = () => {
    log.scrollTop = log.scrollHeight;
    newer.hidden = true;
  };
  newer.addEventListener("click", () => { toEnd(); log.focus(); });
  log.addEventListener("scroll", () => { if (nearEnd()) newer.hidden = true; });
  // The keyboard of a phone makes the log smaller: what was at the end stays there.
  let wasAtEnd = true;
  log.addEventListener("scroll", () => { wasAtEnd = nearEnd(); });
  new ResizeObserver(() => { if (wasAtEnd) toEnd(); }).observe(log);

  const articles = () => [...log.querySelectorAll("article[data-sequence]")];
  const find = (sequence) => log.querySelector(`article[data-sequence="${Number(sequence)}"]`);

  const showOwn = (article) => {
    const of = own.get(Number(article.dataset.sequence));
    if (article.dataset.sender === you || of?.mine) article.classList.add("msg--mine");
    article.querySelectorAll(".felt__one").forEach((button) => {
      button.setAttribute("aria-pressed", String(of?.reactions.includes(button.value) ?? false));
    });
    return article;
  };

  // Earlier messages on demand ----------------------------------------------------------------

  const showEarlier = () => {
    const first = Number(articles()[0]?.dataset.sequence ?? 1);
    earlier.hidden = first <= 1;
    const link = earlier.querySelector("a");
    const address = new URL(link.href);
    address.searchParams.set("before", first);
    link.href = address;
  };
  earlier.addEventListener("click", async (event) => {
    if (!event.target.closest("a")) return;
    event.preventDefault();
    const answer = await fetch(event.target.href, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (!answer?.ok) {
      say("Earlier messages could not be loaded. Try again when you are connected.");
      return;
    }
    const part = fragment(await answer.text());
    const older = [...part.querySelectorAll("article")];
    const height = log.scrollHeight;
    // A hundred old messages are not news: nothing is read out but how many came.
    log.setAttribute("aria-live", "off");
    earlier.after(...older.map(showOwn));
    log.scrollTop += log.scrollHeight - height;
    showEarlier();
    (older.at(-1)?.querySelector(".msg__more") ?? log).focus({ preventScroll: true });
    setTimeout(() => log.setAttribute("aria-live", "polite"), 500);
    say(`${older.length} earlier message${older.length === 1 ? "" : "s"} shown.`);
  });

  const put = (element, { follow }) => {
    const pending = element.dataset.pending === undefined && log.querySelector("[data-pending]");
    log.insertBefore(element, pending || end);
    if (follow) toEnd();
    else newer.hidden = false;
    const shown = articles();
    if (follow && shown.length > 2 * KEPT) {
      shown.slice(0, shown.length - KEPT).forEach((old) => old.remove());
      showEarlier();
      toEnd();
    }
  };

  toEnd();
  return {
    newest: () => newest,
    find,
    has: (id) => log.querySelector(`[data-sequence][data-id="${CSS.escape(id)}"]`) !== null,
    /** Show a message. False when it is there already. */
    add: ({ sequence, html }, { mine = false } = {}) => {
      if (sequence <= newest) return false;
      newest = sequence;
      const article = showOwn(fragment(html).querySelector("article"));
      article.classList.toggle("msg--mine", mine || article.classList.contains("msg--mine"));
      put(article, { follow: mine || nearEnd() });
      return true;
    },
    /** Show a message as it is now. One that is not in the page comes as it is, if it comes. */
    change: ({ sequence, revision, html }) => {
      const old = find(sequence);
      if (!old || Number(old.dataset.revision ?? 0) >= revision) return;
      const article = fragment(html).querySelector("article");
      if (old.classList.contains("msg--mine")) article.classList.add("msg--mine");
      const follow = nearEnd();
      const active = old.contains(document.activeElement) ? document.activeElement : null;
      old.replaceWith(showOwn(article));
      if (active) {
        const same = active.value
          && article.querySelector(`.felt__one[value="${CSS.escape(active.value)}"]`);
        (same || article.querySelector(".msg__more") || log).focus({ preventScroll: true });
      }
      if (follow) toEnd();
    },
    /** What is the reader's own; `complete` when there is nothing else. */
    own: ({ messages, complete }) => {
      if (complete) own.clear();
      messages.forEach((one) => own.set(one.sequence, one));
      if (complete) articles().forEach(showOwn);
      else messages.map((one) => find(one.sequence)).filter(Boolean).forEach(showOwn);
    },
    addPending: (element) => put(element, { follow: true }),
    /** A line of words, before `element` or at the end. */
    mark: (words, element) => {
      const mark = document.createElement("p");
      mark.className = "log__mark log__mark--ok";
      mark.textContent = words;
      const follow = nearEnd();
      log.insertBefore(mark, element ?? log.querySelector("[data-pending]") ?? end);
      if (follow) toEnd();
    },
    newestArticle: () => articles().at(-1),
  };
};
