// What is on the desk. The selected item is what the operator has moved to;
// without one the first counts.
const desk = {
  call: null, items: [], selected: '', asked: '', headSince: 0, field: null, aspect: '', approve: false,
};

const current = () => desk.items.find((i) => i.code === desk.selected) || desk.items[0];

// shown is the answer in the card: a field that was called up, or the item's.
const shown = () => (desk.field && current() && desk.field.code === current().code ? desk.field : current());

let asking = false; // a request for suggestions is under way
let wanted = null;  // what to ask next; the newest only
let settling = 0;

// suggest asks for suggestions. While one request is under way the newest
// waits, and those in between are never sent.
function suggest(complete) {
  clearTimeout(settling);
  settling = complete ? 0 : setTimeout(() => suggest(true), 350);
  wanted = { typed: $('query').value, complete };
  busy(true);
  if (!asking) void pump();
}

async function pump() {
  asking = true;
  while (wanted && desk.call) {
    const ask = wanted;
    wanted = null;
    const id = desk.call.id;
    try {
      const got = await once('POST', callPath('suggest'), { ...ask, shown: desk.items.map((i) => i.code), selected: desk.selected });
      if (desk.call && desk.call.id === id) show(got, ask.typed);
    } catch (err) {
      if (err instanceof Refused) { say(err.message); break; }
      say('连接中断，正在重试；已记下的不会丢');
      wanted = wanted || ask;
      await pause(500);
    }
  }
  asking = false;
  if (!settling) busy(false);
}

// busy says whether the list is still to change with what has been said.
const busy = (is) => $('items').setAttribute('aria-busy', String(is));

function show(got, typed) {
  const head = desk.items[0]?.code;
  desk.items = got.items;
  desk.asked = got.asked;
  desk.typed = typed;
  desk.approve = got.settings.approve;
  if (!desk.items.some((i) => i.code === desk.selected)) desk.selected = '';
  if (desk.items[0]?.code !== head) desk.headSince = performance.now();
  $('control').hidden = got.group !== 'control';
  $('search').href = '/search?q=' + encodeURIComponent(typed);
  $('say').hidden = !got.say;
  $('say').textContent = got.say || '';
  $('asked').hidden = !got.asked;
  $('asked').textContent = got.asked ? '按“' + got.asked + '”推荐' : '';
  drawItems();
  drawNext(got.ask);
  drawKnowledge(got.notes);
  drawList('alike', got.alike.map((q) => make('li', { textContent: q.label })));
  drawList('related', got.related.map((r) => make('li', { textContent: r.name + '：' + r.reason })));
  drawCard();
}

function drawItems() {
  const list = $('items');
  list.replaceChildren(...desk.items.map((item, n) => {
    const option = make('li', { id: 'item-' + n, className: item.band },
      make('strong', { textContent: item.name }), ' ', make('span', { className: 'tag ' + item.band, textContent: item.bandLabel }),
      item.badge ? make('span', { className: 'tag warn', textContent: item.badge }) : null,
      make('small', { textContent: ' ' + [item.agency, item.region].filter(Boolean).join('，') }),
      make('p', { textContent: item.text }));
    option.dataset.code = item.code;
    option.setAttribute('role', 'option');
    option.setAttribute('aria-selected', String(item === current()));
    option.addEventListener('click', () => { select(item.code); $('query').focus(); });
    return option;
  }));
  const input = $('query');
  const at = desk.items.indexOf(current());
  input.setAttribute('aria-expanded', String(desk.items.length > 0));
  if (at >= 0) input.setAttribute('aria-activedescendant', 'item-' + at); else input.removeAttribute('aria-activedescendant');
  list.children[at]?.scrollIntoView({ block: 'nearest' });
}

function select(code) {
  desk.selected = code;
  drawItems();
  drawCard();
}

