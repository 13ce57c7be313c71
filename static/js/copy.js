// A button that copies the words of a field. Without script it stays hidden and one copies by hand.

/** Show the copy buttons within `root`; each says what it did. */
export const bindCopy = (root) => {
  if (!navigator.clipboard) return;
  root.querySelectorAll("button[data-copy]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const field = document.getElementById(button.dataset.copy);
      const words = button.textContent;
      field.select();
      try {
        await navigator.clipboard.writeText(field.value);
        button.textContent = "Copied";
      } catch {
        // The browser refuses: the address is selected, so that it can be copied by hand.
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = words; }, 3000);
    });
  });
};
