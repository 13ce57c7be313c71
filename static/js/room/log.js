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
export const bindLog = (log, { last, you }) => {
  const newer = document.querySelector("[data-newer]");
  const end = log.querySelector("#newest");
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

  const put = (element, { follow }) => {
    const pending = element.dataset.pending === undefined && log.querySelector("[data-pending]");
    log.insertBefore(element, pending || end);
    if (follow) toEnd();
    else newer.hidden = false;
    const shown = log.querySelectorAll("article[data-sequence]");
    if (follow && shown.length > 2 * KEPT) {
      [...shown].slice(0, shown.length - KEPT).forEach((old) => old.remove());
    }
  };

  toEnd();
  return {
    newest: () => newest,
    has: (id) => log.querySelector(`[data-sequence][data-id="${CSS.escape(id)}"]`) !== null,
    /** Show a message. False when it is there already. */
    add: ({ sequence, html, sender }) => {
      if (sequence <= newest) return false;
      newest = sequence;
      const article = fragment(html).querySelector("article");
      const mine = sender === you;
      article.classList.toggle("msg--mine", mine);
      put(article, { follow: mine || nearEnd() });
      return true;
    },
    /** Show a message as it is now. One that is not in the page comes as it is, if it comes. */
    change: ({ sequence, revision, html }) => {
      const old = log.querySelector(`article[data-sequence="${sequence}"]`);
      if (!old || Number(old.dataset.revision ?? 0) >= revision) return;
      const article = fragment(html).querySelector("article");
      article.classList.toggle("msg--mine", old.classList.contains("msg--mine"));
      const follow = nearEnd();
      old.replaceWith(article);
      if (follow) toEnd();
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
    newestArticle: () => [...log.querySelectorAll("article[data-sequence]")].at(-1),
  };
};
