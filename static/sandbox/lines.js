// One line of a chat as DOM. Everything that came from outside goes in as text, never as markup.

function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function link(text, href, className) {
  const made = element("a", className, text);
  if (/^https?:\/\//.test(href)) made.href = href;
  made.target = "_blank";
  made.rel = "noopener noreferrer";
  return made;
}

function partOf(part) {
  if (part.href) return link(part.text, part.href);
  return part.style ? element("span", `wx-${part.style}`, part.text) : part.text;
}

function avatarOf(message, words, robot) {
  const made = element("span", `wx-avatar wx-${message.author}`);
  made.setAttribute("aria-hidden", "true");
  if (message.author === "robot") made.append(robot.content.cloneNode(true));
  else made.append(Array.from(message.author === "app" ? words.appName : message.name)[0] || "?");
  return made;
}

function clock(message) {
  const when = new Date(message.created_at);
  const made = element("time", "", when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false }));
  made.dateTime = message.created_at;
  return made;
}

function rawOf(message, words) {
  const raw = element("pre");
  const made = element("details", "wx-raw", element("summary", "", words.raw), raw);
  // Only when somebody wants to see it: the page would hold every text twice.
  made.addEventListener("toggle", () => (raw.textContent = made.open ? message.raw : ""));
  return made;
}

export function replaceButtons(card, name) {
  const row = card.querySelector(".wx-buttons");
  if (!row) return;
  const done = element("button", "", name);
  done.disabled = true;
  row.replaceChildren(done);
}

export function cardOf(card, { words, press, id }) {
  const made = element("div", "wx-card");
  if (card.title) made.append(element("h3", "", card.title));
  if (card.description) made.append(element("p", "wx-described", card.description));
  if (card.text) made.append(element("p", "", card.text));
  const rows = (card.rows || []).map((row) =>
    element("div", "", element("dt", "", row.name), element("dd", "", row.url ? link(row.value, row.url) : row.value)),
  );
  if (rows.length) made.append(element("dl", "", ...rows));
  for (const jump of card.jumps || []) made.append(element("p", "wx-jump", link(jump.text, jump.url)));
  if (card.url && !(card.jumps || []).length) made.append(element("p", "wx-jump", link(words.open, card.url)));
  const buttons = (card.buttons || []).map((button) => {
    if (button.url) return link(button.text, button.url, "wx-button");
    const pressed = element("button", `wx-style-${Number(button.style) || 1}`, button.text);
    pressed.type = "button";
    pressed.addEventListener("click", () => press(id, button.key));
    return pressed;
  });
  if (buttons.length) made.append(element("div", "wx-buttons", ...buttons));
  return made;
}

export function lineOf(message, { words, press, robot }) {
  const line = element("li", `wx-line wx-from-${message.author} wx-kind-${message.kind}`);
  line.dataset.id = message.id;
  line.dataset.author = message.author;
  if (message.errcode !== null) line.dataset.errcode = message.errcode;
  if (message.handle && message.card) line.dataset.handle = message.handle;
  if (message.tone === "bad") line.classList.add("wx-bad");
  const parts = message.parts.map(partOf);
  if (message.author === "sandbox") {
    line.append(element("p", "wx-text", ...parts), rawOf(message, words));
    return line;
  }
  const said = message.card
    ? cardOf(message.card, { words, press, id: message.id })
    : element("p", "wx-bubble wx-text", ...parts);
  const name = { robot: words.robotName, app: words.appName }[message.author] || message.name;
  const head = element("p", "wx-name", name, " ", clock(message));
  const foot = element("div", "wx-foot", message.note ? element("span", "", message.note) : "", rawOf(message, words));
  line.append(avatarOf(message, words, robot), element("div", "wx-said", head, said, foot));
  return line;
}
