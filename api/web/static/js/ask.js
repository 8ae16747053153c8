
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
  const wait = Number(res.headers.get('Retry-After'));
  const err = problem(p, wait);
  if ([502, 503, 504].includes(res.status) && p.status !== 504) Object.assign(err, { again: true, wait: wait * 1000 });
  return err;
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

// fetchAnswer returns the answer, and shows it as soon as it is there. Where
// nothing comes for a while the stream is given up: some networks hold it back.
async function fetchAnswer(text, signal, show, plainly) {
  const streams = !plainly && typeof ReadableStream === 'function' && 'body' in Response.prototype;
  const mine = new AbortController();
  signal.addEventListener('abort', () => mine.abort(), { once: true });
  let a = null;
  let by = '';
  let said = '';
  const stalled = streams && setTimeout(() => { if (!a) mine.abort(); }, stallAfter);
  try {
    const res = await fetch('/api/v1/ask', {
      method: 'POST', signal: mine.signal,
      headers: { 'Content-Type': 'application/json', Accept: streams ? 'text/event-stream' : 'application/json', 'Accept-Language': document.documentElement.lang },
      body: JSON.stringify({ text, state: state().value || undefined, channel: 'page', region: $('region')?.value || undefined, subject: subject() }),
    });
    if (!res.ok) throw await refusal(res);
    if (!(res.headers.get('Content-Type') || '').startsWith('text/event-stream')) return await res.json();
    await events(res.body, (event, data) => {
      if (event === 'card') { a = data; show(a, a.text); }
      else if (event === 'wording') { // the text begins anew
        said = '';
        by = data.generatedBy;
        if (a && by !== 'llm') show(a, a.text);
      } else if (event === 'delta') {
        said += data.text;
        // The plain text is on the page already: only a model's wording is shown as it comes.
        if (a && by === 'llm') show(a, said, true);
      } else if (event === 'error' && !a) throw problem(data);
      else if (event === 'done' && a && data.aigc) Object.assign(a, { text: said, generatedBy: data.generatedBy, aigc: data.aigc });
    });
  } catch (err) {
    if (a) return a; // the card is the whole plain answer: it stands
    if (!signal.aborted && (err instanceof TypeError || err.name === 'AbortError')) throw Object.assign(new Error('网络不通'), { again: true });
    throw err;
  } finally { clearTimeout(stalled); }
  if (!a) throw Object.assign(new Error('回答没有收完整'), { again: true });
  return a;
}

const stallAfter = 8000; // ms without a card
const patience = 12; // tries, about a minute and a half

// persist asks until an answer comes, with longer and longer pauses, or at
// once when the network is back. lost is told each time that it is not there.
async function persist(text, signal, show, lost) {
  for (let n = 0; ; n++) {
    try {
      return await fetchAnswer(text, signal, show, n % 2 === 1);
    } catch (err) {
      if (!err.again || signal.aborted || n >= patience) throw err;
      await sleep(Math.max(err.wait || 0, Math.min(8000, 500 * 2 ** n)), (wake) => {
        signal.addEventListener('abort', wake, { once: true });
        lost(wake);
      });
      if (signal.aborted) throw new DOMException('', 'AbortError');
    }
  }
}

function busy(on) {
  $('send').hidden = on;
  $('stop').hidden = !on;
}

function talk() {
  if ($('welcome')) $('welcome').hidden = true;
  $('talk').hidden = false;
  $('tools').hidden = false;
  $('clear').hidden = false;
}

// rest puts the focus where the next question is typed, unless that would hold
// up a keyboard on the screen, over the answer.
function rest() {
  if (window.matchMedia('(pointer: coarse)').matches) $('q').blur();
  else $('q').focus({ preventScroll: true });
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
  rest();
  keep('sessionStorage', 'asking', text); // taken up again if the page is lost meanwhile

  // The turn grows outside the log and moves into it when it is finished, so
  // that it is announced once and whole.
  const wait = h('p', { class: 'wait', role: 'status' }, h('i', { 'aria-hidden': 'true' }), h('span', {}, '正在查找办事指南…'));
  const turn = h('article', { class: 'turn' }, question(text), h('div', { class: 'card' }, wait));
  $('pending').replaceChildren(turn);
  turn.scrollIntoView({ block: 'start' });
  let shown = null;
  const show = (a, said, ai) => {
    if (!shown) turn.lastElementChild.replaceWith(card(a, text));
    shown = a;
    const p = say(turn.querySelector('.lead'), lead(withoutChoices(a, said), a.facts));
    const note = turn.querySelector('.note.ai');
    if (ai && !note) p.after(aiNote({})); // while it is written: the finished card names the model
    if (!ai && note && !a.aigc) note.remove();
  };
  const lost = (wake) => {
    if (shown) return;
    wait.lastElementChild.textContent = '网络不通或服务正忙。您的问题已经记下，恢复后自动继续。';
    turn.lastElementChild.replaceChildren(wait, h('p', { class: 'row' }, button('btn', '马上再试', wake), hotline()));
  };
  try {
    const a = await persist(text, mine.signal, show, lost);
    show(a, a.text);
  } catch (err) {
    if (!shown) turn.lastElementChild.replaceWith(failure(text, err));
  }
  keep('sessionStorage', 'asking', null);
  if (shown) record(turn, text, shown); // stopped or cut off after the card came, the plain answer stands
  finish(turn);
  if (running === mine) running = null;
  busy(false);
}

// What is worth asking again. A cry for help and personal data are not kept on
// the device.
const worthwhile = ['answered', 'choose', 'clarify'];

// record keeps a finished turn for this tab, and the question for this device.
function record(turn, q, a) {
  if (a.aigc) turn.lastElementChild.replaceWith(card(a, q)); // the wording came after the card
  else turn.querySelector('.note.ai')?.remove(); // it was cut off before it was whole
  dress(turn, q, a);
  state().value = a.state || '';
  turns = [...turns, { q, a }].slice(-20);
  keep('sessionStorage', 'turns', JSON.stringify(turns));
  if (worthwhile.includes(a.outcome) && !a.notices.includes(words.masked)) remember(q);
}

// finish moves a turn into the log without taking the focus from it.
function finish(turn) {
  if (!turn.isConnected) return;
  const had = turn.contains(document.activeElement);
  $('log').append(turn);
  turn.scrollIntoView({ block: 'start' });
  if (had || !document.activeElement || document.activeElement === document.body) rest();
}

const hotline = () => h('a', { class: 'btn', href: dial(words.hotline) }, '拨打 ' + words.hotline);

function failure(text, err) {
  const why = err.name === 'AbortError' ? '已停止。' : err.again ? '网络一直不通，问题没有送到。请检查网络后再试。' : err.message;
  const retry = button('btn', '再试一次', () => { retry.closest('.turn').remove(); ask(text); });
  return h('div', { class: 'card sorry' }, h('p', { class: 'lead' }, why), h('p', { class: 'row' }, retry, hotline()));
}
