// A button that prints the page. Without script it stays hidden and the browser's own menu does it.

/** Show the print buttons within `root`. */
export const bindPrint = (root) => {
  root.querySelectorAll("button[data-print]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  });
};
