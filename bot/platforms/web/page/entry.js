// One message of the room as an article: who, when, what, and what one can do with it.

import { get, h, icon, iconButton, post } from "/api.js";
import { commentBox } from "/composer.js";
import { actions, fetchViews, viewed } from "/message.js";
import { clock, count, moment, say } from "/strings.js";

const STANCES = ["👍", "👎", "💡", "❓"];

export const number = (id) => Number(id.slice(1));

// `where` is "channel" or "thread"; `app` gives me(), press(), attempt(), link(), openThread(), answer().
export function article(entry, where, app) {
  if (entry.deleted) {
    return h("article", { class: "entry gone", "data-id": entry.id },
      h("p", { class: "small" }, say("deleted")), where === "channel" && threadButton(entry, app));
  }
  const name = entry.author ?? say("bot");
  const label = entry.message ? entry.message.title : `${name}: ${entry.text}`;
  const view = entry.message && viewed(entry.message, app.me().views, fetchViews(entry.id));
  const content = view ? [view.list, view.shown] : h("div", { class: "body said", dir: "auto" }, entry.text);
  const element = h("article", { class: `entry ${entry.message ? "post" : "comment"}`, "data-id": entry.id, tabindex: "-1", "aria-label": label },
    h("header", { class: "by" },
      entry.message ? h("img", { src: "/mark.svg", alt: "", class: "face" }) : h("span", { class: "face", "aria-hidden": "true" }, [...name][0]),
      h("span", { class: "who" }, h("b", { dir: "auto" }, name),
        h("time", { datetime: entry.at, title: moment(entry.at) }, clock(entry.at)),
        entry.edited && h("span", { class: "edited", title: moment(entry.edited) }, say("edited"))),
      h("span", { class: "tools" },
        view && viewsButton(view.list),
        where === "thread" && entry.under && iconButton("reply", say("reply"), { onclick: () => app.answer(entry), "data-focus": "reply" }),
        entry.mine && iconButton("pen", say("edit"), { onclick: () => rewrite(element, entry, app) }),
        menu(entry, app).map(([name, sign, word]) =>
          iconButton(sign, say(word), { onclick: (event) => app.point(name, entry.id, element, event.currentTarget), "data-focus": name })),
        iconButton("link", say("link"), { onclick: () => app.link(entry), "data-focus": "link" }),
        (entry.mine || ["moderator", "admin"].includes(app.me().role)) && iconButton("trash", say("delete"), { onclick: () => remove(entry, app) }))),
    entry.reply_to && where === "thread" && h("p", { class: "answers" }, icon("reply"), h("a", { href: `#/${encodeURIComponent(entry.channel)}/${entry.reply_to}` }, app.title(entry.reply_to))),
    content,
    entry.message && actions(entry.message, (id, button) => app.press(id, entry.id, element, button)),
    h("div", { class: "row" }, reactions(entry, app), where === "channel" && threadButton(entry, app)));
  return element;
}

// What may be done to what others wrote, as in the menu of a message elsewhere: name, sign, word.
function menu(entry, app) {
  const curates = ["moderator", "admin"].includes(app.me().role);
  const known = !entry.message || entry.message.actions.some((one) => /^v1:(read|comment):/.test(one.id));
  return [
    curates && known && ["Feature", "star", "feature"],
    curates && !entry.message && ["Hide", "eye", "hide"],
    known && !entry.mine && ["Report", "flag", "report"],
  ].filter(Boolean);
}

export function viewsButton(list) {
  const button = iconButton("views", say("views"), { "aria-expanded": "false", "data-focus": "views" });
  button.addEventListener("click", () => {
    list.hidden = !list.hidden;
    button.setAttribute("aria-expanded", String(!list.hidden));
    const chosen = list.querySelector("[aria-selected=true]");
    if (list.hidden) list.firstChild.click();
    else chosen.focus();
  });
  return button;
}

function threadButton(entry, app) {
  const text = entry.replies ? count(entry.replies) : say("reply");
  return h("button", { type: "button", class: `chip open-thread${entry.replies ? " has" : ""}`, onclick: () => app.openThread(entry), "data-focus": "thread" },
    icon("reply"), text, entry.newest && h("time", { datetime: entry.newest }, clock(entry.newest)));
}

function reactions(entry, app) {
  const react = (emoji, added) => app.attempt(() => post(`messages/${entry.id}/react`, { emoji, added }));
  const chips = entry.reactions.map(({ emoji, count: n, mine }) =>
    h("button", { type: "button", class: "chip", "aria-pressed": String(mine), "aria-label": `${emoji} ${n}`, "data-focus": `react ${emoji}`, onclick: () => react(emoji, !mine) },
      h("span", { class: "emoji" }, emoji), String(n)));
  return [chips, picker(react)];
}

// The emoji picker: a disclosure with the stances and a field for any other emoji.
function picker(react) {
  const field = h("input", { type: "text", maxlength: 16, "aria-label": say("other-emoji"), placeholder: say("other-emoji") });
  const choose = async (emoji) => { if (emoji.trim() && await react(emoji.trim(), true)) close(true); };
  const menu = h("div", { class: "picker", hidden: true },
    STANCES.map((emoji) => h("button", { type: "button", class: "emoji", "aria-label": say("react-with", { emoji }), onclick: () => choose(emoji) }, emoji)),
    h("form", { onsubmit: (event) => { event.preventDefault(); choose(field.value); } }, field, h("button", { class: "button" }, say("add"))));
  const button = h("button", { type: "button", class: "chip quiet", "aria-label": say("react"), title: say("react"), "aria-expanded": "false", "data-focus": "picker" }, icon("smile"));
  const holder = h("span", { class: "holder" }, button, menu);

  function close(refocus) {
    menu.hidden = true;
    button.setAttribute("aria-expanded", "false");
    if (refocus) button.focus();
  }
  button.addEventListener("click", () => {
    if (!menu.hidden) return close(true);
    menu.hidden = false;
    const room = button.getBoundingClientRect().top - button.closest(".scroll").getBoundingClientRect().top;
    menu.classList.toggle("below", room < 130);
    button.setAttribute("aria-expanded", "true");
    menu.firstChild.focus();
  });
  holder.addEventListener("keydown", (event) => { if (event.key === "Escape" && !menu.hidden) { event.stopPropagation(); close(true); } });
  holder.addEventListener("focusout", (event) => { if (!holder.contains(event.relatedTarget)) close(false); });
  return holder;
}

function rewrite(element, entry, app) {
  const said = element.querySelector(".said");
  const done = () => box.replaceWith(said);
  const box = commentBox({
    text: entry.text, label: say("edit"), cancel: done, grab: true,
    send: (text) => app.attempt(async () => { await post(`messages/${entry.id}/edit`, { text }); done(); }),
  });
  said.replaceWith(box);
}

async function remove(entry, app) {
  if (await app.confirm(say("delete-sure"), say("delete"))) await app.attempt(() => post(`messages/${entry.id}/delete`));
}

export const load = (id) => get(`messages/${id}`);
