// The slash line with its completions (the listbox pattern of ARIA), and the comment box.

import { h, icon, post } from "/api.js";
import { say } from "/strings.js";

// While a Japanese word is being converted, Enter and the arrows belong to the input method.
const composing = (event) => event.isComposing || event.keyCode === 229;

// What is typed and not sent yet outlives its box, which is drawn anew when the role, language or channel changes.
const drafts = new Map();

function drafted(element, key, text = "") {
  element.value = drafts.get(key) ?? text;
  element.addEventListener("input", () => drafts.set(key, element.value));
  return (line = "") => { element.value = line; line ? drafts.set(key, line) : drafts.delete(key); };
}

export const forget = (key) => drafts.delete(key);

export function slashLine(channel, send, warn) {
  const list = h("ul", { class: "offers", id: "offers", role: "listbox", "aria-label": say("ask"), hidden: true });
  const input = h("input", {
    class: "line", id: "line", type: "text", role: "combobox", autocomplete: "off", autocapitalize: "off", spellcheck: "false",
    maxlength: 2000, placeholder: say("ask-here"), "aria-label": say("ask"), "aria-describedby": "line-help",
    "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": "offers",
  });
  const form = h("form", { class: "composer", autocomplete: "off" }, list, input,
    h("button", { class: "icon-button", "aria-label": say("send"), title: say("send") }, icon("send")));
  const write = drafted(input, `line ${channel}`);
  let asked = 0;
  let at = -1;
  let offers = [];

  function show(found) {
    offers = found;
    list.replaceChildren(...found.map((one, n) => {
      const option = h("li", { role: "option", id: `offer-${n}`, "aria-selected": "false" }, one.label);
      option.addEventListener("pointerdown", (event) => { event.preventDefault(); take(n); });
      return option;
    }));
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    mark(-1);
  }

  function mark(n) {
    at = n;
    [...list.children].forEach((option, m) => option.setAttribute("aria-selected", String(m === n)));
    if (n < 0) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", `offer-${n}`);
    list.children[n].scrollIntoView({ block: "nearest" });
  }

  function take(n) {
    write(offers[n].line);
    input.focus();
    show([]);
    complete();
  }

  async function complete() {
    const mine = ++asked;
    const line = input.value;
    if (!/^\s*[/／]/.test(line)) return show([]);
    const found = await post("complete", { line, channel }).catch(() => ({ offers: [] }));
    if (mine === asked) show(found.offers.filter((one) => one.line !== line));
  }

  let soon;
  input.addEventListener("input", (event) => {
    clearTimeout(soon);
    if (!event.isComposing) soon = setTimeout(complete, 60);
  });
  input.addEventListener("compositionend", complete);
  input.addEventListener("blur", () => show([]));
  input.addEventListener("keydown", (event) => {
    if (composing(event) || list.hidden) return;
    if (event.key === "ArrowDown") mark(Math.min(at + 1, offers.length - 1));
    else if (event.key === "ArrowUp") mark(Math.max(at - 1, -1));
    else if (event.key === "Tab" && !event.shiftKey) take(Math.max(at, 0));
    else if (event.key === "Enter" && at >= 0) take(at);
    else if (event.key === "Escape") show([]);
    else return;
    event.preventDefault();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const line = input.value.trim();
    if (!line) return;
    if (!/^[/／]/.test(line)) return warn(say("ask-comments"));
    asked += 1; // a completion still on its way comes too late
    clearTimeout(soon);
    show([]);
    input.readOnly = true;
    if (await send(line)) {
      const shown = document.getElementById("line"); // another by now, if the channel was drawn anew meanwhile
      if (shown && shown !== input && shown.value.trim() === line) shown.value = "";
      write();
    }
    input.readOnly = false;
  });
  return h("div", {}, form, h("p", { class: "help", id: "line-help" }, say("ask-help")));
}

export function commentBox({ send, text = "", label = say("comment-here"), cancel = null, grab = false, draft = null }) {
  const area = h("textarea", { class: "line", rows: 1, maxlength: 4000, placeholder: label, "aria-label": say("comment") });
  const write = draft ? drafted(area, draft, text) : (line = "") => { area.value = line; };
  if (!draft) write(text);
  const button = h("button", { class: "icon-button", "aria-label": say("send"), title: say("send") }, icon("send"));
  const form = h("form", { class: "composer" }, area, button);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!area.value.trim() || area.readOnly) return;
    area.readOnly = true;
    if (await send(area.value)) write();
    area.readOnly = false;
  });
  area.addEventListener("keydown", (event) => {
    if (composing(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      form.requestSubmit();
    } else if (event.key === "Escape" && cancel) {
      event.stopPropagation();
      cancel();
    }
  });
  if (grab) queueMicrotask(() => area.focus());
  return form;
}

// A form of the bot as a dialog. Resolves when it was sent or given up.
export function ask(form, send) {
  const inputs = new Map(form.fields.map((field) => [field.key, input(field)]));
  const fields = form.fields.map((field) => h("label", {}, field.label, inputs.get(field.key)));
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title" },
    h("form", { onsubmit: submit }, h("h2", { id: "dialog-title" }, form.title), fields,
      h("div", { class: "actions" },
        h("button", { class: "button primary" }, form.submit),
        h("button", { type: "button", class: "button", onclick: () => dialog.close() }, say("cancel")))));

  async function submit(event) {
    event.preventDefault();
    const values = {};
    for (const [key, element] of inputs) values[key] = element.type === "file" ? await attached(element) : element.value;
    if (await send(values)) dialog.close();
  }
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
}

// A file as the bot takes it: a data address with its name. One that is too large is given as what the bot refuses.
async function attached(element) {
  const file = element.files[0];
  if (!file) return "";
  if (file.size > Number(element.dataset.limit)) return "data:";
  const text = await new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(file);
  });
  return `data:;name=${encodeURIComponent(file.name)};base64,${text.slice(text.indexOf(",") + 1)}`;
}

function input(field) {
  const common = { required: field.required, name: field.key };
  if (field.kind === "file") return h("input", { ...common, type: "file", "data-limit": field.limit });
  if (field.kind === "choice") {
    const select = h("select", common, field.choices.map(([value, label]) => h("option", { value }, label)));
    if (field.value) select.value = field.value;
    return select;
  }
  const element = field.kind === "line"
    ? h("input", { ...common, type: field.secret ? "password" : "text", maxlength: field.limit })
    : h("textarea", { ...common, rows: 5, maxlength: field.limit });
  element.value = field.value;
  return element;
}
