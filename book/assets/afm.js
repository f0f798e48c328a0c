/* Host of anywidgets on a page without Jupyter: for each view of a widget it loads the widget's own module (`_esm`, an
   anywidget front-end module, https://anywidget.dev/en/afm/) from the state that the notebook stores, and renders it there.
   It speaks anywidget alone: core ipywidgets would need several MB of scripts, so such a view is an error here. */
(() => {
  "use strict";

  function decode(base64) {
    return new DataView(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer);
  }

  /* The model that a widget's module talks to: the stored state, and who listens to its changes. */
  function makeModel({ state, buffers = [] }) {
    const values = { ...state };
    for (const { path, data } of buffers) values[path[0]] = decode(data);
    const listeners = {};
    return {
      get: (name) => values[name],
      set(name, value) {
        values[name] = value;
        for (const listener of listeners["change:" + name] ?? []) listener();
      },
      save_changes() {},
      on(event, listener) {
        (listeners[event] ??= new Set()).add(listener);
      },
      off(event, listener) {
        listeners[event]?.delete(listener);
      },
    };
  }

  async function render(view, states) {
    const { model_id } = JSON.parse(view.textContent);
    const entry = states[model_id];
    if (!entry?.state._esm) throw new Error(`widget ${model_id} is no anywidget, or its state is not in the notebook`);
    const url = URL.createObjectURL(new Blob([entry.state._esm], { type: "text/javascript" }));
    const { default: widget } = await import(url);
    URL.revokeObjectURL(url);
    const style = document.createElement("style");
    style.textContent = entry.state._css ?? "";
    const el = document.createElement("div");
    document.head.append(style);
    view.after(el);
    await widget.render({ model: makeModel(entry), el });
    for (const image of el.querySelectorAll("img")) {
      const box = document.createElement("span"); // scrolls where a phone is too narrow for the picture's text
      box.className = "picture";
      image.replaceWith(box);
      box.append(image);
    }
    el.dispatchEvent(new Event("widget", { bubbles: true }));
  }

  document.addEventListener("DOMContentLoaded", () => {
    const read = (kind) => [...document.querySelectorAll(`script[type="application/vnd.jupyter.widget-${kind}+json"]`)];
    const states = Object.assign({}, ...read("state").map((script) => JSON.parse(script.textContent).state));
    for (const view of read("view")) render(view, states).catch((error) => console.error(error));
  });
})();
