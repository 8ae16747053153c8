// The desk. What is accepted here is on the server's disk; what could not be
// sent yet is kept in this window and sent again, under the same id.
const root = document.getElementById('desk');
const $ = (id) => document.getElementById(id);

const make = (tag, props, ...children) => {
  const e = Object.assign(document.createElement(tag), props);
  e.append(...children.filter((c) => c !== null && c !== undefined));
  return e;
};

const say = (text) => { $('status').textContent = text; };

const newID = () => Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => b.toString(16).padStart(2, '0')).join('');

class Refused extends Error {}

// once sends a request and gives back the reply; Refused is the server's no,
// any other error means that nobody knows whether it got there.
async function once(method, path, body) {
  const reply = await fetch('/api/v1/desk' + path, {
    method, cache: 'no-store',
    headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': root.dataset.csrf },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (reply.ok) return reply.json();
  if (reply.status === 401) { location.assign('/staff/login?next=/desk'); throw new Refused('请重新登录'); }
  if (reply.status >= 500 || reply.status === 429) throw new Error('HTTP ' + reply.status);
  const problem = await reply.json().catch(() => ({}));
  throw new Refused(problem.detail || problem.title || '没有成功');
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// send tries until the server has said yes or no. Every request can be sent
// twice: it carries an id, or says what shall be.
async function send(method, path, body) {
  for (let wait = 250; ; wait = Math.min(2 * wait, 4000)) {
    try {
      const reply = await once(method, path, body);
      if (wait > 250) say('已恢复连接');
      return reply;
    } catch (err) {
      if (err instanceof Refused) throw err;
      say('连接中断，正在重试；已记下的不会丢');
      await pause(wait);
    }
  }
}

const callPath = (what) => '/calls/' + encodeURIComponent(desk.call.id) + (what ? '/' + what : '');

// attempt does something and says what went wrong.
async function attempt(act) {
  try {
    return await act();
  } catch (err) {
    say(err instanceof Refused ? err.message : '没有成功：' + err.message);
    return undefined;
  }
}
