
/* Rating, history of this tab, and the start of every page. */

// pressedIn is the button that sent a form. Some browsers do not say: then it
// is the one that was clicked last.
let clicked = null;
document.addEventListener('click', (e) => { clicked = e.target.closest('button'); }, true);
const pressedIn = (e) => (e.submitter === undefined ? clicked : e.submitter);

async function rate(e) {
  const form = e.target.closest('form.rate');
  if (!form) return;
  e.preventDefault();
  const data = new FormData(form);
  const rating = Number(pressedIn(e)?.value);
  if (rating !== 1 && rating !== -1) return;
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
  try { turns = JSON.parse(keep('sessionStorage', 'turns')); } catch { /* left by another version */ }
  if (!Array.isArray(turns)) turns = [];
  const log = $('log');
  const asking = keep('sessionStorage', 'asking');
  if (log.children.length) { // the page came with an answer
    talk();
    const q = log.querySelector('.q').lastChild.textContent;
    dress(log.firstElementChild, q, null);
    if (worthwhile.includes(log.querySelector('[data-outcome]')?.dataset.outcome) && !log.querySelector('[data-masked]')) remember(q);
    return;
  }
  showMine();
  const invited = location.hash === '#welcome';
  if (turns.length) {
    talk();
    if (invited) $('welcome').hidden = false;
    log.setAttribute('aria-live', 'off');
    try {
      for (const { q, a } of turns) {
        const turn = h('article', { class: 'turn' }, question(q), card(a, q));
        dress(turn, q, a);
        log.append(turn);
      }
      state().value = turns[turns.length - 1].a.state || '';
    } catch { // left by another version
      clear();
      return;
    }
    requestAnimationFrame(() => {
      log.setAttribute('aria-live', 'polite');
      (invited ? $('welcome') : log.lastElementChild).scrollIntoView({ block: 'start' });
    });
  }
  if (asking) ask(asking); // the page was lost before the answer came
}

function clear() {
  running?.abort();
  turns = [];
  keep('sessionStorage', 'turns', null);
  state().value = '';
  if (!$('welcome')) { location.assign('/'); return; }
  $('log').replaceChildren();
  $('pending').replaceChildren();
  showMine();
  $('welcome').hidden = false;
  $('tools').hidden = true;
  $('talk').hidden = true;
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
    const b = pressedIn(e);
    ask(b?.name === 'pick' ? b.value : q.value);
  });
  $('stop').addEventListener('click', () => { running?.abort(); q.focus(); });
  $('clear').addEventListener('click', clear);
  $('home').addEventListener('click', () => { if ($('welcome')) { showMine(); $('welcome').hidden = false; } });
  $('main').addEventListener('submit', rate);
  $('main').addEventListener('click', (e) => {
    const link = e.target.closest('a[data-ask]');
    if (!link || e.ctrlKey || e.metaKey || e.shiftKey) return;
    e.preventDefault();
    ask(link.textContent);
  });
  setUpVoice();
  restore();
}

setUpHeader();
if ($('log')) setUpChat();
else setUpPage();
if ($('letter')) setUpLetter();
if ($('personal')) setUpAbout();
