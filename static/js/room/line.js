// The line to the server: opens, opens again after a loss, and says how it is.

const FIRST_WAIT = 500;
const LONGEST_WAIT = 20000;
// The server asks every 10 seconds; a line this quiet is dead, whatever the browser thinks.
const DEAD_AFTER = 25000;
const FINAL = new Set([4401, 4403, 4404, 4410]);

/** Keep a socket open. `on` has opened(), heard(frame), lost(), ended(code, reason). */
export const keepLine = (path, on) => {
  const address = `${window.location.protocol === "https:" ? "wss" : "ws"}://${window.location.host}${path}`;
  let socket;
  let tries = 0;
  let timer;
  let heardAt = 0;
  let over = false;

  const again = () => {
    clearTimeout(timer);
    // Jitter: after a restart of the server not everybody comes at the same moment.
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** tries) * (0.5 + Math.random());
    tries += 1;
    timer = setTimeout(open, wait);
  };

  const drop = () => {
    const old = socket;
    socket = undefined;
    if (!old) return;
    old.close();
    on.lost();
    again();
  };

  const open = () => {
    clearTimeout(timer);
    if (over || socket) return;
    const mine = new WebSocket(address);
    socket = mine;
    heardAt = Date.now();
    mine.addEventListener("message", (event) => {
      if (socket !== mine) return;
      heardAt = Date.now();
      const frame = JSON.parse(event.data);
      if (frame.type === "hello") {
        tries = 0;
        on.opened(frame);
      } else if (frame.type === "still_here") {
        mine.send('{"type":"here"}');
      } else {
        on.heard(frame);
      }
    });
    mine.addEventListener("close", (event) => {
      if (socket !== mine) return;
      socket = undefined;
      if (FINAL.has(event.code)) {
        over = true;
        on.ended(event.code, event.reason);
      } else {
        on.lost();
        again();
      }
    });
  };

  setInterval(() => {
    if (socket && Date.now() - heardAt > DEAD_AFTER) drop();
  }, 2000);
  window.addEventListener("offline", drop);
  window.addEventListener("online", () => { tries = 0; open(); });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && !socket) { tries = 0; open(); }
  });
  open();

  return {
    /** True if the frame was handed to an open socket; that is no promise that it arrived. */
    send: (frame) => {
      if (socket?.readyState !== WebSocket.OPEN) return false;
      socket.send(JSON.stringify(frame));
      return true;
    },
    isOpen: () => socket?.readyState === WebSocket.OPEN,
    end: () => { over = true; clearTimeout(timer); socket?.close(); socket = undefined; },
  };
};
