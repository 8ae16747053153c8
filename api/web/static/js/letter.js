
/* A message: what has been written stays on this device until the server has
   given a number for it. */

function setUpLetter() {
  const form = $('letter');
  const fields = ['kind', 'text', 'name', 'contact', 'id', 'matter', 'answer'];
  const get = (name) => form.elements[name].value;
  const tell = (text, ...more) => {
    $('letter-state').replaceChildren(text, ...more);
    $('letter-state').hidden = false;
  };
  const draft = device('draft');
  if (draft?.text && !get('text').trim()) {
    for (const f of fields) if (f !== 'matter' && f !== 'answer' && draft[f]) form.elements[f].value = draft[f];
    tell('上次写的内容没有提交，已经放回来了。', button('plain', '不要了', () => { device('draft', null); form.elements.text.value = ''; $('letter-state').hidden = true; }));
  }
  const note = () => device('draft', Object.fromEntries(fields.map((f) => [f, get(f)])));
  form.addEventListener('input', note);

  let sending = false;
  form.addEventListener('submit', async (e) => {
    e.preventDefault();
    if (sending) return;
    sending = true;
    note();
    for (let n = 0; sending; n++) {
      try {
        const body = new URLSearchParams(new FormData(form));
        if ($('region')) body.set('region', $('region').value);
        tell('正在提交…');
        const res = await fetch('/message', { method: 'POST', body, headers: { Accept: 'text/html' } });
        if (res.status < 502) {
          sending = false;
          replaceMain(await res.text());
          return;
        }
      } catch { /* the network is not there */ }
      await sleep(Math.min(8000, 500 * 2 ** n), (wake) => tell('网络不通，还没有送到。内容已经存在这台设备上，恢复后自动再送，不会重复。', button('plain', '马上再送', wake)));
    }
  });
}

// replaceMain shows the main part of another page of ours. The page is
// escaped by the server as every page is, and scripts in it do not run.
function replaceMain(html) {
  const page = new DOMParser().parseFromString(html, 'text/html');
  document.title = page.title;
  $('main').replaceChildren(...document.importNode(page.getElementById('main'), true).childNodes);
  if ($('number') && $('code')) device('draft', null);
  if ($('letter')) setUpLetter();
  else setUpPage();
  $('main').focus();
  window.scrollTo(0, 0);
}
