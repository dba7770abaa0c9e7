// What our components share: small DOM helpers, the theme's colours, canvases in device pixels.
const make = (tag, className, parent, attributes = {}) => {
  const node = document.createElement(tag);
  node.className = className;
  for (const [name, text] of Object.entries(attributes)) node.setAttribute(name, text);
  parent?.append(node);
  return node;
};
const setText = (node, text) => { if (node.textContent !== text) node.textContent = text; };
const css = (name) => getComputedStyle(element).getPropertyValue(name).trim();
const bytes = (text) => {
  const raw = atob(text), out = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
  return out;
};
const base64 = (array) => btoa(String.fromCharCode(...array));
const pixels = (length) => Math.round(length * (window.devicePixelRatio || 1));
// The component's style sheet, once a page: Gradio's css_template would be parsed anew at every frame.
const styleOnce = (name, text) => {
  if (document.querySelector(`style[data-pg="${name}"]`)) return;
  make("style", "", document.head, { "data-pg": name }).textContent = text;
};
// A label in the page's language: a string as it is, or {"en": …, "zh-CN": …}.
const say = (text) => (typeof text === "string" ? text : (navigator.language.startsWith("zh") && text["zh-CN"]) || text.en);
// Calls `draw` at every switch of dark mode, until the component has left the page.
const onTheme = (draw) => {
  let dark = document.body.classList.contains("dark");
  const observer = new MutationObserver(() => {
    if (!element.isConnected) return observer.disconnect();
    if (dark === document.body.classList.contains("dark")) return;
    dark = !dark;
    draw();
  });
  observer.observe(document.body, { attributes: true, attributeFilter: ["class"] });
};
