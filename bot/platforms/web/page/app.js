// The playground's page: where we are (the address after #), what is shown there, and what arrives while we look.
//
//   #/CHANNEL            the channel
//   #/CHANNEL/ID         that message, in the channel or in its thread
//   #/CHANNEL/ID/thread  the thread of that message, open

import { get, h, icon, iconButton, post } from "/api.js";
import { ask, commentBox, forget, slashLine } from "/composer.js";
import { article, load, number, viewsButton } from "/entry.js";
import { actions, viewed } from "/message.js";
import { day, say, speak } from "/strings.js";

const $ = (id) => document.getElementById(id);
const stored = (key) => localStorage.getItem(`rondan ${key}`);
const store = (key, value) => localStorage.setItem(`rondan ${key}`, value);

let me;
let booting = true;
const channels = new Map();
const known = new Map(); // id → entry, as last seen
const notes = []; // private answers: {channel, where, after, key, element}; they live in this page alone
let here = { channel: null, start: null }; // the channel shown, and its oldest message if there are older ones
let thread = null; // {root, answering}, when open
let opener = null; // what had the focus before the thread or drawer opened

const app = {
  me: () => me,
  attempt,
  confirm: sure,
  press: (action, anchor, element, button) => press({ action, anchor, channel: here.channel }, element, button),
  point: (command, anchor, element, button) => asked("point", { command, anchor }, element, command, button),
  link: async (entry) => {
    const address = `${location.origin}/#/${encodeURIComponent(entry.channel)}/${entry.id}`;
    await attempt(() => navigator.clipboard.writeText(address)) && toast(say("linked"), true);
  },
  openThread: (entry) => { location.hash = at(entry.channel, entry.id, "thread"); },
  answer: (entry) => { thread.answering = entry; drawThreadBox(true); },
  title: (id) => shorten(titleOf(known.get(id))),
};

const at = (...parts) => `#/${parts.map(encodeURIComponent).join("/")}`;
const titleOf = (entry) => (!entry || entry.deleted ? say("e-gone") : entry.message?.title ?? entry.text);
const shorten = (text) => ([...text].length > 40 ? `${[...text].slice(0, 39).join("")}…` : text);

async function attempt(doing) {
  try {
    await doing();
    return true;
  } catch (error) {
    if (error.code === "token") askToken();
    else if (error.code === "person") location.reload(); // the room was made anew: take a new cookie
    else toast(error.message);
    return false;
  }
}

let fading;
function toast(text, fine = false) {
  $("toast").textContent = text;
  $("toast").className = fine ? "toast shown fine" : "toast shown";
  clearTimeout(fading);
  fading = setTimeout(() => { $("toast").className = "toast"; }, 5000);
}

function sure(question, yes) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "dialog", "aria-label": question }, h("p", {}, question),
      h("div", { class: "actions" },
        h("button", { type: "button", class: "button danger", onclick: () => dialog.close("yes") }, yes),
        h("button", { type: "button", class: "button", onclick: () => dialog.close() }, say("cancel"))));
    dialog.addEventListener("close", () => { resolve(dialog.returnValue === "yes"); dialog.remove(); });
    document.body.append(dialog);
    dialog.showModal();
  });
}

// --- who I am ---

async function boot() {
  me = await get("me");
  if (!me.chosen && navigator.language?.startsWith("ja")) me.language = "ja";
  channels.clear();
  for (const channel of me.channels) channels.set(channel.id, channel);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!me.chosen || me.zone !== zone) await attempt(() => post("me", { language: me.language, zone }));
  await drawAll();
}

async function drawAll() {
  speak(me.language);
  const theme = stored("theme") ?? "auto";
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  $("drawer").replaceChildren(icon("menu"));
  $("newer").replaceChildren(icon("down"), say("newer"));
  drawMe();
  drawChannels();
  const top = here.channel && $("scroll").scrollTop;
  here.channel = thread = null; // drawn anew, in the same spot
  await follow({ aim: false });
  if (top) $("scroll").scrollTop = top;
}

let becoming = Promise.resolve(); // what is asked right after a change of role is asked in the new one
const become = (changes) => attempt(async () => {
  await (becoming = post("me", changes));
  Object.assign(me, changes);
  await drawAll();
});

