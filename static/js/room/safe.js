// Ways that keep the room safe open above it: the same pages as without script, in a dialog.
// And what is told to one person alone: whether they may write, and help that is there for them.

/** Bind the dialog. Links with `data-sheet` open in it, also those in parts that come later. */
export const bindSheet = () => {
  const dialog = document.querySelector("[data-sheet-above]");
  const place = dialog?.querySelector("[data-sheet-place]");
  if (!dialog || !window.htmx) return;
  let opener;

  const show = () => {
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    place.querySelector("[data-error-summary], #sheet-title")?.focus();
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-sheet]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    opener = dialog.open ? opener : link;
    window.htmx.ajax("GET", link.href, { source: place, target: place, swap: "innerHTML" });
  });
  place.addEventListener("htmx:afterSettle", show);
  // A no is said on the page, under the dialog.
  document.addEventListener("htmx:responseError", () => { if (dialog.open) dialog.close(); });
  dialog.addEventListener("close", () => {
    place.replaceChildren();
    opener?.isConnected && opener.focus();
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
};

/** Buttons of parts that hold no form of their own: their address is asked, the page stays. */
export const bindAct = () => {
  const form = document.getElementById("act");
  if (!form || !window.htmx) return;
  form.addEventListener("submit", (event) => {
    const { submitter } = event;
    if (!submitter) return;
    event.preventDefault();
    submitter.disabled = true;
    window.htmx.ajax("POST", submitter.formAction, { source: form, swap: "none" })
      .finally(() => { submitter.disabled = false; });
  });
};

/** Show what the server tells this person alone. */
export const hearYou = (room, { may_speak: maySpeak, words, help }, say) => {
  const before = room.dataset.speaks;
  room.dataset.speaks = maySpeak ? "yes" : "no";
  document.querySelector("[data-listen-words]").textContent = maySpeak ? "" : words;
  if (before !== room.dataset.speaks) say(maySpeak ? "You can write again." : words);
  const card = document.querySelector("[data-help-card]");
  if (card.dataset.shown !== String(Boolean(help))) {
    card.dataset.shown = String(Boolean(help));
    const template = document.createElement("template");
    template.innerHTML = help;
    card.replaceChildren(template.content);
  }
};
