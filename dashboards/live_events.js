// Listens to the log and shows the newest events; a click tells the page which one to open.
const HOUSES = new WeakMap();

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".live");
  if (!root) return;
  const known = HOUSES.get(parentElement);
  if (known) {
    known.open = (id) => setTriggerValue("opened", id);
    return known.close;
  }
  const house = begin(root, data);
  house.open = (id) => setTriggerValue("opened", id);
  HOUSES.set(parentElement, house);
  return house.close;
}

function begin(root, data) {
  const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: data.zone });
  const house = { open: () => {} };
  const seen = new Set();
  let isPaused = false;
  let kept = [];

  const state = made("span", "state");
  state.setAttribute("role", "status");
  const fresh = made("button");
  fresh.type = "button";
  fresh.hidden = true;
  const pause = made("button");
  pause.type = "button";
  const bar = made("div", "bar");
  bar.append(state, made("span", "space"), fresh, pause);
  const rows = made("ol", "rows");
  rows.setAttribute("aria-label", "Events, the newest first");
  root.replaceChildren(bar, rows);

  function say(word, text) {
    state.dataset.state = word;
    state.textContent = text;
  }
  function row(event, isNew) {
    const line = made("li", isNew ? "new" : "");
    const button = made("button");
    button.type = "button";
    button.append(
      made("span", "at", clock.format(new Date(event.at))),
      made("span", "kind", event.kind),
      made("span", "by", event.by),
    );
    button.title = `Number ${event.version} in its stream`;
    button.onclick = () => house.open(event.id);
    line.append(button);
    return line;
  }
  function add(event) {
    if (seen.has(event.id)) return;
    seen.add(event.id);
    if (isPaused || rows.scrollTop > 40) {
      kept.push(event);
      if (kept.length > data.most) kept.shift();
      fresh.hidden = false;
      fresh.textContent = `${kept.length} new`;
      return;
    }
    rows.prepend(row(event, true));
    while (rows.children.length > data.most) rows.lastChild.remove();
  }
  function showKept() {
    const waiting = kept;
    kept = [];
    fresh.hidden = true;
    rows.scrollTop = 0;
    for (const event of waiting) rows.prepend(row(event, true));
    while (rows.children.length > data.most) rows.lastChild.remove();
  }
  function label() {
    pause.textContent = isPaused ? "Resume" : "Pause";
    pause.setAttribute("aria-pressed", String(isPaused));
  }

  for (const event of data.rows) {
    seen.add(event.id);
    rows.append(row(event, false));
  }
  pause.onclick = () => {
    isPaused = !isPaused;
    label();
    if (!isPaused) showKept();
  };
  fresh.onclick = () => {
    isPaused = false;
    label();
    showKept();
  };
  label();
  say("waiting", "Connecting …");

  const source = new EventSource(data.stream);
  source.onopen = () => say("live", "Live");
  source.onerror = () =>
    source.readyState === EventSource.CLOSED
      ? say("off", "Not live: reload the page to see newer events")
      : say("waiting", "Reconnecting …");
  source.addEventListener("event", (came) => {
    const event = JSON.parse(came.data);
    add({ id: event.id, at: event.created_at, kind: event.event_type, version: event.version, by: event.created_by });
  });
  house.close = () => source.close();
  return house;
}

function made(name, className = "", text = "") {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}