// A row of choices of which one holds: a radio group, which arrow keys move through by themselves.
function choices(name, values, chosen, pick, words = say) {
  return h("fieldset", { class: "choices" }, h("legend", {}, say(name)), h("div", {}, values.map((value) =>
    h("label", {}, h("input", { type: "radio", name, value, checked: value === chosen, onchange: () => pick(value) }), h("span", {}, words(value))))));
}

function drawMe() {
  const focused = $("me").contains(document.activeElement) && `${document.activeElement.name} ${document.activeElement.value}`;
  const name = h("input", { type: "text", maxlength: 40, name: "name", autocomplete: "off", onchange: () => become({ name: name.value }) });
  name.value = me.name;
  $("me").replaceChildren(
    h("label", { class: "name" }, h("span", {}, say("name")), name),
    choices("role", me.roles, me.role, (role) => become({ role })),
    choices("language", ["ja", "en"], me.language, (language) => become({ language }), (code) => ({ ja: "日本語", en: "English" })[code]),
    choices("theme", ["auto", "light", "dark"], stored("theme") ?? "auto", (theme) => { store("theme", theme); attempt(drawAll); }));
  if (focused) [...$("me").querySelectorAll("input")].find((one) => `${one.name} ${one.value}` === focused)?.focus();
}

function drawChannels() {
  $("channels").replaceChildren(...[...channels.values()].map((channel) => {
    const current = channel.id === here.channel;
    const unread = !current && channel.newest && number(channel.newest) > Number(stored(`seen ${channel.id}`) ?? 0);
    return h("li", {}, h("a", { href: at(channel.id), "aria-current": current && "page", class: unread ? "unread" : "", lang: channel.language },
      h("span", { class: "channel-name" }, channel.name), h("small", {}, channel.address)));
  }));
}

function askToken() {
  const field = { key: "token", label: say("token-why"), kind: "line", secret: true, required: true, value: "", limit: 500, choices: [] };
  ask({ title: say("token"), submit: say("send"), fields: [field] }, (values) =>
    attempt(async () => { await post("token", values); location.replace("/"); }));
}

// --- where we are ---

async function follow({ aim = true } = {}) {
  const [, channel, id, what] = location.hash.split("/").map(decodeURIComponent);
  if (!channels.has(channel)) {
    const first = [...channels.keys()][0];
    return first ? location.replace(at(first)) : drawEmptyRoom();
  }
  closeDrawer();
  const target = id && await load(id).catch(() => null);
  if (id && !target) toast(say("e-gone"));
  const root = target && (target.under ?? target.id);
  if (channel !== here.channel || (target && !find("messages", root))) await drawChannel(channel, root);
  if (target && (what === "thread" || target.under)) await drawThread(root);
  else closeThread();
  if (!aim && !booting) return;
  booting = false;
  if (target && what !== "thread") show(find(target.under ? "thread-messages" : "messages", target.id));
  if (what === "thread") $("thread").querySelector("h2").focus();
}

const find = (list, id) => $(list)?.querySelector(`[data-id="${CSS.escape(id)}"]`);

function show(element) {
  if (!element) return;
  element.scrollIntoView({ block: "center" });
  element.focus({ preventScroll: true });
  element.classList.add("aimed");
  setTimeout(() => element.classList.remove("aimed"), 2500);
}

function drawTop(channel) {
  document.title = channel ? `${channel.name} · Rondan` : "Rondan";
  $("title").textContent = channel?.name ?? "Rondan";
  $("messages").setAttribute("aria-label", channel?.name ?? "");
  $("badges").replaceChildren(...(channel ? [h("code", {}, channel.address), h("span", { class: "badge" }, say(`layout-${channel.layout}`))] : []));
}

const shell = (...lines) => h("pre", { class: "shell" }, lines.join("\n"));

function drawEmptyRoom() {
  drawTop(null);
  $("foot").replaceChildren();
  $("messages").replaceChildren(h("section", { class: "empty" }, h("h2", {}, say("empty-room")), h("p", {}, say("empty-room-text")),
    shell("rondan place add web:lobby", "rondan import PATH…", "rondan feed add https://…")));
}

const emptyChannel = () => h("section", { class: "empty" }, h("h2", {}, say("empty-channel")), h("p", {}, say("empty-channel-text")), shell("rondan import PATH…", "/help"));

