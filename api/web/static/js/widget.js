// The service on another site, by one line:
//   <script src="https://this.service/widget.js" async></script>
// It adds a button in the corner that opens the pages in a frame. Which sites
// may do so is for the service to say (allowed_frames).
(() => {
  const me = document.currentScript;
  const { label = '办事问答', q, matter } = me.dataset;
  const address = new URL(me.src);
  address.search = '';
  address.pathname = matter ? '/matters/' + encodeURIComponent(matter) : '/';
  if (q && !matter) address.searchParams.set('q', q);

  const make = (tag, attrs, style, ...children) => {
    const el = document.createElement(tag);
    for (const k of Object.keys(attrs)) el.setAttribute(k, attrs[k]);
    Object.assign(el.style, style);
    el.append(...children);
    return el;
  };
  const font = '16px/1.5 system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif';
  const opener = make('button', { type: 'button', 'aria-expanded': 'false', 'aria-haspopup': 'dialog' }, {
    position: 'fixed', right: '16px', bottom: '16px', zIndex: 2147483000, minHeight: '60px', padding: '0 24px', border: '0', borderRadius: '30px',
    background: '#0b5cad', color: '#fff', font, fontWeight: '600', boxShadow: '0 4px 16px rgba(0,0,0,.3)', cursor: 'pointer',
  }, label);
  const bar = { font, color: '#fff', background: 'none', border: '0', minWidth: '60px', minHeight: '60px', cursor: 'pointer', display: 'inline-flex', alignItems: 'center', justifyContent: 'center', textDecoration: 'none', padding: '0 12px' };
  const shut = make('button', { type: 'button', 'aria-label': '关闭' + label }, { ...bar, fontSize: '24px' }, '×');
  const full = make('a', { href: address.href, target: '_blank', rel: 'noopener' }, bar, '新窗口打开');
  const frame = make('iframe', { title: label, allow: 'microphone; clipboard-write; web-share' }, { flex: '1', width: '100%', border: '0', background: '#fff' });
  const small = window.matchMedia('(max-width: 600px)').matches;
  const panel = make('div', { role: 'dialog', 'aria-label': label }, {
    position: 'fixed', zIndex: 2147483001, display: 'none', flexDirection: 'column', overflow: 'hidden', background: '#0b4f94',
    ...(small ? { inset: '0' } : { right: '16px', bottom: '16px', width: '400px', height: 'min(680px, calc(100vh - 32px))', borderRadius: '16px', boxShadow: '0 8px 40px rgba(0,0,0,.35)' }),
  }, make('div', {}, { display: 'flex', justifyContent: 'space-between', background: '#0b4f94' }, full, shut), frame);
  const open = (on) => {
    if (on && !frame.src) frame.src = address.href; // nothing is loaded before it is wanted
    panel.style.display = on ? 'flex' : 'none';
    opener.style.display = on ? 'none' : '';
    opener.setAttribute('aria-expanded', on);
    (on ? shut : opener).focus();
  };
  opener.addEventListener('click', () => open(true));
  shut.addEventListener('click', () => open(false));
  panel.addEventListener('keydown', (e) => { if (e.key === 'Escape') open(false); });
  document.body.append(opener, panel);
})();
