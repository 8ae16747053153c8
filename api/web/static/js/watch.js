// The supervisor's page shows calls and waiting answers as they change, unless
// somebody is writing in that part.
const live = document.getElementById('live');
let due = 0;

async function refresh() {
  const now = document.getElementById('live');
  if (now.contains(document.activeElement) && document.activeElement.matches('input')) { due = setTimeout(refresh, 2000); return; }
  const reply = await fetch(location.href, { cache: 'no-store' }).catch(() => null); // the next event tries again
  if (!reply?.ok) return;
  const page = new DOMParser().parseFromString(await reply.text(), 'text/html');
  const fresh = page.getElementById('live');
  if (fresh) now.replaceWith(document.adoptNode(fresh));
}

function listen() {
  const stream = new EventSource(live.dataset.watch);
  stream.addEventListener('call', () => {
    clearTimeout(due);
    due = setTimeout(refresh, 300);
  });
  // A refused stream, as while the server starts again, is not taken up again by
  // the browser.
  stream.addEventListener('error', () => { if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 1000); });
}

listen();
