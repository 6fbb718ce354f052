// Talking to the server, and making elements. No text ever becomes markup here: only text nodes are made.

import { knows, say } from "/strings.js";

export class Failure extends Error {
  constructor(code, sentence) {
    super(knows(`e-${code}`) ? say(`e-${code}`) : sentence || say("e-failed"));
    this.code = code;
  }
}

async function call(path, options) {
  let response;
  try {
    response = await fetch(`/api/${path}`, options);
  } catch {
    throw new Failure("offline");
  }
  const data = await response.json().catch(() => ({ code: "failed" }));
  if (!response.ok) throw new Failure(data.code, data.sentence);
  return data;
}

export const get = (path) => call(path);

export const post = (path, body = {}) =>
  call(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

// h("button", {class: "x", onclick: f, "aria-label": "y"}, "text", element, [more])
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const PATHS = {
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6L6 18",
  link: "M10 14a4 4 0 0 0 6 .4l3-3a4.2 4.2 0 0 0-6-6l-1.5 1.5M14 10a4 4 0 0 0-6-.4l-3 3a4.2 4.2 0 0 0 6 6l1.5-1.5",
  views: "M8 7l-5 5 5 5M16 7l5 5-5 5",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  pen: "M4 20l1-4L16 5l3 3L8 19l-4 1zM14 7l3 3",
  reply: "M9 8L4 13l5 5M4 13h9a7 7 0 0 1 7 7",
  smile: "M12 21a9 9 0 1 1 0-18 9 9 0 0 1 0 18zM8.5 14.5a4.4 4.4 0 0 0 7 0M9 9.5v.01M15 9.5v.01",
  eye: "M3 3l18 18M10.6 6.2A9 9 0 0 1 21 12a13 13 0 0 1-2.3 3M6.5 7.5A13 13 0 0 0 3 12a9.6 9.6 0 0 0 12.3 5.2M10 10a3 3 0 0 0 4 4",
  star: "M12 4l2.4 5.2 5.6.6-4.2 3.9 1.2 5.6L12 16.5l-5 2.8 1.2-5.6L4 9.8l5.6-.6z",
  flag: "M6 21V4M6 5c4-2 8 2 12 0v9c-4 2-8-2-12 0",
  send: "M5 12h14M13 6l6 6-6 6",
  out: "M9 6h9v9M18 6L7 17",
  down: "M12 5v14M6 13l6 6 6-6",
};

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  svg.append(path);
  return svg;
}

export const iconButton = (name, label, props = {}) =>
  h("button", { type: "button", class: "icon-button", "aria-label": label, title: label, ...props }, icon(name));
