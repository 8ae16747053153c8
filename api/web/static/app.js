// The chat, for browsers that run it. Without this file the pages work
// through their forms. Everything that comes from a record or a person is
// set as text, never as markup.

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

function cookie(name, value) {
  document.cookie = `${name}=${encodeURIComponent(value)}; path=/; max-age=31536000; samesite=lax`;
}

/* Large type and region, on every page. */

function large(on) {
  document.documentElement.classList.toggle('large', on);
  $('elder').setAttribute('aria-pressed', on);
}

function setUpHeader() {
  const remembered = keep('localStorage', 'large');
  if (remembered !== null && !document.cookie.includes('large=') && !location.search.includes('large=')) large(remembered === '1');
  const toggle = (e) => {
    e.preventDefault();
    const on = !document.documentElement.classList.contains('large');
    large(on);
    keep('localStorage', 'large', on ? '1' : '0');
    cookie('large', on ? '1' : '0');
  };
  $('elder').addEventListener('click', toggle);
  $('elder').addEventListener('keydown', (e) => { if (e.key === ' ') toggle(e); });

  const region = $('region');
  if (!region) return;
  const was = keep('localStorage', 'region');
  if (was && !region.value && [...region.options].some((o) => o.value === was)) region.value = was;
  region.addEventListener('change', () => {
    keep('localStorage', 'region', region.value);
    cookie('region', region.value);
  });
}

/* An answer becomes a card. Package web's templates make the same card. */

function safeURL(s) {
  try {
    const u = new URL(String(s).trim());
    if (u.protocol === 'http:' || u.protocol === 'https:') return u.href;
    if (u.protocol === 'tel:' && /^[\d+-]+$/.test(u.pathname)) return u.href;
  } catch { /* not an address */ }
  return '';
}

const dial = (n) => 'tel:' + n.replace(/\D/g, '');
const matterPath = (code) => '/matters/' + encodeURIComponent(code);
const phone = /0\d{2,3}[-—－]?\d{7,8}|400-?\d{3}-?\d{4}|1[3-9]\d{9}|\d{7,8}|(?:12|9[56])\d{3}/g;

function phones(s) {
  const out = [];
  let at = 0;
  for (const m of s.matchAll(phone)) {
    out.push(s.slice(at, m.index), h('a', { href: dial(m[0]) }, m[0]));
    at = m.index + m[0].length;
  }
  return [...out, s.slice(at)];
}

function value(f) {
  const url = /^https?:[^\s，。；、（）]+$/.test(f.value) && safeURL(f.value);
  if (url) return h('a', { href: url }, f.value);
  if (f.field === 'contact' || f.field === 'complaint' || f.field.startsWith('places[')) return phones(f.value);
  return f.value.trim() ? f.value : '未公布';
}

const listed = /^(\w+(?:\.\w+)?)\[\d+\]$/;

// rows puts the facts of one source into labelled rows; items of a list join.
function rows(facts) {
  const out = [];
  for (const f of facts) {
    const m = listed.exec(f.field);
    const check = m != null && m[1] === 'materials';
    const label = check && f.label.startsWith('材料') ? '申请材料' : f.label;
    const last = out.at(-1);
    if (m && last && last.list && last.label === label) last.items.push(value(f));
    else out.push({ label, list: m != null, check, items: [value(f)] });
  }
  return out;
}

function row(r) {
  let body = r.items;
  if (r.check) {
    body = h('ul', { class: 'checks' }, r.items.map((i) => h('li', {},
      h('label', {}, h('input', { type: 'checkbox', autocomplete: 'off' }), h('span', {}, i)))));
  } else if (r.items.length > 1) {
    body = h('ul', {}, r.items.map((i) => h('li', {}, i)));
  }
  return h('div', { class: r.list && 'many' }, h('dt', {}, r.label), h('dd', {}, body));
}

function groups(facts) {
  const out = [];
  for (const f of facts) {
    const key = JSON.stringify([f.code, f.source.url, f.source.updated]);
    if (out.at(-1)?.key !== key) out.push({ key, source: f.source, facts: [] });
    out.at(-1).facts.push(f);
  }
  return out.map((g) => {
    const url = safeURL(g.source.url);
    return h('section', { class: 'group' }, h('dl', { class: 'facts' }, rows(g.facts).map(row)),
      h('p', { class: 'source' }, '来源：', url ? h('a', { href: url }, '办事指南原文') : '办事指南（原文网址未公布）',
        '　更新日期：' + (g.source.updated || '未公布')));
  });
}

