// The call: opened, heard, written down, wrapped up.

const remember = () => { if (desk.call) sessionStorage.setItem('desk.typed.' + desk.call.id, $('query').value); };

async function openCall() {
  if (desk.call && !desk.call.closed) { say('这通来电还没有办结'); return; }
  const id = sessionStorage.getItem('desk.opening') || new Date().toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-') + '-' + newID().slice(0, 6);
  sessionStorage.setItem('desk.opening', id); // a reply that is lost opens no second call
  const call = await attempt(() => send('POST', '/calls', { id }));
  sessionStorage.removeItem('desk.opening'); // the server has said yes or no
  if (!call) return;
  desk.call = null;
  begin(call);
  say('已接起来电');
}

// begin puts a call on the desk.
function begin(call) {
  Object.assign(desk, { items: [], selected: '', field: null, asked: '', typed: '' });
  $('opening').hidden = true;
  $('talking').hidden = false;
  $('wrap').hidden = $('done').hidden = true;
  $('query').disabled = false;
  $('query').value = sessionStorage.getItem('desk.typed.' + call.id) || '';
  $('caller').value = call.caller || '';
  $('notes').value = sessionStorage.getItem('desk.notes.' + call.id) ?? call.notes;
  $('lines').replaceChildren();
  take(call);
  listen();
  $('query').focus();
  if ($('query').value || call.lines.length > call.settled) suggest(true);
  if (call.ended) void hangUp();
}

// take shows a newer state of the call.
function take(call) {
  const before = desk.call;
  if (before && before.id === call.id && before.version > call.version) return;
  desk.call = call;
  const list = $('lines');
  const follows = list.scrollTop + list.clientHeight >= list.scrollHeight - 8;
  call.lines.slice(list.children.length).forEach((l) => list.append(make('li', {}, make('b', { textContent: l.speaker === 'caller' ? '来电人' : '坐席' }), l.text)));
  [...list.children].forEach((li, n) => li.classList.toggle('settled', n < call.settled));
  if (follows) list.scrollTop = list.scrollHeight;
  const names = { adopted: '已采用', pending: '待审', approved: '审过', refused: '未同意' };
  $('adopted').replaceChildren(...call.adopted.map((a) => make('li', {}, make('strong', { textContent: a.name }), ' ', make('span', { className: 'tag', textContent: names[a.status] }),
    make('p', { className: 'words', textContent: a.said || a.text }), a.comment ? make('p', { className: 'hint', textContent: '意见：' + a.comment }) : null)));
  if (before && before.id === call.id) {
    call.adopted.forEach((a) => {
      const was = before.adopted.find((b) => b.id === a.id)?.status;
      if (was === 'pending' && a.status !== was) say((a.status === 'approved' ? '班长同意了：' : '班长没有同意：') + a.name + (a.comment ? '（' + a.comment + '）' : ''));
    });
    if (call.lines.length > before.lines.length || call.settled !== before.settled) suggest(true);
  }
}

let stream = null;

// listen follows what others do with the call: speech-to-text, a supervisor.
function listen() {
  stream?.close();
  const id = desk.call.id;
  stream = new EventSource('/api/v1/desk' + callPath('events'));
  stream.addEventListener('call', async (e) => {
    const told = JSON.parse(e.data);
    if (!desk.call || desk.call.id !== id || told.version <= desk.call.version) return;
    const call = await once('GET', callPath()).catch(() => null); // the next event, or the next stream, tells again
    if (call && desk.call?.id === id) take(call);
  });
  // A stream that ends is taken up again by the browser, one that is refused is
  // not: a server that starts again answers with an error for a while.
  const mine = stream;
  stream.addEventListener('error', () => {
    if (mine.readyState === EventSource.CLOSED && stream === mine && desk.call?.id === id) setTimeout(listen, 1000);
  });
}

let writing = 0;

// noted writes down what stands in the fields, soon after the last key.
function noted() {
  if (!desk.call) return;
  sessionStorage.setItem('desk.notes.' + desk.call.id, $('notes').value);
  clearTimeout(writing);
  writing = setTimeout(() => void writeNotes(), 400);
}

