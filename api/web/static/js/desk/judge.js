// What the operator makes of an answer. Nothing here is mandatory.

// judgement says which answer is meant, as it is in front of the operator.
function judgement(more) {
  const item = shown();
  return {
    id: newID(), code: item.code, typed: desk.typed || '', shown: item.text, place: desk.items.findIndex((i) => i.code === item.code) + 1,
    aspect: item === desk.field ? desk.aspect : '', ...more,
  };
}

// settleTime is how long the first item must have been first before Enter takes
// it: who presses Enter has read what stood there.
const settleTime = 250;

async function adopt(said) {
  const item = shown();
  if (!item) { say('还没有可采用的答复'); return; }
  if (!desk.selected && !desk.field && performance.now() - desk.headSince < settleTime) { say('推荐刚刚变动，看过再按一次 Enter'); return; }
  const call = await attempt(() => send('POST', callPath('adopt'), judgement(said === undefined ? {} : { said })));
  if (!call) { suggest(true); return; }
  say((desk.approve ? '已提交班长审核：' : '已采用：') + item.name);
  desk.selected = '';
  desk.field = null;
  desk.items = [];
  closeEdit();
  drawItems();
  drawCard();
  $('query').value = '';
  remember();
  take(call);
  suggest(true);
  $('query').focus();
}

function openEdit() {
  const item = shown();
  if (!item) return;
  $('editing').hidden = false;
  $('edit').value = item.text;
  $('edit').focus();
}

function closeEdit() {
  if ($('editing').hidden) return;
  $('editing').hidden = true;
  $('query').focus();
}

// message is an answer as it is sent in a text message.
function message(item) {
  const source = item.facts.find((f) => /^https?:/.test(f.source.url))?.source.url;
  return '【12345】' + item.text.replace(/\n{2,}/g, '\n') + (source ? '\n详见 ' + source : '');
}

// tellable is the answer that may be told to the caller: where a supervisor
// approves answers first, the last one that was approved.
function tellable() {
  if (!desk.approve) return shown();
  const last = desk.call.adopted.filter((a) => a.status === 'approved').at(-1);
  if (!last) { say('先审后说：采用之后，等班长同意再告诉来电人'); return undefined; }
  return { name: last.name, text: last.said || last.text, facts: last.facts };
}

async function copyMessage() {
  const item = tellable();
  if (!item) return;
  const text = message(item);
  try {
    await navigator.clipboard.writeText(text);
    say('已复制，可以粘贴到短信里');
  } catch {
    const area = make('textarea', { value: text, className: 'hide' });
    document.body.append(area);
    area.select();
    say(document.execCommand('copy') ? '已复制，可以粘贴到短信里' : '浏览器不允许复制');
    area.remove();
    $('query').focus();
  }
}

// open shows a dialog; the focus comes back to where it was.
function open(id, focus) {
  const dialog = $(id);
  if (dialog.open) return;
  const before = document.activeElement;
  dialog.returnValue = '';
  dialog.addEventListener('close', () => { (before?.isConnected ? before : $('query')).focus(); }, { once: true });
  dialog.showModal();
  if (focus) $(focus).focus();
}

function openRead() {
  const item = tellable();
  if (!item) return;
  $('read-text').textContent = '您好，关于' + item.name + '：\n' + item.text;
  open('read', 'read-text');
}

function openReject() {
  if (shown()) open('reject', 'reject-reason');
}

function openReport() {
  const item = shown();
  if (!item) return;
  $('report-field').replaceChildren(...item.facts.map((f) => make('option', { value: f.field, textContent: f.label })), make('option', { value: '', textContent: '整条答复' }));
  $('report-reason').value = '';
  open('report', 'report-field');
}

async function sendJudgement(what, more, done) {
  if (shown() && await attempt(() => send('POST', callPath(what), judgement(more)))) say(done);
}
