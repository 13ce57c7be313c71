// When something goes wrong, say it where it is seen and heard.

/** Put the focus on a summary of errors, so that it is read first. */
export const focusSummary = (root) => {
  const inside = root.querySelector("[data-error-summary]");
  (inside ?? (root.matches?.("[data-error-summary]") ? root : null))?.focus();
};

const say = (words) => {
  const place = document.getElementById("page-alert");
  if (!place) return;
  const notice = document.createElement("p");
  notice.className = "notice notice--warn notice--plain";
  notice.textContent = words;
  place.replaceChildren(notice);
};

/** Show what the server says about a failed htmx request, and something when it says nothing. */
export const showFailures = () => {
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    // Our own error answers say where they belong; anything else (a proxy's page) is not shown.
    if (xhr.status >= 400 && xhr.getResponseHeader("HX-Retarget")) event.detail.shouldSwap = true;
  });
  document.addEventListener("htmx:responseError", (event) => {
    if (!event.detail.xhr.getResponseHeader("HX-Retarget")) {
      say("That did not work. Wait a moment, then try again.");
    }
  });
  document.addEventListener("htmx:sendError", () => {
    say("You seem to be offline. Nothing was sent. Try again when you are back.");
  });
  document.addEventListener("htmx:beforeRequest", () => {
    document.getElementById("page-alert")?.replaceChildren();
  });
};
