// Quick exit. Blanks the page at once, ends the sign-in on the server, replaces this history entry.
// Shift three times within five seconds does the same; Escape never does (it closes other things).
// Without this file the same controls are a link, or a form that signs out and leads on.

const form = document.querySelector("[data-exit-form]");
const links = document.querySelectorAll("[data-exit]");
const neutral = form?.dataset.exitForm ?? links[0]?.href;

const leave = () => {
  // The page goes first: whatever follows may take a moment.
  const signOut = form && { url: form.action, body: new FormData(form) };
  document.body.replaceChildren();
  document.title = "Loading";
  // keepalive outlives this page; the answer leads elsewhere, which this page need not follow.
  if (signOut) fetch(signOut.url, { method: "POST", body: signOut.body, keepalive: true, redirect: "manual" }).catch(() => {});
  window.location.replace(neutral);
};

form?.addEventListener("submit", (event) => {
  event.preventDefault();
  leave();
});

links.forEach((link) => link.addEventListener("click", (event) => {
  event.preventDefault();
  leave();
}));

let presses = [];
document.addEventListener("keyup", (event) => {
  if (event.key !== "Shift") {
    presses = [];
    return;
  }
  presses = [...presses.filter((at) => event.timeStamp - at < 5000), event.timeStamp];
  if (presses.length >= 3 && neutral) leave();
});

// A page kept for the Back button may show again: then it is left again.
window.addEventListener("pageshow", (event) => {
  if (event.persisted && document.body.childElementCount === 0) window.location.replace(neutral);
});