// lead leaves out of the text the long lists that the card shows word for word.
function lead(text, facts) {
  const plain = (l) => l.replace(/^\d+\. /, '');
  const shown = new Set();
  for (const f of facts) {
    const lines = f.value.split('\n');
    if (listed.test(f.field) || (lines.length > 1 && text.endsWith(f.value))) lines.forEach((l) => shown.add(plain(l)));
  }
  const lines = text.split('\n');
  const kept = lines.filter((l) => !shown.has(plain(l)));
  return !kept.length || lines.length - kept.length < 3 ? text : kept.join('\n');
}

// say puts a text into its paragraph: a short first line is a headline.
function say(p, text) {
  const end = (text + '\n').indexOf('\n');
  const head = [...text.slice(0, end)].length <= 60 ? text.slice(0, end) : '';
  p.replaceChildren(...(head ? [h('strong', {}, head), text.slice(end)] : [text]));
  return p;
}

function buttons(a) {
  const list = a.actions.map((x) => [x.label, safeURL(x.url)]).filter((x) => x[1]);
  if (!list.some((x) => x[1].startsWith('tel:')) && ['not_found', 'handoff'].includes(a.outcome) && /\d/.test(words.hotline)) {
    list.push(['拨打 ' + words.hotline, dial(words.hotline)]);
  }
  return list.length && h('p', { class: 'row' }, list.map(([label, href]) => h('a', { class: 'btn', href }, label)));
}

function choices(a) {
  const about = new Map(a.matters.map((m) => [m.code, [m.agency, m.region].filter(Boolean).join(' · ')]));
  const optioned = new Set(a.options.map((o) => o.code));
  const offered = a.outcome === 'answered' ? [] : a.matters.filter((m) => !optioned.has(m.code));
  const small = (s) => s && h('small', {}, s);
  const list = [
    ...a.options.map((o) => h('button', { class: o.code ? 'choice' : 'chip', type: 'button', click: () => ask(o.text) }, o.label, small(o.code && about.get(o.code)))),
    ...offered.map((m) => h('a', { class: 'choice', href: matterPath(m.code) }, m.name, small(m.agency))),
  ];
  return list.length && h('div', { class: 'choices', role: 'group', 'aria-label': '您可以接着选' }, list);
}

function rating(id) {
  const tags = words.reasons.map((r) => h('label', {}, h('input', { type: 'checkbox', name: 'reasons', value: r }), r));
  return h('form', { class: 'rate', method: 'post', action: '/feedback' },
    h('input', { type: 'hidden', name: 'answer', value: id }),
    h('span', { class: 'rate-q' }, '这个回答有帮助吗？'),
    h('button', { class: 'btn', name: 'rating', value: '1' }, '满意'),
    h('details', {}, h('summary', { class: 'btn' }, '不满意'),
      h('fieldset', {}, h('legend', {}, '哪里不满意？（可多选）'), tags,
        h('label', { class: 'wide' }, '补充说明（选填，请不要写个人信息）', h('textarea', { name: 'text', rows: '2', maxlength: '500' })),
        h('button', { class: 'btn', name: 'rating', value: '-1' }, '提交'))));
}

const aiNote = () => h('p', { class: 'note ai' }, 'AI 生成的文字，仅供参考，请以下面的办事指南原文为准。');

function card(a) {
  for (const k of ['matters', 'facts', 'options', 'recommendations', 'actions', 'notices']) a[k] ??= [];
  const m = a.outcome === 'answered' && a.matters[0];
  if (a.notices.includes(words.sample)) $('sample').hidden = false;
  return h('div', { class: 'card' + (a.outcome === 'emergency' ? ' grave' : ''), 'data-outcome': a.outcome },
    say(h('p', { class: 'lead' }), lead(a.text, a.facts)),
    a.generatedBy === 'llm' && aiNote(),
    a.notices.filter((n) => words.notices[n]).map((n) => h('p', { class: 'note' }, words.notices[n])),
    m && h('p', { class: 'matter' }, h('a', { href: matterPath(m.code) }, m.name),
      m.agency && h('span', {}, m.agency), m.region && h('span', {}, m.region)),
    groups(a.facts), buttons(a) || null, choices(a) || null,
    a.recommendations.length ? h('section', { class: 'more' }, h('h3', {}, '您可能还要办'), h('ul', {}, a.recommendations.map((r) =>
      h('li', {}, h('a', { href: matterPath(r.code) }, r.name), ' ', h('small', {}, r.reason))))) : null,
    a.outcome !== 'emergency' && a.id && rating(a.id));
}