// What arrives while a list is on its way may be newer than the list: it is shown after it.
const loading = new Set();
async function getWith(path) {
  const late = [];
  loading.add(late);
  try {
    return { data: await get(path), late };
  } finally {
    loading.delete(late);
  }
}

let drawing = 0;
async function drawChannel(id, through) {
  const query = through ? `?through=${through}` : "";
  const mine = ++drawing;
  const { data: { messages, start }, late } = await getWith(`channels/${encodeURIComponent(id)}/messages${query}`);
  if (mine !== drawing) return; // another channel was chosen meanwhile
  here = { channel: id, start };
  drawTop(channels.get(id));
  drawChannels();
  $("messages").replaceChildren();
  fill($("messages"), messages, "channel");
  const typing = document.activeElement?.id === "line";
  $("foot").replaceChildren(slashLine(id, (line) => asked("ask", { line, channel: id }, null, line), toast));
  if (typing) $("line").focus();
  $("scroll").scrollTop = $("scroll").scrollHeight;
  late.forEach(arrived);
  seen();
}

function fill(list, entries, where) {
  list.querySelector(".empty")?.remove();
  for (const entry of entries) place(list, entry, where);
  for (const note of notes) if (note.channel === here.channel && note.where === where && !note.element.isConnected) put(note);
  separate(list, where);
}

function seen() {
  const newest = channels.get(here.channel)?.newest;
  if (newest && document.visibilityState === "visible") store(`seen ${here.channel}`, number(newest));
}

// Puts a message where its number belongs, or over its older self; what had the focus keeps it.
function place(list, entry, where) {
  known.set(entry.id, entry);
  const old = list.querySelector(`[data-id="${entry.id}"]`);
  if (entry.deleted && !(where === "channel" && entry.replies)) return old?.remove();
  const fresh = article(entry, where, app);
  if (!old) {
    const later = [...list.querySelectorAll("article[data-id]")].find((one) => number(one.dataset.id) > number(entry.id));
    return list.insertBefore(fresh, later ?? null);
  }
  const focus = old.contains(document.activeElement) && (document.activeElement.dataset.focus ?? "");
  old.replaceWith(fresh);
  if (focus !== false) ([...fresh.querySelectorAll("[data-focus]")].find((one) => one.dataset.focus === focus) ?? fresh).focus({ preventScroll: true });
}

// A line with the date above the first message of each day; "earlier" above all when there is more.
function separate(list, where) {
  for (const line of list.querySelectorAll(".day, .older")) line.remove();
  let last = null;
  for (const element of list.querySelectorAll("article[data-id]")) {
    const entry = known.get(element.dataset.id);
    const today = day(entry.at);
    if (today !== last && where === "channel") element.before(h("p", { class: "day", role: "separator" }, h("span", {}, today)));
    last = today;
  }
  if (where !== "channel") return;
  if (!list.querySelector("article, .note")) list.append(emptyChannel());
  if (here.start) list.prepend(h("button", { type: "button", class: "button older", onclick: older }, say("older")));
}

async function older() {
  const box = $("scroll");
  const below = box.scrollHeight - box.scrollTop;
  await attempt(async () => {
    const { messages, start } = await get(`channels/${encodeURIComponent(here.channel)}/messages?before=${here.start}`);
    here.start = start;
    fill($("messages"), messages, "channel");
    box.scrollTop = box.scrollHeight - below;
  });
}

// --- the thread ---

async function drawThread(rootId) {
  const { data: { root, messages }, late } = await getWith(`messages/${rootId}/thread`);
  const anew = thread?.root !== rootId;
  if (!thread) opener = document.activeElement;
  if (anew) thread = { root: rootId, answering: null };
  for (const one of [root, ...messages]) known.set(one.id, one);
  if (!anew) return fill($("thread-messages"), messages, "thread");
  $("thread").hidden = false;
  $("frame").classList.add("with-thread");
  $("thread").replaceChildren(
    h("header", { class: "top" }, h("h2", { tabindex: "-1" }, say("thread"), h("small", { dir: "auto" }, shorten(titleOf(root)))),
      iconButton("close", say("close"), { onclick: () => { location.hash = at(here.channel); } })),
    h("div", { class: "scroll" }, h("div", { id: "thread-root" }), h("div", { class: "messages", id: "thread-messages" })),
    h("footer", { class: "foot", id: "thread-foot" }));
  place($("thread-root"), root, "thread");
  fill($("thread-messages"), messages, "thread");
  emptyThread();
  drawThreadBox(false);
  late.forEach(arrived);
}

