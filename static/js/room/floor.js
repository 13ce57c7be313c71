// Who speaks and who waits: the parts that came are shown, and the reader's own turn is marked.
// What fits the reader shows by data-my; templates/sessions/floor_*.html hold the words.

const EVERY = 15000;
const YOURS = { speaking: "It is your turn.", next: "You are next." };

/** Bind the floor of a room. `you` is the reader's token, `now` the server's clock. */
export const bindFloor = ({ room, you, now }) => {
  const queue = document.getElementById("room-floor");
  const bar = document.getElementById("room-turn");
  const yours = document.querySelector("[data-your-turn]");
  const token = document.querySelector("[name=csrfmiddlewaretoken]")?.value;
  let here;
  let my = queue.dataset.my;

  // Parts that come over the line are the same for everybody: the page's own token makes its forms
  // work.
  const ready = (place) => {
    place.querySelectorAll("form").forEach((form) => {
      if (form.elements.csrfmiddlewaretoken) return;
      const field = document.createElement("input");
      Object.assign(field, { type: "hidden", name: "csrfmiddlewaretoken", value: token });
      form.prepend(field);
    });
    window.htmx?.process(place);
  };

  const rows = () => [...queue.querySelectorAll("[data-turn]")];

  const markCircle = () => {
    const waiting = rows().filter((row) => row.dataset.turn === "waiting").map((row) => row.dataset.sender);
    const speaking = rows().find((row) => row.dataset.turn === "speaking");
    document.querySelectorAll("#room-circle .circle__seat").forEach((seat) => {
      const place = waiting.indexOf(seat.dataset.sender);
      seat.classList.toggle("is-speaking", seat.dataset.sender === speaking?.dataset.sender);
      seat.classList.toggle("is-waiting", place >= 0);
      seat.querySelector(".circle__turnno").textContent = place >= 0 ? place + 1 : "";
    });
    const centre = document.querySelector("#room-circle [data-centre]");
    if (!centre) return;
    const what = document.querySelector("#room-circle [data-centre-what]");
    centre.dataset.count ??= centre.textContent;
    what.dataset.count ??= what.textContent;
    const mine = speaking?.dataset.sender === you;
    const name = speaking?.querySelector(".queue__name").textContent;
    centre.textContent = speaking ? (mine ? "You" : name.slice(0, 9)) : centre.dataset.count;
    what.textContent = speaking ? (mine ? "are speaking" : "is speaking") : what.dataset.count;
  };

  const markMine = () => {
    const own = rows().filter((row) => row.dataset.sender === you);
    rows().forEach((row) => {
      row.classList.toggle("is-you", row.dataset.sender === you);
      row.classList.toggle("is-away", Boolean(here) && !here.has(row.dataset.sender));
    });
    const first = rows().find((row) => row.dataset.turn === "waiting");
    const state = own.map((row) => row.dataset.turn);
    const before = my;
    if (state.includes("speaking")) my = "speaking";
    else if (state.includes("waiting")) my = own.includes(first) ? "next" : "waiting";
    else my = state[0] ?? "";
    queue.dataset.my = my;
    bar.dataset.my = my;
    if (my !== before) yours.textContent = YOURS[my] ?? "";
  };

  const tick = () => {
    const clock = queue.querySelector("[data-turn-clock]");
    if (!clock) return;
    const used = Math.max(0, Math.floor((now() - Date.parse(clock.dataset.began)) / 60000));
    const planned = Number(clock.dataset.minutes);
    const left = planned - used;
    if (left > 0) clock.textContent = `about ${left} minute${left === 1 ? "" : "s"} left`;
    else clock.textContent = `the ${planned === 1 ? "minute is" : `${planned} minutes are`} up`;
  };

  // The shares stay open for whoever reads them while the numbers come again.
  const heard = document.getElementById("leads-heard");
  let reads = false;
  heard?.addEventListener("toggle", (event) => { reads = event.target.open; }, true);
  if (heard) {
    new MutationObserver(() => {
      const shares = heard.querySelector("details");
      if (shares && reads) shares.open = true;
    }).observe(heard, { childList: true });
  }

  const mark = () => { markMine(); markCircle(); tick(); };
  setInterval(tick, EVERY);
  mark();

  const PARTS = "#room-floor, #room-turn, #room-plan";
  const name = (button) => [
    button.closest(PARTS).id, button.closest("[data-sender]")?.dataset.sender, button.value, button.textContent,
  ].join(" ");

  return {
    /** Remember on which button somebody is; the answer puts them back on it. */
    hold: () => {
      const focused = document.activeElement;
      const held = focused?.matches("button") && focused.closest(PARTS) ? name(focused) : "";
      return () => {
        if (!held || focused.isConnected) return;
        [...document.querySelectorAll(PARTS.replaceAll(/#[a-z-]+/g, "$& button"))]
          .find((button) => name(button) === held)?.focus();
      };
    },
    /** Parts of a state frame that stand in the page. */
    hear: ({ floor, html }) => {
      if (html.floor === undefined) return;
      const began = floor !== room.dataset.floor ? floor : "";
      room.dataset.floor = floor;
      [queue, bar, document.getElementById("room-plan")].forEach(ready);
      mark();
      if (began === "round" && !YOURS[my]) {
        const order = rows().map((row) => (row.dataset.sender === you ? "you" : row.querySelector(".queue__name").textContent));
        yours.textContent = `A round begins. The order is ${order.join(", ")}.`;
      } else if (began === "open_floor" && !YOURS[my]) {
        yours.textContent = "The floor is open. Raise a hand to speak.";
      }
    },
    /** Who is here: those who are not keep their place. */
    presence: (people) => {
      here = new Set(people.map(({ sender }) => sender));
      mark();
    },
  };
};
