
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
    const last = out[out.length - 1];
    if (m && last && last.list && last.label === label) last.items.push(value(f));
    else out.push({ label, list: m != null, check, items: [value(f)] });
  }
  return out;
}

function row(r, code) {
  let body = r.items;
  if (r.check) {
    body = h('ul', { class: 'checks', 'data-ticks': 'matter:' + code }, r.items.map((i) => h('li', {},
      h('label', {}, h('input', { type: 'checkbox', autocomplete: 'off' }), h('span', {}, i)))));
  } else if (r.items.length > 1) {
    body = h('ul', {}, r.items.map((i) => h('li', {}, i)));
  }
  return h('div', { class: r.list && 'many' }, h('dt', {}, r.label), h('dd', {}, body));
}

// eventOf is the id of the life event whose matters an answer offers.
const eventOf = (a) => (a.outcome === 'choose' && a.facts[0]?.field === 'steps' ? a.facts[0].code : '');

// withoutChoices is the text without the lines that the buttons below repeat.
function withoutChoices(a, text) {
  if (!['choose', 'clarify'].includes(a.outcome)) return text;
  return text.split('\n').filter((l) => !(/^\d+\. /.test(l) && a.options.some((o) => o.label === l.replace(/^\d+\. /, '') || l.replace(/^\d+\. /, '').startsWith(o.label + '（')))).join('\n');
}

// source names where facts come from: a policy and the place of the passage in
// it, or a guide.
function source({ url, title, place }) {
  const original = safeURL(url);
  if (!title) return [original ? h('a', { href: original }, '办事指南原文') : '办事指南（原文网址未公布）'];
  return [place?.startsWith('/policies/') ? h('a', { href: place }, title) : title, ...(original ? ['　', h('a', { href: original }, '公布的原文')] : [])];
}

function groups(a) {
  const out = [];
  for (const f of a.facts) {
    const key = JSON.stringify([f.code, f.source]);
    if (out[out.length - 1]?.key !== key) out.push({ key, code: f.code, source: f.source, facts: [] });
    if (f.field !== 'text' && f.value !== a.text && !a.text.startsWith(f.value + '\n——') && !eventOf(a)) out[out.length - 1].facts.push(f); // a fact that is the whole text is not said twice
  }
  return out.map((g) => {
    return h('section', { class: 'group' }, g.facts.length > 0 && h('dl', { class: 'facts' }, rows(g.facts).map((r) => row(r, g.code))),
      h('p', { class: 'source' }, '来源：', ...source(g.source), '　更新日期：' + (g.source.updated || '未公布')));
  });
}

