// What every page gains from script: its parts, started in one place. All of it works without.

import { fillZone, localiseTimes, rememberZone } from "./times.js";
import { bindCopy } from "./copy.js";
import { bindPrint } from "./print.js";
import { bindPasswords } from "./password.js";
import { bindSettings } from "./settings.js";
import { focusSummary, showFailures } from "./errors.js";

document.documentElement.dataset.js = "";

const improve = (root) => {
  localiseTimes(root);
  fillZone(root);
  bindSettings(root);
  bindCopy(root);
  bindPrint(root);
  bindPasswords(root);
  focusSummary(root);
};

improve(document);
rememberZone();
document.addEventListener("htmx:load", (event) => improve(event.detail.elt));
showFailures();
