// "Show password" beside each field for one, so that nobody has to type blind.

export const bindPasswords = (root) => {
  for (const field of root.querySelectorAll("input[type=password]:not([data-shows])")) {
    field.dataset.shows = "";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "linkish";
    button.textContent = "Show password";
    button.setAttribute("aria-controls", field.id);
    button.addEventListener("click", () => {
      const hidden = field.type === "password";
      field.type = hidden ? "text" : "password";
      button.textContent = hidden ? "Hide password" : "Show password";
      field.focus();
    });
    // Sent hidden, so that no browser keeps it among other words.
    field.form?.addEventListener("submit", () => { field.type = "password"; });
    field.after(button);
  }
};