function emptyThread() {
  const list = $("thread-messages");
  list.querySelector(".no-comments")?.remove();
  if (!list.querySelector("article, .note")) list.append(h("p", { class: "small no-comments" }, say("empty-thread")));
}

function drawThreadBox(grab) {
  const target = thread.answering;
  const drop = () => { thread.answering = null; drawThreadBox(true); };
  const box = commentBox({
    grab,
    draft: `thread ${thread.root}`,
    cancel: target && drop,
    send: (text) => attempt(async () => {
      await post(`messages/${target?.id ?? thread.root}/comment`, { text });
      thread.answering = null;
      forget(`thread ${thread.root}`);
      drawThreadBox(true);
    }),
  });
  $("thread-foot").replaceChildren(...[
    target && h("p", { class: "answering" }, h("span", {}, say("answering", { what: shorten(titleOf(target)) })), iconButton("close", say("cancel"), { onclick: drop })),
    box, h("p", { class: "help" }, say("comment-help")),
  ].filter(Boolean));
}

function closeThread() {
  if (!thread) return;
  const back = find("messages", thread.root)?.querySelector("[data-focus=thread]");
  const inside = $("thread").contains(document.activeElement);
  thread = null;
  $("thread").hidden = true;
  $("thread").replaceChildren();
  $("frame").classList.remove("with-thread");
  if (inside) (opener?.isConnected && opener !== document.body ? opener : back)?.focus();
}

// --- private answers ---

const press = (body, element, button) => asked("press", body, element, body.action, button);

// Asks the bot; what comes back is a private note, a form, or a public message that arrives by itself.
async function asked(how, body, after, key, button) {
  button?.setAttribute("aria-busy", "true");
  const fine = await attempt(async () => {
    await becoming.catch(() => {});
    const answer = await post(how, body);
    if (answer.form) {
      ask(answer.form, (values) => asked("submit", { form: answer.form.id, values, anchor: body.anchor ?? null, channel: here.channel }, after, key));
    } else if (answer.reply) note(answer.reply, after, key);
    else toast(say("posted"), true);
  });
  button?.removeAttribute("aria-busy");
  return fine;
}

/** Files that one person is given: kept by the browser, so the link works until the page is left. */
function files(given) {
  const link = (one) => {
    const bytes = Uint8Array.from(atob(one.content), (char) => char.charCodeAt(0));
    return h("li", {}, h("a", { href: URL.createObjectURL(new Blob([bytes], { type: one.kind })), download: one.name }, one.name));
  };
  return given.length ? h("ul", { class: "files" }, ...given.map(link)) : null;
}

function note(reply, after, key) {
  const replaced = reply.replace && notes.find((one) => one.element === after);
  const where = after?.closest("#thread") ? "thread" : "channel";
  const same = replaced || notes.find((one) => one.key === key && one.after === after?.dataset.id && one.where === where && after);
  const one = same || { channel: here.channel, where, after: after?.dataset.id ?? null, key };
  const view = viewed(reply.message, me.views, async () => reply.views);
  const element = h("section", { class: reply.ok ? "note" : "note refused", tabindex: "-1", "aria-label": say("only-you"), "data-id": `note ${key}` },
    h("header", { class: "by" }, icon("eye"), h("span", { class: "who" }, say("only-you")),
      h("span", { class: "tools" }, viewsButton(view.list), iconButton("close", say("dismiss"), { onclick: () => dismiss(one) }))),
    view.list, view.shown, files(reply.files ?? []),
    actions(reply.message, (action, button) => press({ action, anchor: null, channel: here.channel }, element, button)));
  if (same) same.element.replaceWith(element);
  one.element = element;
  if (!same) {
    notes.push(one);
    if (after) after.after(element);
    else put(one);
  }
  document.querySelector("#messages > .empty")?.remove();
  element.scrollIntoView({ block: element.offsetHeight > $("scroll").clientHeight * 0.8 || replaced ? "start" : "nearest" });
  element.focus({ preventScroll: true });
}

