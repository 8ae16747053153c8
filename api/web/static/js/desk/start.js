document.addEventListener('keydown', onKey);
$('query').addEventListener('input', () => { desk.field = null; remember(); suggest(false); });
$('notes').addEventListener('input', noted);
$('caller').addEventListener('input', noted);
wrapFields.forEach((f) => $(f).addEventListener('input', wrapped));
addEventListener('pagehide', () => { if (desk.call && $('notes').value !== desk.call.notes) sessionStorage.setItem('desk.notes.' + desk.call.id, $('notes').value); });

for (const [id, act] of [['open', openCall], ['again', openCall], ['hangup', hangUp], ['adopt', () => adopt()], ['edit-open', openEdit], ['read-open', openRead],
  ['copy', copyMessage], ['reject-open', openReject], ['report-open', openReport], ['close', closeCall], ['help-open', () => open('help')]]) {
  $(id).addEventListener('click', () => void act());
}
document.querySelectorAll('.aspect').forEach((b) => b.addEventListener('click', () => void callUp(b.dataset.aspect)));
document.querySelectorAll('[data-close]').forEach((b) => b.addEventListener('click', () => b.closest('dialog').close()));
$('reject').addEventListener('close', () => {
  if ($('reject').returnValue === 'yes') void sendJudgement('reject', { reason: $('reject-reason').value }, '已记下：这条不合适');
});
$('report').addEventListener('close', () => {
  if ($('report').returnValue === 'yes') void sendJudgement('report', { field: $('report-field').value, reason: $('report-reason').value }, '已报给编辑');
});
setInterval(tickClock, 1000);
if (root.dataset.call) begin(JSON.parse(root.dataset.call)); else $('open').focus();
root.dataset.ready = 'yes';
