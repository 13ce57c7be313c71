// Times in the reader's own zone. The server's words, in a zone it names, stay without script.
// Only <time data-local> is rewritten: a meeting at a place keeps the place's time.
// A zone that the reader chose, in the settings or for this browser, wins over the machine's.

const options = {
  datetime: { weekday: "long", day: "numeric", month: "long", hour: "numeric", minute: "2-digit" },
  date: { weekday: "long", day: "numeric", month: "long" },
  short: { weekday: "short", day: "numeric", month: "short" },
  full: { day: "numeric", month: "long", year: "numeric" },
  day: { day: "numeric" },
  month: { month: "short" },
  time: { hour: "numeric", minute: "2-digit" },
};

const chosen = document.documentElement.dataset.zone;
const zone = () => chosen || Intl.DateTimeFormat().resolvedOptions().timeZone;

/**
 * Tell the server the machine's zone, so that "evenings" means the reader's own evenings.
 * A guess, so it goes with the browser's session and follows a machine that travels.
 */
export const rememberZone = () => {
  if (chosen || !zone()) return;
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `browser_zone=${zone()}; path=/; samesite=lax${secure}`;
};

/** The zone as people say it: Europe/London is London. */
export const zoneWords = (name = zone()) => (
  name === "UTC" || name === "Etc/UTC" ? "UTC" : name.split("/").pop().replaceAll("_", " ")
);

/** A moment in words, as the server's `time_words` writes them. */
export const timeWords = (moment, style) => {
  const format = new Intl.DateTimeFormat(document.documentElement.lang || "en-GB", { ...options[style], hourCycle: "h12", timeZone: zone() });
  const part = Object.fromEntries(format.formatToParts(moment).map(({ type, value }) => [type, value]));
  // h12 says 12 at noon and midnight; some locales write "p.m.": one way for all.
  const half = part.dayPeriod?.toLowerCase().replace(/[^a-z]/g, "");
  const clock = part.hour && `${Number(part.hour)}${part.minute === "00" ? "" : `:${part.minute}`}${half}`;
  const day = [part.weekday, part.day, part.month, part.year].filter(Boolean).join(" ");
  if (style === "datetime") return `${day}, ${clock}, ${zoneWords()} time`;
  return clock || day;
};

/** Rewrite the online times within `root`, and the names of the zone beside them. */
export const localiseTimes = (root) => {
  root.querySelectorAll("time[data-local]").forEach((element) => {
    const moment = new Date(element.dateTime);
    if (options[element.dataset.local] && !Number.isNaN(moment.valueOf())) {
      element.textContent = timeWords(moment, element.dataset.local);
    }
  });
  root.querySelectorAll("[data-zone-name]").forEach((element) => {
    element.textContent = zoneWords();
  });
};

/** Tell a form the reader's zone, so that nobody is asked for it. */
export const fillZone = (root) => {
  root.querySelectorAll("input[data-time-zone]").forEach((input) => {
    if (!input.value) input.value = zone();
  });
};
