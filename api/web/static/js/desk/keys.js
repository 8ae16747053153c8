// Everything by keyboard. Keys are told by their place on the keyboard, since
// Alt makes other characters of letters on some.

const altKeys = {
  KeyO: openCall, KeyK: () => $('caller').focus(), KeyN: () => $('notes').focus(), KeyH: hangUp, KeyE: openEdit, KeyR: openRead,
  KeyC: copyMessage, KeyX: openReject, KeyW: openReport,
};

function onKey(e) {
  if (e.isComposing || document.querySelector('dialog[open]')) return;
  const digit = /^Digit([1-9])$/.exec(e.code)?.[1];
  if (e.altKey && !e.ctrlKey && !e.metaKey) {
    if (digit && e.shiftKey) { e.preventDefault(); replied(Number(digit) - 1); return; }
    const aspect = digit && document.querySelectorAll('.aspect')[Number(digit) - 1];
    if (aspect) { e.preventDefault(); void callUp(aspect.dataset.aspect); return; }
    const act = altKeys[e.code];
    if (act && (desk.call || e.code === 'KeyO')) { e.preventDefault(); void act(); }
    return;
  }
  if (e.key === 'F1' || e.key === '?' && !typing(e.target)) { e.preventDefault(); open('help'); return; }
  if (e.key === '/' && !typing(e.target)) { e.preventDefault(); $('query').focus(); return; }
  if (e.key === 'Enter' && e.ctrlKey) {
    if (e.target === $('edit')) { e.preventDefault(); void adopt($('edit').value); } else if (!$('wrap').hidden) { e.preventDefault(); void closeCall(); }
    return;
  }
  if (e.target === $('edit') && e.key === 'Escape') { e.preventDefault(); closeEdit(); return; }
  if (e.target !== $('query')) return;
  switch (e.key) {
    case 'ArrowDown': e.preventDefault(); move(1); break;
    case 'ArrowUp': e.preventDefault(); move(-1); break;
    case 'Enter': e.preventDefault(); void adopt(); break;
    case 'Escape': e.preventDefault(); void clear(); break;
  }
}

const typing = (t) => t.matches?.('input, textarea, select');
