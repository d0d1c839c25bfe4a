// el("p", { class: "text", title: "…" }, "words", child): the only way in which js/ makes elements. Text stays text.

// As jiayi/plaintext.py: what is written from right to left does not draw a number after it into itself.
export const isolated = (text) => (/[\u0590-\u08ff]/.test(text) ? `\u2068${text}\u2069` : text);

export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function button(label, name, onClick) {
  const made = el("button", { type: "button", class: `link ${name}` }, label);
  made.addEventListener("click", onClick);
  return made;
}
