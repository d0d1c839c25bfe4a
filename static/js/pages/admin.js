// Names for what a screen reader would read as empty, or in English, in Django's admin.

const given = document.currentScript.dataset;

function nameIcons() {
  const names = { True: given.yes, False: given.no, Search: given.search };
  for (const icon of document.querySelectorAll("img[alt]")) icon.alt = names[icon.alt] ?? icon.alt;
  for (const icon of document.querySelectorAll("span.help-tooltip[aria-label]")) icon.setAttribute("role", "img");
}

function nameBoxes() {
  for (const select of document.querySelectorAll("select.admin-autocomplete[id]")) {
    const label = document.querySelector(`label[for="${CSS.escape(select.id)}"]`);
    const box = select.nextElementSibling?.querySelector("[role=combobox]");
    if (!label || !box) continue;
    label.id ||= `${select.id}_label`;
    for (const one of [box, box.querySelector("[role=textbox]")])
      one?.setAttribute("aria-labelledby", `${label.id} select2-${select.id}-container`);
  }
}

window.addEventListener("load", () => {
  nameIcons();
  // Select2 makes its boxes when jQuery says ready, which may be after "load"; what is asked last is done last.
  window.django?.jQuery?.(nameBoxes);
});
