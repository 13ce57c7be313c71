// Colours and letters act at once and are kept in a cookie, so that the server draws the next page
// in them from its first byte. Without script the form saves the same cookies.

const YEAR = 31536000;

const keep = (name, value) => {
  const secure = window.location.protocol === "https:" ? "; secure" : "";
  const age = value ? YEAR : 0;
  document.cookie = `${name}=${value}; path=/; max-age=${age}; samesite=lax${secure}`;
};

/** Let the display settings within `root` act at once. */
export const bindSettings = (root) => {
  root.querySelectorAll("[data-settings] input[type='radio']").forEach((input) => {
    input.addEventListener("change", () => {
      const { name, value } = input;
      if (value) document.documentElement.dataset[name] = value;
      else delete document.documentElement.dataset[name];
      keep(name, value);
    });
  });
};
