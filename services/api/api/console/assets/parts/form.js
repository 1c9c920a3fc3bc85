// Forms: labels, hints, what is wrong at the field that it is about, and a button that waits.

import { Problem } from "../api.js";
import { h, replace, uniqueId } from "../dom.js";

// `fields`: [{ name, label, type, hint, value, options, … }]; further keys are attributes. `submit(values)` may raise Problem.
// Checkboxes give booleans, numbers numbers, all else strings.
export function form({ intro, fields, label = "Save", danger = false, submit, cancel }) {
  const controls = new Map();
  const rows = fields.map((field) => {
    const made = fieldRow(field);
    controls.set(field.name, made);
    return made.row;
  });
  const alert = h("div", { class: "form-alert", role: "alert" });
  const button = h("button", { type: "submit", class: danger ? "button danger" : "button primary" }, label);
  const element = h(
    "form",
    { novalidate: true, class: "form" },
    intro && h("div", { class: "intro" }, intro),
    rows,
    alert,
    h(
      "div",
      { class: "form-actions" },
      button,
      cancel && h("button", { type: "button", class: "button", on: { click: cancel } }, "Cancel"),
    ),
  );

  const names = [...controls.values()].filter(({ mustBe }) => mustBe);
  const allow = () => {
    button.disabled = names.some(({ control, mustBe }) => control.value.trim() !== mustBe);
  };
  element.addEventListener("input", allow);
  allow();

  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    replace(alert);
    for (const { explain } of controls.values()) explain("");
    if (!complete(controls)) return;
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    try {
      await submit(Object.fromEntries([...controls].map(([name, made]) => [name, made.value()])));
    } catch (error) {
      explainAll(error, controls, alert);
    } finally {
      button.disabled = false;
      button.removeAttribute("aria-busy");
    }
  });
  return element;
}

function complete(controls) {
  const missing = [...controls.values()].filter(
    ({ control }) => !control.disabled && !control.closest("[hidden]") && !control.checkValidity(),
  );
  for (const { control, explain } of missing) explain(control.validationMessage);
  missing[0]?.control.focus();
  return missing.length === 0;
}

function explainAll(error, controls, alert) {
  if (!(error instanceof Problem)) throw error;
  const blamed = [...controls].filter(([name]) => error.of(name));
  for (const [name, { explain }] of blamed) explain(error.of(name));
  const rest = error.errors.filter(
    (fault) => !blamed.some(([name]) => fault.field === name || fault.field.startsWith(`${name}.`)),
  );
  if (!blamed.length || rest.length)
    replace(alert, h("p", {}, rest.length ? rest.map((fault) => fault.detail).join(" ") : error.message));
  blamed[0]?.[1].control.focus();
}

function fieldRow({ name, label, type = "text", hint, value, options, after, mustBe, ...attributes }) {
  if (type === "hidden") {
    const control = h("input", { type, name, value, ...attributes });
    return { row: control, control, explain: () => {}, value: () => value };
  }
  const id = uniqueId(name);
  const hintId = hint ? `${id}-hint` : null;
  const fault = h("p", { class: "fault", id: `${id}-fault` });
  const common = { id, name, "aria-describedby": [hintId, fault.id].filter(Boolean).join(" "), ...attributes };
  const control = controlOf(type, common, value, options);
  const explain = (text) => {
    fault.textContent = text;
    if (text) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
  };
  const labelled = h("label", { for: id }, label);
  const hinted = hint && h("p", { class: mustBe ? "hint confirm-name" : "hint", id: hintId }, hint);
  const row =
    type === "checkbox"
      ? h("div", { class: "field check" }, control, h("div", {}, labelled, hinted, fault))
      : h(
          "div",
          { class: "field" },
          labelled,
          hinted,
          after ? h("div", { class: "joined" }, control, after(control)) : control,
          fault,
        );
  const read = () => {
    if (type === "checkbox") return control.checked;
    if (type === "number") return control.value === "" ? null : Number(control.value);
    return control.value;
  };
  return { row, control, explain, mustBe, value: read };
}

function controlOf(type, common, value, options) {
  if (type === "select") {
    const choices = options.map(([key, text]) => h("option", { value: key, selected: key === value }, text));
    return h("select", common, choices);
  }
  if (type === "textarea") {
    const area = h("textarea", { rows: 6, ...common });
    area.value = value ?? "";
    area.defaultValue = value ?? "";
    return area;
  }
  if (type === "checkbox") return h("input", { ...common, type, checked: Boolean(value) });
  return h("input", { ...common, type, value: value ?? null });
}