// lead leaves out of the text what the card shows word for word.
function lead(text, facts) {
  const plain = (l) => l.replace(/^\d+\. /, '');
  const shown = new Set(facts.filter((f) => f.value !== text).flatMap((f) => f.value.split('\n').map(plain)));
  const repeated = (line) => {
    const at = line.indexOf('：');
    const said = line.slice(at + 1);
    return shown.has(line) || (at >= 0 && said !== '' && (shown.has(said)
      || said.replace(/、等$/, '').split('、').every((name) => facts.some((f) => listed.test(f.field) && f.value.includes(name)))));
  };
  const lines = text.split('\n');
  const kept = lines.filter((l, i) => i === 0 || !repeated(plain(l)));
  return lines.length - kept.length < 3 ? text : kept.join('\n');
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

// help leads on whoever was not told what they asked.
function help(a, q) {
  const missing = a.notices.includes(words.missing);
  if (a.notices.includes(words.masked)) q = ''; // it holds personal data, which belong in no address
  const about = new URLSearchParams({ q, answer: a.id });
  const out = [];
  if (eventOf(a)) out.push(['看先后顺序和材料清单', '/events/' + encodeURIComponent(eventOf(a))]);
  if (missing && a.matters.length) {
    about.set('matter', a.matters[0].code);
    out.push(['窗口电话和办公时间', matterPath(a.matters[0].code) + '#places']);
  }
  if (a.outcome === 'not_found') out.push(['按关键词查事项', '/search?' + new URLSearchParams({ q })]);
  about.sort();
  if (missing || ['not_found', 'handoff'].includes(a.outcome)) out.push(['给工作人员留言', '/message?' + about]);
  return out.length && h('p', { class: 'row help' }, out.map(([label, href]) => h('a', { class: 'btn', href }, label)));
}

function choices(a) {
  const named = new Map(a.matters.map((m) => [m.code, m]));
  // A question back names the situation: then the matter is said as well.
  const about = (o) => {
    const m = named.get(o.code);
    return m && [!o.label.includes(m.name) && m.name, m.agency, m.region].filter(Boolean).join(' · ');
  };
  const optioned = new Set(a.options.map((o) => o.code));
  const offered = a.outcome === 'answered' || a.outcome === 'clarify' ? [] : a.matters.filter((m) => !optioned.has(m.code));
  const small = (s) => s && h('small', {}, s);
  const list = [
    ...a.options.map((o) => h('button', { class: o.code ? 'choice' : 'chip', type: 'button', click: () => ask(o.text) }, o.label, small(o.code && about(o)))),
    ...offered.map((m) => h('a', { class: 'choice', href: matterPath(m.code) }, m.name, small(m.agency))),
  ];
  return list.length && h('div', { class: 'choices', role: 'group', 'aria-label': '您可以接着选' }, list);
}

function rating(id) {
  const tags = words.reasons.map((r, i) => h('label', {}, h('input', { type: 'checkbox', name: 'reasons', value: r }), words.labels[i]));
  return h('form', { class: 'rate', method: 'post', action: '/feedback' },
    h('input', { type: 'hidden', name: 'answer', value: id }),
    h('span', { class: 'rate-q' }, '这个回答有帮助吗？'),
    h('button', { class: 'btn', name: 'rating', value: '1' }, '满意'),
    h('details', {}, h('summary', { class: 'btn' }, '不满意'),
      h('fieldset', {}, h('legend', {}, '哪里不满意？（可多选）'), tags,
        h('label', { class: 'wide' }, '补充说明（选填，请不要写个人信息）', h('textarea', { name: 'text', rows: '2', maxlength: '500' })),
        h('button', { class: 'btn', name: 'rating', value: '-1' }, '提交'))));
}

// aiWords says the mark of a text that a model has worded.
const aiWords = (m) => ['AI 生成，仅供参考，请以办事指南原文为准', m.model && '模型：' + m.model, m.filing && '备案号：' + m.filing].filter(Boolean).join('；');
const aiNote = (m) => h('p', { class: 'note ai' }, aiWords(m) + '。');

function card(a, q) {
  for (const k of ['matters', 'facts', 'options', 'recommendations', 'actions', 'notices']) a[k] ??= [];
  const m = a.outcome === 'answered' && a.matters[0];
  if (a.notices.includes(words.sample)) $('sample').hidden = false;
  return h('div', { class: 'card' + (a.outcome === 'emergency' ? ' grave' : ''), 'data-outcome': a.outcome },
    say(h('p', { class: 'lead' }), lead(withoutChoices(a, a.text), a.facts)),
    a.aigc && aiNote(a.aigc),
    a.notices.filter((n) => words.notices[n]).map((n) => h('p', { class: 'note' }, words.notices[n])),
    m && h('p', { class: 'matter' }, h('a', { href: matterPath(m.code) }, m.name),
      m.agency && h('span', {}, m.agency), m.region && h('span', {}, m.region)),
    groups(a), buttons(a) || null, help(a, q) || null, choices(a) || null,
    a.recommendations.length ? h('section', { class: 'more' }, h('h3', {}, '猜您要办'), h('ul', {}, a.recommendations.map((r) =>
      h('li', {}, h('a', { href: matterPath(r.code) }, r.name), ' ', h('small', {}, r.reason)))),
      h('p', { class: 'why' }, h('a', { href: '/about#recommend' }, '为什么推荐、怎么开关'))) : null,
    a.outcome !== 'emergency' && a.id && rating(a.id));
}