function put(one) {
  const list = one.where === "thread" ? $("thread-messages") : $("messages");
  const after = one.after && list?.querySelector(`[data-id="${CSS.escape(one.after)}"]`);
  if (after) after.after(one.element);
  else list?.append(one.element);
}

function dismiss(one) {
  const before = one.element.previousElementSibling;
  notes.splice(notes.indexOf(one), 1);
  one.element.remove();
  separate($("messages"), "channel");
  (before?.isConnected && before.tabIndex === -1 ? before : $("messages")).focus({ preventScroll: true });
}

// --- what arrives ---

const nearEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 120;

function arrived(entry) {
  const fresh = !known.has(entry.id);
  known.set(entry.id, entry);
  for (const late of loading) late.push(entry);
  const channel = channels.get(entry.channel);
  if (!entry.under && channel && (!channel.newest || number(entry.id) > number(channel.newest))) channel.newest = entry.id;
  if (entry.channel === here.channel) {
    const end = nearEnd($("scroll"));
    if (!entry.under && (!here.start || number(entry.id) >= number(here.start))) {
      fill($("messages"), [entry], "channel");
      if (fresh && end) $("scroll").scrollTop = $("scroll").scrollHeight;
      else if (fresh) $("newer").hidden = false;
    }
    if (thread && entry.id === thread.root) place($("thread-root"), entry, "thread");
    if (thread && entry.under === thread.root) {
      const box = $("thread").querySelector(".scroll");
      const follows = nearEnd(box);
      fill($("thread-messages"), [entry], "thread");
      emptyThread();
      if (fresh && (follows || entry.mine)) box.scrollTop = box.scrollHeight;
    }
    seen();
  }
  drawChannels();
  if (fresh && !entry.mine && !entry.deleted) {
    $("news").textContent = say("reader-says", { name: entry.author ?? say("bot"), channel: channel?.name ?? "", text: shorten(titleOf(entry)) });
  }
}

let stream;
function listen() {
  stream?.close();
  stream = new EventSource(`/api/live?after=${me.cursor}`);
  const on = (kind, react) => stream.addEventListener(kind, (event) => react(JSON.parse(event.data)));
  on("message", arrived);
  on("channel", (channel) => {
    channels.set(channel.id, channel);
    drawChannels();
    if (channel.id === here.channel) drawTop(channel);
    else if (!here.channel) follow();
  });
  on("person", (profile) => {
    const { name, role = me.role, language = me.language } = profile;
    if (name === me.name && role === me.role && language === me.language) return;
    Object.assign(me, { name, role, language }); // changed in another tab of mine
    attempt(drawAll);
  });
  on("reset", () => attempt(boot));
  stream.addEventListener("open", () => { $("offline").hidden = true; });
  stream.addEventListener("error", () => {
    $("offline").hidden = false;
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
  });
}

// --- the frame ---

function openDrawer() {
  $("frame").classList.add("drawn");
  $("scrim").hidden = false;
  $("drawer").setAttribute("aria-expanded", "true");
  ($("channels").querySelector("[aria-current]") ?? $("side").querySelector("a, input"))?.focus();
}

function closeDrawer() {
  if ($("scrim").hidden) return;
  $("frame").classList.remove("drawn");
  $("scrim").hidden = true;
  $("drawer").setAttribute("aria-expanded", "false");
  $("drawer").focus();
}

$("drawer").addEventListener("click", () => ($("scrim").hidden ? openDrawer() : closeDrawer()));
$("scrim").addEventListener("click", closeDrawer);
$("skip").addEventListener("click", (event) => { event.preventDefault(); $("messages").focus(); });
$("newer").addEventListener("click", () => { $("scroll").scrollTop = $("scroll").scrollHeight; });
$("scroll").addEventListener("scroll", () => { if (nearEnd($("scroll"))) $("newer").hidden = true; });
document.addEventListener("visibilitychange", seen);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog[open]")) return;
  if (!$("scrim").hidden) closeDrawer();
  else if (thread) location.hash = at(here.channel);
});
window.addEventListener("hashchange", () => attempt(() => follow()));

speak(navigator.language?.startsWith("ja") ? "ja" : "en");
if (location.search) history.replaceState(null, "", `/${location.hash}`); // a token is in its cookie by now
if (await attempt(boot)) listen();