// move goes up or down in the list.
function move(by) {
  if (desk.items.length === 0) return;
  const at = desk.items.indexOf(current());
  const next = desk.selected === '' && by > 0 && desk.items.length === 1 ? 0 : at + by;
  select(desk.items[Math.max(0, Math.min(desk.items.length - 1, next))].code);
}

function drawCard() {
  const item = shown();
  $('nothing').hidden = Boolean(item);
  $('card').hidden = !item;
  if (!item) { closeEdit(); return; }
  $('card-name').textContent = item.name;
  const band = $('card-band');
  band.textContent = current().bandLabel;
  band.className = 'tag ' + current().band;
  $('card-badge').hidden = !item.badge;
  $('card-badge').textContent = item.badge;
  $('card-about').textContent = [item.agency, item.region, item.updated && '更新 ' + item.updated, item.from && item.from + ' 起生效', item.to && '至 ' + item.to,
    item.reviewer && '发布 ' + item.reviewer, '第 ' + item.edition + ' 版', item.sample && '演示数据'].filter(Boolean).join('　');
  $('card-text').textContent = item.text;
  $('card-facts').replaceChildren(...item.facts.map((f) => {
    const line = make('li', {}, make('b', { textContent: f.label + '：' }), f.value);
    if (/^https?:/.test(f.source.url)) line.append(' ', make('a', { href: f.source.url, textContent: '来源', target: '_blank', rel: 'noopener noreferrer', tabIndex: -1 }));
    return line;
  }));
  const inside = item.internal;
  $('card-internal').hidden = !inside;
  $('card-internal').replaceChildren(...(inside ? [make('strong', { textContent: '仅坐席可见' }),
    ...[['内部口径', inside.wording], ['转派规则', inside.transfer], ['内部电话', inside.phone]].filter(([, v]) => v).map(([k, v]) => make('p', { textContent: k + '：' + v }))] : []));
  document.querySelectorAll('.aspect').forEach((b) => b.setAttribute('aria-pressed', String(desk.field === item && b.dataset.aspect === desk.aspect)));
}

function drawNext(ask) {
  desk.next = ask;
  $('next').hidden = !ask;
  if (!ask) return;
  $('next-question').textContent = ask.question;
  $('next-replies').replaceChildren(...ask.replies.map((r, n) => {
    const b = make('button', { className: 'btn small', type: 'button' }, r.label + ' ', n < 9 ? make('kbd', { textContent: 'Alt+Shift+' + (n + 1) }) : null);
    b.addEventListener('click', () => replied(n));
    return make('li', {}, b);
  }));
}

// replied takes up what the caller has answered to the question asked next.
function replied(n) {
  const reply = desk.next?.replies[n];
  if (!reply) return;
  const input = $('query');
  input.value = ((input.value || desk.asked) + '，' + reply.label).slice(0, 300);
  input.focus();
  suggest(true);
}

function drawKnowledge(notes) {
  $('knowledge').hidden = notes.length === 0;
  $('knowledge-list').replaceChildren(...notes.map((n) => make('div', { className: 'note warn' }, make('strong', { textContent: n.title }),
    n.badge ? make('span', { className: 'tag warn', textContent: n.badge }) : null, make('p', { className: 'words', textContent: n.text }),
    make('small', { textContent: [n.agency, n.updated && '更新 ' + n.updated].filter(Boolean).join('　') }))));
}

function drawList(id, lines) {
  $(id).hidden = lines.length === 0;
  $(id + '-list').replaceChildren(...lines);
}

// callUp shows one field of the selected matter.
async function callUp(aspect) {
  const item = current();
  if (!item) return;
  const got = await attempt(() => send('POST', callPath('field'), { code: item.code, aspect }));
  if (!got || current()?.code !== item.code) return;
  desk.field = got;
  desk.aspect = aspect;
  drawCard();
  say(document.querySelector(`.aspect[data-aspect="${aspect}"]`).dataset.label + '：' + got.text);
}
