// Passkeys: asks the browser for one and sends what it answers with the form. Without script, or in
// a browser that knows no passkeys, these forms stay hidden and the other ways remain.

const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));

const text = (buffer) => {
  const letters = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(letters).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
};

const described = (list) => (list || []).map((each) => ({ ...each, id: bytes(each.id) }));

/** A new passkey that can sign in by itself. */
const create = async ({ publicKey: given }) => {
  const made = await navigator.credentials.create({
    publicKey: {
      ...given,
      challenge: bytes(given.challenge),
      user: { ...given.user, id: bytes(given.user.id) },
      excludeCredentials: described(given.excludeCredentials),
      authenticatorSelection: {
        ...given.authenticatorSelection,
        residentKey: "required",
        requireResidentKey: true,
        userVerification: "required",
      },
    },
  });
  const { response } = made;
  return {
    id: made.id,
    rawId: text(made.rawId),
    type: made.type,
    clientExtensionResults: made.getClientExtensionResults(),
    response: {
      clientDataJSON: text(response.clientDataJSON),
      attestationObject: text(response.attestationObject),
      transports: response.getTransports ? response.getTransports() : [],
    },
  };
};

/** The answer of a passkey that this device, or one nearby, has. */
const ask = async ({ publicKey: given }) => {
  const found = await navigator.credentials.get({
    publicKey: {
      ...given,
      challenge: bytes(given.challenge),
      allowCredentials: described(given.allowCredentials),
    },
  });
  const { response } = found;
  return {
    id: found.id,
    rawId: text(found.rawId),
    type: found.type,
    clientExtensionResults: found.getClientExtensionResults(),
    response: {
      clientDataJSON: text(response.clientDataJSON),
      authenticatorData: text(response.authenticatorData),
      signature: text(response.signature),
      userHandle: response.userHandle ? text(response.userHandle) : null,
    },
  };
};

const optionsOf = async (form) => {
  const given = document.getElementById("passkey-options");
  if (given) {
    const options = JSON.parse(given.textContent);
    return options.creation_options || options.request_options;
  }
  const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error("no options");
  return (await answer.json()).request_options;
};

const WORDS = {
  InvalidStateError: "This device has a passkey here already. You can use it to sign in.",
  NotAllowedError: "No passkey was used. Try again, or choose another way.",
};

const bind = (form) => {
  const said = form.querySelector("[data-passkey-said]");
  const button = form.querySelector("button[type='submit']");
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    said.textContent = "";
    try {
      const options = await optionsOf(form);
      const answer = form.dataset.passkey === "create" ? await create(options) : await ask(options);
      form.elements.credential.value = JSON.stringify(answer);
      form.submit();
    } catch (problem) {
      said.textContent = WORDS[problem.name] || "This did not work. Try again, or choose another way.";
      button.disabled = false;
    }
  });
};

if (window.PublicKeyCredential && navigator.credentials) {
  document.querySelectorAll("form[data-passkey]").forEach(bind);
  document.querySelectorAll("[data-no-passkeys]").forEach((each) => { each.hidden = true; });
}
