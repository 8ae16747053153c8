
/* What the device remembers: large type, region, saved matters, questions,
   ticks, and who has agreed to personal recommendations. */

function large(on) {
  document.documentElement.classList.toggle('large', on);
  $('elder').setAttribute('aria-pressed', on);
}

function setUpHeader() {
  if (window.top !== window.self) document.documentElement.classList.add('framed');
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
    live(region.value);
    const form = region.form;
    if (form?.method === 'get') form.submit();
    else if ($('welcome') && !$('welcome').hidden && !turns.length) location.assign('/?region=' + region.value);
  });
}

// live remembers where the visitor has said to live.
function live(code) {
  $('region').value = code;
  keep('localStorage', 'region', code);
  cookie('region', code);
}

// list is what is remembered under a key. What an older version left, or
// somebody's hand, is passed over if it has another form.
const forms = { asked: (x) => typeof x === 'string', saved: (x) => typeof x?.code === 'string' && typeof x.name === 'string' };

function list(key) {
  const found = device(key);
  return Array.isArray(found) ? found.filter(forms[key]) : [];
}

const isSaved = (code) => list('saved').some((s) => s.code === code);

function save(code, name, on) {
  device('saved', [...(on ? [{ code, name }] : []), ...list('saved').filter((s) => s.code !== code)].slice(0, 50));
}

// remember keeps the question and not the answer: a fee may change meanwhile.
function remember(q) {
  device('asked', [q, ...list('asked').filter((x) => x !== q)].slice(0, 20));
}

// mine fills a section of the first page with what the device remembers.
function mine(id, title, key, line) {
  const section = $(id);
  if (!section) return;
  const items = list(key);
  section.hidden = !items.length;
  const drop = (at) => { device(key, at == null ? null : list(key).filter((_, i) => i !== at)); mine(id, title, key, line); (section.querySelector('.x') || $('q')).focus(); };
  const rows = items.map((item, i) => {
    const link = line(item);
    return h('li', {}, link, button('x', '×', () => drop(i), { 'aria-label': '删除：' + link.textContent }));
  });
  section.replaceChildren(h('h2', {}, title, button('plain', '全部删除', () => drop())), h('ul', { class: 'list' }, rows.slice(0, 5)),
    rows.length > 5 && h('details', {}, h('summary', {}, `其余 ${rows.length - 5} 条`), h('ul', { class: 'list' }, rows.slice(5))) || '');
}

function showMine() {
  mine('saved', '我的收藏', 'saved', (s) => h('a', { href: matterPath(s.code) }, s.name));
  mine('asked', '最近问过', 'asked', (q) => h('a', { href: '/?' + new URLSearchParams({ q }), 'data-ask': true }, q));
  showLikely();
}

// ticks makes the check boxes under root remember, each list under its key.
function ticks(root) {
  for (const box of root.querySelectorAll('[data-ticks]')) {
    const key = box.dataset.ticks;
    const inputs = [...box.querySelectorAll('input[type=checkbox]')];
    const name = (i) => (i.hasAttribute('value') ? i.value : i.parentElement.textContent.split(/[（【。]/)[0]);
    const all = () => { const t = device('ticks'); return t && typeof t === 'object' ? t : {}; };
    const was = all()[key];
    const done = new Set(Array.isArray(was) ? was : []);
    const show = () => {
      inputs.forEach((i) => i.closest('li')?.classList.toggle('done', i.checked));
      const out = [...document.querySelectorAll('[data-count]')].find((o) => o.dataset.count === key);
      if (!out) return;
      out.hidden = false;
      out.textContent = `已完成 ${inputs.filter((i) => i.checked).length} / ${inputs.length}`;
    };
    inputs.forEach((i) => { i.checked = done.has(name(i)); });
    show();
    box.addEventListener('change', () => {
      const state = all();
      delete state[key];
      const now = inputs.filter((i) => i.checked).map(name);
      if (now.length) state[key] = now;
      device('ticks', Object.fromEntries(Object.entries(state).slice(-100)));
      show();
    });
  }
}

/* Personal recommendations are off until the visitor switches them on. The
   subject is a random name that only this browser knows. */

const subject = () => keep('localStorage', 'subject') || undefined;

async function call(method, path, body) {
  return fetch(path, { method, headers: { 'Content-Type': 'application/json' }, body: body && JSON.stringify(body), keepalive: true });
}

// personal switches personal recommendations and reports whether it is done.
async function personal(on) {
  const id = subject() || [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join('');
  const path = '/api/v1/subjects/' + id;
  try {
    if (!on) keep('localStorage', 'subject', null); // whatever the server says, nothing is sent from now on
    const res = await call('PUT', path + '/personalization', { on });
    if (res.ok && on) keep('localStorage', 'subject', id);
    if (!on) await call('DELETE', path);
    return res.ok || !on;
  } catch { return !on; }
}

// happened tells what the visitor looked at, if they have agreed.
function happened(type, matter) {
  if (!subject()) return;
  call('POST', '/api/v1/events', [{ subject: subject(), matter, type, time: new Date().toISOString(), region: $('region')?.value || undefined }]).catch(() => {});
}

// personalSwitch is the button that switches personal recommendations.
function personalSwitch(after) {
  const on = !!subject();
  const b = button('btn', on ? '关闭个性化推荐' : '开启个性化推荐', async () => {
    b.disabled = true;
    const ok = await personal(!on);
    if (ok) after();
    else b.textContent = '暂时不能开启';
  }, { 'aria-pressed': on });
  return b;
}

// showLikely shows, to whoever has agreed, their own list in place of the
// region's that came with the page.
async function showLikely() {
  const section = $('likely');
  if (!section) return;
  const shown = section.querySelector('ul');
  if (!regional) regional = { list: shown.cloneNode(true), hidden: section.hidden };
  const put = (list, hidden) => {
    section.querySelector('ul').replaceWith(list);
    section.querySelector('.row')?.remove();
    section.append(h('p', { class: 'row' }, personalSwitch(showLikely)));
    section.hidden = hidden;
  };
  put(regional.list.cloneNode(true), regional.hidden);
  if (!subject()) return;
  try {
    const query = new URLSearchParams({ subject: subject(), limit: '4' });
    if ($('region')?.value) query.set('region', $('region').value);
    const res = await fetch('/api/v1/recommendations?' + query, { headers: { Accept: 'application/json' } });
    const found = res.ok ? (await res.json()).recommendations : [];
    if (!found.length) return;
    put(h('ul', { class: 'list' }, found.map((r) => h('li', {}, h('a', { href: matterPath(r.code) }, r.name, r.reason && h('small', {}, r.reason))))), false);
  } catch { /* recommendations that do not come are no loss */ }
}

let regional = null; // the list that came with the page

// setUpAbout puts the switches of this device on the page that explains them.
function setUpAbout() {
  const show = () => {
    $('personal').replaceChildren(personalSwitch(show));
    $('personal').hidden = false;
  };
  show();
  const forget = $('forget');
  forget.append(button('btn', '删除这台设备上的全部记录', async (e) => {
    if (subject()) await personal(false);
    for (const s of ['localStorage', 'sessionStorage']) ['saved', 'asked', 'ticks', 'draft', 'region', 'large', 'turns', 'asking'].forEach((k) => keep(s, k, null));
    for (const name of ['region', 'large']) document.cookie = `${name}=; path=/; max-age=0`;
    e.target.textContent = '已删除';
    show();
  }));
  forget.hidden = false;
}