// copyButton copies the whole text, with its label if a model wrote it.
function copyButton(text) {
  const b = h('button', { class: 'btn copy', type: 'button' }, '复制');
  b.addEventListener('click', async () => {
    let ok = true;
    try {
      await navigator.clipboard.writeText(text());
    } catch { // no clipboard without https
      const t = h('textarea', { class: 'hide' });
      t.value = text();
      document.body.append(t);
      t.select();
      ok = document.execCommand('copy');
      t.remove();
      b.focus();
    }
    b.textContent = ok ? '已复制' : '复制不了';
  });
  return b;
}

function addCopy(article, text) {
  article.querySelector('.rate')?.append(copyButton(text));
}

const sources = (a) => [...new Set(a.facts.map((f) => safeURL(f.source.url)).filter(Boolean))];
const copyText = (a) => [a.text, a.generatedBy === 'llm' && '（AI 生成，仅供参考）', ...sources(a).map((u) => '来源：' + u)].filter(Boolean).join('\n');

/* Asking. */

let running = null; // the AbortController of the question under way
let turns = []; // of this tab: {q, a}

const state = () => $('ask').elements.state;

// problem makes an error that the page can show of a problem document.
function problem(p, wait) {
  return new Error([p.title || '系统繁忙，请稍后再试', p.detail, wait > 0 && `请在 ${wait} 秒后再试`]
    .filter(Boolean).map((s) => s.replace(/。$/, '')).join('。') + '。');
}

async function refusal(res) {
  let p = {};
  try { p = await res.json(); } catch { /* not a problem document */ }
  return problem(p, Number(res.headers.get('Retry-After')));
}

// events reads an event stream and calls on(event, data) for each event.
async function events(body, on) {
  const reader = body.getReader();
  const utf8 = new TextDecoder();
  let rest = '';
  for (;;) {
    const { value: bytes, done } = await reader.read();
    rest += done ? utf8.decode() : utf8.decode(bytes, { stream: true });
    const blocks = rest.split(/\r?\n\r?\n/);
    rest = done ? '' : blocks.pop();
    for (const block of blocks) {
      let event = 'message';
      const data = [];
      for (const line of block.split(/\r?\n/)) {
        if (line.startsWith('event:')) event = line.slice(6).trim();
        else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
      }
      if (data.length) on(event, JSON.parse(data.join('\n')));
    }
    if (done) return;
  }
}

// fetchAnswer returns the answer, and shows it as soon as it is there.
async function fetchAnswer(text, signal, show) {
  const streams = typeof ReadableStream === 'function' && 'body' in Response.prototype;
  const res = await fetch('/api/v1/ask', {
    method: 'POST', signal,
    headers: { 'Content-Type': 'application/json', Accept: streams ? 'text/event-stream' : 'application/json' },
    body: JSON.stringify({ text, state: state().value || undefined, region: $('region')?.value || undefined }),
  });
  if (!res.ok) throw await refusal(res);
  if (!(res.headers.get('Content-Type') || '').startsWith('text/event-stream')) return res.json();

  let a = null;
  let by = '';
  let said = '';
  await events(res.body, (event, data) => {
    if (event === 'meta') by = data.generatedBy;
    else if (event === 'card') { a = data; show(a, a.text); }
    else if (event === 'delta') {
      said += data.text;
      // The plain text is on the page already: only another wording is shown as it comes.
      if (a && !a.text.startsWith(said)) show(a, said);
    } else if (event === 'error' && !a) throw problem(data);
    else if (event === 'done' && a && said && said !== a.text) Object.assign(a, { text: said, generatedBy: by || a.generatedBy });
  });
  if (!a) throw new Error('回答没有收完整，请再试一次');
  return a;
}

function busy(on) {
  $('send').hidden = on;
  $('stop').hidden = !on;
}

function talk() {
  if ($('welcome')) $('welcome').hidden = true;
  $('tools').hidden = false;
  $('clear').hidden = false;
}

