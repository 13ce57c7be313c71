// What the directory gains from script: where the browser is, and shorter addresses.
// Without it the place is typed, and the button "Update the list" asks for the page.

const form = () => document.getElementById("find-form");

/** The place goes into the form rounded to about a kilometre; nobody gets to know it better. */
const useHere = (button) => {
  const note = document.getElementById("near-note");
  const words = button.dataset;
  note.textContent = words.wait;
  navigator.geolocation.getCurrentPosition(
    ({ coords }) => {
      note.textContent = "";
      form().elements.near.value = `${coords.latitude.toFixed(2)}, ${coords.longitude.toFixed(2)}`;
      form().requestSubmit();
    },
    () => {
      note.textContent = words.fail;
    },
    { maximumAge: 600000, timeout: 15000 },
  );
};

const show = (root) => {
  root.querySelectorAll("[data-near]").forEach((button) => {
    button.hidden = !("geolocation" in navigator);
  });
};

show(document);
document.addEventListener("htmx:load", (event) => show(event.detail.elt));
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-near]");
  if (button) useHere(button);
});

// What is empty need not stand in the address.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.target !== form()) return;
  const parameters = event.detail.formData ?? event.detail.parameters;
  for (const [name, value] of [...parameters.entries()]) {
    if (value === "") parameters.delete(name);
  }
});
document.addEventListener("submit", (event) => {
  if (event.target !== form()) return;
  [...form().elements].forEach((field) => {
    if (field.name && field.value === "") {
      field.disabled = true;
      setTimeout(() => { field.disabled = false; });
    }
  });
});
