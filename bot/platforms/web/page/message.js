// A message of the core, drawn: blocks, buttons, and the tabs that show it as others get it.

import { get, h, icon } from "/api.js";
import { say } from "/strings.js";

const isWeb = (address) => /^https?:\/\//i.test(address ?? "") && URL.canParse(address);

// A link to this playground stays in the page; any other opens beside it and learns nothing about us.
function anchor(address, ...children) {
  if (!isWeb(address)) return h("span", {}, children);
  const url = new URL(address);
  if (url.origin === location.origin && url.hash) return h("a", { href: url.hash }, children);
  return h("a", { href: url.href, target: "_blank", rel: "noopener noreferrer nofollow" }, children);
}

function span(one) {
  if (typeof one === "string") return document.createTextNode(one);
  let node = document.createTextNode(one.text);
  if (one.ruby) node = h("ruby", {}, node, h("rp", {}, "（"), h("rt", {}, one.ruby), h("rp", {}, "）"));
  if (one.code) node = h("code", {}, node);
  if (one.bold) node = h("strong", {}, node);
  if (one.italic) node = h("em", {}, node);
  if (one.strike) node = h("s", {}, node);
  return one.link ? anchor(one.link, node) : node;
}

const spans = (run) => run.map(span);

// The page's own headings are h1 and h2: those of a message go on below them.
const heading = (block) => {
  const level = Math.min(Math.max(block.level, 1), 4);
  return h(`h${level + 2}`, { class: `h-${level}` }, spans(block.spans));
};

const DRAW = {
  heading,
  paragraph: (block) => h("p", {}, spans(block.spans)),
  small: (block) => h("p", { class: "small" }, spans(block.spans)),
  list: (block) =>
    h("ul", { class: block.ordered ? "list ordered" : "list", role: "list" },
      block.items.map((item) => h("li", {}, h("span", { class: "marker" }, item.marker || "・"), h("div", {}, blocks(item.blocks))))),
  quote: (block) => h("blockquote", {}, blocks(block.blocks)),
  table: (block) =>
    h("div", { class: "wide", tabindex: "0", role: "group" },
      h("table", {}, block.rows.map((row, n) =>
        h("tr", {}, row.map((cell) => h(block.header && n === 0 ? "th" : "td", {}, spans(cell))))))),
  image: (block) => h("p", { class: "card-link" }, h("small", {}, say("image")), anchor(block.url, block.alt || block.url)),
  cited: (block) => h("p", { class: "card-link" }, anchor(block.url, block.title), isWeb(block.url) && h("small", {}, new URL(block.url).hostname)),
  code: (block) => h("pre", { tabindex: "0" }, h("code", {}, block.text)),
  break: () => h("hr", { class: "break" }),
  divider: () => h("hr"),
  picture: (block) =>
    h("img", { class: "picture", src: block.src ?? `data:image/png;base64,${block.png}`, alt: block.alt, width: block.width, height: block.height }),
};

const blocks = (all) => all.map((block) => DRAW[block.kind]?.(block) ?? "");

export const body = (message) => h("div", { class: "body", lang: message.language }, blocks(message.blocks));

export function actions(message, press) {
  if (!message.actions.length) return "";
  return h("div", { class: "actions" }, message.actions.map((one) => {
    if (isWeb(one.url)) {
      const link = anchor(one.url, one.label, icon("out"));
      link.className = `button ${one.style}`;
      return link;
    }
    const button = h("button", { type: "button", class: `button ${one.style}`, "data-focus": `press ${one.id}` }, one.label);
    button.addEventListener("click", () => press(one.id, button));
    return button;
  }));
}

// The tabs, and the body under them. `views` gives {text, Discord, …}: fetched once somebody looks.
export function viewed(message, names, views) {
  const shown = h("div", { class: "view", role: "tabpanel", tabindex: "-1" }, body(message));
  const tabs = ["message", ...names].map((name) =>
    h("button", { type: "button", role: "tab", "aria-selected": "false", tabindex: "-1", onclick: () => choose(name) },
      ["message", "text"].includes(name) ? say(name) : name));
  const list = h("div", { class: "tabs", role: "tablist", hidden: true, "aria-label": say("views") }, tabs);

  async function choose(name) {
    tabs.forEach((tab, n) => {
      const chosen = ["message", ...names][n] === name;
      tab.setAttribute("aria-selected", chosen);
      tab.tabIndex = chosen ? 0 : -1;
    });
    if (name === "message") return shown.replaceChildren(body(message));
    const all = await views().catch((error) => ({ [name]: error.message }));
    shown.replaceChildren(h("pre", { class: name === "text" ? "plain" : "payload", tabindex: "0" }, all[name]));
  }
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
    next.focus();
    next.click();
  });
  choose("message");
  return { list, shown };
}

export const fetchViews = (id) => {
  let all;
  return async () => (all ??= await get(`messages/${id}/views`));
};