const question = (q) => h('h2', { class: 'q' }, h('span', { class: 'hide' }, '您问：'), q);

async function ask(text) {
  text = [...text.trim()].slice(0, words.limit).join('');
  if (!text || running) return;
  const mine = running = new AbortController();
  const q = $('q');
  q.value = '';
  hints.close();
  talk();
  busy(true);
  q.focus({ preventScroll: true });

  // The turn grows outside the log and moves into it when it is finished, so
  // that it is announced once and whole.
  const slot = h('div', { class: 'card' }, h('p', { class: 'wait' }, h('i', { 'aria-hidden': 'true' }), '正在查找办事指南…'));
  const turn = h('article', { class: 'turn' }, question(text), slot);
  $('pending').replaceChildren(turn);
  turn.scrollIntoView({ block: 'start' });
  let shown = null;
  const show = (a, said) => {
    if (!shown) turn.lastElementChild.replaceWith(card(a));
    shown = a;
    say(turn.querySelector('.lead'), lead(said, a.facts));
  };
  try {
    const a = await fetchAnswer(text, mine.signal, show);
    show(a, a.text);
  } catch (err) {
    if (!shown) turn.lastElementChild.replaceWith(failure(text, err));
  }
  if (shown) record(turn, text, shown); // stopped or cut off after the card came, the plain answer stands
  finish(turn);
  if (running === mine) running = null;
  busy(false);
}

// record keeps a finished turn for this tab.
function record(turn, q, a) {
  addCopy(turn, () => copyText(a));
  if (a.generatedBy === 'llm' && !turn.querySelector('.ai')) turn.querySelector('.lead').after(aiNote());
  state().value = a.state || '';
  turns = [...turns, { q, a }].slice(-20);
  keep('sessionStorage', 'turns', JSON.stringify(turns));
}

// finish moves a turn into the log without taking the focus from it.
function finish(turn) {
  if (!turn.isConnected) return;
  const had = turn.contains(document.activeElement);
  $('log').append(turn);
  turn.scrollIntoView({ block: 'start' });
  if (had || !document.activeElement || document.activeElement === document.body) $('q').focus({ preventScroll: true });
}

function failure(text, err) {
  let why = err.message;
  if (err.name === 'AbortError') why = '已停止。';
  else if (err instanceof TypeError) why = '网络不通，问题没有送到。请检查网络后再试。';
  const retry = h('button', { class: 'btn', type: 'button', click: () => { retry.closest('.turn').remove(); ask(text); } }, '再试一次');
  return h('div', { class: 'card sorry' }, h('p', { class: 'lead' }, why),
    h('p', { class: 'row' }, retry, h('a', { class: 'btn', href: dial(words.hotline) }, '拨打 ' + words.hotline)));
}

/* Suggestions: a combobox with a list, by the ARIA pattern. */

const hints = {
  at: -1, timer: 0, request: null,
  get items() { return [...$('hints').children]; },
  close() {
    clearTimeout(this.timer);
    this.request?.abort();
    $('hints').hidden = true;
    $('hints').replaceChildren();
    this.mark(-1);
    $('q').setAttribute('aria-expanded', 'false');
  },
  mark(n) {
    this.at = n;
    this.items.forEach((li, i) => li.setAttribute('aria-selected', i === n));
    const li = this.items[n];
    if (li) {
      $('q').setAttribute('aria-activedescendant', li.id);
      li.scrollIntoView({ block: 'nearest' });
    } else $('q').removeAttribute('aria-activedescendant');
  },
  move(step) {
    const n = this.items.length;
    if (n) this.mark((this.at + step + n + (this.at < 0 && step < 0 ? 1 : 0)) % n);
  },
  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load(), 180);
  },
  async load() {
    const text = $('q').value.trim();
    if (!text) return this.close();
    this.request?.abort();
    const mine = this.request = new AbortController();
    const query = new URLSearchParams({ q: text, limit: '6' });
    if ($('region')?.value) query.set('region', $('region').value);
    try {
      const res = await fetch('/api/v1/suggest?' + query, { signal: mine.signal, headers: { Accept: 'application/json' } });
      if (!res.ok) return this.close();
      const found = await res.json();
      if (this.request === mine && document.activeElement === $('q')) this.show(Array.isArray(found) ? found : found.suggestions || found.items || []);
    } catch { /* a suggestion that does not come is no loss */ }
  },
  show(list) {
    if (!list.length) return this.close();
    $('hints').replaceChildren(...list.map((s, i) => h('li', {
      role: 'option', id: 'hint' + i, 'aria-selected': 'false',
      pointerdown: (e) => e.preventDefault(), click: () => ask(s.text),
    }, s.text)));
    $('hints').hidden = false;
    $('q').setAttribute('aria-expanded', 'true');
    this.mark(-1);
  },
  key(e) {
    if (e.isComposing || $('hints').hidden) return;
    if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
      e.preventDefault();
      this.move(e.key === 'ArrowDown' ? 1 : -1);
    } else if (e.key === 'Escape') {
      e.preventDefault();
      this.close();
    } else if (e.key === 'Enter' && this.at >= 0) {
      e.preventDefault();
      ask(this.items[this.at].textContent);
    }
  },
};

