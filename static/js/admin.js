// Names for controls of Django's admin that a screen reader would read as empty.

window.addEventListener("load", () => {
  for (const icon of document.querySelectorAll("span.help-tooltip[aria-label]")) icon.setAttribute("role", "img");
  for (const select of document.querySelectorAll("select.admin-autocomplete[id]")) {
    const label = document.querySelector(`label[for="${CSS.escape(select.id)}"]`);
    const box = select.nextElementSibling?.querySelector("[role=combobox]");
    if (!label || !box) continue;
    label.id ||= `${select.id}_label`;
    for (const one of [box, box.querySelector("[role=textbox]")])
      one?.setAttribute("aria-labelledby", `${label.id} select2-${select.id}-container`);
  }
});
