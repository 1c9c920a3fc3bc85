// Elements from values. Text goes in as text nodes only: nothing here, or anywhere in the console, parses markup.

const SVG = "http://www.w3.org/2000/svg";

// `properties`: attributes; `on` maps events to listeners; true sets an empty attribute, false, null and undefined set none.
export function h(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children);
}

export function svg(tag, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), properties, children);
}

export function replace(element, ...children) {
  element.replaceChildren(...present(children));
}

function filled(element, { on = {}, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  for (const [event, listener] of Object.entries(on)) element.addEventListener(event, listener);
  element.append(...present(children));
  return element;
}

function present(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

let number = 0;

// For `id` and what refers to it.
export function uniqueId(stem) {
  number += 1;
  return `${stem}-${number}`;
}
