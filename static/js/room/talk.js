// Answers and reactions: what a tap on a message, or above it, starts.

/** Bind the room. `send(frame)` says whether the line took it, `reply(message)` begins an answer. */
export const bindTalk = (log, { send, say, reply, find }) => {
  const above = document.querySelector("[data-sheet-above]");

  log.addEventListener("click", (event) => {
    const felt = event.target.closest(".felt__one");
    if (!felt) return;
    event.preventDefault();
    const on = felt.getAttribute("aria-pressed") !== "true";
    const sequence = Number(felt.closest("article").dataset.sequence);
    if (send({ type: "react", sequence, kind: felt.value, on })) {
      felt.setAttribute("aria-pressed", String(on));
    } else {
      say("You are offline. Try again when you are connected.");
    }
  });

  document.addEventListener("click", (event) => {
    const answer = event.target.closest("[data-reply]");
    if (!answer) return;
    event.preventDefault();
    const article = find(answer.dataset.reply);
    above?.close();
    reply({
      sequence: Number(answer.dataset.reply),
      name: article?.querySelector(".msg__name").textContent ?? "",
      words: article?.querySelector(".msg__text")?.textContent.slice(0, 60) ?? "",
    });
  });
  above?.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.xhr?.status === 204 && event.target.closest("[data-closes]")) above.close();
  });
};