async function writeNotes() {
  clearTimeout(writing);
  if (!desk.call || desk.call.closed) return;
  const notes = $('notes').value, caller = $('caller').value, id = desk.call.id;
  if (notes === desk.call.notes && caller === (desk.call.caller || '')) return;
  const call = await attempt(() => send('PUT', callPath('notes'), { notes, caller }));
  if (!call) return;
  if (sessionStorage.getItem('desk.notes.' + id) === notes) sessionStorage.removeItem('desk.notes.' + id);
  take(call);
}

// clear empties the field; a second time it settles all that was said.
async function clear() {
  if ($('query').value) {
    $('query').value = '';
    remember();
    desk.selected = '';
    desk.field = null;
    suggest(true);
    return;
  }
  const call = await attempt(() => send('POST', callPath('settle')));
  if (call) { desk.selected = ''; desk.field = null; take(call); suggest(true); say('说过的都算问完了'); }
}

const wrapFields = ['summary', 'category', 'agency', 'result'];

// wrapped remembers in this window what the operator has changed of the draft.
function wrapped() {
  if (desk.call) sessionStorage.setItem('desk.wrap.' + desk.call.id, JSON.stringify(Object.fromEntries(wrapFields.map((f) => [f, $(f).value]))));
}

async function hangUp() {
  if (!desk.call || desk.call.closed) return;
  if (!$('wrap').hidden) { $('close').focus(); return; }
  await writeNotes();
  const got = await attempt(() => send('POST', callPath('end')));
  if (!got) return;
  take(got.call);
  $('summary').value = got.draft.summary;
  $('category').value = got.draft.category;
  $('category-why').textContent = got.draft.categoryWhy ? '理由：' + got.draft.categoryWhy : '';
  $('agency').value = got.draft.agency;
  $('agency-why').textContent = got.draft.agencyWhy ? '理由：' + got.draft.agencyWhy : '';
  $('result').value = got.draft.result;
  const changed = JSON.parse(sessionStorage.getItem('desk.wrap.' + desk.call.id) || '{}');
  wrapFields.filter((f) => f in changed).forEach((f) => { $(f).value = changed[f]; });
  $('wrap').hidden = false;
  $('wrap').scrollIntoView({ block: 'start' });
  $('close').focus();
  say('通话结束，工单已拟好；按 Enter 或 Ctrl+Enter 办结');
}

let closing = false;

async function closeCall() {
  if (!desk.call || $('wrap').hidden || closing) return;
  closing = true;
  const id = desk.call.id;
  const order = await attempt(() => send('POST', callPath('close'), {
    summary: $('summary').value, category: $('category').value, agency: $('agency').value, result: $('result').value,
  }));
  closing = false;
  if (!order) return;
  stream?.close();
  ['typed', 'notes', 'wrap'].forEach((k) => sessionStorage.removeItem('desk.' + k + '.' + id));
  desk.call = null;
  Object.assign(desk, { items: [], selected: '', field: null });
  $('query').value = '';
  $('query').disabled = true;
  ['next', 'knowledge', 'alike', 'related', 'say', 'asked', 'control', 'talking', 'wrap'].forEach((x) => { $(x).hidden = true; });
  drawItems();
  drawCard();
  $('clock').textContent = '';
  const seconds = Math.round((Date.parse(order.closed) - Date.parse(order.ended)) / 1000);
  $('done-text').textContent = '编号 ' + id + '，话后用时 ' + seconds + ' 秒。';
  $('order-json').href = '/api/v1/desk/calls/' + encodeURIComponent(id) + '/order';
  $('order-view').href = '/desk/calls/' + encodeURIComponent(id);
  $('done').hidden = false;
  $('order-json').focus();
  say('工单已生成');
}

// tickClock shows how long the talk has lasted.
function tickClock() {
  if (!desk.call) return;
  const s = Math.max(0, Math.floor(((desk.call.ended ? Date.parse(desk.call.ended) : Date.now()) - Date.parse(desk.call.opened)) / 1000));
  $('clock').textContent = Math.floor(s / 60) + ':' + String(s % 60).padStart(2, '0');
}
