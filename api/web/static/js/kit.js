
/* What can be done with an answer or a page: save, copy, read aloud, share,
   print. */

const sources = (a) => [...new Set(a.facts.map((f) => safeURL(f.source.url)).filter(Boolean))];

// sayable is what a person would copy or hear of an element: its words
// without buttons and forms.
function sayable(el) {
  const copy = el.cloneNode(true);
  copy.querySelectorAll('button, form, .kit, .row, .jump, .hide, .more, .why, nav, script, svg').forEach((x) => x.remove());
  copy.querySelectorAll('p, li, dt, dd, h1, h2, h3, tr, section, small').forEach((x) => x.append('\n'));
  return copy.textContent.replace(/[ \t]+/g, ' ').replace(/\s*\n\s*/g, '\n').trim();
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { // no clipboard without https
    const t = h('textarea', { class: 'hide' });
    t.value = text;
    document.body.append(t);
    t.select();
    const ok = document.execCommand('copy');
    t.remove();
    return ok;
  }
}

// said shows on a button for a while that it has done its work.
function said(b, text) {
  const was = b.dataset.was || b.textContent;
  b.dataset.was = was;
  b.textContent = text;
  setTimeout(() => { b.textContent = was; }, 2500);
}

// speaker is the button that reads a text aloud in the browser's own voice.
function speaker(text) {
  if (!('speechSynthesis' in window)) return null;
  const b = button('btn speak', '朗读', () => {
    const on = b.getAttribute('aria-pressed') === 'true';
    speechSynthesis.cancel();
    document.querySelectorAll('.speak').forEach((x) => { x.setAttribute('aria-pressed', 'false'); x.textContent = '朗读'; });
    if (on) return;
    const u = new SpeechSynthesisUtterance(text());
    u.lang = 'zh-CN';
    u.rate = document.documentElement.classList.contains('large') ? 0.85 : 1;
    u.onend = u.onerror = () => { b.setAttribute('aria-pressed', 'false'); b.textContent = '朗读'; };
    b.setAttribute('aria-pressed', 'true');
    b.textContent = '停止朗读';
    speechSynthesis.speak(u);
  }, { 'aria-pressed': 'false' });
  return b;
}

// tools are the buttons for a thing of a title, text, address, and matter if
// it is one that can be saved.
function tools({ title, text, path, code, name, print }) {
  const url = () => new URL(path, location.origin).href;
  const list = [speaker(text)];
  if (code) {
    const b = button('btn', isSaved(code) ? '已收藏' : '收藏', () => {
      const on = !isSaved(code);
      save(code, name, on);
      b.setAttribute('aria-pressed', on);
      b.textContent = on ? '已收藏' : '收藏';
    }, { 'aria-pressed': isSaved(code) });
    list.push(b);
  }
  list.push(button('btn copy', '复制', async (e) => said(e.target, await copy(text()) ? '已复制' : '复制不了')));
  list.push(button('btn share', '分享', async (e) => {
    try {
      if (navigator.share) await navigator.share({ title, text: text(), url: url() });
      else said(e.target, await copy(title + '\n' + url()) ? '链接已复制' : '复制不了');
    } catch { /* not shared after all */ }
  }));
  list.push(button('btn', '打印', () => {
    document.querySelectorAll('.printed').forEach((x) => x.classList.remove('printed'));
    print?.classList.add('printed');
    $('log')?.classList.toggle('one', !!print);
    window.print();
  }));
  return list.filter(Boolean);
}

// dress adds to a turn what only a browser with a script can do. a is the
// answer, or null for one that came with the page.
function dress(turn, q, a) {
  const box = turn.querySelector('.card');
  if (!box || box.matches('.sorry, .grave')) return; // in an emergency there is one thing to do
  ticks(box);
  const link = box.querySelector('.matter a');
  const code = link && decodeURIComponent(new URL(link.href).pathname.slice('/matters/'.length));
  const text = () => (a ? [a.text, a.aigc && '（' + aiWords(a.aigc) + '）', ...sources(a).map((u) => '来源：' + u)].filter(Boolean).join('\n')
    : [sayable(box.querySelector('.lead')), box.querySelector('.ai') && '（' + box.querySelector('.ai').textContent.replace(/。$/, '') + '）', ...[...box.querySelectorAll('.source a')].map((x) => '来源：' + x.href)].filter(Boolean).join('\n'));
  const all = tools({ title: q, text, path: '/?' + new URLSearchParams({ q }), code, name: link?.textContent, print: turn });
  const row = h('p', { class: 'row kit' }, box.querySelector('.source') ? all : all.filter((b) => b.matches('.speak'))); // what says nothing is not to be kept
  const next = box.querySelector('.choices, .more, .rate');
  if (next) next.before(row);
  else box.append(row);
  const place = guessed(q);
  if (place) {
    const note = h('p', { class: 'note place-note' }, `您说到了${place.label}。`,
      button('plain', `以后都看${place.label}`, () => { live(place.value); note.replaceChildren(`已经记住，以后先看${place.label}的办法。`); }));
    row.before(note);
  }
}

// guessed is the region that a question names and the visitor has not chosen,
// the longest name first.
function guessed(q) {
  const region = $('region');
  if (!region) return null;
  const named = [...region.options].map((o) => ({ value: o.value, label: o.textContent.trim() }))
    .filter((o) => o.value && o.label.length > 2 && q.includes(o.label.replace(/[省市区县]$/, '')))
    .sort((x, y) => y.label.length - x.label.length || y.value.localeCompare(x.value));
  return named.length && named[0].value !== region.value ? named[0] : null;
}

// setUpPage adds the tools and the memory to a page that is read.
function setUpPage() {
  const page = document.querySelector('[data-page]');
  ticks(document);
  if (!page) return;
  const { page: kind, code, name } = page.dataset;
  const path = location.pathname;
  const kit = page.querySelector('[data-kit]');
  if (kit) {
    const all = tools({ title: name || document.title, text: () => sayable(page), path, code, name });
    kit.replaceChildren(...(kind === 'receipt' ? all.filter((b) => !b.matches('.speak, .share')) : all));
    kit.hidden = false;
  }
  if (kind !== 'matter') return;
  happened('view', code);
  page.querySelectorAll('.row .main').forEach((a) => a.addEventListener('click', () => happened('start', code)));
}

/* Voice, where the browser has it. What was heard stands in the field for the
   visitor to see before it is sent. */

function setUpVoice() {
  const Recognition = window.SpeechRecognition || window.webkitSpeechRecognition;
  const mic = $('mic');
  if (!Recognition || !mic) return;
  let heard = null;
  const end = () => { heard = null; mic.setAttribute('aria-pressed', 'false'); $('q').focus(); };
  mic.hidden = false;
  mic.parentElement.classList.add('with-mic');
  mic.addEventListener('click', () => {
    if (heard) { heard.stop(); return; }
    heard = new Recognition();
    heard.lang = 'zh-CN';
    heard.interimResults = true;
    heard.onresult = (e) => { $('q').value = [...e.results].map((r) => r[0].transcript).join(''); };
    heard.onend = end;
    heard.onerror = end;
    mic.setAttribute('aria-pressed', 'true');
    heard.start();
  });
}
