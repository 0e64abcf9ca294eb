// Forms: what was wrong is told beside the field it is about. User data only ever becomes text, never markup.

/** Make an element with properties and children; strings become text. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Run `action` when the form is sent; a refusal is shown in it. The form can't be sent twice at a time. */
export function onSubmit(form, action) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button:not([type=button])");
    const hadFocus = document.activeElement === button;
    clear(form);
    button.disabled = true;
    try {
      await action(Object.fromEntries(new FormData(form)));
    } catch (error) {
      complain(form, error);
    } finally {
      button.disabled = false;
      if (hadFocus && document.activeElement === document.body) button.focus(); // it went with the disabling
    }
  });
}

/** Show why it was refused: beside the fields, else at the form's end. */
export function complain(form, error) {
  const elsewhere = [];
  for (const { field, message } of error.fields ?? []) {
    const input = form.elements.namedItem(field);
    if (!(input instanceof HTMLElement)) {
      elsewhere.push(inOurWords(form, message));
      continue;
    }
    const id = `${form.id}-${field}-complaint`;
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", id);
    reveal(input);
    input.after(make("span", { className: "complaint", id }, inOurWords(form, message)));
  }
  const told = form.querySelector(".error");
  const byField = error.fields?.length && !elsewhere.length;
  told.textContent = byField ? "Look at the marked fields." : [...new Set([error.message, ...elsewhere])].join(" ");
  told.hidden = false;
  form.querySelector("[aria-invalid]")?.focus();
}

/** The service quotes options by their names in its API; who sees the form knows them by their labels. */
function inOurWords(form, message) {
  return message.replace(/“(\w+)(?:=(\w+))?”/gu, (quoted, name, value) => {
    const field = form.elements.namedItem(name);
    if (!field?.labels?.length) return quoted;
    const label = field.labels[0].firstChild.textContent;
    const option = value && [...(field.options ?? [])].find((each) => each.value === value);
    return option ? `“${label}: ${option.text}”` : `“${label}”`;
  });
}

/** Where it is in something closed, open that: nobody sees a complaint there, nor can it have the focus. */
export function reveal(input) {
  const closed = input.closest("details:not([open])");
  if (closed) closed.open = true;
}

/** Take all complaints back. */
export function clear(form) {
  form.querySelectorAll(".complaint").forEach((each) => each.remove());
  for (const input of form.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
  }
  form.querySelector(".error").hidden = true;
}
