// The pages, for browsers that run this. Without it they work through their
// forms. Everything that comes from a record or a person is set as text,
// never as markup.

const $ = (id) => document.getElementById(id);
const words = JSON.parse($('words').textContent);

// h makes an element: h('a', {href: '…', class: 'btn'}, 'text', child, …).
function h(tag, attrs = {}, ...children) {
  const el = document.createElement(tag);
  for (const [k, v] of Object.entries(attrs)) {
    if (v === false || v == null) continue;
    if (typeof v === 'function') el.addEventListener(k, v);
    else el.setAttribute(k, v === true ? '' : v);
  }
  el.append(...children.flat(Infinity).filter((c) => c != null && c !== false && c !== ''));
  return el;
}

const button = (cls, text, click, attrs = {}) => h('button', { class: cls, type: 'button', click, ...attrs }, text);

// Storage can be switched off in the browser: then nothing is remembered.
function keep(store, key, value) {
  try {
    const s = window[store];
    if (value === undefined) return s.getItem(key);
    if (value === null) s.removeItem(key);
    else s.setItem(key, value);
  } catch { /* switched off or full */ }
  return null;
}

// device reads and writes a value that stays on this device.
function device(key, value) {
  if (value !== undefined) {
    keep('localStorage', key, value === null ? null : JSON.stringify(value));
    return value;
  }
  try { return JSON.parse(keep('localStorage', key)); } catch { return null; }
}

function cookie(name, value) {
  document.cookie = `${name}=${encodeURIComponent(value)}; path=/; max-age=31536000; samesite=lax`;
}

const sleep = (ms, wake) => new Promise((done) => {
  const end = () => { clearTimeout(timer); window.removeEventListener('online', end); done(); };
  const timer = setTimeout(end, ms);
  window.addEventListener('online', end);
  wake?.(end);
});
