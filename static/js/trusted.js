// The page's one policy for Trusted Types, loaded before everything that puts markup into it.
//
// htmx, the room's log and a sheet's help put HTML of this site's own server into the page, and know
// nothing of policies. So HTML passes; scripts and handlers in it are stopped by the site's policy
// for content. What a string could be run as is not named here, so the browser refuses it: eval, a
// script's text, a script's or worker's address.

if (window.trustedTypes) {
  window.trustedTypes.createPolicy("default", { createHTML: (html) => html });
}