async function rate(e) {
  const form = e.target.closest('form.rate');
  if (!form) return;
  e.preventDefault();
  const data = new FormData(form);
  const rating = Number(e.submitter?.value || 1);
  let thanks = '谢谢您的评价。';
  try {
    const res = await fetch('/api/v1/feedback', {
      method: 'POST', headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(rating > 0 ? { answer: data.get('answer'), rating }
        : { answer: data.get('answer'), rating, reasons: data.getAll('reasons'), text: data.get('text') || undefined }),
    });
    if (!res.ok) thanks = (await refusal(res)).message;
  } catch { thanks = '网络不通，评价没有送到。'; }
  const said = h('p', { class: 'note', tabindex: '-1', role: 'status' }, thanks);
  form.replaceWith(said);
  said.focus({ preventScroll: true });
}

function restore() {
  try { turns = JSON.parse(keep('sessionStorage', 'turns') || '[]'); } catch { turns = []; }
  const log = $('log');
  if (log.children.length) { // the page came with an answer
    talk();
    const article = log.firstElementChild;
    const text = article.querySelector('.lead').textContent;
    addCopy(article, () => [text, ...[...article.querySelectorAll('.source a')].map((a) => '来源：' + a.href)].join('\n'));
    return;
  }
  if (!turns.length || location.search.includes('theme=')) return;
  const invited = location.hash === '#welcome';
  talk();
  if (invited) $('welcome').hidden = false;
  log.setAttribute('aria-live', 'off');
  for (const { q, a } of turns) {
    const article = h('article', { class: 'turn' }, question(q), card(a));
    addCopy(article, () => copyText(a));
    log.append(article);
  }
  state().value = turns.at(-1).a.state || '';
  requestAnimationFrame(() => {
    log.setAttribute('aria-live', 'polite');
    (invited ? $('welcome') : log.lastElementChild).scrollIntoView({ block: 'start' });
  });
}

function clear() {
  running?.abort();
  turns = [];
  keep('sessionStorage', 'turns', null);
  state().value = '';
  if (!$('welcome')) { location.assign('/'); return; }
  $('log').replaceChildren();
  $('pending').replaceChildren();
  $('welcome').hidden = false;
  $('tools').hidden = true;
  $('q').focus();
}

function setUpChat() {
  const q = $('q');
  for (const [k, v] of [['role', 'combobox'], ['aria-controls', 'hints'], ['aria-expanded', 'false'], ['aria-autocomplete', 'list']]) q.setAttribute(k, v);
  q.addEventListener('input', (e) => { if (!e.isComposing) hints.later(); });
  q.addEventListener('compositionend', () => hints.later());
  q.addEventListener('keydown', (e) => hints.key(e));
  q.addEventListener('blur', () => hints.close());
  $('ask').addEventListener('submit', (e) => {
    e.preventDefault();
    ask(e.submitter?.name === 'pick' ? e.submitter.value : q.value);
  });
  $('stop').addEventListener('click', () => { running?.abort(); q.focus(); });
  $('clear').addEventListener('click', clear);
  $('home').addEventListener('click', () => { if ($('welcome')) $('welcome').hidden = false; });
  $('main').addEventListener('submit', rate);
  $('main').addEventListener('click', (e) => {
    const link = e.target.closest('a[data-ask]');
    if (!link || e.ctrlKey || e.metaKey || e.shiftKey) return;
    e.preventDefault();
    ask(link.textContent);
  });
  restore();
}

setUpHeader();
if ($('log')) setUpChat();
